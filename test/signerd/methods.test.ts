import { readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { eots } from "../../src/crypto/eots.js";
import { merkle } from "../../src/crypto/merkle.js";
import { randomness } from "../../src/crypto/randomness.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { createEotsClient } from "../../src/signer-client/client.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { commitmentDigest } from "../../src/vote/messages.js";
import { failure as expectFailure } from "../support/errors.js";
import {
  addKey,
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  PASSPHRASE,
  rawCall,
  startSigner,
  text,
  knowCommitment,
} from "./support.js";

const U64 = 0xffff_ffff_ffff_ffffn;

async function signerWithClient(options: Parameters<typeof startSigner>[1] = {}) {
  const made = homeWithKey();
  const signer = await startSigner(made, options);
  return { ...made, signer, client: connect(signer.address), publicKey: made.key.publicKey };
}

describe("Ping", () => {
  it("answers", async () => {
    const { client } = await signerWithClient();
    await expect(client.ping()).resolves.toBeUndefined();
  });

  it("is unreachable where no signer listens", async () => {
    const { signer } = await signerWithClient();
    await signer.stop();
    await expectFailure(connect(signer.address).ping(), "signer-unreachable");
  });
});

/** All that one answer can carry, and the commitment to it as the signer signed it: asked for once for several tests. */
function largestAnswer() {
  largest ??= askForLargest();
  return largest;
}

let largest: ReturnType<typeof askForLargest> | undefined;

async function askForLargest() {
  const { client, publicKey: key, secretKey } = await signerWithClient();
  const [startHeight, count] = [7n, 100_000];
  const points = await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight, count });
  const digest = commitmentDigest({ startHeight, count: BigInt(count), root: merkle.root(points) });
  return {
    key,
    secretKey,
    startHeight,
    points,
    digest,
    signature: (await client.signSchnorr({ key, digest })).signature,
  };
}

describe("CreateRandomnessPairList", () => {
  it("gives the public randomness of neighbouring heights, and of heights at an interval", async () => {
    const { client, publicKey: key, secretKey } = await signerWithClient();
    const expected = (height: bigint) => randomness.derive(secretKey, CHAIN, height).public;
    for (const interval of [undefined, 0n, 1n, 10n]) {
      const range = { key, chainId: CHAIN, startHeight: 100n, count: 40 };
      const list = await client.createRandomnessPairList({
        ...range,
        ...(interval !== undefined && { interval }),
      });
      const step = interval || 1n;
      expect(list).toEqual(list.map((_, i) => expected(100n + BigInt(i) * step)));
      expect(list).toHaveLength(40);
    }
  });

  it("gives the last height of 64 bits, and refuses heights beyond it", async () => {
    const { client, publicKey: key, secretKey } = await signerWithClient();
    const last = { key, chainId: CHAIN, startHeight: U64 - 2n, count: 2 };
    expect((await client.createRandomnessPairList(last))[1]).toEqual(
      randomness.derive(secretKey, CHAIN, U64 - 1n).public,
    );
    await expectFailure(client.createRandomnessPairList({ ...last, count: 3 }), "invalid-number");
    await expectFailure(client.createRandomnessPairList({ ...last, interval: U64 }), "invalid-number");
  });

  it("gives as many heights as an answer can carry, and signs the commitment to them", async () => {
    const { points, key, digest, signature } = await largestAnswer();
    expect(points).toHaveLength(100_000);
    expect(schnorr.verify(key, digest, signature)).toBe(true);
  });

  it("refuses no heights, and more than an answer can carry", async () => {
    const { publicKey: uid, signer, client } = await signerWithClient();
    const range = { uid, chainId: text(CHAIN), startHeight: 1n };
    const bytes = encodeRequest("CreateRandomnessPairList", { ...range, num: 0 });
    const none = await rawCall(signer.address, pathOf("CreateRandomnessPairList"), bytes);
    expect(none.status).toBe("INVALID_ARGUMENT");
    const many = { key: uid, chainId: CHAIN, startHeight: 1n, count: 100_001 };
    await expectFailure(client.createRandomnessPairList(many), "invalid-number");
  });

  it("gives as many heights as it says, in order", async () => {
    const { points, startHeight, secretKey } = await largestAnswer();
    expect(points).toHaveLength(100_000);
    for (const i of [0, 1, 49_999, 99_999]) {
      expect(points[i]).toEqual(randomness.derive(secretKey, CHAIN, startHeight + BigInt(i)).public);
    }
  });

  /** More than one thread derives: the signer starts another. */
  const LONG = 9_000;

  // Where what is asked for meanwhile had to wait, it would always come last, and these tests would not end.
  it("lets votes pass while it derives a long range", async () => {
    const { client, publicKey: key } = await signerWithClient();
    for (let [height, passed] = [1n, false]; !passed; height++) {
      let derived = false;
      const range = { key, chainId: CHAIN, startHeight: 100_000n * height, count: LONG };
      const deriving = client.createRandomnessPairList(range).then(() => (derived = true));
      const { outcome } = await client.signEots({ key, chainId: CHAIN, height, message: ballot(height) });
      expect(outcome).toBe("new");
      passed = !derived;
      await deriving;
    }
  });

  it("answers short requests at once while it derives long ranges", async () => {
    const { client, publicKey: key } = await signerWithClient();
    for (let [start, passed] = [1n, false]; !passed; start += 300_000n) {
      let derived = 0;
      const ranges = [start, start + 100_000n].map((startHeight) => ({ startHeight, count: LONG }));
      const deriving = ranges.map((range) =>
        client.createRandomnessPairList({ key, chainId: CHAIN, ...range }).then(() => derived++),
      );
      const few = { key, chainId: CHAIN, startHeight: start + 200_000n, count: 32 };
      expect(await client.createRandomnessPairList(few)).toHaveLength(32);
      passed = derived === 0;
      await Promise.all(deriving);
    }
  });
});

describe("SignEOTS", () => {
  it("signs, returns the same signature again, and refuses another message", async () => {
    const { client, publicKey: key, secretKey } = await signerWithClient();
    const at = { key, chainId: CHAIN, height: 7n };
    const first = await client.signEots({ ...at, message: ballot(7n) });
    expect(first.outcome).toBe("new");
    const R = randomness.derive(secretKey, CHAIN, 7n).public;
    expect(eots.verify(key, R, ballot(7n), first.signature)).toBe(true);
    expect(await client.signEots({ ...at, message: ballot(7n) })).toEqual({ ...first, outcome: "same" });
    const error = await expectFailure(client.signEots({ ...at, message: ballot(7n, "b") }), "double-vote");
    expect(error.message).toMatch(/^another message was signed at height 7 /);
  });

  it("answers a double sign with FailedPrecondition, the code in its message and its trailer", async () => {
    const { client, publicKey: uid, signer } = await signerWithClient();
    await client.signEots({ key: uid, chainId: CHAIN, height: 7n, message: ballot(7n) });
    const vote = { uid, chainId: text(CHAIN), height: 7n, msg: ballot(7n, "b") };
    const answer = await rawCall(signer.address, pathOf("SignEOTS"), encodeRequest("SignEOTS", vote));
    expect(answer).toMatchObject({ status: "FAILED_PRECONDITION", bytes: undefined });
    expect(answer.details).toMatch(/^double-vote: /);
    expect(answer.trailer).toMatchObject({ "x-tapstake-code": "double-vote" });
  });

  it("keeps chains apart", async () => {
    const made = homeWithKey(undefined, ["chain-a", "chain-b"]);
    const client = connect((await startSigner(made)).address);
    const at = { key: made.key.publicKey, height: 7n };
    const a = await client.signEots({ ...at, chainId: "chain-a", message: ballot(7n) });
    const b = await client.signEots({ ...at, chainId: "chain-b", message: ballot(7n, "b") });
    expect([a.outcome, b.outcome]).toEqual(["new", "new"]);
  });

  it("continues on a chain while callers name hundreds of others", async () => {
    const { client, publicKey: key } = await signerWithClient();
    const request = { key, height: 7n, message: ballot(7n) };
    const first = await client.signEots({ ...request, chainId: CHAIN });
    for (let i = 0; i < 300; i++) {
      await expectFailure(client.signEots({ ...request, chainId: `other-${i}` }), "protection-uninitialised");
    }
    const again = await client.signEots({ ...request, chainId: CHAIN });
    expect(again).toEqual({ ...first, outcome: "same" });
  });

  it("signs at the first and at the last height", async () => {
    const made = homeWithKey();
    knowCommitment(made.home, made.key.publicKey, CHAIN, 1_000_000_000_000n);
    const client = connect((await startSigner(made)).address);
    const key = made.key.publicKey;
    for (const height of [0n, 1_000_000_000_000n]) {
      const vote = { key, chainId: CHAIN, height, message: ballot(height) };
      expect((await client.signEots(vote)).outcome).toBe("new");
    }
  });

  it.each<[string, object, ErrorCode]>([
    ["a key that is not in the home", { key: publicKeyOf(text("a".repeat(32))) }, "key-not-found"],
    ["bytes that are no key", { key: new Uint8Array(32) }, "invalid-public-key"],
    ["a chain without a name", { chainId: "" }, "invalid-chain-id"],
    [
      "a chain id that is no plain text",
      { chainId: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61) },
      "invalid-chain-id",
    ],
    ["a chain id of two words", { chainId: "bbn 1" }, "invalid-chain-id"],
    ["a chain on which an imported key was never begun", { chainId: "other" }, "protection-uninitialised"],
  ])("refuses %s", async (_what, change, code) => {
    const { client, publicKey: key } = await signerWithClient();
    const vote = { key, chainId: CHAIN, height: 1n, message: ballot(1n) };
    await expectFailure(client.signEots({ ...vote, ...change }), code);
  });
});

describe("UnsafeSignEOTS", () => {
  it("is refused with the reason, and counted", async () => {
    const { publicKey: uid, signer } = await signerWithClient();
    const vote = { uid, chainId: text(CHAIN), height: 7n, msg: ballot(7n) };
    const bytes = encodeRequest("UnsafeSignEOTS", vote);
    const answer = await rawCall(signer.address, pathOf("UnsafeSignEOTS"), bytes);
    expect(answer).toMatchObject({ status: "PERMISSION_DENIED", bytes: undefined });
    expect(answer.details).toMatch(/never signs without its protection/);
    const page = await (await fetch(`http://${signer.metricsAddress}/metrics`)).text();
    expect(page).toMatch(/tapstake_denied_total\{method="UnsafeSignEOTS"\} 1\n/);
  });
});

describe("SignBatchEOTS", () => {
  it("answers every height: new, the same again, or refused with a code", async () => {
    const { client, publicKey: key } = await signerWithClient();
    const { signature } = await client.signEots({ key, chainId: CHAIN, height: 2n, message: ballot(2n) });
    await client.signEots({ key, chainId: CHAIN, height: 3n, message: ballot(3n, "other") });
    const votes = [4n, 3n, 2n, 1n].map((height) => ({ height, message: ballot(height) }));
    const answers = await client.signBatchEots({ key, chainId: CHAIN, votes });
    expect(answers.map(({ height, kind }) => [height, kind])).toEqual([
      [4n, "new"],
      [3n, "refused"],
      [2n, "same"],
      [1n, "new"],
    ]);
    expect(answers[1]).toMatchObject({ code: "double-vote" });
    expect(answers[2]).toMatchObject({ signature });
  });

  it("omits a refused height from the answer, and names it in the trailer and in the log", async () => {
    const { client, publicKey: uid, signer } = await signerWithClient();
    for (const height of [3n, 4n, 6n]) {
      await client.signEots({ key: uid, chainId: CHAIN, height, message: ballot(height, "other") });
    }
    const signRequests = [3n, 4n, 5n, 6n].map((height) => ({ height, msg: ballot(height) }));
    const bytes = encodeRequest("SignBatchEOTS", { uid, chainId: text(CHAIN), signRequests });
    const answer = await rawCall(signer.address, pathOf("SignBatchEOTS"), bytes);
    expect(answer.status).toBe("OK");
    expect(answer.trailer).toEqual({
      "x-tapstake-outcome": "new=1,same=0,refused=3",
      "x-tapstake-refused": "3-4:double-vote,6:double-vote",
    });
    // One response: the signature's 34 bytes and height 5.
    expect(answer.bytes).toMatch(/^0a240a20[0-9a-f]{64}1005$/);
    expect(signer.logged()).toContain(`"refused":"3-4:double-vote,6:double-vote"`);
    const page = await (await fetch(`http://${signer.metricsAddress}/metrics`)).text();
    expect(page).toMatch(/tapstake_signatures_total\{outcome="refused",code="double-vote"\} 3\n/);
  });

  it("gives no reason for a refused height that the trailer has no room for, and logs it", async () => {
    const made = homeWithKey();
    // Their many digits fill the trailer.
    const far = 9n * 10n ** 11n;
    knowCommitment(made.home, made.key.publicKey, CHAIN, far, 2_000);
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const key = made.key.publicKey;
    const heights = Array.from({ length: 300 }, (_, i) => far + 2n * BigInt(i));
    const votes = (block: string) => heights.map((height) => ({ height, message: ballot(height, block) }));
    await client.signBatchEots({ key, chainId: CHAIN, votes: votes("a") });
    const answers = await client.signBatchEots({ key, chainId: CHAIN, votes: votes("b") });
    const codes = answers.map((answer) => answer.kind === "refused" && answer.code);
    const listed = codes.indexOf("unlisted-refusal");
    expect(listed).toBeGreaterThan(100);
    expect(codes.slice(0, listed).every((code) => code === "double-vote")).toBe(true);
    expect(codes.slice(listed).every((code) => code === "unlisted-refusal")).toBe(true);
    for (const height of heights) expect(signer.logged()).toContain(`${height}:double-vote`);
  });

  it("rejects duplicate heights as a whole, before anything is signed", async () => {
    const { client, publicKey: key } = await signerWithClient();
    // Beyond the first 200, which are signed at once, too.
    const votes = Array.from({ length: 250 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
    const twice = [...votes, { height: 0n, message: ballot(0n, "b") }];
    await expectFailure(client.signBatchEots({ key, chainId: CHAIN, votes: twice }), "duplicate-height");
    const other = votes.map(({ height }) => ({ height, message: ballot(height, "c") }));
    const answers = await client.signBatchEots({ key, chainId: CHAIN, votes: other });
    expect(answers.every(({ kind }) => kind === "new")).toBe(true);
  });

  it("refuses a batch of more heights than it signs at once", async () => {
    const { client, publicKey: key } = await signerWithClient();
    const votes = Array.from({ length: 10_001 }, (_, i) => ({
      height: BigInt(i),
      message: ballot(BigInt(i)),
    }));
    await expectFailure(client.signBatchEots({ key, chainId: CHAIN, votes }), "invalid-number");
  });

  it("answers an empty batch with an empty answer", async () => {
    const { client, publicKey: key } = await signerWithClient();
    expect(await client.signBatchEots({ key, chainId: CHAIN, votes: [] })).toEqual([]);
  });
});

describe("SaveEOTSKeyName", () => {
  it("confirms the key's name, for every form of the public key", async () => {
    const { client, key, signer } = await signerWithClient();
    const forms = [
      key.publicKey,
      Uint8Array.of(2, ...key.publicKey),
      Uint8Array.of(4, ...key.publicKey, ...key.publicKey),
    ];
    for (const form of forms) await client.saveKeyName({ name: key.name, key: form });
    // Of all signers of these tests.
    const logged = signer.logged().replace(/^.*"--uncommitted.*\n/gm, "");
    expect(logged).not.toMatch(/"level":"(warn|error)"/);
  });

  it("PROTOCOL 11: an unauthenticated key-name call aliased a key and got a second signature: it gives no key another name", async () => {
    const made = homeWithKey();
    const other = addKey(made.home, "other", text("b".repeat(32)));
    const { address } = await startSigner(made, { hmacKey: "secret" });
    const open = createEotsClient({ address });
    // A public key finds its key too, and is no name.
    for (const name of ["alias", "other", "../validator-1", "", hex.encode(made.key.publicKey)]) {
      await expectFailure(open.saveKeyName({ name, key: made.key.publicKey }), "key-mismatch");
    }
    await expectFailure(open.saveKeyName({ name: made.key.name, key: other.publicKey }), "key-mismatch");
    await expectFailure(
      open.saveKeyName({ name: made.key.name, key: new Uint8Array(31) }),
      "invalid-public-key",
    );
    open.close();
    expect(readdirSync(made.home.keysFolder).sort()).toEqual(["other.json", "validator-1.json"]);
  });
});

describe("UnlockKey", () => {
  const locked = () => signerWithClient({ unlock: [] });

  it("opens a locked key", async () => {
    const { client, publicKey: key } = await locked();
    const vote = { key, chainId: CHAIN, height: 1n, message: ballot(1n) };
    const error = await expectFailure(client.signEots(vote), "key-locked");
    expect(error.details["status"]).toBe("UNAVAILABLE");
    await client.unlockKey({ key, passphrase: PASSPHRASE });
    expect((await client.signEots(vote)).outcome).toBe("new");
    await client.unlockKey({ key, passphrase: "not asked any more" });
  });

  it("accepts no second guess at once, not even the right one", async () => {
    const { client, publicKey: key, signer } = await locked();
    await expectFailure(client.unlockKey({ key, passphrase: "guess" }), "wrong-passphrase");
    await expectFailure(client.unlockKey({ key, passphrase: PASSPHRASE }), "too-many-attempts");
    const page = await (await fetch(`http://${signer.metricsAddress}/metrics`)).text();
    expect(page).toMatch(/tapstake_unlock_failures_total 1\n/);
  });

  it("knows the keys of its home only", async () => {
    const { client } = await locked();
    const key = publicKeyOf(text("a".repeat(32)));
    await expectFailure(client.unlockKey({ key, passphrase: PASSPHRASE }), "key-not-found");
  });

  it("is not sent to another machine without TLS", async () => {
    for (const address of ["192.0.2.1:1", "signer.example:1", "[2001:db8::1]:1"]) {
      const call = connect(address).unlockKey({ key: sha256(text("a")), passphrase: PASSPHRASE });
      await expectFailure(call, "insecure-address");
    }
  });
});

describe("Backup", () => {
  it("writes an interchange file into the home, with permissions for its owner only", async () => {
    const { client, home, key } = await signerWithClient();
    await client.signEots({ key: key.publicKey, chainId: CHAIN, height: 5n, message: ballot(5n) });
    const name = await client.backup();
    const path = join(home.path, "backups", name);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const content = readFileSync(path, "utf8");
    expect(JSON.parse(content)).toBeTypeOf("object");
    expect(content).toContain(hex.encode(key.publicKey));
    expect(await client.backup({ database: home.protectionFile, folder: "sub/folder" })).not.toBe("");
  });

  it("refuses another folder, and copies nothing else", async () => {
    const { client, home } = await signerWithClient();
    for (const folder of ["..", "../keys", "/tmp", "/", "a/../../b"]) {
      await expectFailure(client.backup({ folder }), "not-permitted");
    }
    for (const database of ["keys/validator-1.json", "/etc/passwd", home.watermarkFile]) {
      await expectFailure(client.backup({ database }), "not-permitted");
    }
    await client.backup();
    symlinkSync(home.keysFolder, join(home.path, "backups", "link"));
    await expectFailure(client.backup({ folder: "link" }), "not-permitted");
    expect(readdirSync(home.keysFolder)).toEqual(["validator-1.json"]);
  });
});

describe("an unknown method", () => {
  it("is unimplemented", async () => {
    const { signer } = await signerWithClient();
    const answer = await rawCall(signer.address, "/proto.EOTSManager/SignEverything", new Uint8Array());
    expect(answer.status).toBe("UNIMPLEMENTED");
  });
});

describe("a closed client", () => {
  it("fails every call as if no signer answered, and names the reason", async () => {
    const { address } = await startSigner(homeWithKey());
    const client = createEotsClient({ address });
    await client.ping();
    client.close();
    client.close();
    const [key, chainId] = [new Uint8Array(32), CHAIN];
    const calls = [
      client.ping(),
      client.health(),
      client.createRandomnessPairList({ key, chainId, startHeight: 1n, count: 1 }),
      client.signEots({ key, chainId, height: 1n, message: ballot(1n) }),
      client.signBatchEots({ key, chainId, votes: [{ height: 1n, message: ballot(1n) }] }),
      client.signSchnorr({ key, digest: key }),
      client.saveKeyName({ name: "validator-1", key }),
      client.unlockKey({ key, passphrase: PASSPHRASE }),
      client.backup(),
    ];
    for (const call of calls) {
      const { message } = await expectFailure(call, "signer-unreachable");
      expect(message).toBe(`no signer answers at ${address}: this client was closed`);
    }
  });

  it("fails the calls that it has not begun to send", async () => {
    const { address } = await startSigner(homeWithKey());
    const client = createEotsClient({ address });
    const calls = [client.ping(), client.health()];
    client.close();
    for (const call of calls) await expectFailure(call, "signer-unreachable");
  });
});
