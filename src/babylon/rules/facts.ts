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

/** Every fact of a {@link ChainState}, with the names of its fields where it has some. The compiler keeps it complete. */
export const FACTS: { readonly [Name in keyof ChainState]-?: readonly string[] | null } = {
  chainId: null,
  network: null,
  chainHeight: null,
  chainTime: null,
  btcTip: names<BtcTip>({ height: 0, hash: 0, work: 0 }),
  confirmationDepth: null,
  finalizationTimeout: null,
  params: null,
  maxFinalityProviders: null,
  inclusionBlock: names<BtcBlock>({ height: 0, header: 0 }),
  provider: names<ProviderState>({
    address: 0,
    slashed: 0,
    jailed: 0,
    softDeleted: 0,
    commission: 0,
    maxCommission: 0,
    maxCommissionChange: 0,
    commissionChangedAt: 0,
    jailedUntil: 0,
  }),
  accountHasProvider: null,
  stakeKnown: null,
  allowList: names<NonNullable<ChainState["allowList"]>>({ expirationHeight: 0, listed: 0 }),
  delegation: stake(),
  previous: stake(),
  fundingIsStake: null,
  expansionChild: stake(),
  finalityActivationHeight: null,
  minPubRand: null,
  lastCommittedHeight: null,
  commitment: names<CommitmentState>({ startHeight: 0, count: 0, root: 0, epochFinal: 0 }),
  votedBlock: names<VotedBlock>({ appHash: 0, finalized: 0, epochFinal: 0 }),
  power: null,
  storedVote: null,
  headerReporters: null,
  headers: names<HeaderState>({ firstKnown: 0, parentKnown: 0, parentHeight: 0, parentWork: 0, recent: 0 }),
  checkpoint: names<CheckpointState>({
    tag: 0,
    known: 0,
    headersKnown: 0,
    epochFinal: 0,
    previousKnown: 0,
    blockHash: 0,
  }),
};

function names<T>(fields: { readonly [Name in keyof T]-?: 0 }): readonly string[] {
  return Object.keys(fields);
}

function stake(): readonly string[] {
  return names<DelegationState>({
    status: 0,
    delegation: 0,
    params: 0,
    stakerAddress: 0,
    isExpansion: 0,
    hasInclusion: 0,
    hasQuorum: 0,
    isUnbonded: 0,
    btcTipAtRegistration: 0,
    signedBy: 0,
  });
}

/** All facts as paths: `btcTip.height`. */
const PATHS: readonly string[] = Object.entries(FACTS).flatMap(([name, fields]) => [
  name,
  ...(fields ?? []).map((field) => `${name}.${field}`),
]);

/**
 * Refuses facts that no rule reads: under a wrong name, the rules that need them would stay unchecked, and the answer
 * would be `ok`.
 * @throws TapstakeError `invalid-argument` with the fact, and the known one that is nearest
 */
export function assertFacts(state: unknown): asserts state is ChainState {
  for (const [name, value] of entriesOf(state, "the state")) {
    const fields = Object.hasOwn(FACTS, name) ? FACTS[name as keyof ChainState] : undefined;
    if (fields === undefined) throw unknownFact(name, PATHS);
    if (name === "params") assertParamSet(value);
    if (fields === null || value === null) continue;
    const known = fields.map((field) => `${name}.${field}`);
    for (const [field] of entriesOf(value, name)) {
      if (!fields.includes(field)) throw unknownFact(`${name}.${field}`, known);
    }
  }
}

function entriesOf(value: unknown, name: string): [string, unknown][] {
  if (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  ) {
    return Object.entries(value).filter(([, each]) => each !== undefined);
  }
  const text = `${name} must be an object of facts, not ${describeType(value)}`;
  throw new TapstakeError("invalid-argument", text, { fact: name });
}

function assertParamSet(value: unknown): void {
  if (Array.isArray((value as { versions?: unknown } | null)?.versions)) return;
  const text = "params must be a set with all versions of the chain's parameters, such as mainnet";
  throw new TapstakeError("invalid-argument", text, { fact: "params" });
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
