import { OP } from "./opcodes.js";
import { readKeyHash } from "./output-script.js";

/** A wallet's script whose every satisfaction has a known form. */
export type WalletScript =
  | { readonly kind: "pk"; readonly key: Uint8Array }
  | { readonly kind: "pkh"; readonly keyHash: Uint8Array }
  | { readonly kind: "multi"; readonly keys: readonly Uint8Array[]; readonly quorum: number };

/** The rules for reading a script: BIP-141 with keys of 33 bytes, or BIP-342 with keys of 32. */
export type ScriptRules = "witness-v0" | "tapscript";

/**
 * Reads a script as one key, one key by its hash, or M of N keys: `multi` and `sortedmulti`, in Taproot `multi_a` and
 * `sortedmulti_a`. Null for any other script.
 */
export function readWalletScript(script: Uint8Array, rules: ScriptRules): WalletScript | null {
  const keyLength = rules === "tapscript" ? 32 : 33;
  if (script.length === keyLength + 2 && script[0] === keyLength && script.at(-1) === OP.CHECKSIG) {
    return { kind: "pk", key: script.slice(1, -1) };
  }
  const keyHash = readKeyHash(script);
  if (keyHash) return { kind: "pkh", keyHash };
  return rules === "tapscript" ? readMultiA(script) : readMulti(script);
}

/** M <33 bytes> … N CHECKMULTISIG, with at most 16 keys: one opcode holds N. */
function readMulti(script: Uint8Array): WalletScript | null {
  const count = (script.length - 3) / 34;
  const [quorum, said] = [smallNumber(script[0]), smallNumber(script.at(-2))];
  if (script.at(-1) !== OP.CHECKMULTISIG || said !== count || quorum < 1 || quorum > count) return null;
  const keys: Uint8Array[] = [];
  for (let at = 1; at < script.length - 2; at += 34) {
    if (script[at] !== 33) return null;
    keys.push(script.slice(at + 1, at + 34));
  }
  return { kind: "multi", keys, quorum };
}

/** <32 bytes> CHECKSIG, <32 bytes> CHECKSIGADD …, M NUMEQUAL (BIP-387), with M up to 16. */
function readMultiA(script: Uint8Array): WalletScript | null {
  const count = (script.length - 2) / 34;
  const quorum = smallNumber(script.at(-2));
  if (script.at(-1) !== OP.NUMEQUAL || !Number.isInteger(count) || quorum < 1 || quorum > count) return null;
  const keys: Uint8Array[] = [];
  for (let at = 0; at < script.length - 2; at += 34) {
    if (script[at] !== 32 || script[at + 33] !== (at === 0 ? OP.CHECKSIG : OP.CHECKSIGADD)) return null;
    keys.push(script.slice(at + 1, at + 33));
  }
  return { kind: "multi", keys, quorum };
}

/** OP_1 to OP_16 as a number; 0 for every other opcode. */
function smallNumber(opcode = 0): number {
  return opcode >= OP.ONE && opcode <= OP.SIXTEEN ? opcode - OP.ONE + 1 : 0;
}
