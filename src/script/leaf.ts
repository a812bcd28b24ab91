import { OP, PUSH_KEY, pushNumber } from "../bitcoin/opcodes.js";
import { assertBytes, compareBytes, equalBytes, encodeHex, joinBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { anyOf, checkKeySet, checkRoles, checkTimelock, type KeySet } from "./terms.js";

/**
 * The kinds of leaf (PROTOCOL 2): whose signatures a leaf asks for, in the order in which its script checks them, and
 * whether its coins must be old too. No two rows are alike in both: by them a script is recognised. Bytes, miniscript
 * and both parsers follow from this table; where a leaf stands is a row of `OUTPUT_TREES`.
 */
export const LEAF_KINDS = {
  /** The stakers take their coins back after a time. */
  timelock: { signers: ["staker"], locked: true },
  /** The stakers and a quorum of the committee move the coins on demand. */
  unbonding: { signers: ["staker", "covenant"], locked: false },
  /** The stakers (in advance), any one finality provider (by its leaked key) and a quorum of the committee. */
  slashing: { signers: ["staker", "finalityProviders", "covenant"], locked: false },
} as const satisfies Record<string, { readonly signers: readonly Role[]; readonly locked: boolean }>;

/** The ways to spend an output of a stake. */
export type LeafKind = keyof typeof LEAF_KINDS;

/** The kinds of leaf that ask for time. */
export type LockedKind = {
  [K in LeafKind]: (typeof LEAF_KINDS)[K]["locked"] extends true ? K : never;
}[LeafKind];

/** What leaves are made of. */
export interface LeafParts {
  readonly staker: KeySet;
  /** Any one of them signs. */
  readonly finalityProviders: readonly Uint8Array[];
  readonly covenant: KeySet;
  /** Blocks. */
  readonly timelock: number;
}

type Role = Exclude<keyof LeafParts, "timelock">;

/** The parts that leaves of these kinds are made of. */
export type PartsOf<K extends LeafKind> = Pick<
  LeafParts,
  (typeof LEAF_KINDS)[K]["signers"][number] | (K extends LockedKind ? "timelock" : never)
>;

/** What a leaf script of a stake says: its kind and its parts. */
export type LeafTerms = { [K in LeafKind]: { readonly kind: K } & PartsOf<K> }[LeafKind];

/** What it takes to spend a leaf: all of these signatures and, where it is locked, time. */
export interface LeafPolicy {
  /**
   * Who must sign: the sets, and the keys of each, in the order in which the script checks them. Of each set,
   * exactly the quorum.
   */
  readonly signers: readonly KeySet[];
  /** Blocks that the coins must be old. */
  readonly timelock?: number;
}

/** The policy of a leaf. Its keys are copies: nothing that a caller changes later reaches it, nor comes from it. */
export function policyOf(terms: LeafTerms): LeafPolicy {
  const { signers, locked } = LEAF_KINDS[terms.kind];
  // Which parts a kind has, its row says.
  const parts = terms as unknown as LeafParts;
  return {
    signers: signers.map((role) =>
      inScriptOrder(role === "finalityProviders" ? anyOf(parts.finalityProviders) : parts[role]),
    ),
    ...(locked && { timelock: parts.timelock }),
  };
}

/**
 * The leaf that a policy is of; null when no kind of leaf has so many signers, with or without a lock.
 * @throws TapstakeError `invalid-quorum` when several finality providers must sign
 */
export function termsOfPolicy({ signers, timelock }: LeafPolicy): LeafTerms | null {
  const found = Object.entries(LEAF_KINDS).find(
    ([, kind]) => kind.signers.length === signers.length && kind.locked === (timelock !== undefined),
  );
  if (!found) return null;
  const [kind, { signers: roles }] = found;
  const parts = roles.map((role, i) => {
    const set = signers[i]!;
    return [role, role === "finalityProviders" ? oneOf(set) : set] as const;
  });
  return { kind, ...Object.fromEntries(parts), ...(timelock !== undefined && { timelock }) } as LeafTerms;
}

/**
 * The script of a leaf. Each set of signers is checked in its turn, all but the last thing with VERIFY:
 * `<staker> CHECKSIGVERIFY <T> CHECKSEQUENCEVERIFY`. Of checked terms only: see `checkTerms`.
 */
export function leafScript({ signers, timelock }: LeafPolicy): Uint8Array {
  const last = timelock === undefined ? signers.length - 1 : signers.length;
  const checks = signers.flatMap((set, i) => quorumScript(set, i < last));
  if (timelock === undefined) return joinBytes(checks);
  return joinBytes([...checks, pushNumber(timelock), Uint8Array.of(OP.CHECKSEQUENCEVERIFY)]);
}

/** The same as miniscript (BIP-379). */
export function leafMiniscript({ signers, timelock }: LeafPolicy): string {
  const parts = signers.map(quorumMiniscript);
  if (timelock !== undefined) parts.push(`older(${timelock})`);
  return parts
    .map((part, i) => (i < parts.length - 1 ? `v:${part}` : part))
    .reduce((before, part) => `and_v(${before},${part})`);
}

/** Keys in the order that scripts check them: ascending. Witnesses hold their slots descending (PROTOCOL 4). */
export function sortKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  return [...keys].sort(compareBytes);
}

/**
 * Reads a leaf script back into its terms, keys ascending. What it accepts is exactly what {@link leafScript}
 * writes: the terms are written again and compared.
 * @throws TapstakeError `invalid-script`, `invalid-bytes`
 */
export function parseLeaf(script: Uint8Array): LeafTerms {
  assertBytes(script, "script");
  // A copy, as plain bytes: slices of a Buffer would share the caller's memory.
  const policy = readPolicy(new Uint8Array(script));
  const terms = refuseAs(script, () => termsOfPolicy(policy));
  if (!terms || !equalBytes(leafScript(policyOf(terms)), script)) throw notAStake(script);
  refuseAs(script, () => checkRoles(policy.signers));
  return terms;
}

const inScriptOrder = ({ keys, quorum }: KeySet): KeySet => ({
  keys: sortKeys(keys.map((key) => new Uint8Array(key))),
  quorum,
});

function oneOf({ keys, quorum }: KeySet): readonly Uint8Array[] {
  if (quorum === 1) return keys;
  throw new TapstakeError(
    "invalid-quorum",
    `finality providers must have a quorum of 1, not ${quorum}: any one of them suffices`,
  );
}

function quorumScript({ keys, quorum }: KeySet, verify: boolean): Uint8Array[] {
  // One key needs no count, and the protocol's scripts do not have one.
  if (keys.length === 1) return [PUSH, keys[0]!, Uint8Array.of(verify ? OP.CHECKSIGVERIFY : OP.CHECKSIG)];
  return [
    ...keys.flatMap((key, i) => [PUSH, key, Uint8Array.of(i === 0 ? OP.CHECKSIG : OP.CHECKSIGADD)]),
    pushNumber(quorum),
    Uint8Array.of(verify ? OP.NUMEQUALVERIFY : OP.NUMEQUAL),
  ];
}

const PUSH = Uint8Array.of(PUSH_KEY);

function quorumMiniscript({ keys, quorum }: KeySet): string {
  const names = keys.map(encodeHex);
  return names.length === 1 ? `pk(${names[0]})` : `multi_a(${quorum},${names.join(",")})`;
}

/** Splits a script into its key sets: each ends with one of the checks; a CHECKSEQUENCEVERIFY ends a locked leaf. */
function readPolicy(script: Uint8Array): LeafPolicy {
  const most = Math.max(...Object.values(LEAF_KINDS).map(({ signers }) => signers.length));
  const signers: KeySet[] = [];
  let keys: Uint8Array[] = [];
  let number: number | undefined;
  const close = (quorum: number | undefined) => {
    // Bounds the work that a hostile script can cause: every key of a set is checked to be a point.
    if (signers.length === most) throw notAStake(script);
    const set = { keys, quorum: quorum ?? 0 };
    refuseAs(script, () => checkKeySet(set, "script"));
    signers.push(set);
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
      return { signers, timelock: blocks };
    } else if (opcode !== OP.CHECKSIG && opcode !== OP.CHECKSIGADD) {
      throw notAStake(script);
    }
  }
  return { signers };
}

/** A little-endian number; whether it was written minimally shows when the script is built again. */
function readNumber(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
}

/** Runs a check of terms; what it throws is a reason why the script is not a stake's. */
function refuseAs<T>(script: Uint8Array, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw notAStake(script, cause);
  }
}

function notAStake(script: Uint8Array, cause?: unknown): TapstakeError {
  const text = `not a leaf script of a stake: ${show(script)}`;
  return new TapstakeError("invalid-script", text, {}, { cause });
}
