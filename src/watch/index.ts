/** `tapstake/watch`: what becomes of stakes, from the blocks of a node. */
export type { Located, BlockSource } from "./source.js";
export { blocksFolderSource } from "./sources/blocks-folder.js";
export type { BlocksFolderOptions } from "./sources/blocks-folder.js";
export { esploraSource } from "./sources/esplora.js";
export type { EsploraSourceOptions } from "./sources/esplora.js";
export { restSource } from "./sources/rest.js";
export type { RestOptions } from "./sources/rest.js";
export { rpcSource } from "./sources/rpc.js";
export { verifyStore } from "./verify.js";
export type { Verified } from "./verify.js";
export { addToStore, initStore, openStoreReader, openWatch } from "./watch.js";
export type { InitOptions, OpenReader, Watch, WatchOptions, WatchReader } from "./watch.js";
export type { StoreSettings } from "./settings.js";
export type { StakeFilter } from "./store/stakes.js";
export type * from "./monitor.js";
export type * from "./types.js";
