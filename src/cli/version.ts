import { readFileSync } from "node:fs";

/** The version of this package, from the package.json above the compiled or the source file. */
export function version(): string {
  for (const path of ["../../../package.json", "../../package.json"]) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), "utf8");
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // The other of the two places has it.
    }
  }
  return "unknown";
}
