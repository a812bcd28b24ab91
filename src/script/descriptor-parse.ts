import { compareBytes, equalBytes, hex } from "../core/bytes.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { show } from "../core/text.js";
import { descriptorChecksum, INPUT_CHARACTERS, withChecksum } from "./descriptor.js";
import { publicKeyOfExpression, readPlainKey, splitKeyExpression } from "./key-expression.js";
import type { KeyOrigin } from "./key-origin.js";
import type { LeafTerms } from "./parse.js";
import { NUMS_KEY } from "./taproot.js";
import { checkKeySet, checkTerms, checkTimelock, type KeySet, type StakeTerms } from "./terms.js";
import { isBranch, leavesOf, type Tree } from "./tree.js";

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
 * Reads the descriptor of a staking, unbonding or refund output back into its terms, keys ascending (PROTOCOL 2).
 * White space is passed over, the checksum (BIP-380) verified when there; both sides of a branch may change places,
 * which Taproot does not tell apart. Whatever is accepted builds the output that the descriptor describes.
 * @throws TapstakeError `invalid-descriptor` when it is malformed; `invalid-checksum`; `wrong-internal-key` when a
 * key could spend without the scripts; `wrong-script-tree` when other scripts, or elsewhere; `underived-key` at an
 * extended or private key; `unsorted-keys` within a `multi_a`; `leaves-disagree` when stakers or committee differ
 * from leaf to leaf; `invalid-key-expression`, `invalid-path` at an origin that is none; and the codes of `checkTerms`
 */
export function parseDescriptor(descriptor: string): DescribedOutput {
  const [internalKey, tree, ...more] = call(withoutChecksum(descriptor), "tr") ?? [];
  if (internalKey === undefined) throw malformed("expected tr(…)");
  const derivations = new Map<string, KeyOrigin>();
  const internal = readKey(internalKey, new Map());
  if (!equalBytes(internal, NUMS_KEY)) {
    const text = `expected the internal key ${hex.encode(NUMS_KEY)}, which nobody has, got ${hex.encode(internal)}`;
    throw new TapstakeError("wrong-internal-key", text, { key: hex.encode(internal) });
  }
  if (tree === undefined || more.length > 0) throw wrongTree("expected tr(<key>,<one tree of scripts>)");
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
    const message = `expected a list of key expressions, got ${describeType(expressions)}`;
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
  if (typeof descriptor !== "string") throw malformed(`expected text, got ${show(descriptor)}`);
  const [text, checksum, ...more] = compact(descriptor).split("#") as [string, ...string[]];
  if (more.length > 0) throw malformed("expected one # before the checksum");
  const bad = [...text].find((character) => !INPUT_CHARACTERS.includes(character));
  if (bad !== undefined) throw malformed(`${JSON.stringify(bad)} does not occur in descriptors`);
  if (checksum === undefined) return text;
  const expected = descriptorChecksum(text);
  if (checksum !== expected) {
    const message = `expected the checksum ${expected}, got ${show(checksum)}: some character changed`;
    throw new TapstakeError("invalid-checksum", message, { expected });
  }
  return text;
}

/** The deepest leaf of an output of a stake. */
const MAX_DEPTH = 2;

function readTree(text: string, derivations: Map<string, KeyOrigin>, depth = 0): Tree<LeafTerms> {
  if (!text.startsWith("{")) return readLeaf(text, derivations);
  if (depth === MAX_DEPTH) throw wrongTree(`expected leaves at a depth of ${MAX_DEPTH} at most`);
  const [left, right, ...more] = text.endsWith("}") ? splitArguments(text.slice(1, -1)) : [];
  if (left === undefined || right === undefined || more.length > 0) {
    throw malformed("expected a branch: {<tree>,<tree>}");
  }
  return [readTree(left, derivations, depth + 1), readTree(right, derivations, depth + 1)];
}

function readLeaf(text: string, derivations: Map<string, KeyOrigin>): LeafTerms {
  const parts = flatten(text);
  const last = parts.pop()!;
  const verified = parts.map((part) => {
    if (!part.startsWith("v:")) throw wrongTree(`expected v:pk(…) or v:multi_a(…), got ${show(part)}`);
    return readKeySet(part.slice(2), derivations);
  });
  const [staker, providers] = verified;
  const lock = call(last, "older");
  if (lock) {
    if (!staker || providers) throw wrongTree("a timelock leaf has the stakers and older(…)");
    return { kind: "timelock", staker, timelock: readNumber(lock) };
  }
  const covenant = readKeySet(last, derivations);
  if (!staker) throw wrongTree("a leaf with one set of keys and no time lock is not a stake's");
  if (!providers) return { kind: "unbonding", staker, covenant };
  if (providers.quorum !== 1) {
    throw new TapstakeError(
      "invalid-quorum",
      `finality provider: expected that any one of them suffices, got a quorum of ${providers.quorum}`,
    );
  }
  return { kind: "slashing", staker, finalityProviders: providers.keys, covenant };
}

/** Stakers, finality providers, committee: no leaf has more parts. */
const MAX_PARTS = 3;

/** The parts of nested `and_v`: however they are nested, the script has them one after the other. */
function flatten(text: string): string[] {
  const parts: string[] = [];
  const waiting = [text];
  while (waiting.length > 0) {
    const next = waiting.pop()!;
    const both = call(next, "and_v");
    if (both && both.length !== 2) throw malformed("and_v has two arguments");
    if (both) waiting.push(both[1]!, both[0]!);
    else parts.push(next);
    if (parts.length + waiting.length > MAX_PARTS) throw wrongTree("a leaf has more than three parts");
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
  if (!several) throw wrongTree(`expected pk(…), multi_a(…) or older(…), got ${show(text)}`);
  const quorum = readNumber(several.slice(0, 1));
  const keys = several.slice(1).map((key) => readKey(key, derivations));
  if (keys.length < 2) throw wrongTree("multi_a of one key: the protocol's scripts count from two keys on");
  const unsorted = keys.findIndex((key, i) => i > 0 && compareBytes(keys[i - 1]!, key) > 0);
  if (unsorted !== -1) {
    const key = hex.encode(keys[unsorted]!);
    throw new TapstakeError("unsorted-keys", `expected the keys of multi_a ascending, but ${key} is late`, {
      key,
    });
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
      "expected keys of 32 bytes in hexadecimal: derive extended keys first, and give public ones",
    );
  }
  const name = hex.encode(publicKey);
  if (origin && !derivations.has(name)) derivations.set(name, { publicKey, ...origin });
  return publicKey;
}

function readNumber(args: readonly string[]): number {
  const [text] = args;
  if (args.length !== 1 || !/^(0|[1-9]\d{0,9})$/.test(text!)) throw malformed("expected a decimal number");
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
  const leaves = Object.fromEntries(leavesOf(tree).map((leaf) => [leaf.kind, leaf])) as {
    [K in LeafTerms["kind"]]: Extract<LeafTerms, { kind: K }>;
  };
  switch (shapeOf(tree)) {
    case "timelock": {
      const { staker, timelock: unbondingTime } = leaves.timelock;
      checkKeySet(staker, "staker");
      checkTimelock(unbondingTime, "unbonding time");
      return { kind: "refund", staker: plainStaker(staker), unbondingTime };
    }
    case "{slashing,timelock}": {
      const { timelock: unbondingTime, ...terms } = termsOf(leaves);
      return { kind: "unbonding", terms, unbondingTime };
    }
    case "{slashing,{timelock,unbonding}}":
      agree("committee", leaves.unbonding.covenant, leaves.slashing.covenant);
      agree("stakers", leaves.unbonding.staker, leaves.slashing.staker);
      return { kind: "staking", terms: termsOf(leaves) };
    default:
      throw wrongTree(
        `expected {{timelock,unbonding},slashing}, {timelock,slashing} or timelock, got ${shapeOf(tree)}`,
      );
  }
}

/** The kinds of the leaves as they are nested. Taproot hashes the sides of a branch in either order (BIP-341). */
function shapeOf(tree: Tree<LeafTerms>): string {
  if (!isBranch(tree)) return tree.kind;
  return `{${tree.map(shapeOf).toSorted().join(",")}}`;
}

function termsOf({
  timelock: { staker, timelock },
  slashing,
}: {
  timelock: Extract<LeafTerms, { kind: "timelock" }>;
  slashing: Extract<LeafTerms, { kind: "slashing" }>;
}): StakeTerms {
  agree("stakers", staker, slashing.staker);
  const { finalityProviders, covenant } = slashing;
  const terms = { staker: plainStaker(staker), finalityProviders, covenant, timelock };
  checkTerms(terms);
  return terms;
}

const plainStaker = (staker: KeySet): StakeTerms["staker"] =>
  staker.keys.length === 1 ? staker.keys[0]! : staker;

function agree(who: string, a: KeySet, b: KeySet): void {
  const same =
    a.quorum === b.quorum &&
    a.keys.length === b.keys.length &&
    a.keys.every((key, i) => equalBytes(key, b.keys[i]!));
  if (same) return;
  throw new TapstakeError("leaves-disagree", `the leaves do not name the same ${who}`, { who });
}

function malformed(message: string): TapstakeError {
  return new TapstakeError("invalid-descriptor", `descriptor: ${message}`);
}

function wrongTree(message: string): TapstakeError {
  return new TapstakeError("wrong-script-tree", `descriptor: not an output of a stake: ${message}`);
}
