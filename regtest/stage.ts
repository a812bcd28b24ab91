import { scriptOfAddress } from "../src/bitcoin/address.js";
import type { Transaction } from "../src/bitcoin/transaction-class.js";
import {
  formatOutpoint,
  outpointOf,
  parseOutpoint,
  parseTransaction,
  type UnspentOutput,
} from "../src/bitcoin/transaction.js";
import { applyRateUp, max, type Rate } from "../src/core/amount.js";
import { hex } from "../src/core/bytes.js";
import { TapstakeError } from "../src/core/errors.js";
import { addCovenantSignatures, signAsMember } from "../src/covenant/member.js";
import { createDelegation, type Delegation } from "../src/delegation/delegation.js";
import { signSlashings } from "../src/delegation/sign.js";
import { checkReady } from "../src/delegation/status.js";
import type { OwnParams } from "../src/params/in-force.js";
import { ANY_RELEASE } from "../src/params/rules.js";
import type { ProtocolParams } from "../src/params/types.js";
import {
  slashingChangeOutput,
  stakingOutput,
  type TaprootOutput,
  unbondingOutput,
} from "../src/script/outputs.js";
import type { StakeTerms } from "../src/script/terms.js";
import { finishSpend, signLeaf } from "../src/spending/spend.js";
import { buildStaking, finishStaking } from "../src/stake/staking.js";
import { buildWithdrawal, type Withdrawable, type Withdrawal } from "../src/stake/withdrawal.js";
import { prefer } from "./fees.js";
import type { RegtestNode } from "./node.js";
import type { Party } from "./parties.js";
import { memberSigner, partySigner } from "./signers.js";
import type { Funding } from "./wallet.js";

/** What tests and the demo often do with stakes on a node. */

/** What `stake` takes. */
export interface StakeRequest {
  readonly terms: StakeTerms;
  readonly params: ProtocolParams;
  /** Satoshi. */
  readonly value: bigint;
  /** The parties that sign as stakers. */
  readonly stakers: readonly Party[];
  /**
   * The committee members that sign, before the coins are locked. Without them, the stake is mined although the
   * committee has signed nothing: only a private chain may do so, because no one could unbond such a stake early.
   */
  readonly committee?: readonly Party[];
  /** In sat/vB: the node's own `feeRate()` by default. */
  readonly feeRate?: Rate;
}

/** More than the virtual bytes of a stake that one coin of the wallet pays for. */
const STAKE_VSIZE = 400n;

/**
 * Stakes coins of the node's wallet and mines the stake. The stakers and the committee sign in advance; the wallet
 * signs last, because its signature locks the coins. It does not know about staking.
 * @throws TapstakeError `missing-signature` when fewer than a quorum of the committee sign; `unexpected-verdict` when
 * the node derives another address from a descriptor than we do
 */
export async function stake(node: RegtestNode, request: StakeRequest): Promise<Delegation> {
  const { terms, params, value, stakers, committee, feeRate = await node.feeRate() } = request;
  await compareAddresses(node, terms, params);
  const address = await node.rpc.getnewaddress();
  const {
    txid,
    vout,
    value: funded,
    script,
  } = await node.fund(address, value + max(10_000n, applyRateUp(STAKE_VSIZE, feeRate)));
  const coin = { outpoint: parseOutpoint(`${txid}:${vout}`), value: funded, script };
  const change = scriptOfAddress(await node.rpc.getnewaddress(), "regtest");
  const staking = buildStaking({
    terms,
    params,
    value,
    coins: [coin],
    changeScript: change,
    feeRate,
  });
  let delegation = createDelegation(terms, params, staking);
  for (const each of stakers) delegation = await signSlashings(delegation, partySigner(each));
  if (committee) {
    delegation = await coSign(delegation, committee);
    checkReady(delegation);
  }

  const { psbt } = await node.rpc.walletprocesspsbt(staking.psbt.toBase64());
  const transaction = finishStaking(staking, psbt);
  await sendAndMine(node, transaction);
  return { ...delegation, staking: { ...delegation.staking, transaction } };
}

/**
 * Stakes many times in one transaction of the node's wallet and mines it. The committee has signed nothing yet, which
 * only a private chain may do. No two stakes may have the same terms: a delegation is of a transaction that has its
 * staking output once.
 * @throws TapstakeError `unexpected-verdict` as {@link stake}
 */
export async function stakeMany(
  node: RegtestNode,
  requests: readonly Omit<StakeRequest, "committee">[],
): Promise<Delegation[]> {
  for (const { terms, params } of requests) await compareAddresses(node, terms, params);
  const payments = requests.map(({ terms, params, value }) => ({
    to: stakingOutput(terms, params.network).address,
    satoshi: value,
  }));
  const [{ txid }] = (await node.fundMany(payments)) as [Funding];
  const transaction = parseTransaction(hex.decode(await node.rpc.getrawtransaction(txid)));
  return Promise.all(
    requests.map(async ({ terms, params, stakers }) => {
      let delegation = createDelegation(terms, params, transaction);
      for (const each of stakers) delegation = await signSlashings(delegation, partySigner(each));
      return delegation;
    }),
  );
}

/** The node's own addresses for all outputs of a stake. */
async function compareAddresses(node: RegtestNode, terms: StakeTerms, params: ProtocolParams): Promise<void> {
  const { network, unbondingTime } = params;
  const outputs: TaprootOutput<"timelock">[] = [
    stakingOutput(terms, network),
    unbondingOutput(terms, unbondingTime, network),
    slashingChangeOutput(terms.staker, unbondingTime, network),
  ];
  for (const { address, descriptor } of outputs) {
    const derived = await node.deriveAddress(descriptor);
    if (derived !== address) {
      const text = `the node must derive ${address} from ${descriptor}, not ${derived}`;
      throw new TapstakeError("unexpected-verdict", text, { expected: address, got: derived });
    }
  }
}

/** The delegation with everything that these committee members sign. */
export async function coSign(delegation: Delegation, members: readonly Party[]): Promise<Delegation> {
  let signed = delegation;
  const { params, expansion } = delegation;
  const options = {
    rules: ANY_RELEASE,
    ...(expansion && { previous: asInForce(expansion.params) }),
  } as const;
  for (const member of members) {
    // Each member checks and signs the same document; then the signatures of a quorum are combined.
    signed = addCovenantSignatures(
      signed,
      await signAsMember(delegation, memberSigner(member), asInForce(params), options),
    );
  }
  return signed;
}

/** On a private chain, the test chooses the parameters. */
const asInForce = (params: ProtocolParams): OwnParams => ({
  set: { name: "stage", network: params.network, versions: [params] },
  height: params.activationHeight,
});

/** Sends a transaction, burns included, and mines it before all others, whatever they pay; returns its txid. */
export async function sendAndMine(node: RegtestNode, transaction: Transaction): Promise<string> {
  const maxBurn = transaction.outs.reduce((sum, { value }) => sum + value, 0n);
  const txid = await node.send(transaction.toBuffer(), { maxBurn });
  await prefer(node.rpc, txid);
  await node.mine();
  return txid;
}

/**
 * The node's reason for refusing a transaction.
 * @throws TapstakeError `unexpected-verdict` if it accepts the transaction
 */
export async function refusal(node: RegtestNode, transaction: Transaction): Promise<string> {
  const { allowed, reason } = await node.accepts(transaction.toBuffer());
  if (allowed || reason === null) {
    throw new TapstakeError(
      "unexpected-verdict",
      `the node accepts ${transaction.getId()}, which it must refuse`,
    );
  }
  return reason;
}

/** What `withdrawal` takes. */
export interface WithdrawRequest {
  readonly delegation: Delegation;
  readonly from: Withdrawable;
  readonly coin: UnspentOutput;
  readonly stakers: readonly Party[];
  /** In sat/vB: the node's own `feeRate()` by default. */
  readonly feeRate?: Rate;
}

/** A signed withdrawal to the node's wallet. */
export async function withdrawal(
  node: RegtestNode,
  { delegation, from, coin, stakers, feeRate }: WithdrawRequest,
): Promise<Withdrawal & { readonly signed: Transaction }> {
  const { terms, params } = delegation;
  const destination = scriptOfAddress(await node.rpc.getnewaddress(), "regtest");
  const built = buildWithdrawal({
    terms,
    params,
    from,
    coin,
    destination,
    feeRate: feeRate ?? (await node.feeRate()),
  });
  const signatures = await Promise.all(stakers.map((each) => signLeaf(built, partySigner(each))));
  return { ...built, signed: finishSpend(built, signatures) };
}

/**
 * Mines until a coin is one block short of the age that its time lock asks for: the next block is the first
 * that could not yet hold the spend, and the one after it is the first that can (BIP-68).
 */
export async function mineToOneBlockEarly(
  node: RegtestNode,
  coin: UnspentOutput,
  timelock: number,
): Promise<void> {
  const [txid] = formatOutpoint(coin.outpoint).split(":") as [string];
  const { confirmations } = await node.rpc.gettransactioninfo(txid);
  // A coin has one confirmation in the block that holds it, and the spend would be in the next block.
  const missing = timelock - 1 - (confirmations ?? 0);
  if (missing < 0) throw new TapstakeError("wait-timeout", `the time lock of ${txid} has already run out`);
  if (missing > 0) await node.mine(missing);
}

/** The refund of a finished slashing transaction: its second output. */
export function refundCoin(slashing: Transaction): UnspentOutput {
  return { outpoint: outpointOf(slashing, 1), value: slashing.outs[1]!.value };
}
