import type { TestProject } from "vitest/node";
import { servePages } from "../../examples/browser/pages.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the pages of the examples are served. */
    readonly url: string;
  }
}

/** Before the first test: the pages of the examples, bundled and served as `npm run example -- browser` does. */
export default async function serve(project: TestProject): Promise<() => Promise<void>> {
  const { url, close } = await servePages();
  project.provide("url", url);
  return close;
}
