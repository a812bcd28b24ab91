import { bech32 } from "@scure/base";
import { assertBytes, hex } from "../core/bytes.js";
import { curve } from "../core/curve/index.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { hash160, sha256 } from "../core/hashes.js";
import { assertSecretKey } from "../core/keys.js";
import { decodeProtobuf, encodeProtobuf, type Schema } from "../core/protobuf.js";
import { show } from "../core/text.js";
import type { AnyMessage } from "./messages.js";

/** What a transaction of the chain does, and until which height it may be in a block. */
export interface TxBody {
  readonly messages: readonly AnyMessage[];
  readonly memo: string;
  /** The last height that may hold the transaction; 0 for no limit. */
  readonly timeoutHeight: bigint;
}

/** An amount of one of the chain's coins. */
export interface ChainCoin {
  /** `ubbn` is a millionth of a BABY. */
  readonly denom: string;
  readonly amount: bigint;
}

/** The fee of a transaction: coins, and the most gas that it may use. */
export interface TxFee {
  readonly amount: readonly ChainCoin[];
  readonly gasLimit: bigint;
  /** The account that pays; empty for the signer. */
  readonly payer: string;
  /** The account whose fee grant pays; empty for none. */
  readonly granter: string;
}

/** Who signs, by which key (33 bytes), and with which sequence of the account. */
export interface TxSigner {
  readonly publicKey: Uint8Array;
  readonly sequence: bigint;
}

/** Who signs a transaction, and what it pays. */
export interface AuthInfo {
  readonly signers: readonly TxSigner[];
  readonly fee: TxFee;
}

/** What a signer signs in the mode SIGN_MODE_DIRECT. */
export interface SignDoc {
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly chainId: string;
  readonly accountNumber: bigint;
}

/** A signed transaction, as a node takes it. */
export interface TxRaw {
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly signatures: readonly Uint8Array[];
}

/** How the chain names a key of 33 bytes in a transaction. */
export const PUBLIC_KEY_TYPE_URL = "/cosmos.crypto.secp256k1.PubKey";

/**
 * The bytes of a transaction's messages and its last height.
 * @throws TapstakeError `invalid-message`, `invalid-number`
 */
export function encodeTxBody({ messages, memo, timeoutHeight }: TxBody): Uint8Array {
  return encodeProtobuf(TX_SCHEMA, "TxBody", { messages, memo, timeoutHeight });
}

/**
 * The inverse of {@link encodeTxBody}. Refused are extension options and every other field that it does not know: they
 * can change what the transaction does.
 * @throws TapstakeError `invalid-message`
 */
export const decodeTxBody = (bytes: Uint8Array): TxBody => decode<TxBody>("TxBody", bytes);

/**
 * The bytes of who signs and what is paid.
 * @throws TapstakeError `invalid-message`, `invalid-bytes`, `invalid-number`
 */
export function encodeAuthInfo({ signers, fee }: AuthInfo): Uint8Array {
  const signerInfos = signers.map(({ publicKey, sequence }) => ({
    publicKey: {
      typeUrl: PUBLIC_KEY_TYPE_URL,
      value: encodeProtobuf(TX_SCHEMA, "PubKey", { key: publicKey }),
    },
    modeInfo: { single: { mode: DIRECT } },
    sequence,
  }));
  const amount = fee.amount.map(({ denom, amount: value }) => ({ denom, amount: `${value}` }));
  return encodeProtobuf(TX_SCHEMA, "AuthInfo", { signerInfos, fee: { ...fee, amount } });
}

/**
 * The inverse of {@link encodeAuthInfo}: signers with keys of secp256k1, in the mode SIGN_MODE_DIRECT.
 * @throws TapstakeError `invalid-message`
 */
export function decodeAuthInfo(bytes: Uint8Array): AuthInfo {
  const { signerInfos, fee } = decode<WireAuthInfo>("AuthInfo", bytes);
  const signers = signerInfos.map(({ publicKey, modeInfo, sequence }, i): TxSigner => {
    const path = `AuthInfo.signerInfos[${i}]`;
    if (publicKey.typeUrl !== PUBLIC_KEY_TYPE_URL) {
      throw invalid(`${path} must have a key of secp256k1, not ${show(publicKey.typeUrl)}`);
    }
    if (modeInfo.single?.mode !== DIRECT) throw invalid(`${path} must have the mode SIGN_MODE_DIRECT`);
    return { publicKey: decode<{ key: Uint8Array }>("PubKey", publicKey.value).key, sequence };
  });
  const amount = fee.amount.map(({ denom, amount: text }, i): ChainCoin => {
    if (/^(0|[1-9]\d{0,38})$/.test(text)) return { denom, amount: BigInt(text) };
    throw invalid(`AuthInfo.fee.amount[${i}] must be a whole number, not ${show(text)}`);
  });
  return { signers, fee: { ...fee, amount } };
}

/**
 * The bytes that a signature is over, before SHA-256.
 * @throws TapstakeError `invalid-message`, `invalid-bytes`, `invalid-number`
 */
export const encodeSignDoc = (doc: SignDoc): Uint8Array => encodeProtobuf(TX_SCHEMA, "SignDoc", doc);

/**
 * The bytes of a signed transaction, as nodes take them.
 * @throws TapstakeError `invalid-message`, `invalid-bytes`
 */
export const encodeTxRaw = (transaction: TxRaw): Uint8Array =>
  encodeProtobuf(TX_SCHEMA, "TxRaw", transaction);

/**
 * A transaction from its bytes.
 * @throws TapstakeError `invalid-message`
 */
export const decodeTxRaw = (bytes: Uint8Array): TxRaw => decode<TxRaw>("TxRaw", bytes);

/** The name of a transaction: SHA-256 of its bytes, in upper-case hexadecimal. */
export const txHash = (raw: Uint8Array): string => hex.encode(sha256(raw)).toUpperCase();

/**
 * A key's signature of a transaction: ECDSA with a low s over SHA-256 of the SignDoc, r ‖ s, verified before it is
 * returned.
 * @param secretKey 32 bytes
 * @throws TapstakeError `invalid-secret-key`, `self-check-failed`, and as {@link encodeSignDoc}
 */
export function signDoc(secretKey: Uint8Array, doc: SignDoc): Uint8Array {
  assertSecretKey(secretKey);
  const { signature } = curve.signEcdsa(sha256(encodeSignDoc(doc)), secretKey);
  if (verifySignDoc(curve.pointFromScalar(secretKey)!, doc, signature)) return signature;
  throw new TapstakeError("self-check-failed", "the signature of the transaction does not verify");
}

/**
 * Whether a key of 33 bytes signed a transaction. A high s is refused, as the chain does.
 * @throws TapstakeError as {@link encodeSignDoc}
 */
export const verifySignDoc = (publicKey: Uint8Array, doc: SignDoc, signature: Uint8Array): boolean =>
  curve.verifyEcdsa(sha256(encodeSignDoc(doc)), publicKey, signature);

/**
 * The account of a key, in bech32: RIPEMD-160 of SHA-256 of its 33 bytes.
 * @throws TapstakeError `invalid-public-key`
 */
export function accountOfKey(publicKey: Uint8Array, prefix = "bbn"): string {
  if (!curve.isPoint(publicKey)) {
    const got = describeType(publicKey);
    throw new TapstakeError(
      "invalid-public-key",
      `public key must be a compressed key of 33 bytes, not ${got}`,
    );
  }
  return bech32.encode(prefix, bech32.toWords(hash160(publicKey)));
}

const DIRECT = 1;

/** The envelope of every transaction (cosmos-sdk, proto/cosmos/tx/v1beta1/tx.proto), as far as the chain uses it. */
const TX_SCHEMA = {
  TxBody: {
    messages: { id: 1, type: "Any", repeated: true },
    memo: { id: 2, type: "string" },
    timeoutHeight: { id: 3, type: "uint64" },
  },
  AuthInfo: {
    signerInfos: { id: 1, type: "SignerInfo", repeated: true },
    fee: { id: 2, type: "Fee" },
  },
  SignerInfo: {
    publicKey: { id: 1, type: "Any" },
    modeInfo: { id: 2, type: "ModeInfo" },
    sequence: { id: 3, type: "uint64" },
  },
  ModeInfo: { single: { id: 1, type: "Single", optional: true } },
  Single: { mode: { id: 1, type: "uint32" } },
  Fee: {
    amount: { id: 1, type: "Coin", repeated: true },
    gasLimit: { id: 2, type: "uint64" },
    payer: { id: 3, type: "string" },
    granter: { id: 4, type: "string" },
  },
  Coin: { denom: { id: 1, type: "string" }, amount: { id: 2, type: "string" } },
  Any: { typeUrl: { id: 1, type: "string" }, value: { id: 2, type: "bytes" } },
  PubKey: { key: { id: 1, type: "bytes", length: 33 } },
  SignDoc: {
    bodyBytes: { id: 1, type: "bytes" },
    authInfoBytes: { id: 2, type: "bytes" },
    chainId: { id: 3, type: "string" },
    accountNumber: { id: 4, type: "uint64" },
  },
  TxRaw: {
    bodyBytes: { id: 1, type: "bytes" },
    authInfoBytes: { id: 2, type: "bytes" },
    signatures: { id: 3, type: "bytes", repeated: true },
  },
} as const satisfies Schema;

interface WireAuthInfo {
  readonly signerInfos: readonly {
    readonly publicKey: AnyMessage;
    readonly modeInfo: { readonly single?: { readonly mode: number } };
    readonly sequence: bigint;
  }[];
  readonly fee: Omit<TxFee, "amount"> & {
    readonly amount: readonly { readonly denom: string; readonly amount: string }[];
  };
}

function decode<T>(name: keyof typeof TX_SCHEMA, bytes: Uint8Array): T {
  assertBytes(bytes, name);
  return decodeProtobuf(TX_SCHEMA, name, bytes, "refuse") as T;
}

const invalid = (text: string) => new TapstakeError("invalid-message", text);
