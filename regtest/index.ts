/** `tapstake/regtest`: a private bitcoind for tests. */
export { attachableUrl } from "./attach.js";
export { BITCOIND_HELP, findBitcoind } from "./bitcoind.js";
export type { Bitcoind } from "./bitcoind.js";
export { startNode } from "./node.js";
export type { Funding, RegtestNode, StartOptions } from "./node.js";
export { waitFor } from "./wait.js";
export type { WaitOptions } from "./wait.js";
