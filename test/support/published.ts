import { readFileSync } from "node:fs";
import { readVectors, vectorsFolder } from "./vectors.js";

/** A published file that the project also keeps a copy of, for where the folder of vectors is absent. */
export function readPublished(name: string): string {
  if (vectorsFolder() !== undefined) return readVectors(name);
  return readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
}
