import { assertBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { assertChainId } from "../vote/chain.js";

/** A key and a chain as one text, for maps. */
export function subjectName(key: Uint8Array, chainId: string): string {
  // One vote asks for it many times, and so does the next one.
  if (chainId !== last.chainId || !isBytes(key, 32) || !equalBytes(key, last.key)) {
    assertBytes(key, "public key", 32);
    assertChainId(chainId);
    last = { key: Uint8Array.from(key), chainId, name: `${hex.encode(key)} ${chainId}` };
  }
  return last.name;
}

let last = { key: new Uint8Array(), chainId: "", name: "" };
