import { base64 } from "@scure/base";
import * as v from "valibot";
import { expectedSequence } from "../babylon/errors.js";
import { type AnyMessage, assertInRelease, decodeMessage, TYPE_URLS } from "../babylon/messages.js";
import { encodeAuthInfo, encodeTxBody, encodeTxRaw, type TxBody, txHash } from "../babylon/transaction.js";
import { max } from "../core/amount.js";
import { assertInteger, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Release } from "../params/rules.js";
import { broadcast } from "./broadcast.js";
import { FEE_DENOM, feeFor, gasLimitFor, lostRefund } from "./fee.js";
import { u64 } from "./forms.js";
import { type Clock, refusal, type Server } from "./lcd.js";
import { account, type ChainEvent, checkNode, checkRpc, latestHeight } from "./node.js";
import { accountOf, type DirectSigner, type Signed, signed, type SigningAccount } from "./signer.js";
import { awaitBlock } from "./wait.js";

/** The limits of a transaction that `send` makes. */
export interface SendOptions {
  /** The most that a transaction may cost, in ubbn. */
  readonly feeLimit: bigint;
  /** How many blocks the transaction has to be in one: 60 by default. Then it is dead for sure. */
  readonly timeoutBlocks?: number;
  /** A note that all can read. */
  readonly memo?: string;
  /** Sends messages with and without a refund in one transaction, though the refund is lost. */
  readonly mixRefunds?: boolean;
  /** Called with what identifies the transaction, after it is signed and before a node gets it. */
  readonly onSigned?: (transaction: SignedTransaction) => void;
}

/** By what a transaction is found, and from when on no block can have it any more. */
export interface SignedTransaction {
  /** Upper-case hexadecimal. */
  readonly txhash: string;
  readonly sequence: bigint;
  /** The last height of the chain that can have it. */
  readonly timeoutHeight: bigint;
}

/** A transaction that is in a block and succeeded. */
export interface SentTransaction {
  /** Upper-case hexadecimal. */
  readonly txhash: string;
  readonly height: bigint;
  readonly gasUsed: bigint;
  /** What was paid, in ubbn; the chain gives it back where all messages have a refund. */
  readonly fee: bigint;
  readonly events: readonly ChainEvent[];
  /** What went another way than asked for, or costs more than it needs to. */
  readonly warnings: readonly SendWarning[];
}

/** What a sender should know of a transaction that was sent all the same. */
export interface SendWarning {
  readonly code: "refund-lost" | "memo-changed";
  readonly message: string;
}

/** Where transactions go, and how to wait for them. */
export interface Sending {
  readonly lcd: Server;
  readonly rpc?: Server | undefined;
  readonly chainId: string;
  readonly release: Release;
  readonly clock: Clock;
  /** In milliseconds. */
  readonly pollInterval: number;
}

const TIMEOUT_BLOCKS = 60;
/** How often the same bytes are handed in where the answer leaves open whether the node took them. */
const BROADCASTS = 3;

/** What is signed, but for the sequence and the last height. */
interface Plan {
  readonly messages: readonly AnyMessage[];
  readonly account: SigningAccount;
  readonly accountNumber: bigint;
  readonly memo: string;
  readonly feeLimit: bigint;
  readonly timeoutBlocks: bigint;
  readonly onSigned: SendOptions["onSigned"];
}

/**
 * Simulates, signs and sends messages as one transaction, and waits until it is in a block. One at a time for each
 * account: see {@link inTurn}.
 * @throws TapstakeError before anything is signed: `invalid-argument`, `refund-lost`, `account-mismatch`, `wrong-chain`,
 * `node-catching-up`, `account-not-found`, `gas-above-limit`, `fee-above-limit`, `chain-refused`, and the codes of a
 * server; by the signer, `signer-failed`, `transaction-changed`, `invalid-signature`; after it, `chain-refused`,
 * `transaction-expired`, `outcome-unknown`
 */
export async function send(
  sending: Sending,
  messages: readonly AnyMessage[],
  signer: DirectSigner,
  by: SigningAccount,
  options: SendOptions,
): Promise<SentTransaction> {
  const { lcd, rpc, chainId } = sending;
  await checkNode(lcd, chainId);
  if (rpc) await checkRpc(rpc, chainId);
  const found = await account(lcd, by.address);
  if (!found) {
    const text = `${by.address} does not exist on ${chainId}: it never received a coin`;
    throw new TapstakeError("account-not-found", text, { address: by.address });
  }
  const plan: Plan = {
    messages,
    account: by,
    accountNumber: found.accountNumber,
    memo: options.memo ?? "",
    feeLimit: options.feeLimit,
    timeoutBlocks: BigInt(options.timeoutBlocks ?? TIMEOUT_BLOCKS),
    onSigned: options.onSigned,
  };
  const lost = lostRefund(messages);
  const refundWarning: readonly SendWarning[] =
    lost === undefined ? [] : [{ code: "refund-lost", message: lost }];

  const { gasUsed, sequence } = await simulated(sending, plan, found.sequence);
  const gasLimit = gasLimitFor(gasUsed);
  const fee = feeFor(gasLimit, plan.feeLimit);
  // The chain's own count decides, once: a second disagreement is another sender's.
  const mayFollow = sequence === found.sequence;
  const sent = await handIn(sending, plan, signer, { sequence, gasLimit, fee, mayFollow });
  const mined = await awaitBlock(sending, { ...sent, address: by.address });
  if (mined.code !== 0) {
    const { codespace, code, log, height } = mined;
    const said = { codespace, code, log, release: sending.release };
    const about = { txhash: sent.txhash, height, gasUsed: mined.gasUsed, fee: sent.fee };
    throw refusal(said, about, messageIndexOf(log));
  }
  const isChanged = sent.memo !== plan.memo;
  return {
    txhash: sent.txhash,
    height: mined.height,
    gasUsed: mined.gasUsed,
    fee: sent.fee,
    events: mined.events,
    warnings: [
      ...refundWarning,
      ...(isChanged ? [{ code: "memo-changed" as const, message: "the wallet changed the memo" }] : []),
    ],
  };
}

/**
 * Checks what {@link send} is given, without asking a server.
 * @throws TapstakeError `invalid-argument`, `invalid-number`, `not-in-release`, `invalid-message`, `refund-lost`, and
 * the codes of `accountOf`
 */
export async function checkedSend(
  messages: readonly AnyMessage[],
  signer: DirectSigner,
  release: Release,
  { feeLimit, timeoutBlocks = TIMEOUT_BLOCKS, memo = "", mixRefunds = false }: SendOptions,
): Promise<SigningAccount> {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new TapstakeError("invalid-argument", "messages must be a list with at least one message");
  }
  u64be(feeLimit, "feeLimit");
  assertInteger(timeoutBlocks, "timeoutBlocks", 1, 100_000);
  // Counted as the chain counts them (`max_memo_characters`): a longer one fails in the simulation too.
  if (typeof memo !== "string" || memo.length > 256) {
    throw new TapstakeError("invalid-argument", "memo must be text of at most 256 characters");
  }
  for (const message of messages) assertKnown(message, release);
  const lost = lostRefund(messages);
  if (lost !== undefined && !mixRefunds) throw new TapstakeError("refund-lost", lost);
  return accountOf(signer, messages);
}

/** Messages of other modules of the chain are sent as they are. */
function assertKnown(message: AnyMessage, release: Release): void {
  const { typeUrl } = message;
  if ((Object.values(TYPE_URLS) as readonly string[]).includes(typeUrl)) {
    const named = decodeMessage(message);
    assertInRelease(release, named.name, named.message);
  } else if (OWN_MODULES.test(typeUrl)) {
    const text = `release ${release} of the chain does not know ${typeUrl}`;
    throw new TapstakeError("not-in-release", text, { release, unknown: typeUrl, releases: [] });
  }
}

/** The modules whose messages tapstake has all of. */
const OWN_MODULES = /^\/babylon\.(?:btcstaking|finality|btclightclient|btccheckpoint)\./;

const lines = new Map<string, Promise<unknown>>();

/** One sender for each account: what is called later waits for what was called before, however that ended. */
export function inTurn<T>(name: string, run: () => Promise<T>): Promise<T> {
  const before = lines.get(name) ?? Promise.resolve();
  const turn = before.then(run, run);
  lines.set(name, turn);
  const leave = () => {
    if (lines.get(name) === turn) lines.delete(name);
  };
  turn.then(leave, leave);
  return turn;
}

/** The gas that the messages use, with the sequence that the chain expects. */
async function simulated({ lcd }: Sending, plan: Plan, sequence: bigint) {
  const simulate = async (by: bigint) => {
    const body = encodeTxBody(bodyOf(plan, 0n));
    const authInfo = authInfoOf(plan, by, 0n, 0n);
    const raw = encodeTxRaw({ bodyBytes: body, authInfoBytes: authInfo, signatures: [new Uint8Array()] });
    const path = "cosmos/tx/v1beta1/simulate";
    const answer = await lcd.post(
      path,
      { tx_bytes: base64.encode(raw) },
      v.object({ gas_info: v.object({ gas_used: u64 }) }),
    );
    return { gasUsed: answer.gas_info.gas_used, sequence: by };
  };
  try {
    return await simulate(sequence);
  } catch (error) {
    const expected =
      error instanceof TapstakeError ? expectedSequence(String(error.details["log"])) : undefined;
    if (expected === undefined) throw error;
    return simulate(expected);
  }
}

interface HandedIn extends Signed {
  readonly txhash: string;
  readonly sequence: bigint;
  readonly timeoutHeight: bigint;
  /** Why it is open whether a node took it. */
  readonly doubt?: TapstakeError;
}

/** Signs and hands in; where the chain expects another sequence, once more with that one. */
async function handIn(
  sending: Sending,
  plan: Plan,
  signer: DirectSigner,
  how: { sequence: bigint; gasLimit: bigint; fee: bigint; mayFollow: boolean },
): Promise<HandedIn> {
  const { lcd, rpc, chainId, clock, release } = sending;
  const { account: by, accountNumber, feeLimit } = plan;
  const { sequence, gasLimit, fee } = how;
  // The node that gets the transaction can be ahead of the one that is asked.
  const heights = [await latestHeight(lcd), rpc ? await checkRpc(rpc, chainId) : 0n];
  const timeoutHeight = max(...(heights as [bigint, bigint])) + plan.timeoutBlocks;
  const body = bodyOf(plan, timeoutHeight);
  const authInfoBytes = authInfoOf(plan, sequence, gasLimit, fee);
  const doc = { bodyBytes: encodeTxBody(body), authInfoBytes, chainId, accountNumber };
  const made = await signed(signer, { account: by, doc, body, sequence, feeLimit, gasLimit });
  const sent = { ...made, txhash: txHash(made.raw), sequence, timeoutHeight };
  plan.onSigned?.({ txhash: sent.txhash, sequence, timeoutHeight });
  for (let attempt = 1; ; attempt++) {
    const verdict = await broadcast(sending, made.raw, sent.txhash);
    if (verdict.kind === "taken") return sent;
    if (verdict.kind === "unclear") {
      if (attempt === BROADCASTS) return { ...sent, doubt: verdict.error };
      await clock.sleep(sending.pollInterval);
      continue;
    }
    // After a doubt, a refusal can be of the second copy: the first may be in the mempool.
    if (attempt > 1) return { ...sent, doubt: refusal({ ...verdict, release }, { txhash: sent.txhash }) };
    const expected = expectedSequence(verdict.log);
    if (expected !== undefined && how.mayFollow) {
      return handIn(sending, plan, signer, { ...how, sequence: expected, mayFollow: false });
    }
    throw refusal({ ...verdict, release }, { txhash: sent.txhash });
  }
}

const bodyOf = ({ messages, memo }: Plan, timeoutHeight: bigint): TxBody => ({
  messages,
  memo,
  timeoutHeight,
});

function authInfoOf({ account: { publicKey } }: Plan, sequence: bigint, gasLimit: bigint, fee: bigint) {
  const amount = [{ denom: FEE_DENOM, amount: fee || 1n }];
  return encodeAuthInfo({
    signers: [{ publicKey, sequence }],
    fee: { amount, gasLimit, payer: "", granter: "" },
  });
}

function messageIndexOf(log: string): number | undefined {
  const index = /message index: (\d{1,9}):/.exec(log)?.[1];
  return index === undefined ? undefined : Number(index);
}
