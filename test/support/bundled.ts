import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { afterFile } from "./after-file.js";

const built = new URL("../../dist/src/finality/protection/protection.js", import.meta.url);

const bundles = new Map<string, string>();

/**
 * A program of this folder, with all that it imports of dist, in one file of its name: Node starts that in two thirds of
 * the time that it takes to find and compile each module. What is loaded from a package by need is found from dist.
 */
export function bundled(program: URL): string {
  const path = fileURLToPath(program);
  if (!existsSync(built)) throw new Error(`${fileURLToPath(built)} is missing: run \`npm run build\` first`);
  const known = bundles.get(path);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), "tapstake-program-"));
  afterFile(() => {
    bundles.delete(path);
    rmSync(folder, { recursive: true, force: true });
  });
  const outfile = join(folder, basename(path));
  buildSync({
    entryPoints: [path],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    minifySyntax: true,
    minifyWhitespace: true,
    // As deep in the repository as the programs of this folder and the modules of dist.
    define: { "import.meta.url": JSON.stringify(new URL("../../dist/src/bundled.js", import.meta.url).href) },
    logLevel: "error",
  });
  bundles.set(path, outfile);
  return outfile;
}
