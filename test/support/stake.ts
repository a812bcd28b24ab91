import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { FINAL_SEQUENCE, outpointOf } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { type ErrorCode, TapstakeError } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { stakerPsbts } from "../../src/delegation/psbt.js";
import { signExpansion, signSlashings, signUnbonding } from "../../src/delegation/sign.js";
import { type SignedName, signedOf, signedSpend, slashingSpend } from "../../src/delegation/spends.js";
import { regtest } from "../../src/params/data/regtest.js";
import type { OwnParams } from "../../src/params/in-force.js";
import type { ProtocolParams } from "../../src/params/types.js";
import type { Psbt } from "../../src/psbt/psbt.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { stakerKeys, type StakeTerms } from "../../src/script/terms.js";
import { keySigner, type LeafSignature, signLeaf } from "../../src/spending/spend.js";
import { buildSlashing, type Slashable } from "../../src/stake/slashing.js";
import { buildUnbonding } from "../../src/stake/unbonding.js";

/** A secret by its name: the same name, the same secret. */
export const secretOf = (name: string): Uint8Array => sha256(utf8(name));

/** The secrets of the regtest parameters' committee, in its order. */
export const committeeSecrets: readonly Uint8Array[] = [1, 2, 3, 4, 5].map((i) =>
  secretOf(`tapstake regtest covenant member ${i}`),
);

export const regtestParams: ProtocolParams = regtest.versions[0]!;

export interface StakeOptions {
  /** Names all keys; another seed, another stake. */
  readonly seed?: string;
  readonly stakers?: number;
  readonly stakerQuorum?: number;
  readonly providers?: number;
  /** A committee of one's own; without it the regtest committee. The quorum is more than half. */
  readonly committee?: number;
  readonly value?: bigint;
  readonly timelock?: number;
  readonly params?: ProtocolParams;
}

/** A stake with all of its secrets. */
export interface TestStake {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  readonly value: bigint;
  readonly stakerSecrets: readonly Uint8Array[];
  readonly providerSecrets: readonly Uint8Array[];
  /** In the order of `terms.covenant.keys`. */
  readonly memberSecrets: readonly Uint8Array[];
}

/** Keys, terms and parameters of a stake; the delegation is made by {@link delegate}. */
export function makeStake(options: StakeOptions = {}): TestStake {
  const { seed = "stake", stakers = 1, stakerQuorum = stakers, providers = 1, committee } = options;
  const { value = 1_000_000n, timelock = 100, params = regtestParams } = options;
  const secrets = (role: string, count: number) =>
    Array.from({ length: count }, (_, i) => secretOf(`${seed} ${role} ${i}`));
  const stakerSecrets = secrets("staker", stakers);
  const providerSecrets = secrets("provider", providers);
  const memberSecrets = committee === undefined ? committeeSecrets : secrets("member", committee);
  const covenant =
    committee === undefined
      ? params.covenant
      : { keys: memberSecrets.map(publicKeyOf), quorum: Math.floor(committee / 2) + 1 };
  const stakerPublicKeys = stakerSecrets.map(publicKeyOf);
  return {
    terms: {
      staker: stakers === 1 ? stakerPublicKeys[0]! : { keys: stakerPublicKeys, quorum: stakerQuorum },
      finalityProviders: providerSecrets.map(publicKeyOf),
      covenant,
      timelock,
    },
    params: { ...params, covenant },
    value,
    stakerSecrets,
    providerSecrets,
    memberSecrets,
  };
}

/** The transactions that come before the one being changed. */
export interface Before {
  readonly staking: Transaction;
  readonly unbonding: Transaction;
}

/** What to do otherwise than right. Everything after a change is built and signed upon it. */
export interface Changes {
  /** What the delegation says; the stake's own by default. */
  readonly params?: ProtocolParams;
  readonly terms?: StakeTerms;
  /** What the transactions are built with; by default what the delegation says. */
  readonly builtWith?: ProtocolParams;
  readonly value?: bigint;
  /** Which output of the staking transaction is the stake: 0, or 1 behind the change. */
  readonly stakeAt?: 0 | 1;
  /** The output that the delegation names. */
  readonly outputIndex?: number;
  readonly staking?: (transaction: Transaction) => void;
  readonly unbonding?: (transaction: Transaction, before: Omit<Before, "unbonding">) => void;
  readonly slashing?: (transaction: Transaction, before: Before) => void;
  readonly unbondingSlashing?: (transaction: Transaction, before: Before) => void;
  /** Leave the stakers' signatures out, where the change makes a transaction that cannot be signed. */
  readonly unsigned?: boolean;
}

/** A delegation with the stakers' slashing signatures, right but for the changes. */
export async function delegate(stake: TestStake, changes: Changes = {}): Promise<Delegation> {
  const { terms = stake.terms, params = stake.params, value = stake.value, stakeAt = 0 } = changes;
  const built = changes.builtWith ?? params;
  const { script } = stakingOutput(terms, built.network);
  const staking = stakingTransaction(script, value, stakeAt);
  changes.staking?.(staking);
  const coin = { outpoint: outpointOf(staking, stakeAt), value: staking.outs[stakeAt]!.value };
  const unbonding = buildUnbonding(terms, built, coin).transaction;
  changes.unbonding?.(unbonding, { staking });
  const unbonded = { outpoint: outpointOf(unbonding, 0), value: unbonding.outs[0]!.value };
  const slashing = buildSlashing(terms, built, "staking", coin).transaction;
  changes.slashing?.(slashing, { staking, unbonding });
  const unbondingSlashing = buildSlashing(terms, built, "unbonding", unbonded).transaction;
  changes.unbondingSlashing?.(unbondingSlashing, { staking, unbonding });

  const unsigned = { stakerSignatures: [], covenantSignatures: [] };
  const delegation: Delegation = {
    terms,
    params,
    unbondingTime: built.unbondingTime,
    staking: { transaction: staking, outputIndex: changes.outputIndex ?? stakeAt },
    unbonding: { transaction: unbonding, ...unsigned },
    slashing: { transaction: slashing, ...unsigned },
    unbondingSlashing: { transaction: unbondingSlashing, ...unsigned },
  };
  if (changes.unsigned) return delegation;
  // Signed as the builders' parameters want it, so that a change of what the delegation says is all there is.
  const signable = { ...delegation, params: built, staking: { transaction: staking, outputIndex: stakeAt } };
  const sign = async (from: Slashable) => ({
    ...(from === "staking" ? delegation.slashing : delegation.unbondingSlashing),
    stakerSignatures: await signSlashing(signable, from, stake),
  });
  return { ...delegation, slashing: await sign("staking"), unbondingSlashing: await sign("unbonding") };
}

/** Parameters as a set of their own, at the height from which they hold. */
export const inForce = (params: ProtocolParams): OwnParams => ({
  set: { name: "own", network: params.network, versions: [params] },
  height: params.activationHeight,
});

/** The delegation with the signatures of these members of the committee, by their place in the terms. */
export async function signedBy(
  stake: TestStake,
  delegation: Delegation,
  members: readonly number[],
): Promise<Delegation> {
  let signed = delegation;
  for (const i of members) {
    const signer = covenantSigner(stake.memberSecrets[i]!);
    // Over the unsigned delegation, for more than a quorum to be able to sign.
    const { params, expansion } = delegation;
    const options = { rules: "any", ...(expansion && { previous: inForce(expansion.params) }) } as const;
    signed = addCovenantSignatures(signed, await signAsMember(delegation, signer, inForce(params), options));
  }
  return signed;
}

/** A P2TR script whose secret is unknown. */
export const nobodysScript = (): Uint8Array => hex.decode(`5120${"79".repeat(32)}`);

/** Parameters with another slashing: for scripts that can be dust, other rates, other fees. */
export function withSlashing(
  params: ProtocolParams,
  change: { script?: Uint8Array; rate?: string; minFee?: bigint },
): ProtocolParams {
  const { rate, ...rest } = change;
  const slashing = { ...params.slashing!, ...rest, ...(rate !== undefined && { rate: parseRate(rate) }) };
  return { ...params, slashing };
}

/** The code by which `act` is refused, or how else it ended. */
export async function codeOf(act: () => unknown): Promise<ErrorCode | "passed" | "crashed"> {
  try {
    await act();
    return "passed";
  } catch (error) {
    return error instanceof TapstakeError ? error.code : "crashed";
  }
}

/** The TapstakeError by which `act` is refused. */
export async function refusalOf(act: () => unknown): Promise<TapstakeError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof TapstakeError) return error;
    throw error;
  }
  throw new Error("expected a refusal, and nothing was thrown");
}

function stakingTransaction(script: Uint8Array, value: bigint, stakeAt: 0 | 1): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.addInput(sha256(utf8("funding")), 3, 0xffff_fffd);
  if (stakeAt === 1) transaction.addOutput(nobodysScript(), 54_321n);
  transaction.addOutput(script, value);
  if (stakeAt === 0) transaction.addOutput(nobodysScript(), 54_321n);
  return transaction;
}

async function signSlashing(
  delegation: Delegation,
  from: Slashable,
  { stakerSecrets, terms }: TestStake,
): Promise<LeafSignature[]> {
  const spend = slashingSpend(delegation, from);
  const prevouts = spend.transaction.ins.map(() => spend.prevouts[0]!);
  const quorum = terms.staker instanceof Uint8Array ? 1 : terms.staker.quorum;
  return Promise.all(
    stakerSecrets.slice(0, quorum).map((secret) => signLeaf({ ...spend, prevouts }, keySigner(secret))),
  );
}

/** One input more, spending something else. */
export function addInput(transaction: Transaction): void {
  transaction.addInput(sha256(utf8("another")), 0, FINAL_SEQUENCE);
}

/**
 * What each function that signs for a staker, or has a wallet sign, says of a delegation; the signer must not be asked.
 * Of signatures that are there already they say nothing.
 */
export async function stakersVerdicts(delegation: Delegation): Promise<readonly string[]> {
  let asked = 0;
  const staker = {
    publicKey: stakerKeys(delegation.terms.staker).keys[0]!,
    signSchnorr: () => (asked++, new Uint8Array(64)),
  };
  const codes = [
    await codeOf(() => signSlashings(delegation, staker)),
    await codeOf(() => signUnbonding(delegation, staker)),
    await codeOf(() => stakerPsbts(delegation)),
  ];
  if (delegation.expansion) {
    const before = { ...staker, publicKey: stakerKeys(delegation.expansion.terms.staker).keys[0]! };
    codes.push(await codeOf(() => signExpansion(delegation, before)));
  }
  return asked === 0 ? codes : [...codes, `asked ${asked} times`];
}

/** A transaction of a delegation as a PSBT that has all signatures so far. */
export function signedPsbt(delegation: Delegation, name: SignedName): Psbt {
  const { staker, covenant } = signedOf(delegation, name);
  return spendPsbt(signedSpend(delegation, name), [...staker, ...covenant]);
}
