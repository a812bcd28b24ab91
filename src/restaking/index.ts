/** Risk over restaking graphs. Runs in browsers too. */
export {
  type AnswerClass,
  type AttackAnswer,
  type AttackOptions,
  findAttack,
  type SlackAnswer,
} from "./attack.js";
export { type BabylonOptions, graphOfChain, graphOfDelegations, type SlashingRules } from "./babylon.js";
export { type BreakEven, breakEven, breakEvens } from "./break-even.js";
export {
  type Cascade,
  cascade,
  type CascadeStep,
  type Shock,
  type WorstCascade,
  worstCascade,
} from "./cascade.js";
export { type Certificate, certify } from "./certificate.js";
export { type Collateral, collateral, type Compared, type OptIn, optIn } from "./change.js";
export { checkGraph } from "./check.js";
export { checkCoalition, type CheckedCoalition, type Coalition } from "./coalition.js";
export { type Concentration, type ConcentrationReport, concentrations } from "./concentration.js";
export { type DoubleSign, doubleSign, type PoolLoss, type ServiceLoss } from "./double-sign.js";
export { eigenLayerGraph, type EigenLayerOptions } from "./ethereum/eigenlayer.js";
export {
  EIGENLAYER_MAINNET,
  type FetchedLogs,
  fetchLogs,
  type FetchLogsOptions,
  SYMBIOTIC_MAINNET,
} from "./ethereum/fetch-logs.js";
export type { EthereumOptions } from "./ethereum/rpc.js";
export { symbioticGraph, type SymbioticOptions } from "./ethereum/symbiotic.js";
export { exposures, type Overlap, overlaps, type PoolExposure } from "./exposure.js";
export {
  RESTAKING_FORMAT,
  RESTAKING_VERSION,
  restakingFromJson,
  restakingParts,
  restakingToJson,
} from "./file.js";
export type { Fraction } from "./fraction.js";
export type { Asset, Edge, Operator, Pool, RestakingGraph, Service } from "./graph.js";
export { mergeGraphs } from "./merge.js";
export { type ClassEdge, type Model, modelOf, type ModelService, type StakeClass } from "./model.js";
export { loadSolver, type Solver } from "./solver.js";
export { restakingFromStream } from "./stream.js";
