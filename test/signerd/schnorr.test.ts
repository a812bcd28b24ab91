import { bech32 } from "@scure/base";
import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { proofOfPossessionDigest, verifyProofOfPossession } from "../../src/babylon/pop.js";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { merkle } from "../../src/crypto/merkle.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { chainConfig } from "../../src/finality/chains.js";
import type { Home } from "../../src/finality/home.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { commitRemotely } from "../../src/signer-client/commit.js";
import { encodeRequest, pathOf } from "../../src/signer-client/wire.js";
import { commitmentDigest, signingContext } from "../../src/vote/messages.js";
import { verifyCommitment, verifyRandomness } from "../../src/vote/vote.js";
import { failure as expectFailure } from "../support/errors.js";
import { hash, inHome } from "../support/signer.js";
import { addKey, CHAIN, connect, homeWithKey, PASSPHRASE, rawCall, startSigner, text } from "./support.js";

const module = bech32.encodeFromBytes("bbn", new Uint8Array(32).fill(5));
const address = bech32.encodeFromBytes("bbn", new Uint8Array(20).fill(7));
const context = signingContext("fp_rand_commit", CHAIN, module);

async function start(options: Parameters<typeof startSigner>[1] = {}, chains?: object) {
  const made = homeWithKey();
  if (chains) {
    writeFileSync(made.home.chainsFile, JSON.stringify({ version: 1, chains }), { mode: 0o600 });
  }
  const signer = await startSigner(made, options);
  return { ...made, signer, client: connect(signer.address), key: made.key.publicKey };
}

/** What a home remembers of its key's commitments once its signer was stopped. */
const storedIn = (home: Home, key: Uint8Array) =>
  inHome(home, (protection) => protection.commitments(key, CHAIN));

describe("SignSchnorrSig", () => {
  it("signs the commitment that a caller makes of the randomness it was given", async () => {
    const { client, key } = await start();
    const [startHeight, count] = [1000n, 70];
    const points = await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight, count });
    const root = merkle.root(points);
    const digest = commitmentDigest({ startHeight, count: BigInt(count), root });
    const { signature } = await client.signSchnorr({ key, digest });
    expect(verifyCommitment({ finalityProvider: key, startHeight, count, root, signature })).toBe(true);
  });

  it("signs it for commitRemotely, with the chain's context, and every height can be proved", async () => {
    const { client, home, key } = await start({}, { [CHAIN]: { contexts: "v3", moduleAddress: module } });
    const request = { key, chain: chainConfig(home, CHAIN), start: 1000n, count: 70 };
    const { commitment, points, ...more } = await commitRemotely(client, request);
    expect(more).toEqual({});
    expect(commitment).toMatchObject({ finalityProvider: key, startHeight: 1000n, count: 70, context });
    expect(verifyCommitment(commitment)).toBe(true);
    for (const [i, point] of points.entries()) {
      expect(verifyRandomness(commitment, 1000n + BigInt(i), point, merkle.proof(points, i))).toBe(true);
    }
    const again = await commitRemotely(client, { ...request, start: 1069n, allowOverlap: true });
    expect(again.overlaps).toBe("1000-1069");
  });

  it("is not called by commitRemotely for fewer heights than the chain's minimum", async () => {
    const { client, home, key } = await start({}, { [CHAIN]: { minCount: 6 } });
    const request = { key, chain: chainConfig(home, CHAIN), start: 1000n, count: 5 };
    await expectFailure(commitRemotely(client, request), "count-too-small");
  });

  it("signs it for heights at an interval, and where the chain has a context, with that one only", async () => {
    const { client, key } = await start({}, { [CHAIN]: { contexts: "v3", moduleAddress: module } });
    const range = { key, chainId: CHAIN, startHeight: 10n, count: 5, interval: 60n };
    const root = merkle.root(await client.createRandomnessPairList(range));
    const commitment = { startHeight: 10n, count: 5n, root };
    const digest = commitmentDigest({ ...commitment, context });
    expect(schnorr.verify(key, digest, (await client.signSchnorr({ key, digest })).signature)).toBe(true);
    const other = signingContext("fp_rand_commit", "another chain", module);
    for (const each of [commitment, { ...commitment, context: other }]) {
      const refused = client.signSchnorr({ key, digest: commitmentDigest(each) });
      const { message } = await expectFailure(refused, "not-permitted");
      expect(message).toContain("with the signing context and the least count");
    }
  });

  it("refuses a commitment of fewer heights than the chain's minimum", async () => {
    const { client, key } = await start({}, { [CHAIN]: { minCount: 6 } });
    const range = { key, chainId: CHAIN, startHeight: 10n };
    const digestOf = async (count: number) => {
      const root = merkle.root(await client.createRandomnessPairList({ ...range, count }));
      return commitmentDigest({ startHeight: 10n, count: BigInt(count), root });
    };
    await expectFailure(client.signSchnorr({ key, digest: await digestOf(5) }), "not-permitted");
    await client.signSchnorr({ key, digest: await digestOf(6) });
  });

  it("signs commitments that overlap, as an earlier one may never have reached the chain, and warns", async () => {
    const made = homeWithKey();
    const protection = openProtection(made.home);
    const stored = { startHeight: 500n, count: 10, root: hash(1), signature: new Uint8Array(64) };
    protection.addCommitment(made.key.publicKey, CHAIN, { ...stored, subtrees: null });
    protection.close();
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const key = made.key.publicKey;
    const commit = async (startHeight: bigint, count: number) => {
      const points = await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight, count });
      const root = merkle.root(points);
      const digest = commitmentDigest({ startHeight, count: BigInt(count), root });
      const before = signer.logged().length;
      const { overlaps } = await client.signSchnorr({ key, digest });
      const lines = signer.logged().slice(before).split("\n");
      const warned = lines.filter((line) => line.includes('"level":"warn"'));
      expect(warned.map((line) => line.match(/"overlaps":"([^"]*)"/)?.[1])).toEqual(
        overlaps === undefined ? [] : [overlaps],
      );
      return overlaps;
    };
    expect(await commit(100n, 10)).toBeUndefined();
    expect(await commit(100n, 10)).toBeUndefined();
    expect(await commit(110n, 10)).toBeUndefined();
    expect(await commit(109n, 3)).toBe("100-109,110-119");
    expect(await commit(490n, 10)).toBeUndefined();
    expect(await commit(505n, 6)).toBe("500-509");
    // It overlaps nothing but what was signed and is not stored.
    expect(await commit(510n, 5)).toBe("505-510");
    // Handed out again and never signed: no commitment.
    await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 900n, count: 10 });
    expect(await commit(905n, 10)).toBeUndefined();
    await signer.stop();
    expect(storedIn(made.home, key).map(({ startHeight }) => startHeight)).toEqual([
      100n,
      110n,
      490n,
      500n,
      510n,
      905n,
    ]);
  });

  it("treats the same heights under another context as another commitment, though its root is the same", async () => {
    const made = homeWithKey();
    const range = { key: made.key.publicKey, start: 100n, count: 10 };
    const signer = await startSigner(made);
    await commitRemotely(connect(signer.address), { ...range, chain: chainConfig(made.home, CHAIN) });
    await signer.stop();
    const chains = { [CHAIN]: { contexts: "v3", moduleAddress: module } };
    writeFileSync(made.home.chainsFile, JSON.stringify({ version: 1, chains }), { mode: 0o600 });
    const next = connect((await startSigner(made)).address);
    const request = { ...range, chain: chainConfig(made.home, CHAIN) };
    await expectFailure(commitRemotely(next, request), "commitment-overlap");
    expect((await commitRemotely(next, { ...request, allowOverlap: true })).overlaps).toBe("100-109");
  });

  it("refuses one that overlaps an earlier one, signed or stored, for a caller that asks for that check", async () => {
    const made = homeWithKey();
    const [signer, key] = [await startSigner(made), made.key.publicKey];
    const client = connect(signer.address);
    const digestOf = async (startHeight: bigint, count: number, interval = 1n) => {
      const range = { key, chainId: CHAIN, startHeight, count, interval };
      const root = merkle.root(await client.createRandomnessPairList(range));
      return commitmentDigest({ startHeight, count: BigInt(count), root });
    };
    const strict = async (...range: Parameters<typeof digestOf>) =>
      client.signSchnorr({ key, digest: await digestOf(...range), refuseOverlap: true });
    await strict(100n, 10);
    // The very same one is no second one.
    await strict(100n, 10);
    const { message } = await expectFailure(strict(109n, 30), "commitment-overlap");
    expect(message).toContain("committed to 100-109 before");
    // That one was not signed: these overlap nothing else.
    await strict(110n, 10);
    await strict(130n, 5, 2n);
    // Signed and not stored, as it is no commitment to neighbouring heights.
    await expectFailure(strict(134n, 1), "commitment-overlap");
    const uid = { uid: key, msg: await digestOf(119n, 2) };
    const bytes = encodeRequest("SignSchnorrSig", uid);
    const ask = (headers: Record<string, string>) =>
      rawCall(signer.address, pathOf("SignSchnorrSig"), bytes, headers);
    const refused = await ask({ "x-tapstake-refuse-overlap": "true" });
    expect(refused).toMatchObject({ status: "FAILED_PRECONDITION", bytes: undefined });
    expect(refused.trailer["x-tapstake-code"]).toBe("commitment-overlap");
    expect(await ask({})).toMatchObject({ status: "OK", trailer: { "x-tapstake-overlaps": "110-119" } });
    await signer.stop();
    const next = connect((await startSigner(made)).address);
    const range = { key, chain: { id: CHAIN, minCount: 1 }, start: 90n, count: 11 };
    await expectFailure(commitRemotely(next, range), "commitment-overlap");
    expect((await commitRemotely(next, { ...range, allowOverlap: true })).overlaps).toBe("100-109");
  });

  it("names a bounded number of the overlapping commitments", async () => {
    const { client, key } = await start();
    const commit = async (startHeight: bigint, count: number) => {
      const points = await client.createRandomnessPairList({ key, chainId: CHAIN, startHeight, count });
      const commitment = { startHeight, count: BigInt(count), root: merkle.root(points) };
      return client.signSchnorr({ key, digest: commitmentDigest(commitment) });
    };
    for (let height = 0n; height < 30n; height++) await commit(height, 1);
    const { overlaps } = await commit(0n, 30);
    expect(overlaps?.split(",")).toEqual(Array.from({ length: 20 }, (_, i) => `${i}-${i}`));
  });

  it("stores each commitment that it signs once, as it was signed, and proves their heights from 256 others", async () => {
    const { client, key, signer, home } = await start(
      {},
      { [CHAIN]: { contexts: "v3", moduleAddress: module } },
    );
    const range = { key, chainId: CHAIN, startHeight: 10n, count: 300 };
    const root = merkle.root(await client.createRandomnessPairList(range));
    const digest = commitmentDigest({ startHeight: 10n, count: 300n, root, context });
    const { signature } = await client.signSchnorr({ key, digest });
    await client.signSchnorr({ key, digest });
    await signer.stop();
    const [stored, ...more] = storedIn(home, key);
    expect(more).toEqual([]);
    expect(stored).toMatchObject({ startHeight: 10n, count: 300, root, context, signature });
    expect(stored!.subtrees).toHaveLength(2 * 32);
    expect(verifyCommitment({ ...stored!, finalityProvider: key })).toBe(true);
  });

  it("does not store a commitment to heights at an interval, which chains read as neighbours", async () => {
    const { client, key, signer, home } = await start();
    const range = { key, chainId: CHAIN, startHeight: 10n, count: 5, interval: 60n };
    const root = merkle.root(await client.createRandomnessPairList(range));
    await client.signSchnorr({ key, digest: commitmentDigest({ startHeight: 10n, count: 5n, root }) });
    await signer.stop();
    expect(storedIn(home, key)).toEqual([]);
  });

  it("withholds the signature of a commitment that cannot be stored", async () => {
    const { client, key, home } = await start();
    const range = { key, chainId: CHAIN, startHeight: 10n, count: 5 };
    const root = merkle.root(await client.createRandomnessPairList(range));
    rmSync(home.watermarkFile);
    const digest = commitmentDigest({ startHeight: 10n, count: 5n, root });
    await expectFailure(client.signSchnorr({ key, digest }), "protection-replaced");
  });

  it("signs proofs of possession for configured addresses, with and without the context", async () => {
    const pop = signingContext("fp_pop", CHAIN, module);
    const chain = { contexts: "v3", moduleAddress: module, stakingModuleAddress: module };
    const { client, key } = await start({ popAddresses: [address] }, { [CHAIN]: chain });
    for (const each of [undefined, pop]) {
      const { signature } = await client.signSchnorr({ key, digest: proofOfPossessionDigest(address, each) });
      expect(verifyProofOfPossession(key, { kind: "bip340", signature }, { address, context: each })).toBe(
        true,
      );
    }
    const other = bech32.encodeFromBytes("bbn", new Uint8Array(20).fill(8));
    await expectFailure(client.signSchnorr({ key, digest: proofOfPossessionDigest(other) }), "not-permitted");
  });

  it("PROTOCOL 11: a call that signs any digest also signs a slashing: it refuses every digest that it did not compute itself", async () => {
    const { client, key, secretKey, signer } = await start({ popAddresses: [address] });
    const range = { key, chainId: CHAIN, startHeight: 1000n, count: 20 };
    const points = await client.createRandomnessPairList(range);
    const root = merkle.root(points);
    const sighash = sha256(text("the signature hash of a slashing transaction"));
    const own = commitmentDigest({ startHeight: 1000n, count: 20n, root });
    const foreign = [
      sighash,
      root,
      points[0]!,
      new Uint8Array(32),
      flipped(own),
      commitmentDigest({ startHeight: 1001n, count: 20n, root }),
      commitmentDigest({ startHeight: 1000n, count: 19n, root: merkle.root(points.slice(0, 19)) }),
      commitmentDigest({ startHeight: 1000n, count: 20n, root: sighash }),
      // The vote that a double signer would need, as the BIP-340 signature that it also is.
      sha256(text("a message")),
    ];
    for (const digest of foreign) {
      const error = await expectFailure(client.signSchnorr({ key, digest }), "not-permitted");
      expect(error.message).toMatch(/signs only digests that it computed itself/);
    }
    await expectFailure(client.signSchnorr({ key, digest: sighash.subarray(1) }), "invalid-bytes");
    const page = await (await fetch(`http://${signer.metricsAddress}/metrics`)).text();
    expect(page).toMatch(new RegExp(`denied_total\\{method="SignSchnorrSig"\\} ${foreign.length}\n`));
    expect(signer.logged()).not.toContain(hex.encode(secretKey));
  });

  it("signs with the key of the randomness only", async () => {
    const made = homeWithKey();
    const other = addKey(made.home, "other", text("b".repeat(32)));
    const signer = await startSigner(made);
    const client = connect(signer.address);
    await client.unlockKey({ key: other.publicKey, passphrase: PASSPHRASE });
    const key = made.key.publicKey;
    const range = { key, chainId: CHAIN, startHeight: 1n, count: 3 };
    const root = merkle.root(await client.createRandomnessPairList(range));
    const digest = commitmentDigest({ startHeight: 1n, count: 3n, root });
    await expectFailure(client.signSchnorr({ key: other.publicKey, digest }), "not-permitted");
  });

  it("signs any digest with --open-messages, and logs a warning at start", async () => {
    const { client, key, signer } = await start({ openSchnorr: true });
    const digest = sha256(text("anything"));
    expect(schnorr.verify(key, digest, (await client.signSchnorr({ key, digest })).signature)).toBe(true);
    expect(signer.logged()).toMatch(/"level":"warn".*--open-schnorr: SignSchnorrSig signs ANY digest/);
  });

  it("refuses an invalid address, at start", async () => {
    const made = homeWithKey();
    await expectFailure(startSigner(made, { popAddresses: ["bbn1nonsense"] }), "invalid-address");
  });
});

function flipped(digest: Uint8Array): Uint8Array {
  const changed = digest.slice();
  changed[31]! ^= 1;
  return changed;
}
