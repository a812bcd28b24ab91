import { compareBytes, equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { descriptorChecksum, formatTree, INPUT_CHARACTERS, withChecksum } from "./descriptor.js";
import { publicKeyOfExpression, readPlainKey, splitKeyExpression } from "./key-expression.js";
import type { KeyOrigin } from "./key-origin.js";
import { LEAF_KINDS, type LeafParts, type LeafTerms, termsOfPolicy } from "./leaf.js";
import { OUTPUT_TREES, type OutputKind } from "./outputs.js";
import { depthOf, isBranch, leavesOf, mapTree, NUMS_KEY, type Tree } from "./taproot.js";
import { anyOf, checkKeySet, checkTerms, checkTimelock, type KeySet, type StakeTerms } from "./terms.js";

/** What a descriptor says of an output; `derivations` are of the signing keys for which it tells them. */
export type DescribedOutput =
  | { readonly kind: "staking"; readonly terms: StakeTerms; readonly derivations: readonly KeyOrigin[] }
  | {
      readonly kind: "unbonding";
      /** All but how long the stake was locked, which the unbonding output does not tell. */
      readonly terms: Omit<StakeTerms, "timelock">;
      readonly unbondingTime: number;
      readonly derivations: readonly KeyOrigin[];
    }
  | {
      readonly kind: "refund";
      readonly staker: StakeTerms["staker"];
      readonly unbondingTime: number;
      readonly derivations: readonly KeyOrigin[];
    };

/**
 * Reads the descriptor of a staking, unbonding or refund output back into its terms, keys ascending (PROTOCOL 2). It
 * ignores white space, and verifies the checksum (BIP-380) if there is one. The two sides of a branch may change
 * places, which Taproot does not tell apart. An accepted descriptor and its terms have the same output.
 * @throws TapstakeError `invalid-descriptor` if it is malformed; `invalid-checksum`; `wrong-internal-key` if a key
 * could spend without the scripts; `wrong-script-tree` for other scripts or places; `underived-key` for an extended or
 * private key; `unsorted-keys` within a `multi_a`; `leaves-disagree` if stakers or committee differ from leaf to leaf;
 * `invalid-key-expression`, `invalid-path` for a malformed origin; the codes of `checkTerms`
 */
export function parseDescriptor(descriptor: string): DescribedOutput {
  const [internalKey, tree, ...more] = call(withoutChecksum(descriptor), "tr") ?? [];
  if (internalKey === undefined) throw malformed("it must begin with tr(");
  const derivations = new Map<string, KeyOrigin>();
  const internal = readKey(internalKey, new Map());
  if (!equalBytes(internal, NUMS_KEY)) {
    const text = `the internal key is ${hex.encode(internal)}, not the unspendable ${hex.encode(NUMS_KEY)}`;
    throw new TapstakeError("wrong-internal-key", text, { key: hex.encode(internal) });
  }
  if (tree === undefined || more.length > 0) throw wrongTree("it must be tr(<key>,<one tree of scripts>)");
  const output = describe(readTree(tree, derivations));
  return { ...output, derivations: [...derivations.values()] };
}

/**
 * A descriptor with some of its keys as a wallet has them: what that wallet imports to see the output and, where an
 * expression holds a secret, to sign for it. With its checksum.
 * @param descriptor of an output of a stake, as `stakingOutput` and its like give it
 * @param expressions BIP-380: `[fingerprint/path]xprv…/0/5`, `xpub…/0/5`, or a private key in WIF; each takes the
 * place of the key that it stands for. The result is as secret as they are
 * @throws TapstakeError `invalid-key-expression`; `unexpected-signer` when the descriptor does not have its key; the
 * codes of {@link parseDescriptor}
 */
export function importableDescriptor(descriptor: string, expressions: readonly string[]): string {
  parseDescriptor(descriptor);
  if (!Array.isArray(expressions)) {
    const message = `key expressions must be a list, not ${describeType(expressions)}`;
    throw new TapstakeError("invalid-key-expression", message);
  }
  let [text] = compact(descriptor).split("#") as [string];
  for (const expression of expressions) {
    const key = hex.encode(publicKeyOfExpression(expression));
    // As it may stand there: behind an origin, compressed, in either case.
    const written = new RegExp(`(?<=[(,])(?:\\[[^\\]]*\\])?(?:0[23])?${key}(?=[,)])`, "gi");
    if (text.search(written) === -1) {
      throw new TapstakeError("unexpected-signer", `the descriptor does not have key ${key}`, { key });
    }
    text = text.replaceAll(written, () => expression);
  }
  return withChecksum(text);
}

const compact = (descriptor: string): string => descriptor.replace(/\s/g, "");

function withoutChecksum(descriptor: string): string {
  if (typeof descriptor !== "string") throw malformed(`it must be text, not ${show(descriptor)}`);
  const [text, checksum, ...more] = compact(descriptor).split("#") as [string, ...string[]];
  if (more.length > 0) throw malformed("only one # may stand in it, before the checksum");
  const bad = [...text].find((character) => !INPUT_CHARACTERS.includes(character));
  if (bad !== undefined) throw malformed(`${JSON.stringify(bad)} does not occur in descriptors`);
  if (checksum === undefined) return text;
  const expected = descriptorChecksum(text);
  if (checksum !== expected) {
    const message = `the checksum is ${show(checksum)}, but that of this text is ${expected}: a character changed`;
    throw new TapstakeError("invalid-checksum", message, { expected });
  }
  return text;
}

const OUTPUTS = Object.keys(OUTPUT_TREES) as OutputKind[];

function readTree(text: string, derivations: Map<string, KeyOrigin>, depth = 0): Tree<LeafTerms> {
  if (!text.startsWith("{")) return readLeaf(text, derivations);
  const deepest = Math.max(...OUTPUTS.map((kind) => depthOf(OUTPUT_TREES[kind])));
  if (depth === deepest) throw wrongTree(`its leaves must be at a depth of ${deepest} at most`);
  const [left, right, ...more] = text.endsWith("}") ? splitArguments(text.slice(1, -1)) : [];
  if (left === undefined || right === undefined || more.length > 0) {
    throw malformed("a branch must be {<tree>,<tree>}");
  }
  return [readTree(left, derivations, depth + 1), readTree(right, derivations, depth + 1)];
}

function readLeaf(text: string, derivations: Map<string, KeyOrigin>): LeafTerms {
  const parts = flatten(text);
  const last = parts.pop()!;
  const signers = parts.map((part) => {
    if (!part.startsWith("v:")) throw wrongTree(`${show(part)} must be v:pk(…) or v:multi_a(…)`);
    return readKeySet(part.slice(2), derivations);
  });
  const lock = call(last, "older");
  const timelock = lock ? readNumber(lock) : undefined;
  if (timelock === undefined) signers.push(readKeySet(last, derivations));
  const terms = termsOfPolicy({ signers, ...(timelock !== undefined && { timelock }) });
  if (!terms) {
    const locked = timelock === undefined ? "no time lock" : "a time lock";
    throw wrongTree(`a stake has no leaf with ${signers.length} sets of keys and ${locked}`);
  }
  return terms;
}

/** The parts of nested `and_v`: however they are nested, the script has them one after the other. */
function flatten(text: string): string[] {
  const kinds = Object.values(LEAF_KINDS);
  const most = Math.max(...kinds.map(({ signers, locked }) => signers.length + (locked ? 1 : 0)));
  const parts: string[] = [];
  const waiting = [text];
  while (waiting.length > 0) {
    const next = waiting.pop()!;
    const both = call(next, "and_v");
    if (both && both.length !== 2) throw malformed("and_v has two arguments");
    if (both) waiting.push(both[1]!, both[0]!);
    else parts.push(next);
    if (parts.length + waiting.length > most) throw wrongTree(`a leaf has more than ${most} parts`);
  }
  return parts;
}

function readKeySet(text: string, derivations: Map<string, KeyOrigin>): KeySet {
  const single = call(text, "pk");
  if (single) {
    if (single.length !== 1) throw malformed("pk has one argument");
    return { keys: [readKey(single[0]!, derivations)], quorum: 1 };
  }
  const several = call(text, "multi_a");
  if (!several) throw wrongTree(`${show(text)} must be pk(…), multi_a(…) or older(…)`);
  const quorum = readNumber(several.slice(0, 1));
  const keys = several.slice(1).map((key) => readKey(key, derivations));
  if (keys.length < 2) throw wrongTree("multi_a of one key: the protocol's scripts count from two keys on");
  const unsorted = keys.findIndex((key, i) => i > 0 && compareBytes(keys[i - 1]!, key) > 0);
  if (unsorted !== -1) {
    const key = hex.encode(keys[unsorted]!);
    throw new TapstakeError(
      "unsorted-keys",
      `the keys of multi_a must be ascending: ${key} stands too late`,
      {
        key,
      },
    );
  }
  return { keys, quorum };
}

function readKey(text: string, derivations: Map<string, KeyOrigin>): Uint8Array {
  const { origin, key } = splitKeyExpression(text);
  const publicKey = readPlainKey(key);
  if (!publicKey) {
    // Its text is not shown: it may hold a secret.
    throw new TapstakeError(
      "underived-key",
      "keys must be 32 bytes in hexadecimal: derive extended keys first, and give public ones",
    );
  }
  const name = hex.encode(publicKey);
  if (origin && !derivations.has(name)) derivations.set(name, { publicKey, ...origin });
  return publicKey;
}

function readNumber(args: readonly string[]): number {
  const [text] = args;
  if (args.length !== 1 || !/^(0|[1-9]\d{0,9})$/.test(text!))
    throw malformed("older needs one decimal number");
  return Number(text);
}

/** The arguments of `name(…)`; null when the text is something else. */
function call(text: string, name: string): string[] | null {
  if (!text.startsWith(`${name}(`) || !text.endsWith(")")) return null;
  return splitArguments(text.slice(name.length + 1, -1));
}

/** Splits at the commas that no bracket encloses. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === "(" || character === "{") depth++;
    if (character === ")" || character === "}") depth--;
    if (depth < 0) break;
    if (character === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (depth !== 0) throw malformed("its brackets do not match");
  return [...parts, text.slice(start)];
}

type Unsourced<T> = T extends unknown ? Omit<T, "derivations"> : never;

function describe(tree: Tree<LeafTerms>): Unsourced<DescribedOutput> {
  const shape = shapeOf(mapTree(tree, ({ kind }) => kind));
  const kind = OUTPUTS.find((output) => shapeOf(OUTPUT_TREES[output]) === shape);
  if (!kind) {
    const known = OUTPUTS.map((output) => formatTree(OUTPUT_TREES[output]));
    throw wrongTree(`the tree must be ${known.join(" or ")}, not ${shape}`);
  }
  const { staker: stakers, finalityProviders, covenant, timelock } = partsOf(leavesOf(tree));
  const staker = stakers.keys.length === 1 ? stakers.keys[0]! : stakers;
  if (kind === "refund") {
    checkKeySet(stakers, "staker");
    checkTimelock(timelock, "unbonding time");
    return { kind, staker, unbondingTime: timelock };
  }
  const terms = { staker, finalityProviders, covenant };
  checkTerms({ ...terms, timelock });
  return kind === "staking"
    ? { kind, terms: { ...terms, timelock } }
    : { kind, terms, unbondingTime: timelock };
}

/** The kinds of the leaves as they are nested. Taproot hashes the sides of a branch in either order (BIP-341). */
function shapeOf(tree: Tree<string>): string {
  return isBranch(tree) ? `{${tree.map(shapeOf).toSorted().join(",")}}` : tree;
}

/** What the leaves of an output are made of, the same in each; a refund has no more than stakers and a time lock. */
function partsOf(leaves: readonly LeafTerms[]): LeafParts {
  const parts: Partial<LeafParts> = Object.assign({}, ...leaves);
  for (const leaf of leaves as readonly Partial<LeafParts>[]) {
    agree("committee", leaf.covenant, parts.covenant);
    agree("stakers", leaf.staker, parts.staker);
    agree("finality providers", providersOf(leaf), providersOf(parts));
    agree("time lock", leaf.timelock, parts.timelock);
  }
  return parts as LeafParts;
}

const providersOf = ({ finalityProviders: keys }: Partial<LeafParts>) => keys && anyOf(keys);

/** What one leaf names, where it names any, is what the output's leaves name. */
function agree<T extends KeySet | number>(who: string, one: T | undefined, all: T | undefined): void {
  if (one === undefined || isSame(one, all!)) return;
  throw new TapstakeError("leaves-disagree", `the leaves do not name the same ${who}`, { who });
}

function isSame(a: KeySet | number, b: KeySet | number): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return (
    a.quorum === b.quorum &&
    a.keys.length === b.keys.length &&
    a.keys.every((key, i) => equalBytes(key, b.keys[i]!))
  );
}

function malformed(message: string): TapstakeError {
  return new TapstakeError("invalid-descriptor", `descriptor: ${message}`);
}

function wrongTree(message: string): TapstakeError {
  return new TapstakeError("wrong-script-tree", `descriptor: not an output of a stake: ${message}`);
}
