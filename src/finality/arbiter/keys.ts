import { hex, u64be, utf8 } from "../../core/bytes.js";
import type { KeyChain } from "../protection/key-chain.js";

/** The names of everything that an arbiter keeps. */
export interface ArbiterKeys {
  /** Which store this is, and how often it was restored: `<uuid> <generation>`. */
  readonly store: Uint8Array;
  /** While it exists, no signer signs; its value is the reason. */
  readonly halt: Uint8Array;
  /** Of one signer: how many claims it has made, and which process made the last one. */
  seal(signer: string): Uint8Array;
  /** The highest height that is closed, as 16 hexadecimal digits. */
  low(of: KeyChain): Uint8Array;
  /** The digest of the vote at a height. */
  vote(of: KeyChain, height: bigint): Uint8Array;
  /** The beginning of every key of a kind. */
  readonly seals: Uint8Array;
  readonly lows: Uint8Array;
}

export function arbiterKeys(prefix: string): ArbiterKeys {
  // Percent-encoded, so that a slash in a chain id cannot lead to another chain.
  const nameOf = ({ key, chainId }: KeyChain) => `${hex.encode(key)}/${encodeURIComponent(chainId)}`;
  return {
    store: utf8(`${prefix}/store`),
    halt: utf8(`${prefix}/halt`),
    seal: (signer) => utf8(`${prefix}/signers/${signer}`),
    low: (of) => utf8(`${prefix}/low/${nameOf(of)}`),
    vote: (of, height) => utf8(`${prefix}/votes/${nameOf(of)}/${heightText(height)}`),
    seals: utf8(`${prefix}/signers/`),
    lows: utf8(`${prefix}/low/`),
  };
}

/** A height whose order as bytes is that of the heights. */
export const heightText = (height: bigint): string => hex.encode(u64be(height, "height"));

/** The height of 16 hexadecimal digits; undefined for other bytes. */
export function heightIn(value: Uint8Array): bigint | undefined {
  const text = textIn(value);
  return text !== undefined && /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** Printable ASCII; undefined for other bytes. */
export function textIn(value: Uint8Array): string | undefined {
  return value.every((byte) => byte >= 0x20 && byte < 0x7f) ? new TextDecoder().decode(value) : undefined;
}

/** The key after every key that begins so. */
export function endOf(beginning: Uint8Array): Uint8Array {
  const end = Uint8Array.from(beginning);
  end[end.length - 1]!++;
  return end;
}

/** A signer's seal: a counter that rises with each claim, and the process that made the claim. */
export interface Seal {
  readonly counter: bigint;
  /** 16 hexadecimal digits. */
  readonly session: string;
}

export const sealText = ({ counter, session }: Seal): string => `${heightText(counter)}-${session}`;

/** @returns undefined for text that is no seal */
export function parseSeal(text: string | undefined): Seal | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})$/.exec(text ?? "");
  return match ? { counter: BigInt(`0x${match[1]!}`), session: match[2]! } : undefined;
}
