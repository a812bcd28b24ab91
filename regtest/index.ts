/** `tapstake/regtest`: a private bitcoind for tests. */
export { attachableUrl } from "./attach.js";
export { BITCOIND_HELP, cachedHome, findBitcoind } from "./bitcoind.js";
export type { Bitcoind } from "./bitcoind.js";
export { installBitcoind } from "./install.js";
export { startNode, startNodes } from "./node.js";
export type { RegtestNode, StartOptions } from "./node.js";
export type { HaltOptions, NodeData, RestartOptions, Snapshot } from "./data.js";
export type { Miner, Reorganisation, ReorganisationRequest } from "./mining.js";
export type { Funding, Payment } from "./wallet.js";
export { heal, partition, syncNodes } from "./peers.js";
export type { SyncOptions } from "./peers.js";
export { crowd, fillMempool } from "./crowd.js";
export type { CrowdRequest } from "./crowd.js";
export { waitFor } from "./wait.js";
export type { WaitOptions } from "./wait.js";
export { committee, party } from "./parties.js";
export type { Party } from "./parties.js";
export {
  coSign,
  mineToOneBlockEarly,
  refundCoin,
  refusal,
  sendAndMine,
  stake,
  stakeMany,
  withdrawal,
} from "./stage.js";
export type { StakeRequest, WithdrawRequest } from "./stage.js";
export { tellRestakingStory } from "./restaking-story.js";
export { doubleVote, expand, slash, unbond, withdraw } from "./life.js";
export type {
  DoubleVote,
  DoubleVoteRequest,
  ExpandRequest,
  Mined,
  SlashRequest,
  UnbondRequest,
  WithdrawLifeRequest,
} from "./life.js";
export { tellStory } from "./story.js";
export { tellTowerStory } from "./tower-story.js";
export type { TowerStoryOptions } from "./tower-story.js";
export type { StoryEvent } from "./narrator.js";
