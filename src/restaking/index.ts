/** Risk over restaking graphs. Runs in browsers too. */
export { checkGraph } from "./check.js";
export { RESTAKING_FORMAT, RESTAKING_VERSION, restakingFromJson, restakingToJson } from "./file.js";
export type { Fraction } from "./fraction.js";
export type { Asset, Edge, Operator, Pool, RestakingGraph, Service } from "./graph.js";
