/** `tapstake/watch`: what becomes of stakes, from the blocks of a node. */
export type { Located, BlockSource } from "./source.js";
export { restSource } from "./sources/rest.js";
export type { RestOptions } from "./sources/rest.js";
export { rpcSource } from "./sources/rpc.js";
export { initStore, openStoreReader, openWatch } from "./watch.js";
export type { InitOptions, OpenReader, Watch, WatchOptions, WatchReader } from "./watch.js";
export type { StoreSettings } from "./settings.js";
export type { StakeFilter } from "./store/stakes.js";
export type * from "./monitor.js";
export type * from "./types.js";
