/** `tapstake/chain`: access to Bitcoin nodes. */
export { createRpc } from "./rpc.js";
export type { Rpc } from "./rpc.js";
export type { RpcOptions } from "./transport.js";
export type * from "./types.js";
