import { readOwnVectors, readVectors, vectorsFolder } from "./vectors.js";

/** A published file that the project also keeps a copy of, for where the folder of vectors is absent. */
export const readPublished = (name: string): string =>
  vectorsFolder() === null ? readOwnVectors(name) : readVectors(name);
