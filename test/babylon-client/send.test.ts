import { inspect } from "node:util";
import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { type AnyMessage, encodeMessage } from "../../src/babylon/messages.js";
import { commitRandomnessMessage } from "../../src/babylon/provider.js";
import { accountOfKey, decodeAuthInfo, decodeTxBody, decodeTxRaw } from "../../src/babylon/transaction.js";
import { babylonChain, type BabylonOptions } from "../../src/babylon-client/client.js";
import type { SendOptions } from "../../src/babylon-client/send.js";
import { accountSigner, type DirectSigner } from "../../src/babylon-client/signer.js";
import { curve } from "../../src/core/curve/index.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { failure } from "../support/errors.js";
import { FakeChain, grpcError } from "../support/fake-chain.js";

const secretKey = new Uint8Array(32).fill(7);
const address = accountOfKey(curve.pointFromScalar(secretKey)!);
const signer = accountSigner(secretKey);
const options: SendOptions = { feeLimit: 10_000n };
const ENDLESS = 10_000;

/** A message whose fee is refunded. */
const inclusion = (n = 1, by = address): AnyMessage =>
  encodeMessage("MsgSelectiveSlashingEvidence", {
    signer: by,
    recoveredFpBtcSk: new Uint8Array(32).fill(n),
  });
/** A message whose fee is not. */
const commitment = (): AnyMessage =>
  encodeMessage("MsgCommitPubRandList", commitRandomnessMessage(committed, address));
const { commitment: committed } = commitRandomness({
  secretKey: new Uint8Array(32).fill(5),
  chainId: "chain-test",
  startHeight: 5n,
  count: 6,
});

async function started(with_: Partial<BabylonOptions> = {}, sequence = 3n) {
  const fake = await FakeChain.start();
  fake.fund(address, 1_000_000n, sequence);
  const chain = babylonChain({ lcd: fake.lcd, chainId: "chain-test", clock: fake.clock, ...with_ });
  return { fake, chain };
}

async function startedWithRpc() {
  const fake = await FakeChain.start();
  fake.fund(address);
  const { lcd, rpc, clock } = fake;
  return { fake, chain: babylonChain({ lcd, rpc, chainId: "chain-test", clock }) };
}

const handedIn = (fake: FakeChain, at = 0) => {
  const raw = decodeTxRaw(base64.decode(fake.handedIn[at]!));
  return { body: decodeTxBody(raw.bodyBytes), authInfo: decodeAuthInfo(raw.authInfoBytes) };
};
const posts = (fake: FakeChain) =>
  fake.requests.filter(({ method }) => method === "POST").map(({ path }) => path);

describe("sending messages", () => {
  it("simulates, signs, broadcasts and waits for the block", async () => {
    const { fake, chain } = await started();
    const sent = await chain.send([inclusion(1), inclusion(2)], signer, { ...options, memo: "hello" });
    expect(sent).toMatchObject({ height: 1001n, gasUsed: 200_000n, fee: 600n, warnings: [] });
    expect(sent.txhash).toMatch(/^[0-9A-F]{64}$/);
    expect(sent.events).toHaveLength(1);
    const { body, authInfo } = handedIn(fake);
    expect(body).toEqual({ messages: [inclusion(1), inclusion(2)], memo: "hello", timeoutHeight: 1060n });
    expect(authInfo).toMatchObject({
      signers: [{ sequence: 3n }],
      fee: { amount: [{ denom: "ubbn", amount: 600n }], gasLimit: 300_000n, payer: "", granter: "" },
    });
    expect(posts(fake)).toEqual(["cosmos/tx/v1beta1/simulate", "cosmos/tx/v1beta1/txs"]);
    expect(fake.accounts.get(address)).toMatchObject({ sequence: 4n, balance: 999_400n });
  });

  it("broadcasts over RPC where it is given", async () => {
    const { fake, chain } = await startedWithRpc();
    expect(await chain.send([commitment()], signer, options)).toMatchObject({ height: 1001n });
    const methods = fake.requests
      .filter(({ path }) => path === "")
      .map(({ body }) => JSON.parse(body).method);
    expect(methods).toEqual(["status", "status", "broadcast_tx_sync"]);
  });

  it("ends above the height of the server that gets it, where that one is ahead", async () => {
    const { fake, chain } = await startedWithRpc();
    fake.rpcHeight = 1005n;
    await chain.send([commitment()], signer, options);
    expect(handedIn(fake).body.timeoutHeight).toBe(1065n);
  });

  it("simulates with an empty signature and without a timeout height", async () => {
    const { fake, chain } = await started();
    await chain.send([commitment()], signer, options);
    const { body } = fake.requests.find(({ path }) => path.endsWith("simulate"))!;
    const raw = decodeTxRaw(base64.decode((JSON.parse(body) as { tx_bytes: string }).tx_bytes));
    expect(raw.signatures).toEqual([new Uint8Array()]);
    expect(decodeTxBody(raw.bodyBytes).timeoutHeight).toBe(0n);
    expect(decodeAuthInfo(raw.authInfoBytes).fee.amount).toEqual([{ denom: "ubbn", amount: 1n }]);
  });

  it("of one account are sent one after the other", async () => {
    const { fake, chain } = await started();
    const again = babylonChain({ lcd: fake.lcd, chainId: "chain-test", clock: fake.clock });
    const sent = await Promise.all(
      [1, 2, 3].map((n) => (n === 2 ? again : chain).send([inclusion(n)], signer, options)),
    );
    expect(sent.map(({ height }) => height)).toEqual([1001n, 1002n, 1003n]);
    expect([0, 1, 2].map((at) => handedIn(fake, at).authInfo.signers[0]!.sequence)).toEqual([3n, 4n, 5n]);
  });

  it("continues after one that failed", async () => {
    const { fake, chain } = await started();
    fake.rule = ({ value }) =>
      value.at(-1) === 1
        ? { codespace: "btcstaking", code: 1100, text: "the finality provider is not found" }
        : null;
    const [first, second] = await Promise.allSettled(
      [1, 2].map((n) => chain.send([inclusion(n)], signer, options)),
    );
    expect([first!.status, second!.status]).toEqual(["rejected", "fulfilled"]);
  });
});

describe("before anything is signed", () => {
  const unsigned = (fake: FakeChain) => expect(fake.handedIn).toEqual([]);

  it("a rule that refuses a message in the simulation ends it, by name and place", async () => {
    const { fake, chain } = await started();
    fake.rule = ({ value }) =>
      value.at(-1) === 2
        ? { codespace: "finality", code: 1109, text: "height 7: duplicated finality vote" }
        : null;
    const error = await failure(chain.send([inclusion(1), inclusion(2)], signer, options), "chain-refused");
    expect(error.details).toMatchObject({
      codespace: "finality",
      chainCode: 1109,
      name: "ErrDuplicatedFinalitySig",
      retry: "done",
      messageIndex: 1,
    });
    unsigned(fake);
  });

  it("a message that the release does not know ends it", async () => {
    const { fake, chain } = await started();
    const unknown = { typeUrl: "/cosmos.bank.v1beta1.MsgOfTomorrow", value: inclusion().value };
    const error = await failure(chain.send([unknown], signer, options), "chain-refused");
    expect(error.details).toMatchObject({ codespace: "sdk", chainCode: 2, name: "ErrTxDecode" });
    unsigned(fake);
  });

  it("a message of the staking modules that the release lacks is refused, and no server is asked", async () => {
    const { fake, chain } = await started();
    const unknown = { typeUrl: "/babylon.btcstaking.v1.MsgOfTomorrow", value: inclusion().value };
    await failure(chain.send([unknown], signer, options), "not-in-release");
    const older = { signer: address, stakingTxHash: "ab".repeat(32), recoveredFpBtcSk: secretKey };
    const message = encodeMessage("MsgSelectiveSlashingEvidence", older, "v1");
    const error = await failure(chain.send([message], signer, options), "not-in-release");
    expect(error.details).toMatchObject({ release: "v4", releases: ["v1", "v2"] });
    expect(fake.requests).toEqual([]);
    const v1 = babylonChain({ lcd: fake.lcd, chainId: "chain-test", clock: fake.clock, release: "v1" });
    fake.version = "v1.1.0";
    expect(await v1.send([message], signer, options)).toMatchObject({ height: 1001n });
  });

  it("a message that breaks a rule of the chain is refused in the simulation, by the rule's own error", async () => {
    const { fake, chain } = await started();
    fake.state = { provider: { slashed: true } };
    const error = await failure(chain.send([inclusion()], signer, options), "chain-refused");
    expect(error.details).toMatchObject({ codespace: "btcstaking", chainCode: 1104, retry: "never" });
    unsigned(fake);
  });

  it("an RPC server of another chain, or one that is catching up, is refused", async () => {
    const { fake, chain } = await startedWithRpc();
    fake.rpcChainId = "bbn-1";
    await failure(chain.send([commitment()], signer, options), "wrong-chain");
    fake.rpcChainId = undefined;
    fake.answer(/^status$/, {
      body: {
        result: {
          node_info: { network: "chain-test" },
          sync_info: { latest_block_height: "9", catching_up: true },
        },
      },
    });
    await failure(chain.send([commitment()], signer, options), "node-catching-up");
    expect(fake.handedIn).toEqual([]);
  });

  it("the transaction is named, with its last height", async () => {
    const { chain } = await started();
    const named: unknown[] = [];
    const how = { ...options, onSigned: (transaction: object) => void named.push(transaction) };
    const { txhash } = await chain.send([commitment()], signer, how);
    expect(named).toEqual([{ txhash, sequence: 3n, timeoutHeight: 1060n }]);
  });

  it.each([
    ["another chain", (fake: FakeChain) => void (fake.chainId = "bbn-1"), "wrong-chain"],
    ["a node that is catching up", (fake: FakeChain) => void (fake.syncing = true), "node-catching-up"],
    ["an account that was never funded", (fake: FakeChain) => fake.accounts.clear(), "account-not-found"],
    [
      "more gas than nodes take",
      (fake: FakeChain) => void (fake.gasPerMessage = 7_000_000n),
      "gas-above-limit",
    ],
    ["a fee above the limit", (fake: FakeChain) => void (fake.gasPerMessage = 4_000_000n), "fee-above-limit"],
  ] as [string, (fake: FakeChain) => void, ErrorCode][])("%s is refused", async (_what, change, code) => {
    const { fake, chain } = await started();
    change(fake);
    await failure(chain.send([commitment()], signer, options), code);
    expect(fake.handedIn).toEqual([]);
  });

  it("a fee at the limit is paid, one above it is not", async () => {
    const { fake, chain } = await started();
    await failure(chain.send([commitment()], signer, { feeLimit: 299n }), "fee-above-limit");
    expect(await chain.send([commitment()], signer, { feeLimit: 300n })).toMatchObject({ fee: 300n });
    fake.gasPerMessage = 1n;
    expect(await chain.send([commitment()], signer, { feeLimit: 1n })).toMatchObject({ fee: 1n });
  });

  it("messages with a refund are not mixed with others, unless an option allows it", async () => {
    const { fake, chain } = await started();
    const mixed = [inclusion(), commitment()];
    const error = await failure(chain.send(mixed, signer, options), "refund-lost");
    expect(error.message).toContain("MsgCommitPubRandList");
    await failure(chain.send([inclusion(), inclusion()], signer, options), "refund-lost");
    unsigned(fake);
    const sent = await chain.send(mixed, signer, { ...options, mixRefunds: true });
    expect(sent.warnings).toEqual([{ code: "refund-lost", message: error.message }]);
  });

  it.each([
    ["no message", [], options, "invalid-argument"],
    ["no limit of the fee", [inclusion()], {}, "invalid-number"],
    ["a negative limit", [inclusion()], { feeLimit: -1n }, "invalid-number"],
    ["no blocks to wait for", [inclusion()], { ...options, timeoutBlocks: 0 }, "invalid-number"],
    ["a long memo", [inclusion()], { ...options, memo: "x".repeat(257) }, "invalid-argument"],
    [
      "messages of two accounts",
      [inclusion(1), inclusion(1, accountSigner(new Uint8Array(32).fill(8)).address)],
      options,
      "account-mismatch",
    ],
    [
      "another account's message",
      [inclusion(1, accountSigner(new Uint8Array(32).fill(8)).address)],
      options,
      "account-mismatch",
    ],
    [
      "a message without an account",
      [{ typeUrl: "/x", value: new Uint8Array(3) }],
      options,
      "invalid-message",
    ],
  ] as const)("%s is refused, and no server is called", async (_what, messages, how, code) => {
    const { fake, chain } = await started();
    await failure(chain.send(messages, signer, how as SendOptions), code);
    expect(fake.requests).toEqual([]);
  });
});

describe("a sequence that the chain does not expect", () => {
  it("is replaced by the chain's own, once, when the simulation names it", async () => {
    const { fake, chain } = await started();
    const stale = { account: { address, account_number: "7", sequence: "1" } };
    fake.answer(/accounts/, { body: stale });
    expect(await chain.send([commitment()], signer, options)).toMatchObject({ height: 1001n });
    expect(handedIn(fake).authInfo.signers[0]!.sequence).toBe(3n);
  });

  it("is replaced when the node names it, and the transaction signed anew", async () => {
    const { fake, chain } = await started();
    fake.answer(/simulate/, { body: { gas_info: { gas_used: "100000" } } });
    fake.answer(/accounts/, { body: { account: { address, account_number: "7", sequence: "9" } } });
    const sent = await chain.send([commitment()], signer, options);
    expect(fake.handedIn).toHaveLength(2);
    expect([0, 1].map((at) => handedIn(fake, at).authInfo.signers[0]!.sequence)).toEqual([9n, 3n]);
    expect(sent.height).toBe(1001n);
  });

  it("is refused when the node names another one again", async () => {
    const { fake, chain } = await started();
    // Another sender takes a sequence each time that this one signs.
    const hasty: DirectSigner = {
      getAccounts: signer.getAccounts,
      async signDirect(by, doc) {
        fake.accounts.get(address)!.sequence++;
        return signer.signDirect(by, doc);
      },
    };
    const error = await failure(chain.send([commitment()], hasty, options), "chain-refused");
    expect(error.details).toMatchObject({
      codespace: "sdk",
      chainCode: 32,
      retry: "again",
      name: "ErrWrongSequence",
    });
    expect(fake.handedIn).toHaveLength(2);
  });
});

describe("a node's refusal", () => {
  it.each([
    [
      "a fee that is too low for the node",
      13,
      "insufficient fees; got: 300ubbn required: 500ubbn: insufficient fee",
      "changed",
    ],
    ["a full mempool", 20, "mempool is full", "later"],
    ["too few coins", 5, "spendable balance 1ubbn is smaller than 300ubbn: insufficient funds", "later"],
    ["a last height that has passed", 30, "tx timeout height", "again"],
  ])("of %s says code, name and whether to try again", async (_what, code, raw_log, retry) => {
    const { fake, chain } = await started();
    fake.answerBroadcast({ code, codespace: "sdk", raw_log });
    const error = await failure(chain.send([commitment()], signer, options), "chain-refused");
    expect(error.details).toMatchObject({ codespace: "sdk", chainCode: code, retry, log: raw_log });
    expect(error.details["txhash"]).toMatch(/^[0-9A-F]{64}$/);
  });

  it.each([
    ["mempool is full: number of txs 5000 (max: 5000)", 20, "ErrMempoolIsFull", "later"],
    ["Tx too large. Max size is 1048576, but got 1048577", 21, "ErrTxTooLarge", "changed"],
  ])("of CometBFT itself (%s) has the code that the LCD gives it", async (data, code, name, retry) => {
    const { fake, chain } = await startedWithRpc();
    fake.answer(/^broadcast_tx_sync$/, {
      body: { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "Internal error", data } },
    });
    const error = await failure(chain.send([commitment()], signer, options), "chain-refused");
    expect(error.details).toMatchObject({ codespace: "sdk", chainCode: code, name, retry });
  });

  it.each([
    ["sdk 19 over the LCD", {}],
    ["“tx already exists in cache” over RPC", { rpc: true }],
  ])("%s means that the node took it", async (_what, { rpc }: { rpc?: boolean }) => {
    const { fake, chain } = await (rpc ? startedWithRpc() : started());
    // The connection breaks after the node took the transaction: the same bytes are handed in again.
    fake.isHalted = true;
    fake.answer(rpc ? /^broadcast_tx_sync$/ : /txs$/, "hang-up");
    fake.meanwhile = () => (fake.isHalted = fake.handedIn.length < 2);
    const sent = await chain.send([commitment()], signer, options);
    expect(fake.handedIn).toHaveLength(2);
    expect(fake.handedIn[0]).toBe(fake.handedIn[1]);
    expect(sent.height).toBeGreaterThan(1000n);
  });
});

describe("in the block", () => {
  it("a rule that refuses it ends it with codes, height, gas and fee", async () => {
    const { fake, chain } = await started();
    fake.rule = (_message, at) =>
      at === "block"
        ? { codespace: "btcstaking", code: 1106, text: "the BTC staking tx is already used" }
        : null;
    const error = await failure(chain.send([commitment()], signer, options), "chain-refused");
    expect(error.details).toMatchObject({
      codespace: "btcstaking",
      chainCode: 1106,
      name: "ErrReusedStakingTx",
      retry: "done",
      messageIndex: 0,
      height: 1001n,
      gasUsed: 100_000n,
      fee: 300n,
    });
  });

  it("gas that runs out ends it", async () => {
    const { fake, chain } = await started();
    fake.meanwhile = () => (fake.gasPerMessage = 150_001n);
    const error = await failure(chain.send([commitment()], signer, options), "chain-refused");
    expect(error.details).toMatchObject({
      codespace: "sdk",
      chainCode: 11,
      name: "ErrOutOfGas",
      retry: "changed",
    });
  });
});

describe("a transaction that a node took and no block includes", () => {
  it("has expired when its last height has passed", async () => {
    const { fake, chain } = await started();
    fake.losing = 1;
    const sending = chain.send([commitment()], signer, { ...options, timeoutBlocks: 5 });
    const error = await failure(sending, "transaction-expired");
    expect(error.details).toMatchObject({ timeoutHeight: 1005n, sequence: 3n });
    expect(fake.height).toBe(1008n);
    expect(fake.handedIn).toHaveLength(1);
    // It is dead, so the same messages can be sent again with the same sequence.
    expect(await chain.send([commitment()], signer, options)).toMatchObject({ fee: 300n });
  });

  it("has an unknown outcome when an unknown transaction used its sequence", async () => {
    const { fake, chain } = await started();
    fake.losing = 1;
    fake.meanwhile = () => (fake.accounts.get(address)!.sequence = 4n);
    const error = await failure(
      chain.send([commitment()], signer, { ...options, timeoutBlocks: 2 }),
      "outcome-unknown",
    );
    expect(error.message).toContain("sequence went past 3");
  });

  it("has an unknown outcome when the server has no new blocks for ten minutes", async () => {
    const { fake, chain } = await started({ pollInterval: 100_000 });
    fake.isHalted = true;
    const error = await failure(chain.send([commitment()], signer, options), "outcome-unknown");
    expect(error.message).toContain("no new blocks");
    expect(error.details["timeoutHeight"]).toBe(1060n);
    expect(fake.sleeps).toHaveLength(7);
  });

  it("is found although the server fails meanwhile", async () => {
    const { fake, chain } = await started();
    fake.answer(/txs\/[0-9A-F]{64}/, { body: "<html>" }, 3);
    fake.answer(/txs\/[0-9A-F]{64}/, { status: 500, body: {} }, 2);
    fake.answer(/txs\/[0-9A-F]{64}/, "hang-up", 2);
    const sent = await chain.send([commitment()], signer, options);
    expect(sent.height).toBe(1001n);
    expect(fake.sleeps).toHaveLength(7);
  });

  it("has an unknown outcome when the server fails for ten minutes, with its failure", async () => {
    const { fake, chain } = await started({ pollInterval: 100_000 });
    fake.answer(/txs\/[0-9A-F]{64}/, { body: '{"tx_response":{"txhash":' }, ENDLESS);
    const error = await failure(chain.send([commitment()], signer, options), "outcome-unknown");
    expect(error.cause).toMatchObject({ code: "unexpected-answer" });
  });

  it("is not confused with another one", async () => {
    const { fake, chain } = await started({ pollInterval: 100_000 });
    const tx_response = { txhash: "AB".repeat(32), height: "1001", code: 0, gas_wanted: "1", gas_used: "1" };
    fake.answer(/txs\/[0-9A-F]{64}/, { body: { tx_response } }, ENDLESS);
    const error = await failure(chain.send([commitment()], signer, options), "outcome-unknown");
    expect(error.cause).toMatchObject({ code: "unexpected-answer", details: { reason: "mismatch" } });
  });
});

describe("an answer that does not say whether the node took the transaction", () => {
  it("leads to a second request with the same bytes, then to the wait", async () => {
    const { fake, chain } = await started();
    fake.answer(/txs$/, { status: 502, body: "<html>" }, ENDLESS);
    const error = await failure(
      chain.send([commitment()], signer, { ...options, timeoutBlocks: 4 }),
      "transaction-expired",
    );
    expect(error.cause).toMatchObject({ code: "node-error", details: { status: 502 } });
    expect(posts(fake).filter((path) => path.endsWith("txs"))).toHaveLength(3);
  });

  it("with another transaction's hash leads to the wait, too", async () => {
    const { fake, chain } = await started();
    fake.answerBroadcast({ code: 0, txhash: "AB".repeat(32) }, ENDLESS);
    const error = await failure(
      chain.send([commitment()], signer, { ...options, timeoutBlocks: 4 }),
      "transaction-expired",
    );
    expect(error.cause).toMatchObject({
      code: "unexpected-answer",
      details: { reason: "mismatch", field: "hash" },
    });
  });

  it("may be an unknown one of JSON-RPC", async () => {
    const { fake, chain } = await startedWithRpc();
    const error = { code: -32603, message: "Internal error", data: "mempool was paused" };
    fake.answer(/^broadcast_tx_sync$/, { body: { jsonrpc: "2.0", id: 1, error } }, ENDLESS);
    const sending = chain.send([commitment()], signer, { ...options, timeoutBlocks: 4 });
    const expired = await failure(sending, "transaction-expired");
    expect(expired.cause).toMatchObject({ code: "node-error", details: { code: -32603 } });
    expect((expired.cause as Error).message).toContain("mempool was paused");
  });

  it("followed by a refusal of the second copy leads to the wait", async () => {
    const { fake, chain } = await started();
    fake.answer(/txs$/, "hang-up");
    fake.answerBroadcast({
      code: 32,
      codespace: "sdk",
      raw_log: "account sequence mismatch, expected 4, got 3: incorrect account sequence",
    });
    const sent = await chain.send([commitment()], signer, options);
    expect(sent.height).toBe(1001n);
    expect(fake.handedIn).toHaveLength(1);
  });
});

describe("a busy server", () => {
  it("delays a transaction, and does not lose it", async () => {
    const { fake, chain } = await started();
    fake.isHalted = true;
    fake.meanwhile = () => (fake.isHalted = fake.handedIn.length === 0);
    fake.answer(/simulate/, { status: 429, headers: { "retry-after": "2" }, body: "" }, 2);
    fake.answer(/txs$/, { status: 429, body: "" }, 1);
    expect((await chain.send([commitment()], signer, options)).fee).toBe(300n);
    expect(fake.sleeps.slice(0, 3)).toEqual([2000, 2000, 1000]);
    expect(fake.handedIn).toHaveLength(1);
  });
});

describe("the secret key", () => {
  it("is in no request and in no error", async () => {
    const { fake, chain } = await started();
    await chain.send([commitment()], signer, options);
    fake.answer(/simulate/, grpcError(500, 2, "no"));
    const error = await failure(chain.send([commitment()], signer, options), "node-error");
    const secrets = [hex.encode(secretKey), base64.encode(secretKey)];
    const seen = JSON.stringify(fake.requests) + inspect(error, { depth: 9 }) + inspect(signer, { depth: 9 });
    for (const secret of secrets) expect(seen.toLowerCase()).not.toContain(secret.toLowerCase());
  });
});
