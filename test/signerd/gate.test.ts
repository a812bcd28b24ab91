import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { concatBytes, u64be, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { slashingSpend } from "../../src/delegation/spends.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { leafSighash, type LeafSpend } from "../../src/spending/spend.js";
import { commitmentMessage } from "../../src/vote/messages.js";
import { failure as expectFailure } from "../support/errors.js";
import { provider, wholeLife } from "../support/life.js";
import {
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  knowCommitment,
  rawCall,
  readMetrics,
  startSigner,
  text,
} from "./support.js";

async function start(options: Parameters<typeof startSigner>[1] = {}, secretKey?: Uint8Array) {
  const made = homeWithKey(secretKey);
  const signer = await startSigner(made, options);
  return { signer, client: connect(signer.address), at: { key: made.key.publicKey, chainId: CHAIN } };
}

describe('PROTOCOL 11: a "sign any" call also signs a slashing sighash', () => {
  it("SignEOTS signs votes only, and refuses the sighash preimage of a slashing transaction", async () => {
    const { signer, client, at } = await start({}, provider.secretKey);
    const { delegation } = await wholeLife();
    for (const from of ["staking", "unbonding"] as const) {
      const spend = slashingSpend(delegation, from);
      const message = sighashPreimage(spend);
      expect(sha256(message)).toEqual(leafSighash(spend));
      const error = await expectFailure(client.signEots({ ...at, height: 1n, message }), "not-a-vote");
      expect(error.details["status"]).toBe("INVALID_ARGUMENT");
      const votes = [
        { height: 2n, message: ballot(2n) },
        { height: 1n, message },
      ];
      await expectFailure(client.signBatchEots({ ...at, votes }), "not-a-vote");
    }
    // Nothing of the batches was signed.
    const other = { ...at, height: 2n, message: ballot(2n, "b") };
    expect((await client.signEots(other)).outcome).toBe("new");
    const metrics = await readMetrics(signer.metricsAddress!);
    expect(metrics.get('tapstake_denied_total{method="SignEOTS"}')).toBe(2);
    expect(metrics.get('tapstake_denied_total{method="SignBatchEOTS"}')).toBe(2);
    expect(signer.logged()).toMatch(/"level":"warn".*"method":"SignEOTS".*"code":"not-a-vote"/);
  });

  it("a signer with --open-messages signs it, as a vote's signature is one, and logs a warning at start", async () => {
    const { signer, client, at } = await start({ openMessages: true }, provider.secretKey);
    const spend = slashingSpend((await wholeLife()).delegation, "staking");
    const [R] = await client.createRandomnessPairList({ ...at, startHeight: 1n, count: 1 });
    const { signature } = await client.signEots({ ...at, height: 1n, message: sighashPreimage(spend) });
    expect(schnorr.verify(at.key, leafSighash(spend), concatBytes(R!, signature))).toBe(true);
    expect(signer.logged()).toMatch(/"level":"warn".*--open-messages: SignEOTS signs ANY message/);
  });
});

describe("the message of a vote", () => {
  it("may have a signing context before it", async () => {
    const { client, at } = await start();
    const message = concatBytes(utf8("0123456789abcdef".repeat(4)), ballot(1n));
    expect((await client.signEots({ ...at, height: 1n, message })).outcome).toBe("new");
  });

  it("must have the context of its chain's configuration", async () => {
    const made = homeWithKey();
    const context = "ab".repeat(32);
    const chain = { contexts: "v3", voteContext: context, commitContext: context };
    const chains = { [CHAIN]: chain };
    writeFileSync(made.home.chainsFile, JSON.stringify({ version: 1, chains }), { mode: 0o600 });
    const subject = { key: made.key.publicKey, chainId: CHAIN };
    const of = (height: bigint, before: string) => concatBytes(utf8(before), ballot(height));
    const client = connect((await startSigner(made)).address);
    for (const other of ["", "cd".repeat(32)]) {
      const wrong = { height: 2n, message: of(2n, other) };
      const error = await expectFailure(client.signEots({ ...subject, ...wrong }), "context-mismatch");
      expect(error.details["status"]).toBe("INVALID_ARGUMENT");
      expect(error.message).toContain(context);
      const votes = [{ height: 1n, message: of(1n, context) }, wrong];
      await expectFailure(client.signBatchEots({ ...subject, votes }), "context-mismatch");
    }
    for (const height of [1n, 2n]) {
      const message = concatBytes(utf8(context), ballot(height, "b"));
      expect((await client.signEots({ ...subject, height, message })).outcome).toBe("new");
    }
  });

  it("is refused where the height was committed with another context, unless the chain is named at start", async () => {
    const made = homeWithKey();
    const context = "ab".repeat(32);
    const uid = made.key.publicKey;
    const protection = openProtection(made.home);
    const signed = { root: sha256(text("root")), signature: new Uint8Array(64), context };
    protection.addCommitment(uid, CHAIN, { startHeight: 1n, count: 10, ...signed, subtrees: null });
    protection.close();
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const subject = { key: uid, chainId: CHAIN };
    const vote = { height: 2n, message: ballot(2n) };
    const error = await expectFailure(client.signEots({ ...subject, ...vote }), "context-mismatch");
    expect(error.message).toContain("the commitment to heights 1 to 10 has the signing context");
    // In the last part of a long batch, too, before the first part is signed.
    const votes = Array.from({ length: 300 }, (_, i) => 300n - BigInt(i));
    const asked = votes.map((height) => ({ height, message: ballot(height) }));
    await expectFailure(client.signBatchEots({ ...subject, votes: asked }), "context-mismatch");
    const other = { height: 300n, message: ballot(300n, "b") };
    expect((await client.signEots({ ...subject, ...other })).outcome).toBe("new");
    await signer.stop();
    const open = await startSigner(made, { otherContexts: new Set([CHAIN]) });
    expect(open.logged()).toContain(`--other-context: votes on ${CHAIN} are signed`);
    expect((await connect(open.address).signEots({ ...subject, ...vote })).outcome).toBe("new");
  });

  it("must be for the height of the request", async () => {
    const { client, at } = await start();
    const commitment = { startHeight: 1n, count: 1n, root: sha256(text("root")) };
    for (const message of [ballot(2n), ballot(1n).subarray(1), commitmentMessage(commitment)]) {
      await expectFailure(client.signEots({ ...at, height: 1n, message }), "not-a-vote");
    }
  });

  it("is checked in the last part of a long batch before the first part is signed", async () => {
    const { client, at } = await start();
    const votes = Array.from({ length: 600 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
    const wrong = [...votes, { height: 600n, message: ballot(0n) }];
    await expectFailure(client.signBatchEots({ ...at, votes: wrong }), "not-a-vote");
    const message = ballot(0n, "b");
    expect((await client.signEots({ ...at, height: 0n, message })).outcome).toBe("new");
  });
});

describe("the last vote known on the chain", () => {
  const vote = (height: bigint) => ({ height, message: ballot(height) });
  const refused = "at-or-below-chain-height";

  it("is given at start for a chain, and no height at or below it is signed anew by any key", async () => {
    const { client, at, signer } = await start({ chainHeights: new Map([[CHAIN, 50n]]) });
    expect(signer.logged()).toMatch(/"chainHeights":\{"bbn-test":"50"\},"msg":"serving"/);
    await expectFailure(client.signEots({ ...at, ...vote(50n) }), refused);
    expect(await client.signBatchEots({ ...at, votes: [vote(51n), vote(50n)] })).toMatchObject([
      { height: 51n, kind: "new" },
      { height: 50n, kind: "refused", code: refused },
    ]);
  });

  it("does not apply to another chain", async () => {
    const made = homeWithKey(undefined, ["chain-a", "chain-b"]);
    const { address } = await startSigner(made, { chainHeights: new Map([["chain-a", 50n]]) });
    const at = { key: made.key.publicKey, chainId: "chain-b", ...vote(50n) };
    expect((await connect(address).signEots(at)).outcome).toBe("new");
  });

  it("is refused at start unless it is a height of a chain", async () => {
    const begin = (id: string, height: bigint) =>
      startSigner(homeWithKey(), { chainHeights: new Map([[id, height]]) });
    await expectFailure(begin("two words", 1n), "invalid-chain-id");
    await expectFailure(begin(CHAIN, 1n << 64n), "invalid-number");
  });

  it("is given by a caller for one call, where it only makes the signer stricter", async () => {
    const { client, at } = await start({ chainHeights: new Map([[CHAIN, 50n]]) });
    await expectFailure(client.signEots({ ...at, ...vote(50n), chainHeight: 0n }), refused);
    await expectFailure(client.signEots({ ...at, ...vote(60n), chainHeight: 60n }), refused);
    const votes = [vote(60n), vote(61n)];
    expect(await client.signBatchEots({ ...at, votes, chainHeight: 60n })).toMatchObject([
      { kind: "refused", code: refused },
      { kind: "new" },
    ]);
    expect((await client.signEots({ ...at, ...vote(60n) })).outcome).toBe("new");
    expect((await client.signEots({ ...at, ...vote(60n), chainHeight: 99n })).outcome).toBe("same");
  });

  it("is one height as decimal text in x-tapstake-chain-height", async () => {
    const { signer, at } = await start();
    const body = { uid: at.key, chainId: text(CHAIN), height: 7n, msg: ballot(7n) };
    const ask = async (value: string | string[]) => {
      const headers = { "x-tapstake-chain-height": value };
      return rawCall(signer.address, pathOf("SignEOTS"), encodeRequest("SignEOTS", body), headers);
    };
    for (const wrong of [
      "",
      "-1",
      "0x7",
      "7.0",
      "6 7",
      "6,6",
      "18446744073709551616",
      "9".repeat(50),
      ["6", "7"],
    ]) {
      const answer = await ask(wrong);
      expect([wrong, answer.status, answer.trailer["x-tapstake-code"]]).toEqual([
        wrong,
        "INVALID_ARGUMENT",
        "invalid-number",
      ]);
    }
    expect((await ask("7")).trailer["x-tapstake-code"]).toBe(refused);
    expect((await ask("6")).status).toBe("OK");
  });
});

describe("an answer to a batch", () => {
  const votes = Array.from({ length: 8 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
  const kinds = (answers: readonly { kind: string }[]) => answers.map(({ kind }) => kind).join(" ");

  it("distinguishes new votes from those signed before", async () => {
    const { client, at } = await start();
    expect(kinds(await client.signBatchEots({ ...at, votes: votes.slice(0, 4) }))).toBe("new new new new");
    await client.signEots({ ...at, height: 6n, message: ballot(6n, "b") });
    expect(kinds(await client.signBatchEots({ ...at, votes }))).toBe(
      "same same same same new new refused new",
    );
  });

  it("has the heights that were signed before in its trailer", async () => {
    const { client, at, signer } = await start();
    for (const i of [1, 2, 3, 5]) {
      await client.signEots({ ...at, ...votes[i]! });
    }
    const signRequests = votes.map(({ height, message }) => ({ height, msg: message }));
    const bytes = encodeRequest("SignBatchEOTS", { uid: at.key, chainId: text(CHAIN), signRequests });
    const answer = await rawCall(signer.address, pathOf("SignBatchEOTS"), bytes);
    expect(answer.trailer).toEqual({
      "x-tapstake-outcome": "new=4,same=4,refused=0",
      "x-tapstake-same": "1-3,5",
    });
  });

  it("is `signed` where the list of the same heights has no room", async () => {
    const first = 9n * 10n ** 11n;
    const made = homeWithKey();
    const at = { key: made.key.publicKey, chainId: CHAIN };
    knowCommitment(made.home, at.key, CHAIN, first, 2_000);
    const client = connect((await startSigner(made)).address);
    const apart = Array.from({ length: 700 }, (_, i) => {
      const height = first + 2n * BigInt(i);
      return { height, message: ballot(height) };
    });
    await client.signBatchEots({ ...at, votes: apart });
    const answers = await client.signBatchEots({ ...at, votes: [...apart, votes[0]!] });
    const same = answers.filter(({ kind }) => kind === "same");
    expect(same).toEqual(answers.slice(0, same.length));
    expect(same.length).toBeGreaterThan(250);
    expect(new Set(answers.slice(same.length).map(({ kind }) => kind))).toEqual(new Set(["signed"]));
  });
});

/**
 * The bytes whose SHA-256 is the digest that a leaf spend of one input signs with SIGHASH_DEFAULT (BIP-341,
 * BIP-342): the tag's hash twice, and the message.
 */
function sighashPreimage({ transaction, inputIndex, prevouts, leaf }: LeafSpend): Uint8Array {
  const [input] = transaction.ins;
  const [prevout] = prevouts;
  expect([inputIndex, transaction.ins.length]).toEqual([0, 1]);
  const tag = sha256(utf8("TapSighash"));
  return concatBytes(
    tag,
    tag,
    Uint8Array.of(0, 0),
    u32le(transaction.version),
    u32le(transaction.locktime),
    sha256(concatBytes(input!.hash, u32le(input!.index))),
    sha256(u64le(prevout!.value)),
    sha256(withLength(prevout!.script)),
    sha256(u32le(input!.sequence)),
    sha256(
      concatBytes(...transaction.outs.flatMap(({ value, script }) => [u64le(value), withLength(script)])),
    ),
    Uint8Array.of(2),
    u32le(inputIndex),
    leaf.hash,
    Uint8Array.of(0),
    u32le(0xffff_ffff),
  );
}

const u64le = (value: bigint) => u64be(value).toReversed();
const u32le = (value: number) => u64le(BigInt(value)).slice(0, 4);
const withLength = (script: Uint8Array) => Uint8Array.of(script.length, ...script);
