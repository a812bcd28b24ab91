import { scriptOfAddress } from "../src/bitcoin/address.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import { toOutpoint, type UnspentOutput } from "../src/bitcoin/transaction.js";
import { applyRateUp, max, type Rate } from "../src/core/amount.js";
import { equalBytes, utf8 } from "../src/core/bytes.js";
import { TapstakeError } from "../src/core/errors.js";
import { sha256 } from "../src/core/hashes.js";
import { evenSecret } from "../src/core/keys.js";
import { scalar } from "../src/core/scalar.js";
import { schnorr } from "../src/crypto/schnorr.js";
import type { MerkleProof } from "../src/crypto/merkle.js";
import { createDelegation, type Delegation, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import {
  finishExpansion,
  finishUnbonding,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "../src/delegation/sign.js";
import { slashingSpend } from "../src/delegation/spends.js";
import { type Evidence, extractFromVotes } from "../src/extract/evidence.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { commitRandomness } from "../src/finality/randomness/commit.js";
import type { ProtocolParams } from "../src/params/types.js";
import type { StakeTerms } from "../src/script/terms.js";
import { finishSpend, leafSighash } from "../src/spending/spend.js";
import { readWitness } from "../src/spending/witness.js";
import { buildExpansion } from "../src/stake/expansion.js";
import type { Slashable } from "../src/stake/slashing.js";
import type { Withdrawable } from "../src/stake/withdrawal.js";
import { type Commitment, type FinalityVote, signVoteUnprotected, verifyVote } from "../src/vote/vote.js";
import { expectThat } from "./narrator.js";
import type { RegtestNode } from "./node.js";
import type { Party } from "./parties.js";
import { NO_AUX, partySigner } from "./signers.js";
import { coSign, mineToOneBlockEarly, refundCoin, sendAndMine, withdrawal } from "./stage.js";

/** What happens to a stake after it is opened, each in one call. */

/** A transaction of a stake's life that is in a block. */
export interface Mined {
  readonly transaction: Transaction;
  readonly txid: string;
}

/** What `doubleVote` takes. */
export interface DoubleVoteRequest {
  /** The finality provider. */
  readonly provider: Party;
  /** The chain that it votes on: `regtest-chain` by default. */
  readonly chainId?: string;
  /** The height of both votes: 1 by default. */
  readonly height?: bigint;
}

/** Two votes at one height, and what they give away. */
export interface DoubleVote {
  readonly commitment: Commitment;
  /** That the randomness of the height is in the commitment. */
  readonly proof: MerkleProof;
  readonly votes: readonly [canonical: FinalityVote, fork: FinalityVote];
  readonly evidence: Evidence;
  /** The provider's secret as anyone extracts it from the two votes: 32 bytes, the secret with even y. */
  readonly secretKey: Uint8Array;
}

/**
 * A finality provider commits to the randomness of a height and votes for two blocks there. Both votes verify, and
 * together they give its secret key. No node is needed.
 * @throws TapstakeError `invalid-secret-key`, `invalid-number`, `invalid-chain-id`
 * @example
 * ```ts
 * const { secretKey } = doubleVote({ provider });
 * await slash(node, { delegation, secretKey });
 * ```
 */
export function doubleVote(request: DoubleVoteRequest): DoubleVote {
  const { provider, chainId = "regtest-chain", height = 1n } = request;
  const { secretKey } = provider;
  const committed = commitRandomness({ secretKey, chainId, startHeight: height, count: 1 });
  const [canonical, fork] = ["canonical", "fork"].map((block) => {
    const appHash = sha256(utf8(`${chainId} ${height} ${block}`));
    return signVoteUnprotected({ secretKey, chainId, height, appHash });
  }) as [FinalityVote, FinalityVote];
  const { commitment } = committed;
  const proof = committed.proof(height);
  for (const vote of [canonical, fork]) expectThat(verifyVote(commitment, vote, proof), "each vote verifies");
  const { finalityProvider, publicRandomness } = canonical;
  const evidence = { finalityProvider, height, publicRandomness, canonical, fork };
  const extracted = extractFromVotes(evidence);
  expectThat(equalBytes(extracted, scalar.toBytes(evenSecret(secretKey).d)), "the votes give the key");
  return { commitment, proof, votes: [canonical, fork], evidence, secretKey: extracted };
}

/** What `slash` takes. */
export interface SlashRequest {
  readonly delegation: Delegation;
  /** The finality provider's secret, 32 bytes. */
  readonly secretKey: Uint8Array;
  /** Which output: by default the one that is unspent. */
  readonly from?: Slashable;
}

/**
 * Finishes the slashing of a stake with the provider's secret, sends it and mines it.
 * @throws TapstakeError the codes of `finishSlashing`; `node-refused` for an output that is spent
 */
export async function slash(
  node: RegtestNode,
  { delegation, secretKey, from }: SlashRequest,
): Promise<Mined & { readonly from: Slashable }> {
  const output = from ?? ((await isUnspent(node, stakeCoin(delegation))) ? "staking" : "unbonding");
  const transaction = withoutAux(
    delegation,
    output,
    secretKey,
    finishSlashing(delegation, output, secretKey),
  );
  return { transaction, txid: await sendAndMine(node, transaction), from: output };
}

/** The provider's signature made again without fresh randomness: the same slashing has the same bytes in each run. */
function withoutAux(
  delegation: Delegation,
  from: Slashable,
  secretKey: Uint8Array,
  finished: Transaction,
): Transaction {
  const spend = slashingSpend(delegation, from);
  const { publicKey: own } = evenSecret(secretKey);
  const signature = schnorr.sign(secretKey, leafSighash(spend), NO_AUX);
  const signatures = readWitness(spend.leaf, finished.ins[spend.inputIndex]!.witness).map((each) =>
    equalBytes(each.publicKey, own) ? { ...each, signature } : each,
  );
  return finishSpend(spend, signatures);
}

/** What `unbond` takes. */
export interface UnbondRequest {
  /** With the committee's signatures. */
  readonly delegation: Delegation;
  /** The parties that sign as stakers. */
  readonly stakers: readonly Party[];
}

/**
 * The stakers sign the unbonding transaction; it is sent and mined. Returns the delegation with their signatures, too.
 * @throws TapstakeError `missing-signature` without a quorum of the committee; `unexpected-signer`; `node-refused`
 */
export async function unbond(
  node: RegtestNode,
  { delegation, stakers }: UnbondRequest,
): Promise<Mined & { readonly delegation: Delegation; readonly coin: UnspentOutput }> {
  let signed = delegation;
  for (const each of stakers) signed = await signUnbonding(signed, partySigner(each));
  const transaction = finishUnbonding(signed);
  const txid = await sendAndMine(node, transaction);
  return { transaction, txid, delegation: signed, coin: unbondedCoin(signed) };
}

/** What `expand` takes; what is left out stays as in the stake before. */
export interface ExpandRequest {
  readonly delegation: Delegation;
  /** The parties that sign as stakers, for the stake before and the new one. */
  readonly stakers: readonly Party[];
  /** The members who sign, for the stake before and the new one: a quorum. */
  readonly committee: readonly Party[];
  /** What is staked then, in satoshi: not less than before. */
  readonly value?: bigint;
  /** In blocks. */
  readonly timelock?: number;
  /** X-only. */
  readonly finalityProviders?: readonly Uint8Array[];
  readonly params?: ProtocolParams;
  /** In sat/vB: the node's own `feeRate()` by default. */
  readonly feeRate?: Rate;
}

/** More than the virtual bytes of an expansion by the regtest committee. */
const EXPANSION_VSIZE = 1_000n;

/**
 * Expands a stake by a coin of the node's wallet: the new stake spends the one before. It is signed, sent and mined. As
 * the documents of expansions do, the new delegation has the transaction unsigned.
 * @throws TapstakeError the codes of `buildExpansion`; `missing-signature`; `node-refused`
 */
export async function expand(
  node: RegtestNode,
  request: ExpandRequest,
): Promise<Mined & { delegation: Delegation }> {
  const { delegation: previous, stakers, committee } = request;
  const { params = previous.params, feeRate = await node.feeRate() } = request;
  const before = stakeCoin(previous).value;
  const { value = before, timelock = previous.terms.timelock } = request;
  const terms: StakeTerms = {
    ...previous.terms,
    covenant: params.covenant,
    timelock,
    ...(request.finalityProviders && { finalityProviders: [...request.finalityProviders] }),
  };
  const needed = max(value - before, 0n) + max(10_000n, applyRateUp(EXPANSION_VSIZE, feeRate));
  const coin = await node.fund(await node.rpc.getnewaddress(), needed);
  const built = buildExpansion({
    previous,
    terms,
    params,
    value,
    coin: { outpoint: { txid: coin.txid, vout: coin.vout }, value: coin.value, script: coin.script },
    changeScript: scriptOfAddress(await node.rpc.getnewaddress(), "regtest"),
    feeRate,
  });
  let delegation = createDelegation(terms, params, built.transaction, built);
  for (const each of stakers) delegation = await signSlashings(delegation, partySigner(each));
  delegation = await coSign(delegation, committee);
  for (const each of stakers) delegation = await signExpansion(delegation, partySigner(each));
  const { psbt } = await node.rpc.walletprocesspsbt(built.psbt.toBase64());
  const transaction = finishExpansion(delegation, psbt, built);
  const txid = await sendAndMine(node, transaction);
  return { transaction, txid, delegation };
}

/** What `withdraw` takes. */
export interface WithdrawLifeRequest {
  readonly delegation: Delegation;
  /** What is withdrawn: the stake, what was unbonded, or the refund of a slashing. */
  readonly from: Withdrawable;
  /** The parties that sign as stakers. */
  readonly stakers: readonly Party[];
  /** The mined slashing whose refund is withdrawn: for `"refund"` only. */
  readonly slashing?: Transaction;
  /** In sat/vB: the node's own `feeRate()` by default. */
  readonly feeRate?: Rate;
}

/**
 * Mines until the time lock of an output has ended, then withdraws it to the node's wallet, and mines that. Returns the
 * withdrawn value in satoshi, too.
 * @throws TapstakeError `invalid-argument` for a refund without its slashing; `node-refused` for an output that is spent
 */
export async function withdraw(
  node: RegtestNode,
  { delegation, from, stakers, slashing, feeRate }: WithdrawLifeRequest,
): Promise<Mined & { readonly value: bigint }> {
  const coin = coinOf(delegation, from, slashing);
  const request = { delegation, from, coin, stakers, ...(feeRate && { feeRate }) };
  const { signed, timelock, value } = await withdrawal(node, request);
  const { confirmations = 0 } = await node.rpc.gettransactioninfo(toOutpoint(coin.outpoint).txid);
  if (confirmations < timelock - 1) await mineToOneBlockEarly(node, coin, timelock);
  if (confirmations < timelock) await node.mine();
  return { transaction: signed, txid: await sendAndMine(node, signed), value };
}

function coinOf(
  delegation: Delegation,
  from: Withdrawable,
  slashing: Transaction | undefined,
): UnspentOutput {
  if (from === "staking") return stakeCoin(delegation);
  if (from === "unbonding") return unbondedCoin(delegation);
  if (slashing === undefined) {
    const text = "the refund of a slashing is withdrawn: give the mined slashing transaction as slashing";
    throw new TapstakeError("invalid-argument", text);
  }
  return refundCoin(slashing);
}

async function isUnspent({ rpc }: RegtestNode, coin: UnspentOutput): Promise<boolean> {
  const { txid, vout } = toOutpoint(coin.outpoint);
  return (await rpc.gettxout(txid, vout)) !== null;
}
