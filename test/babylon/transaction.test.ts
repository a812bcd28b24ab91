import { base64 } from "@scure/base";
import {
  DirectSecp256k1Wallet,
  makeAuthInfoBytes,
  makeSignBytes,
  makeSignDoc,
  Registry,
} from "@cosmjs/proto-signing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessage, TYPE_URLS } from "../../src/babylon/messages.js";
import {
  accountOfKey,
  decodeAuthInfo,
  decodeTxBody,
  decodeTxRaw,
  encodeAuthInfo,
  encodeSignDoc,
  encodeTxBody,
  encodeTxRaw,
  PUBLIC_KEY_TYPE_URL,
  type SignDoc,
  signDoc,
  txHash,
  verifySignDoc,
} from "../../src/babylon/transaction.js";
import { concatBytes, hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { TapstakeError } from "../../src/core/errors.js";
import { scalar } from "../../src/core/scalar.js";
import { readVectors } from "../support/vectors.js";

interface Recorded {
  readonly hash: string;
  readonly tx: string;
  readonly accountNumber: string;
  readonly sequence: string;
}
const { chainId, txs } = JSON.parse(readVectors("chain/devnet-transactions.json")) as {
  readonly chainId: string;
  readonly txs: readonly Recorded[];
};

const secretKey = new Uint8Array(32).fill(7);
const publicKey = curve.pointFromScalar(secretKey)!;
const message = encodeMessage("MsgSelectiveSlashingEvidence", {
  signer: accountOfKey(publicKey),
  recoveredFpBtcSk: new Uint8Array(32).fill(9),
});
const fee = { amount: [{ denom: "ubbn", amount: 319n }], gasLimit: 159_082n, payer: "", granter: "" };

describe("a transaction of the chain", () => {
  it.each(txs)("$hash verifies, and is written again byte for byte", ({ hash, tx, ...recorded }) => {
    const bytes = base64.decode(tx);
    const raw = decodeTxRaw(bytes);
    const body = decodeTxBody(raw.bodyBytes);
    const authInfo = decodeAuthInfo(raw.authInfoBytes);
    expect(encodeTxBody(body)).toEqual(raw.bodyBytes);
    expect(encodeAuthInfo(authInfo)).toEqual(raw.authInfoBytes);
    expect(encodeTxRaw(raw)).toEqual(bytes);
    expect(txHash(bytes)).toBe(hash);
    expect(authInfo.signers.map(({ sequence }) => sequence)).toEqual([BigInt(recorded.sequence)]);
    const doc: SignDoc = { ...raw, chainId, accountNumber: BigInt(recorded.accountNumber) };
    const key = authInfo.signers[0]!.publicKey;
    expect(verifySignDoc(key, doc, raw.signatures[0]!)).toBe(true);
    expect(verifySignDoc(key, { ...doc, chainId: "bbn-1" }, raw.signatures[0]!)).toBe(false);
    expect(verifySignDoc(key, { ...doc, accountNumber: doc.accountNumber + 1n }, raw.signatures[0]!)).toBe(
      false,
    );
  });

  it("names the account of a recorded signer", () => {
    const raw = decodeTxRaw(base64.decode(txs[0]!.tx));
    const { messages } = decodeTxBody(raw.bodyBytes);
    const account = accountOfKey(decodeAuthInfo(raw.authInfoBytes).signers[0]!.publicKey);
    expect(new TextDecoder().decode(messages[0]!.value)).toContain(account);
  });

  it("refuses a signature with a high s, as the chain does", () => {
    const doc: SignDoc = {
      bodyBytes: Uint8Array.of(1),
      authInfoBytes: Uint8Array.of(2),
      chainId,
      accountNumber: 1n,
    };
    const signature = signDoc(secretKey, doc);
    const high = scalar.toBytes(scalar.negate(scalar.reduce(signature.slice(32))));
    expect(verifySignDoc(publicKey, doc, signature)).toBe(true);
    expect(verifySignDoc(publicKey, doc, concatBytes(signature.slice(0, 32), high))).toBe(false);
  });

  it.each([
    ["a field that it does not know", () => decodeTxBody(hex.decode("fa3f00"))],
    ["another kind of key", () => decodeAuthInfo(authInfoBy("/cosmos.crypto.ed25519.PubKey", 1))],
    ["another mode of signing", () => decodeAuthInfo(authInfoBy(PUBLIC_KEY_TYPE_URL, 127))],
    ["a fee that is no whole number", () => decodeAuthInfo(authInfoBy(PUBLIC_KEY_TYPE_URL, 1, "-1"))],
  ])("is refused with %s", (_what, read) => {
    expect(read).toThrow(TapstakeError);
    expect(read).toThrow(/invalid|must (be|have)|not known/);
  });
});

describe("transactions beside those of @cosmjs/proto-signing", () => {
  const registry = new Registry(
    Object.values(TYPE_URLS).map((typeUrl) => [typeUrl, anyBytes] as [string, typeof anyBytes]),
  );

  it("have the same bytes and the same signature", async () => {
    const wallet = await DirectSecp256k1Wallet.fromKey(secretKey, "bbn");
    const { address } = (await wallet.getAccounts())[0]!;
    expect(accountOfKey(publicKey)).toBe(address);
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ count, memo, timeoutHeight, sequence, gasLimit, amount, number, id }) => {
          const messages = Array.from({ length: count }, () => message);
          const bodyBytes = encodeTxBody({ messages, memo, timeoutHeight });
          const theirBody = registry.encodeTxBody({ messages: [...messages], memo, timeoutHeight });
          expect(bodyBytes).toEqual(theirBody);
          const pubkey = { typeUrl: PUBLIC_KEY_TYPE_URL, value: concatBytes(hex.decode("0a21"), publicKey) };
          const coins = [{ denom: "ubbn", amount: `${amount}` }];
          const theirAuth = makeAuthInfoBytes(
            [{ pubkey, sequence: Number(sequence) }],
            coins,
            Number(gasLimit),
            undefined,
            undefined,
          );
          const ours = {
            signers: [{ publicKey, sequence }],
            fee: { ...fee, amount: [{ denom: "ubbn", amount }], gasLimit },
          };
          const authInfoBytes = encodeAuthInfo(ours);
          expect(authInfoBytes).toEqual(theirAuth);
          expect(decodeAuthInfo(authInfoBytes)).toEqual(ours);
          expect(decodeTxBody(bodyBytes)).toEqual({ messages, memo, timeoutHeight });

          const doc: SignDoc = { bodyBytes, authInfoBytes, chainId: id, accountNumber: number };
          const theirDoc = makeSignDoc(theirBody, theirAuth, id, Number(number));
          const signed = await wallet.signDirect(address, theirDoc);
          expect(base64.encode(signDoc(secretKey, doc))).toBe(signed.signature.signature);
          expect(encodeSignDoc(doc)).toEqual(makeSignBytes(theirDoc));
        },
      ),
      { numRuns: 50 },
    );
  });
});

/** What cosmjs writes of a message: its bytes, which are made already. */
const anyBytes = {
  create: (value: unknown) => value,
  encode: () => ({ finish: () => message.value }),
} as never;

const safe = fc.bigInt({ min: 0n, max: 2n ** 53n - 1n });
const cases = fc.record({
  count: fc.integer({ min: 0, max: 3 }),
  memo: fc.string({ unit: "grapheme" }),
  timeoutHeight: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  sequence: safe,
  gasLimit: safe,
  amount: fc.bigInt({ min: 0n, max: 2n ** 80n }),
  number: safe,
  id: fc.string(),
});

/** The bytes of an AuthInfo that {@link encodeAuthInfo} does not write. */
function authInfoBy(typeUrl: string, mode: number, amount = "1"): Uint8Array {
  const url = new TextEncoder().encode(typeUrl);
  const key = delimited(1, concatBytes(delimited(1, url), delimited(2, delimited(1, publicKey))));
  const modeInfo = delimited(2, delimited(1, Uint8Array.of(8, mode)));
  const text = new TextEncoder().encode(amount);
  const coin = delimited(1, concatBytes(delimited(1, new TextEncoder().encode("ubbn")), delimited(2, text)));
  return concatBytes(delimited(1, concatBytes(key, modeInfo)), delimited(2, coin));
}

const delimited = (id: number, content: Uint8Array) =>
  concatBytes(Uint8Array.of(id * 8 + 2, content.length), content);
