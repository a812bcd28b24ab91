import { expect } from "vitest";
import type { RegtestNode } from "../../regtest/node.js";
import { refusal } from "../../regtest/stage.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { failure } from "./errors.js";

/** What bitcoind says when a script fails, in all its versions, within its reason. */
export const SCRIPT = {
  /** The last check counted wrong, or found no signature. */
  count: /false\/empty top stack element/,
  /** A check of one key before the last found no signature. */
  missing: /OP_CHECKSIGVERIFY/,
  /** A check of several keys before the last counted wrong. */
  countBefore: /OP_NUMEQUALVERIFY/,
  signature: /Invalid Schnorr signature(\)|$)/,
  size: /Invalid Schnorr signature size/,
  hashType: /Invalid Schnorr signature hash type/,
  slots: /Stack size must be exactly one/,
  stackLimit: /Stack size limit exceeded/,
  tree: /Witness program hash mismatch/,
  locktime: /Locktime requirement not satisfied/,
} as const;

/** That both the mempool and a block refuse a transaction because its script fails, for this reason. */
export async function expectScriptFailure(
  node: RegtestNode,
  transaction: Transaction,
  reason: RegExp,
  what = transaction.getId(),
): Promise<void> {
  const answer = await refusal(node, transaction);
  expect(answer, what).toMatch(/script-verify-flag-failed/);
  expect(answer, what).toMatch(reason);
  await expectBlockFailure(node, transaction, reason, what);
}

/** That consensus refuses a transaction because its script fails, for this reason. */
export async function expectBlockFailure(
  node: RegtestNode,
  transaction: Transaction,
  reason: RegExp,
  what = transaction.getId(),
): Promise<void> {
  const answer = await refusalOfBlock(node, transaction);
  // Bitcoin Core 28 checks the scripts of a block in parallel and does not tell which failed, or how.
  if (answer !== "block-validation-failed") expect(answer, what).toMatch(reason);
}

/** That a transaction's time lock has not run out, for the mempool and for a block. */
export async function expectTooEarly(node: RegtestNode, transaction: Transaction): Promise<void> {
  expect(await refusal(node, transaction)).toBe("non-BIP68-final");
  expect(await refusalOfBlock(node, transaction)).toMatch(/bad-txns-nonfinal/);
}

export async function expectAccepted(node: RegtestNode, transaction: Transaction): Promise<void> {
  expect(await node.accepts(transaction.toBuffer())).toMatchObject({ allowed: true, reason: null });
}

/** Why a block that holds the transaction is refused. */
async function refusalOfBlock(node: RegtestNode, transaction: Transaction): Promise<string> {
  const error = await failure(node.mineTransactions([transaction.toBuffer()]), "node-refused");
  return String(error.details["reason"]);
}
