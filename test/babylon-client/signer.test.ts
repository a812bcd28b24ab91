import { base64 } from "@scure/base";
import { DirectSecp256k1Wallet } from "@cosmjs/proto-signing";
import { describe, expect, it } from "vitest";
import { type AnyMessage, encodeMessage } from "../../src/babylon/messages.js";
import {
  accountOfKey,
  type AuthInfo,
  decodeAuthInfo,
  decodeTxBody,
  encodeAuthInfo,
  encodeTxBody,
  type SignDoc,
  signDoc,
  type TxBody,
} from "../../src/babylon/transaction.js";
import { babylonChain } from "../../src/babylon-client/client.js";
import { accountSigner, type DirectAnswer, type DirectSigner } from "../../src/babylon-client/signer.js";
import { concatBytes } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { failure } from "../support/errors.js";
import { FakeChain } from "../support/fake-chain.js";

const secretKey = new Uint8Array(32).fill(7);
const publicKey = curve.pointFromScalar(secretKey)!;
const address = accountOfKey(publicKey);
const message = (n = 1): AnyMessage =>
  encodeMessage("MsgSelectiveSlashingEvidence", {
    signer: address,
    recoveredFpBtcSk: new Uint8Array(32).fill(n),
  });

async function started() {
  const fake = await FakeChain.start();
  fake.fund(address);
  return { fake, chain: babylonChain({ lcd: fake.lcd, chainId: "chain-test", clock: fake.clock }) };
}

/** A wallet that changes what it is asked to sign, and signs that. */
const changing = (change: (doc: SignDoc) => Partial<DirectAnswer["signed"]>): DirectSigner => ({
  getAccounts: async () => [{ address, pubkey: publicKey }],
  async signDirect(_address, doc) {
    const signed = { ...doc, ...change(doc) } as SignDoc;
    return { signed, signature: { signature: base64.encode(signDoc(secretKey, signed)) } };
  },
});
const changingBody = (change: (body: TxBody) => Partial<TxBody>) =>
  changing((doc) => {
    const body = decodeTxBody(doc.bodyBytes);
    return { bodyBytes: encodeTxBody({ ...body, ...change(body) }) };
  });
const changingAuth = (change: (auth: AuthInfo) => Partial<AuthInfo>) =>
  changing((doc) => {
    const auth = decodeAuthInfo(doc.authInfoBytes);
    return { authInfoBytes: encodeAuthInfo({ ...auth, ...change(auth) }) };
  });
const ubbn = (amount: bigint) => [{ denom: "ubbn", amount }];

describe("a wallet", () => {
  it("of cosmjs signs, and the chain takes it", async () => {
    const { fake, chain } = await started();
    const wallet = await DirectSecp256k1Wallet.fromKey(secretKey, "bbn");
    expect(await chain.send([message()], wallet, { feeLimit: 1000n })).toMatchObject({ fee: 300n });
    expect(fake.accounts.get(address)!.sequence).toBe(1n);
  });

  it("may lower the gas and raise the fee within the limit: the signed values count", async () => {
    const { fake, chain } = await started();
    const wallet = changingAuth(({ fee }) => ({ fee: { ...fee, amount: ubbn(999n), gasLimit: 140_000n } }));
    expect(await chain.send([message()], wallet, { feeLimit: 1000n })).toMatchObject({ fee: 999n });
    expect(fake.accounts.get(address)!.balance).toBe(999_001n);
  });

  it("may name the account as the payer", async () => {
    const { chain } = await started();
    const wallet = changingAuth(({ fee }) => ({ fee: { ...fee, payer: address } }));
    expect(await chain.send([message()], wallet, { feeLimit: 1000n })).toMatchObject({ fee: 300n });
  });

  it("may change the memo, and the result has the new one", async () => {
    const { chain } = await started();
    const wallet = changingBody(() => ({ memo: "from my phone" }));
    const { warnings } = await chain.send([message()], wallet, { feeLimit: 1000n });
    expect(warnings).toEqual([{ code: "memo-changed", message: expect.any(String) as string }]);
  });

  it("may give the account's number as another kind of number", async () => {
    const { chain } = await started();
    const plain = accountSigner(secretKey);
    const asLong: DirectSigner = {
      getAccounts: plain.getAccounts,
      async signDirect(by, doc) {
        const answer = await plain.signDirect(by, doc);
        // As the object of a library of long integers has it.
        const accountNumber = { toString: () => `${doc.accountNumber}` };
        return { ...answer, signed: { ...answer.signed, accountNumber } };
      },
    };
    expect(await chain.send([message()], asLong, { feeLimit: 1000n })).toMatchObject({ fee: 300n });
  });

  const refused: [what: string, wallet: DirectSigner, code: ErrorCode, field: string | undefined][] = [
    ["another message", changingBody(() => ({ messages: [message(2)] })), "transaction-changed", "messages"],
    [
      "a message more",
      changingBody(({ messages }) => ({ messages: [...messages, message(2)] })),
      "transaction-changed",
      "messages",
    ],
    [
      "another type of message",
      changingBody(({ messages }) => ({ messages: [{ ...messages[0]!, typeUrl: "/x" }] })),
      "transaction-changed",
      "messages",
    ],
    ["no last height", changingBody(() => ({ timeoutHeight: 0n })), "transaction-changed", "timeoutHeight"],
    [
      "an extension option",
      changing(({ bodyBytes }) => ({ bodyBytes: concatBytes(bodyBytes, Uint8Array.of(0xfa, 0x3f, 0)) })),
      "transaction-changed",
      "bodyBytes",
    ],
    ["another chain", changing(() => ({ chainId: "bbn-1" })), "transaction-changed", "chainId"],
    [
      "another account's number",
      changing(() => ({ accountNumber: 8n })),
      "transaction-changed",
      "accountNumber",
    ],
    [
      "another sequence",
      changingAuth(({ signers }) => ({ signers: [{ ...signers[0]!, sequence: 5n }] })),
      "transaction-changed",
      "sequence",
    ],
    [
      "another key",
      changingAuth(({ signers }) => ({
        signers: [{ ...signers[0]!, publicKey: curve.pointFromScalar(new Uint8Array(32).fill(8))! }],
      })),
      "transaction-changed",
      "signers",
    ],
    [
      "a second signer",
      changingAuth(({ signers }) => ({ signers: [...signers, ...signers] })),
      "transaction-changed",
      "signers",
    ],
    [
      "a fee above the limit",
      changingAuth(({ fee }) => ({ fee: { ...fee, amount: ubbn(1001n) } })),
      "fee-above-limit",
      undefined,
    ],
    [
      "a fee in another coin",
      changingAuth(({ fee }) => ({ fee: { ...fee, amount: [{ denom: "uatom", amount: 1n }] } })),
      "transaction-changed",
      "fee.amount",
    ],
    [
      "a fee in two coins",
      changingAuth(({ fee }) => ({ fee: { ...fee, amount: [...ubbn(1n), ...ubbn(2n)] } })),
      "transaction-changed",
      "fee.amount",
    ],
    [
      "no fee",
      changingAuth(({ fee }) => ({ fee: { ...fee, amount: [] } })),
      "transaction-changed",
      "fee.amount",
    ],
    [
      "more gas",
      changingAuth(({ fee }) => ({ fee: { ...fee, gasLimit: fee.gasLimit + 1n } })),
      "transaction-changed",
      "fee.gasLimit",
    ],
    [
      "another payer",
      changingAuth(({ fee }) => ({ fee: { ...fee, payer: "bbn1other" } })),
      "transaction-changed",
      "fee.payer",
    ],
    [
      "a fee grant",
      changingAuth(({ fee }) => ({ fee: { ...fee, granter: address } })),
      "transaction-changed",
      "fee.granter",
    ],
    [
      "bytes that are no transaction",
      changing(() => ({ authInfoBytes: Uint8Array.of(1, 2, 3) })),
      "transaction-changed",
      "authInfoBytes",
    ],
  ];
  it.each(refused)("that signs %s is refused, and nothing is sent", async (_what, wallet, code, field) => {
    const { fake, chain } = await started();
    const error = await failure(chain.send([message()], wallet, { feeLimit: 1000n }), code);
    expect(error.details["field"]).toBe(field);
    expect(fake.handedIn).toEqual([]);
  });

  it.each([
    ["nothing", async () => undefined as never, "transaction-changed"],
    [
      "no signature",
      async (_by: string, signed: SignDoc) => ({ signed, signature: { signature: "" } }),
      "invalid-signature",
    ],
    [
      "a signature of something else",
      async (_by: string, signed: SignDoc) => ({
        signed,
        signature: { signature: base64.encode(new Uint8Array(64).fill(1)) },
      }),
      "invalid-signature",
    ],
    ["a refusal", async () => Promise.reject(new Error("Request rejected")), "signer-failed"],
  ] as [string, DirectSigner["signDirect"], ErrorCode][])(
    "that answers %s is refused",
    async (_what, signDirect, code) => {
      const { fake, chain } = await started();
      const wallet: DirectSigner = { getAccounts: async () => [{ address, pubkey: publicKey }], signDirect };
      await failure(chain.send([message()], wallet, { feeLimit: 1000n }), code);
      expect(fake.handedIn).toEqual([]);
    },
  );

  it.each([
    ["does not have the account", [], "account-mismatch"],
    [
      "shows another key for it",
      [{ address, pubkey: curve.pointFromScalar(new Uint8Array(32).fill(8))! }],
      "account-mismatch",
    ],
    ["shows an x-only key for it", [{ address, pubkey: publicKey.slice(1) }], "account-mismatch"],
  ] as [string, { address: string; pubkey: Uint8Array }[], ErrorCode][])(
    "that %s is refused, and no server is called",
    async (_what, accounts, code) => {
      const { fake, chain } = await started();
      const wallet: DirectSigner = { ...accountSigner(secretKey), getAccounts: async () => accounts };
      await failure(chain.send([message()], wallet, { feeLimit: 1000n }), code);
      expect(fake.requests).toEqual([]);
    },
  );
});

describe("a signer with a key in memory", () => {
  it("keeps a copy of the key, until it is wiped", async () => {
    const { chain } = await started();
    const own = Uint8Array.from(secretKey);
    const signer = accountSigner(own);
    own.fill(0);
    expect(signer.address).toBe(address);
    expect(await chain.send([message()], signer, { feeLimit: 1000n })).toMatchObject({ fee: 300n });
    signer.wipe();
    await failure(chain.send([message()], signer, { feeLimit: 1000n }), "invalid-secret-key");
  });

  it("signs for its account only", async () => {
    const doc = {
      bodyBytes: new Uint8Array(),
      authInfoBytes: new Uint8Array(),
      chainId: "x",
      accountNumber: 1n,
    };
    await failure(accountSigner(secretKey).signDirect("bbn1other", doc), "account-mismatch");
    expect(() => accountSigner(new Uint8Array(32))).toThrow(/between 1 and n - 1/);
  });

  it("has an account with the chain's prefix", () => {
    expect(accountSigner(secretKey, "cosmos").address).toMatch(/^cosmos1/);
  });
});
