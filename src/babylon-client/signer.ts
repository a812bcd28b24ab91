import { base64 } from "@scure/base";
import type { AnyMessage } from "../babylon/messages.js";
import { account as addressOf } from "../babylon/pop.js";
import {
  accountOfKey,
  type AuthInfo,
  decodeAuthInfo,
  decodeTxBody,
  encodeTxRaw,
  type SignDoc,
  signDoc,
  type TxBody,
  verifySignDoc,
} from "../babylon/transaction.js";

import { equalBytes, isBytes } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { TapstakeError } from "../core/errors.js";
import { hash160 } from "../core/hashes.js";
import { assertSecretKey } from "../core/keys.js";
import { FEE_DENOM } from "./fee.js";

/**
 * A signer of transactions, by its shape: cosmjs's `OfflineDirectSigner`, which Keplr and Leap give too, or
 * {@link accountSigner}.
 */
export interface DirectSigner {
  getAccounts(): Promise<readonly { readonly address: string; readonly pubkey: Uint8Array }[]>;
  signDirect(address: string, doc: SignDoc): Promise<DirectAnswer>;
}

/** What a signer answers: what it signed, which can differ from what it was asked for, and the signature. */
export interface DirectAnswer {
  readonly signed: {
    readonly bodyBytes: Uint8Array;
    readonly authInfoBytes: Uint8Array;
    readonly chainId: string;
    /** Wallets give a bigint, a number or an object for it, each with its digits as text. */
    readonly accountNumber: unknown;
  };
  readonly signature: {
    /** r ‖ s in base64. */
    readonly signature: string;
  };
}

/** An account that signs, with its key of 33 bytes. */
export interface SigningAccount {
  readonly address: string;
  readonly publicKey: Uint8Array;
}

/** A signer with a key in memory, which can be wiped. */
export interface AccountSigner extends DirectSigner {
  readonly address: string;
  /** Overwrites the key; the signer refuses from then on. */
  wipe(): void;
}

/**
 * A signer for the account of a secret key. It keeps a copy of the key until {@link AccountSigner.wipe}; the key never
 * leaves it, and the caller can overwrite its own.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-secret-key`
 */
export function accountSigner(secretKey: Uint8Array, prefix = "bbn"): AccountSigner {
  assertSecretKey(secretKey);
  const key = Uint8Array.from(secretKey);
  const publicKey = curve.pointFromScalar(key)!;
  const address = accountOfKey(publicKey, prefix);
  return {
    address,
    getAccounts: async () => [{ address, pubkey: publicKey.slice() }],
    async signDirect(asked, doc) {
      if (asked !== address) throw mismatch(`the signer is of ${address}, not of ${asked}`);
      return { signed: doc, signature: { signature: base64.encode(signDoc(key, doc)) } };
    },
    wipe: () => void key.fill(0),
  };
}

/**
 * The account of a signer that the messages name as theirs.
 * @throws TapstakeError `account-mismatch` when the signer does not have it; `invalid-message`, `signer-failed`
 */
export async function accountOf(
  signer: DirectSigner,
  messages: readonly AnyMessage[],
): Promise<SigningAccount> {
  const names = new Set(messages.map((message, i) => signerOf(message, `messages[${i}]`)));
  const [name] = names;
  if (names.size !== 1) throw mismatch(`the messages are of ${names.size} accounts, and need one`);
  const accounts = await attempt(() => signer.getAccounts());
  const account = accounts.find(({ address }) => address === name);
  if (!account) throw mismatch(`the messages are of ${name}, which the signer does not have`);
  // The bytes of another realm (an extension's, an iframe's) are no Uint8Array here.
  const publicKey = Uint8Array.from(account.pubkey);
  if (!isBytes(publicKey, 33) || !equalBytes(hash160(publicKey), addressOf(name!).bytes)) {
    throw mismatch(`the signer's key is not the key of ${name}`);
  }
  return { address: name!, publicKey };
}

/** What a signer is asked to sign, and the limits of what it may change. */
export interface Asked {
  readonly account: SigningAccount;
  readonly doc: SignDoc;
  readonly body: TxBody;
  readonly sequence: bigint;
  /** In ubbn. */
  readonly feeLimit: bigint;
  readonly gasLimit: bigint;
}

/** A signed transaction, as the signer made it. */
export interface Signed {
  readonly raw: Uint8Array;
  /** In ubbn. */
  readonly fee: bigint;
  readonly memo: string;
}

/**
 * Asks a signer, and takes what it signed where it changed no more than the memo, the fee and the gas within their
 * limits.
 * @throws TapstakeError `transaction-changed`, `fee-above-limit`, `invalid-signature`, `signer-failed`
 */
export async function signed(signer: DirectSigner, asked: Asked): Promise<Signed> {
  const { account, doc } = asked;
  const answer = await attempt(() => signer.signDirect(account.address, doc));
  const given = readAnswer(answer);
  same("chainId", given.doc.chainId === doc.chainId);
  same("accountNumber", given.accountNumber === `${doc.accountNumber}`);
  const body = read("bodyBytes", () => decodeTxBody(given.doc.bodyBytes));
  const { signers, fee } = read("authInfoBytes", () => decodeAuthInfo(given.doc.authInfoBytes));
  same("messages", sameMessages(body.messages, asked.body.messages));
  same("timeoutHeight", body.timeoutHeight === asked.body.timeoutHeight);
  same("signers", signers.length === 1 && equalBytes(signers[0]!.publicKey, account.publicKey));
  same("sequence", signers[0]!.sequence === asked.sequence);
  const paid = feeWithin(fee, asked);
  const chosen = { ...given.doc, accountNumber: doc.accountNumber };
  if (!verifySignDoc(account.publicKey, chosen, given.signature)) {
    throw new TapstakeError("invalid-signature", `the signer of ${account.address} gave no valid signature`);
  }
  const { bodyBytes, authInfoBytes } = given.doc;
  const raw = encodeTxRaw({ bodyBytes, authInfoBytes, signatures: [given.signature] });
  return { raw, fee: paid, memo: body.memo };
}

function feeWithin(fee: AuthInfo["fee"], { account, feeLimit, gasLimit }: Asked): bigint {
  same("fee.payer", fee.payer === "" || fee.payer === account.address);
  same("fee.granter", fee.granter === "");
  same("fee.amount", fee.amount.length === 1 && fee.amount[0]!.denom === FEE_DENOM);
  same("fee.gasLimit", fee.gasLimit > 0n && fee.gasLimit <= gasLimit);
  const { amount } = fee.amount[0]!;
  if (amount <= feeLimit) return amount;
  const text = `the wallet set a fee of ${amount} ${FEE_DENOM}, above the limit of ${feeLimit}`;
  throw new TapstakeError("fee-above-limit", text, { fee: amount, feeLimit });
}

function readAnswer(answer: DirectAnswer) {
  return read("answer", () => {
    const { signed: given, signature } = answer;
    return {
      doc: {
        bodyBytes: Uint8Array.from(given.bodyBytes),
        authInfoBytes: Uint8Array.from(given.authInfoBytes),
        chainId: given.chainId,
      },
      accountNumber: `${given.accountNumber as bigint}`,
      signature: base64.decode(signature.signature),
    };
  });
}

function sameMessages(a: readonly AnyMessage[], b: readonly AnyMessage[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ typeUrl, value }, i) => typeUrl === b[i]!.typeUrl && equalBytes(value, b[i]!.value))
  );
}

function same(field: string, isSame: boolean): void {
  if (isSame) return;
  throw new TapstakeError("transaction-changed", `the wallet changed ${field} of the transaction`, { field });
}

/** What a wallet gives is anything: what cannot be read is not what it was asked to sign. */
function read<T>(field: string, reader: () => T): T {
  try {
    return reader();
  } catch (cause) {
    const text = `the wallet's ${field} cannot be read`;
    throw new TapstakeError("transaction-changed", text, { field }, { cause });
  }
}

async function attempt<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof TapstakeError) throw cause;
    throw new TapstakeError("signer-failed", "the account's signer failed or declined", {}, { cause });
  }
}

/** The account in a message: the first field of all that the chain has. */
function signerOf({ value }: AnyMessage, name: string): string {
  const [tag, length = 0] = value;
  if (tag === 0x0a && length > 0 && length < 0x80 && value.length >= 2 + length) {
    return new TextDecoder().decode(value.subarray(2, 2 + length));
  }
  throw new TapstakeError("invalid-message", `${name}: the message must begin with its account`);
}

const mismatch = (text: string) => new TapstakeError("account-mismatch", text);
