/** `tapstake/regtest`: a private bitcoind for tests. */
export { attachableUrl } from "./attach.js";
export { BITCOIND_HELP, findBitcoind } from "./bitcoind.js";
export type { Bitcoind } from "./bitcoind.js";
export { startNode } from "./node.js";
export type { Funding, Payment, RegtestNode, StartOptions } from "./node.js";
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
export { tellStory } from "./story.js";
export type { StoryEvent } from "./narrator.js";
