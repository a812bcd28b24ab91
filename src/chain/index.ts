/** `tapstake/chain`: access to Bitcoin nodes. */
export { checkChain, coinsOfAddress, withKnownPrevious, withPrevious } from "./access.js";
export type { ChainAccess, ChainTip, ChainTransaction, UnspentCoin } from "./access.js";
export { bitcoindAccess } from "./bitcoind.js";
export { checkCoins } from "./coins.js";
export { coinsFromJson } from "./coins-json.js";
export { createEsplora, esploraAccess } from "./esplora.js";
export type { Esplora, EsploraOptions, EsploraOutspend, EsploraStatus, EsploraUtxo } from "./esplora.js";
export { createRpc } from "./rpc.js";
export type { Rpc } from "./rpc.js";
export { heightOfOutput, registrationHeight, stakeOnChain } from "./stake.js";
export type { OutputOnChain } from "./stake.js";
export type { RpcOptions } from "./rpc.js";
export type * from "./types.js";
