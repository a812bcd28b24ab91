import { base64 } from "@scure/base";
import {
  type AccountSigner,
  encodeAuthInfo,
  encodeTxBody,
  encodeTxRaw,
  type SignDoc,
  txHash,
} from "../../src/babylon-client/index.js";
import type { AnyMessage } from "../../src/babylon/messages.js";
import { insertHeadersMessage } from "../../src/babylon/reports.js";
import { waitFor } from "../../regtest/wait.js";
import { CHAIN_ID } from "./node.js";
import { headerAt } from "./facts.js";
import { encoded, named, type World } from "./world.js";

/** How a transaction is wrong. */
interface Wrong {
  readonly sequence?: bigint;
  readonly fee?: bigint;
  readonly gasLimit?: bigint;
  readonly timeoutHeight?: bigint;
  readonly chainId?: string;
}

/** Hands in what no node takes, and records what it answers; each with its code of the SDK. */
export async function recordBroadcasts(world: World, signer: AccountSigner) {
  const wrong: Readonly<Record<string, readonly [number, Wrong]>> = {
    "wrong sequence": [32, { sequence: 7n }],
    "fee too low": [13, { fee: 1n }],
    "gas above the node's limit": [11, { gasLimit: 20_000_000n, fee: 40_000n }],
    "timeout height passed": [30, { timeoutHeight: 1n }],
    "signed for another chain": [4, { chainId: "bbn-1" }],
    "more than the account has": [5, { fee: 10n ** 15n }],
  };
  const got: Record<string, string> = {};
  for (const [name, [, how]] of Object.entries(wrong)) {
    const { codespace, code } = await world.record.broadcast(name, await transaction(world, signer, how));
    got[name] = `${codespace} ${code}`;
  }
  const expected = Object.fromEntries(Object.entries(wrong).map(([name, [code]]) => [name, `sdk ${code}`]));
  const right = await transaction(world, signer, {});
  await world.record.broadcast("taken", right);
  await world.record.broadcast("handed in twice", right);
  // It changes the light client, which the next step looks at.
  await waitFor(async () => await world.chain.transaction(txHash(right)), {
    what: "the transaction to be in a block",
  });
  return { got, expected };
}

async function transaction(world: World, signer: AccountSigner, how: Wrong): Promise<Uint8Array> {
  const headers = [await headerAt(world.bitcoin.rpc, 1)];
  const message = named("MsgInsertHeaders", insertHeadersMessage(headers, signer.address));
  return signedTransaction(world, signer, encoded(message), how);
}

/** A transaction as it is handed in, with one message. */
export async function signedTransaction(
  { chain }: World,
  signer: AccountSigner,
  message: AnyMessage,
  { sequence, fee = 2_000n, gasLimit = 1_000_000n, timeoutHeight = 0n, chainId = CHAIN_ID }: Wrong = {},
): Promise<Uint8Array> {
  const found = (await chain.account(signer.address))!;
  const publicKey = (await signer.getAccounts())[0]!.pubkey;
  const doc: SignDoc = {
    bodyBytes: encodeTxBody({ messages: [message], memo: "", timeoutHeight }),
    authInfoBytes: encodeAuthInfo({
      signers: [{ publicKey, sequence: sequence ?? found.sequence }],
      fee: { amount: [{ denom: "ubbn", amount: fee }], gasLimit, payer: "", granter: "" },
    }),
    chainId,
    accountNumber: found.accountNumber,
  };
  const { signature } = await signer.signDirect(signer.address, doc);
  const { bodyBytes, authInfoBytes } = doc;
  return encodeTxRaw({ bodyBytes, authInfoBytes, signatures: [base64.decode(signature.signature)] });
}
