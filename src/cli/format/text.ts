import { addressOfScript } from "../../bitcoin/address.js";
import { opReturnData } from "../../bitcoin/output-script.js";
import { formatBtc, formatRate, type Rate } from "../../core/amount.js";
import { hex } from "../../core/bytes.js";
import type { Network } from "../../core/network.js";
import { counted } from "../../core/text.js";
import type { KeySet } from "../../script/terms.js";
import { colors } from "../output.js";
import type { HeldRules } from "../terms.js";

/** The label of parameters that only a delegation's document states. */
export const OWN_PARAMS = "of the delegation itself, of no known network";

/** The beginning of a key, enough to distinguish it at a glance. */
export const shortKey = (key: Uint8Array): string => `${hex.encode(key.slice(0, 3))}…`;

export const amount = (satoshi: bigint): string => `${satoshi} satoshi (${formatBtc(satoshi)})`;

export const blocks = (count: number): string => counted(count, "block");

interface Paid {
  readonly fee: bigint;
  readonly vsize: number;
  readonly feeRate: string;
}

/** What a transaction pays, and the requested rate if it differs. */
export function paidText({ fee, vsize, feeRate }: Paid, asked: Rate): string {
  const other = feeRate === formatRate(asked) ? "" : `, asked for ${formatRate(asked)}`;
  return `${amount(fee)}: ${feeRate} sat/vB for ${vsize} vB${other}`;
}

/** A rate as percent, exactly: 10/10000 is `0.1 %`. */
export function percent({ numerator, denominator }: Rate): string {
  const [whole, rest] = [(numerator * 100n) / denominator, (numerator * 100n) % denominator];
  const decimals = denominator.toString().length - 1;
  const fraction = rest.toString().padStart(decimals, "0").replace(/0+$/, "");
  return `${whole}${fraction && `.${fraction}`} %`;
}

/** `the staker`, or `2 of the 3 stakers`. */
function quorumOf({ keys, quorum }: KeySet, one: string, many: string): string {
  return keys.length === 1 ? `the ${one}` : `${quorum} of the ${keys.length} ${many}`;
}

export const quorumShort = ({ keys, quorum }: { keys: readonly unknown[]; quorum: number }): string =>
  `${quorum} of ${keys.length}`;

/** How many of a quorum have signed, and how many signatures are missing. */
export function countText({ signed, quorum }: { signed: number; quorum: number }, by?: string): string {
  const signatures = `signatures${by === undefined ? "" : ` by ${by}`}`;
  if (signed > quorum) return colors.green(`${signed} ${signatures}, ${quorum} needed`);
  const count = `${signed} of ${quorum} ${signatures}`;
  return signed === quorum ? colors.green(count) : colors.yellow(`${count}, ${quorum - signed} missing`);
}

/** An output script as data: its address if it has one, or the text of an OP_RETURN. */
export function scriptFacts(script: Uint8Array, network: Network | undefined): ScriptFacts {
  const address = network && addressOfScript(script, network);
  const text = readable(opReturnData(script));
  return {
    script: hex.encode(script),
    ...(address && { address }),
    ...(text !== null && { opReturn: text }),
  };
}

export interface ScriptFacts {
  readonly script: string;
  readonly address?: string;
  /** The text of an OP_RETURN, if it is readable. */
  readonly opReturn?: string;
}

export function scriptText({ script, address, opReturn }: ScriptFacts): string {
  if (opReturn !== undefined) return `OP_RETURN "${opReturn}": burnt (script ${script})`;
  return address ?? `script ${script}`;
}

function readable(data: Uint8Array | null): string | null {
  if (!data || data.length === 0) return null;
  return data.every((byte) => byte >= 0x20 && byte < 0x7f) ? new TextDecoder().decode(data) : null;
}

/** The purposes of a stake's three leaves, in plain words. */
export function leafWords(
  leaf: { kind: "timelock" | "unbonding" | "slashing"; timelock?: number },
  who: { staker: KeySet; finalityProviders: readonly Uint8Array[]; covenant: KeySet },
): string {
  const staker = quorumOf(who.staker, "staker", "stakers");
  const committee = quorumOf(who.covenant, "committee member", "committee members");
  const provider =
    who.finalityProviders.length === 1 ? "the finality provider" : "any one of the finality providers";
  switch (leaf.kind) {
    case "timelock":
      return `${staker} alone, once the output is ${blocks(leaf.timelock!)} old`;
    case "unbonding":
      return `${staker} with ${committee}, at any time`;
    case "slashing":
      return `${staker} (signed in advance) with ${provider} (whose key leaks by voting twice) and ${committee}`;
  }
}

/** What a release's chain accepts of a stake, as data. */
export const releaseFacts = (held: HeldRules | undefined) =>
  held && { release: { name: held.name, accepts: held.accepts } };

export const releaseText = (held: HeldRules | undefined): string | undefined =>
  held && `${held.name} ${held.accepts ? "accepts such a stake" : "does not accept such a stake"}`;
