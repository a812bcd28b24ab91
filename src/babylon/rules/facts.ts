import { describeType, TapstakeError } from "../../core/errors.js";
import { nearest, show } from "../../core/text.js";
import type {
  BtcBlock,
  BtcTip,
  ChainState,
  CheckpointState,
  CommitmentState,
  DelegationState,
  HeaderState,
  ProviderState,
  VotedBlock,
} from "./types.js";

/** What a fact is. */
type Kind = keyof typeof KINDS;
const KINDS = {
  text: ["text", (value) => typeof value === "string"],
  flag: ["true or false", (value) => typeof value === "boolean"],
  number: ["a whole number", (value) => Number.isSafeInteger(value)],
  bigint: ["a bigint", (value) => typeof value === "bigint"],
  time: ["a Date", (value) => value instanceof Date && !Number.isNaN(value.getTime())],
  bytes: ["a Uint8Array", isBytes],
  manyBytes: ["a list of Uint8Array", (value) => Array.isArray(value) && value.every(isBytes)],
  manyTexts: [
    "a list of text",
    (value) => Array.isArray(value) && value.every((each) => typeof each === "string"),
  ],
  rate: ["a rate, as parseRate makes it", (value) => hasBigints(value, "numerator", "denominator")],
  stake: [
    "a delegation",
    (value) => isObject(value) && isObject(value["staking"]) && isObject(value["terms"]),
  ],
  version: ["one version of parameters", (value) => isObject(value) && isObject(value["covenant"])],
  set: [
    "a set with all versions of the chain's parameters, such as mainnet",
    (value) => isObject(value) && Array.isArray(value["versions"]),
  ],
} as const satisfies Readonly<Record<string, readonly [what: string, is: (value: unknown) => boolean]>>;

function isBytes(value: unknown): boolean {
  return value instanceof Uint8Array;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isBytes(value);
}

function hasBigints(value: unknown, ...names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof value[name] === "bigint");
}

type Fields<T> = { readonly [Name in keyof T]-?: Kind };

const STAKE: Fields<DelegationState> = {
  status: "text",
  delegation: "stake",
  params: "version",
  stakerAddress: "text",
  isExpansion: "flag",
  hasInclusion: "flag",
  hasQuorum: "flag",
  isUnbonded: "flag",
  btcTipAtRegistration: "number",
  signedBy: "manyBytes",
};

/** Every fact of a {@link ChainState}, and what it is; with its fields where it has some. The compiler keeps it complete. */
const KIND_OF: {
  readonly [Name in keyof ChainState]-?: Kind | Fields<Inside<NonNullable<ChainState[Name]>>>;
} = {
  chainId: "text",
  network: "text",
  chainHeight: "bigint",
  chainTime: "time",
  btcTip: { height: "number", hash: "bytes", work: "bigint" } satisfies Fields<BtcTip>,
  confirmationDepth: "number",
  finalizationTimeout: "number",
  params: "set",
  maxFinalityProviders: "number",
  inclusionBlock: { height: "number", header: "bytes" } satisfies Fields<BtcBlock>,
  provider: {
    address: "text",
    slashed: "flag",
    jailed: "flag",
    softDeleted: "flag",
    commission: "rate",
    maxCommission: "rate",
    maxCommissionChange: "rate",
    commissionChangedAt: "time",
    jailedUntil: "time",
  } satisfies Fields<ProviderState>,
  accountHasProvider: "flag",
  stakeKnown: "flag",
  allowList: { expirationHeight: "bigint", listed: "flag" },
  delegation: STAKE,
  previous: STAKE,
  fundingIsStake: "flag",
  expansionChild: STAKE,
  finalityActivationHeight: "bigint",
  minPubRand: "bigint",
  lastCommittedHeight: "bigint",
  commitment: {
    startHeight: "bigint",
    count: "bigint",
    root: "bytes",
    epochFinal: "flag",
  } satisfies Fields<CommitmentState>,
  votedBlock: { appHash: "bytes", finalized: "flag", epochFinal: "flag" } satisfies Fields<VotedBlock>,
  power: "bigint",
  storedVote: "bytes",
  headerReporters: "manyTexts",
  headers: {
    firstKnown: "flag",
    parentKnown: "flag",
    parentHeight: "number",
    parentWork: "bigint",
    recent: "manyBytes",
  } satisfies Fields<HeaderState>,
  checkpoint: {
    tag: "bytes",
    known: "flag",
    headersKnown: "flag",
    epochFinal: "flag",
    previousKnown: "flag",
    blockHash: "bytes",
  } satisfies Fields<CheckpointState>,
};

type Inside<T> = T extends object ? T : never;

/** Every fact, with the names of its fields where it has some. */
export const FACTS = Object.fromEntries(
  Object.entries(KIND_OF).map(([name, kind]) => [name, typeof kind === "string" ? null : Object.keys(kind)]),
) as { readonly [Name in keyof ChainState]-?: readonly string[] | null };

/** All facts as paths: `btcTip.height`. */
const PATHS: readonly string[] = Object.entries(FACTS).flatMap(([name, fields]) => [
  name,
  ...(fields ?? []).map((field) => `${name}.${field}`),
]);

/**
 * Refuses facts that no rule reads: under a wrong name, the rules that need them would stay unchecked, and the answer
 * would be `ok`. Refuses facts of another kind too.
 * @throws TapstakeError `invalid-argument` with the fact, and the known one that is nearest
 */
export function assertFacts(state: unknown): asserts state is ChainState {
  for (const [name, value] of entriesOf(state, "the state")) {
    const kind = Object.hasOwn(KIND_OF, name) ? KIND_OF[name as keyof ChainState] : undefined;
    if (kind === undefined) throw unknownFact(name, PATHS);
    if (value === null) continue;
    if (typeof kind === "string") {
      assertKind(name, kind, value);
      continue;
    }
    const fields = kind as Readonly<Record<string, Kind>>;
    for (const [field, inner] of entriesOf(value, name)) {
      const path = `${name}.${field}`;
      if (!Object.hasOwn(fields, field))
        throw unknownFact(
          path,
          Object.keys(fields).map((each) => `${name}.${each}`),
        );
      assertKind(path, fields[field]!, inner);
    }
  }
}

function assertKind(fact: string, kind: Kind, value: unknown): void {
  const [what, is] = KINDS[kind];
  if (is(value)) return;
  const text = `${fact} must be ${what}, not ${describeType(value)}`;
  throw new TapstakeError("invalid-argument", text, { fact });
}

function entriesOf(value: unknown, name: string): [string, unknown][] {
  if (isObject(value)) return Object.entries(value).filter(([, each]) => each !== undefined);
  const text = `${name} must be an object of facts, not ${describeType(value)}`;
  throw new TapstakeError("invalid-argument", text, { fact: name });
}

function unknownFact(path: string, known: readonly string[]): TapstakeError {
  const near =
    known.find((each) => plain(each) === plain(path)) ?? sameField(path, known) ?? nearest(path, known);
  const hint =
    near === undefined ? `give one of ${known.filter(isShort).join(", ")}` : `do you mean ${near}?`;
  const text = `no rule reads the fact ${show(path, MOST_SHOWN)}; ${hint}`;
  return new TapstakeError("invalid-argument", text, { fact: path, ...(near !== undefined && { near }) });
}

/** As long as the longest path of {@link FACTS}: what is longer is no name. */
const MOST_SHOWN = 40;

const isShort = (path: string, _: number, all: readonly string[]) =>
  !path.includes(".") || !all.includes(path.split(".")[0]!);

/** Names differ in case, and the chain's own JSON has them with underscores. */
const plain = (name: string) => name.toLowerCase().replaceAll("_", "");

/** `height` alone stands for `btcTip.height`. */
const sameField = (path: string, known: readonly string[]) =>
  known.find((each) => each.includes(".") && plain(each.split(".")[1]!) === plain(path));
