import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of published vectors, or undefined where it is absent. */
export function vectorsFolder(): string | undefined {
  const folder =
    process.env["STAKING_VECTORS"] ?? fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
  if (existsSync(folder)) return folder;
  process.stderr.write(`\nNO PUBLISHED VECTORS: ${folder} is absent (set STAKING_VECTORS)\n`);
  return undefined;
}

/** A file of that folder, as text. */
export function readVectors(name: string): string {
  const folder = vectorsFolder();
  if (folder === undefined) throw new Error(`${name}: the published vectors are absent`);
  return readFileSync(`${folder}/${name}`, "utf8");
}
