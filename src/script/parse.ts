import { assertBytes, equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { slashingScript, timelockScript, unbondingScript } from "./leaves.js";
import { OP, PUSH_KEY } from "../bitcoin/opcodes.js";
import { checkKeySet, checkRoles, checkTimelock, type KeySet } from "./terms.js";

/** What a leaf script of a stake says. */
export type LeafTerms =
  | { readonly kind: "timelock"; readonly staker: KeySet; readonly timelock: number }
  | { readonly kind: "unbonding"; readonly staker: KeySet; readonly covenant: KeySet }
  | {
      readonly kind: "slashing";
      readonly staker: KeySet;
      readonly finalityProviders: readonly Uint8Array[];
      readonly covenant: KeySet;
    };

/**
 * Reads a leaf script back into its terms, keys ascending. What it accepts is exactly what the builders of this
 * room write: the terms are built again and compared.
 * @throws TapstakeError `invalid-script`, `invalid-bytes`
 */
export function parseLeaf(script: Uint8Array): LeafTerms {
  assertBytes(script, "script");
  // A copy, as plain bytes: slices of a Buffer would share the caller's memory.
  const { groups, timelock } = readGroups(new Uint8Array(script));
  const [staker, second, third] = groups;
  const terms = leafTerms(groups.length, timelock, staker!, second, third);
  if (!terms || !equalBytes(rebuild(terms), script)) throw notAStake(script);
  refuseAs(script, () => checkRoles(groups));
  return terms;
}

function leafTerms(
  count: number,
  timelock: number | undefined,
  staker: KeySet,
  second?: KeySet,
  third?: KeySet,
) {
  if (timelock !== undefined) return count === 1 ? ({ kind: "timelock", staker, timelock } as const) : null;
  if (count === 2) return { kind: "unbonding", staker, covenant: second! } as const;
  if (count !== 3) return null;
  return { kind: "slashing", staker, finalityProviders: second!.keys, covenant: third! } as const;
}

function rebuild(terms: LeafTerms): Uint8Array {
  switch (terms.kind) {
    case "timelock":
      return timelockScript(terms.staker, terms.timelock);
    case "unbonding":
      return unbondingScript(terms.staker, terms.covenant);
    case "slashing":
      return slashingScript(terms.staker, terms.finalityProviders, terms.covenant);
  }
}

/** Stakers, finality providers, committee. */
const MAX_GROUPS = 3;

/** Splits a script into its key sets: each ends with one of the checks; a CHECKSEQUENCEVERIFY ends a timelock. */
function readGroups(script: Uint8Array): { groups: KeySet[]; timelock?: number } {
  const groups: KeySet[] = [];
  let keys: Uint8Array[] = [];
  let number: number | undefined;
  const close = (quorum: number | undefined) => {
    // Bounds the work that a hostile script can cause: every key of a set is checked to be a point.
    if (groups.length === MAX_GROUPS) throw notAStake(script);
    const set = { keys, quorum: quorum ?? 0 };
    refuseAs(script, () => checkKeySet(set, "script"));
    groups.push(set);
    keys = [];
    number = undefined;
  };
  let position = 0;
  while (position < script.length) {
    const opcode = script[position++]!;
    if (opcode === PUSH_KEY) {
      keys.push(script.slice(position, position + PUSH_KEY));
      position += PUSH_KEY;
    } else if (opcode >= OP.ONE && opcode <= OP.SIXTEEN) {
      number = opcode - OP.ONE + 1;
    } else if (opcode >= 1 && opcode <= 3) {
      number = readNumber(script.slice(position, position + opcode));
      position += opcode;
    } else if (opcode === OP.CHECKSIGVERIFY) {
      close(1);
    } else if (opcode === OP.NUMEQUALVERIFY || opcode === OP.NUMEQUAL) {
      close(number);
    } else if (opcode === OP.CHECKSIG && position === script.length) {
      close(1);
    } else if (opcode === OP.CHECKSEQUENCEVERIFY) {
      const blocks = number;
      if (position !== script.length || blocks === undefined) throw notAStake(script);
      refuseAs(script, () => checkTimelock(blocks, "timelock"));
      return { groups, timelock: blocks };
    } else if (opcode !== OP.CHECKSIG && opcode !== OP.CHECKSIGADD) {
      throw notAStake(script);
    }
  }
  return { groups };
}

/** A little-endian number; whether it was written minimally shows when the script is built again. */
function readNumber(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
}

/** Runs a check of terms; what it throws is a reason why the script is not a stake's. */
function refuseAs(script: Uint8Array, check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw notAStake(script, cause);
  }
}

function notAStake(script: Uint8Array, cause?: unknown): TapstakeError {
  const text = `not a leaf script of a stake: ${show(script)}`;
  return new TapstakeError("invalid-script", text, {}, { cause });
}
