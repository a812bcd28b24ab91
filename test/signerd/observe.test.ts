import { once } from "node:events";
import { copyFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { randomness } from "../../src/crypto/randomness.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import { commitStored } from "../../src/finality/randomness/commit.js";
import type { RunningSigner } from "../../src/signerd/serve.js";
import { REFUSAL_CODES } from "../../src/vote/vote.js";
import { failure as expectFailure } from "../support/errors.js";
import {
  ballot,
  CHAIN,
  connect,
  HMAC_KEY,
  homeWithKey,
  PASSPHRASE,
  rawCall,
  readMetrics,
  startDaemon,
  startSigner,
  text,
  untilBatchBegan,
} from "./support.js";

async function usedSigner() {
  const made = homeWithKey();
  const signer = await startSigner(made, { hmacKey: HMAC_KEY, unlock: [] });
  const client = connect(signer.address, { hmacKey: HMAC_KEY });
  const key = made.key.publicKey;
  const vote = { key, chainId: CHAIN, height: 41n, message: ballot(41n, "what is voted for") };
  const locked = await expectFailure(client.signEots(vote), "key-locked");
  expect(locked.message).toContain(`tapstake fp unlock ${hex.encode(key)} (UnlockKey)`);
  await expectFailure(client.unlockKey({ key, passphrase: `${PASSPHRASE}, but wrong` }), "wrong-passphrase");
  await expectFailure(client.unlockKey({ key, passphrase: PASSPHRASE }), "too-many-attempts");
  const other = await startSigner(homeWithKey(made.secretKey), { hmacKey: HMAC_KEY, unlock: [] });
  const open = connect(other.address, { hmacKey: HMAC_KEY });
  await open.unlockKey({ key, passphrase: PASSPHRASE });
  await open.signEots(vote);
  await open.signEots(vote);
  await expectFailure(open.signEots({ ...vote, message: ballot(41n, "another") }), "double-vote");
  const votes = [40n, 41n, 43n].map((height) => ({ height, message: ballot(height, "x") }));
  await open.signBatchEots({ key, chainId: CHAIN, votes });
  await open.createRandomnessPairList({ key, chainId: CHAIN, startHeight: 1n, count: 12 });
  await expectFailure(connect(other.address).signEots(vote), "unauthenticated");
  const logged = () => signer.logged() + other.logged();
  return { ...made, signer: other, client: open, vote, logged };
}

/** Codes that refuse all heights of a call. */
const together = [
  "protection-uninitialised",
  "too-many-chains",
  "duplicate-height",
  "not-a-vote",
  "context-mismatch",
  "key-locked",
];
/** Codes of an arbiter, which refuse all of them too. */
const ofArbiter = ["unclear", "halted", "held", "required", "uninitialised", "version"].map(
  (name) => `arbiter-${name}`,
);
const refused = (code: string) => `tapstake_signatures_total{outcome="refused",code="${code}"}`;

describe("the metrics page", () => {
  it("is in Prometheus' text format, and counts events", async () => {
    const { signer, key } = await usedSigner();
    const metrics = await readMetrics(signer.metricsAddress!);
    const publicKey = hex.encode(key.publicKey);
    expect(Object.fromEntries(metrics)).toMatchObject({
      tapstake_up: 1,
      tapstake_unlocked_keys: 1,
      'tapstake_signatures_total{outcome="new",code=""}': 3,
      'tapstake_signatures_total{outcome="same",code=""}': 1,
      'tapstake_signatures_total{outcome="refused",code="double-vote"}': 2,
      [`tapstake_last_signed_height{key="${publicKey}",chain="${CHAIN}"}`]: 43,
      tapstake_randomness_derived_total: 12,
      tapstake_store_errors_total: 0,
      'tapstake_unauthenticated_total{method="SignEOTS"}': 1,
      'tapstake_requests_total{method="SignEOTS",status="OK"}': 2,
      'tapstake_requests_total{method="SignEOTS",status="FAILED_PRECONDITION"}': 1,
      'tapstake_request_seconds_count{method="SignBatchEOTS"}': 1,
      'tapstake_request_seconds_bucket{le="+Inf",method="SignEOTS"}': 4,
    });
  });

  it("has every series before its first event, so that the first is seen as an increase", async () => {
    const made = homeWithKey(undefined, [CHAIN, "another"]);
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const before = await readMetrics(signer.metricsAddress!);
    expect([...before].filter(([name]) => name.startsWith("tapstake_signatures_total"))).toEqual([
      ['tapstake_signatures_total{outcome="new",code=""}', 0],
      ['tapstake_signatures_total{outcome="same",code=""}', 0],
      ...[...REFUSAL_CODES, ...together, ...ofArbiter].map((code) => [refused(code), 0]),
    ]);
    const key = made.key.publicKey;
    const vote = { key, chainId: CHAIN, height: 5n, message: ballot(5n) };
    await client.signEots(vote);
    await expectFailure(client.signEots({ ...vote, message: ballot(5n, "another") }), "double-vote");
    await expectFailure(client.signEots({ ...vote, message: text("no vote") }), "not-a-vote");
    const after = await readMetrics(signer.metricsAddress!);
    expect([...after.keys()].filter((name) => !before.has(name))).toEqual([]);
  });

  it("counts every refused height, also where its whole call is refused", async () => {
    const made = homeWithKey(undefined, [CHAIN, "old"]);
    const context = "ab".repeat(32);
    const old = { contexts: "v3", voteContext: context, commitContext: context };
    writeFileSync(made.home.chainsFile, JSON.stringify({ version: 1, chains: { old } }), { mode: 0o600 });
    const signer = await startSigner(made, { unlock: [] });
    const client = connect(signer.address);
    const key = made.key.publicKey;
    const votes = (...heights: bigint[]) => heights.map((height) => ({ height, message: ballot(height) }));
    const one = { key, chainId: "never-begun", ...votes(5n)[0]! };
    await expectFailure(client.signEots(one), "key-locked");
    await expectFailure(client.signBatchEots({ key, chainId: CHAIN, votes: votes(5n, 6n) }), "key-locked");
    await client.unlockKey({ key, passphrase: PASSPHRASE });
    for (let i = 0; i < 3; i++) await expectFailure(client.signEots(one), "protection-uninitialised");
    const many = {
      key,
      chainId: "never-begun",
      votes: votes(...Array.from({ length: 300 }, (_, i) => BigInt(i))),
    };
    await expectFailure(client.signBatchEots(many), "protection-uninitialised");
    await expectFailure(
      client.signBatchEots({ key, chainId: CHAIN, votes: votes(5n, 6n, 5n) }),
      "duplicate-height",
    );
    const odd = [...votes(5n), { height: 6n, message: text("no vote") }];
    await expectFailure(client.signBatchEots({ key, chainId: CHAIN, votes: odd }), "not-a-vote");
    await expectFailure(client.signEots({ ...one, chainId: "old" }), "context-mismatch");
    await expectFailure(
      client.signBatchEots({ key, chainId: "old", votes: votes(5n, 6n) }),
      "context-mismatch",
    );
    const metrics = await readMetrics(signer.metricsAddress!);
    expect(together.map((code) => [code, metrics.get(refused(code))])).toEqual([
      ["protection-uninitialised", 303],
      ["too-many-chains", 0],
      ["duplicate-height", 3],
      ["not-a-vote", 2],
      ["context-mismatch", 3],
      ["key-locked", 3],
    ]);
    expect(metrics.get('tapstake_signatures_total{outcome="new",code=""}')).toBe(0);
  });

  it("counts a failure of the store, after which the signer signs nothing", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made);
    const client = connect(daemon.address);
    const vote = (height: bigint) =>
      client.signEots({ key: made.key.publicKey, chainId: CHAIN, height, message: ballot(height) });
    await vote(1n);
    const { protectionFile } = made.home;
    copyFileSync(protectionFile, `${protectionFile}.copy`);
    renameSync(`${protectionFile}.copy`, protectionFile);
    await expectFailure(vote(2n), "protection-replaced");
    const errors = async () => (await readMetrics(daemon.metricsAddress)).get("tapstake_store_errors_total");
    expect(await errors()).toBe(1);
    await expectFailure(client.backup(), "protection-replaced");
    expect(await errors()).toBe(2);
    const metrics = await readMetrics(daemon.metricsAddress);
    expect(metrics.get("tapstake_up")).toBe(0);
    expect(metrics.get('tapstake_signatures_total{outcome="new",code=""}')).toBe(1);
  });

  it("has the watermarks of each open key on each chain, from the start or its opening", async () => {
    const made = homeWithKey(undefined, [CHAIN, "another"]);
    const key = made.key.publicKey;
    const first = await startSigner(made);
    const vote = { key, chainId: CHAIN, height: 41n, message: ballot(41n) };
    await connect(first.address).signEots(vote);
    await first.stop();
    const heights = async ({ metricsAddress }: RunningSigner) =>
      [...(await readMetrics(metricsAddress!))].filter(([name]) => name.includes("last_signed_height"));
    const labelled = (chain: string) =>
      `tapstake_last_signed_height{key="${hex.encode(key)}",chain="${chain}"}`;
    const expected = [
      [labelled("another"), 0],
      [labelled(CHAIN), 41],
    ];
    const second = await startSigner(made);
    expect((await heights(second)).sort()).toEqual(expected);
    await second.stop();
    const third = await startSigner(made, { unlock: [] });
    expect(await heights(third)).toEqual([]);
    await connect(third.address).unlockKey({ key, passphrase: PASSPHRASE });
    expect((await heights(third)).sort()).toEqual(expected);
  });

  it("is alone on its port, and refuses other methods", async () => {
    const { metricsAddress } = await startSigner(homeWithKey());
    expect((await fetch(`http://${metricsAddress}/`)).status).toBe(404);
    expect((await fetch(`http://${metricsAddress}/metrics`, { method: "POST" })).status).toBe(405);
  });
});

describe("health", () => {
  // Hand-written bytes of grpc.health.v1: field 1 of the request is the service, field 1 of the answer the status.
  const check = (address: string, service: string) =>
    rawCall(
      address,
      "/grpc.health.v1.Health/Check",
      service === "" ? new Uint8Array() : Uint8Array.of(0x0a, service.length, ...text(service)),
    );

  it("is answered over gRPC without authentication", async () => {
    const { address } = await startSigner(homeWithKey(), { hmacKey: HMAC_KEY });
    for (const service of ["", "proto.EOTSManager"]) {
      expect(await check(address, service)).toMatchObject({ status: "OK", bytes: "0801" });
    }
    expect(await check(address, "another")).toMatchObject({ status: "NOT_FOUND" });
  });

  it("is requested by the client, and undefined from a server without it", async () => {
    const { address } = await startSigner(homeWithKey(), { hmacKey: HMAC_KEY });
    expect(await connect(address).health()).toBe("serving");
    const silent = new Server();
    onTestFinished(() => silent.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      silent.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    expect(await connect(`127.0.0.1:${port}`).health()).toBeUndefined();
    await expectFailure(connect("127.0.0.1:1").health(), "signer-unreachable");
  });

  it("is answered over HTTP", async () => {
    const { metricsAddress } = await startSigner(homeWithKey());
    const answer = await fetch(`http://${metricsAddress}/healthz`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ healthy: true, status: "serving", unlockedKeys: 1 });
  });

  it("reports that the signer is stopping, while it finishes running calls", async () => {
    const made = homeWithKey();
    // On a busy machine the batch takes longer than a signer waits by default.
    const signer = await startSigner(made, { patience: 600_000 });
    const client = connect(signer.address);
    const votes = Array.from({ length: 3000 }, (_, i) => ({ height: BigInt(i), message: ballot(BigInt(i)) }));
    const batch = client.signBatchEots({ key: made.key.publicKey, chainId: CHAIN, votes });
    await untilBatchBegan(signer.metricsAddress!);
    const stopped = signer.stop();
    const probe = request(`http://${signer.metricsAddress}/healthz`).end();
    const [response] = (await once(probe, "response")) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(503);
    const answers = await batch;
    expect(answers.every(({ kind }) => kind === "new")).toBe(true);
    await stopped;
  });
});

describe("the log", () => {
  it("is JSON lines with each caller's request and its result", async () => {
    const { logged, key, home } = await usedSigner();
    const lines = logged()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const votes = lines.filter(({ method }) => method === "SignEOTS");
    expect(votes).toContainEqual(
      expect.objectContaining({ key: hex.encode(key.publicKey), chain: CHAIN, height: "41", outcome: "new" }),
    );
    expect(votes).toContainEqual(
      expect.objectContaining({
        level: "warn",
        outcome: "refused",
        code: "double-vote",
        peer: expect.any(String),
      }),
    );
    const batch = lines.filter(({ method }) => method === "SignBatchEOTS");
    expect(batch).toMatchObject([
      { level: "warn", outcome: "new=2,same=0,refused=1", refused: "41:double-vote" },
    ]);
    const signed = votes.filter(({ outcome }) => outcome === "new" || outcome === "same");
    expect(signed).toMatchObject([{ level: "info" }, { level: "info" }]);
    const said = { msg: "serving", level: "info", home: home.path, keys: [], authenticated: true };
    expect(lines).toContainEqual(expect.objectContaining(said));
    for (const { time } of lines) expect(new Date(time as string).toISOString()).toBe(time);
  });

  it("warns once for each key and chain of a vote at a height that no stored commitment covers", async () => {
    const made = homeWithKey(undefined, [CHAIN, "another"]);
    const protection = openProtection(made.home);
    const chain = { id: CHAIN, minCount: 1 };
    const unlocked = { ...made.key, secretKey: made.secretKey, wipe: () => {} };
    await commitStored({ key: unlocked, chain, protection, start: 5n, count: 2 });
    protection.close();
    const signer = await startSigner(made);
    const client = connect(signer.address);
    const key = made.key.publicKey;
    const warnings = () =>
      signer
        .logged()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ code }) => code === "no-commitment");
    const vote = (chainId: string, height: bigint) =>
      client.signEots({ key, chainId, height, message: ballot(height) });
    await vote(CHAIN, 5n);
    expect(warnings()).toEqual([]);
    await vote(CHAIN, 7n);
    await vote(CHAIN, 8n);
    const votes = [9n, 10n].map((height) => ({ height, message: ballot(height) }));
    await client.signBatchEots({ key, chainId: "another", votes });
    const expected = {
      level: "warn",
      key: hex.encode(key),
      msg: expect.stringContaining("tapstake fp commit"),
    };
    expect(warnings()).toMatchObject([
      { ...expected, chain: CHAIN, height: "7" },
      { ...expected, chain: "another", height: "9" },
    ]);
  });

  it("names the keys that can sign from the start", async () => {
    const made = homeWithKey();
    const signer = await startSigner(made);
    const publicKey = hex.encode(made.key.publicKey);
    const lines = signer.logged().split("\n");
    const serving = lines.find((line) => line.includes('"serving"'))!;
    expect(JSON.parse(serving)).toMatchObject({ keys: [{ name: "validator-1", publicKey }] });
  });

  it("contains no secret, no message and no signature", async () => {
    const { logged, secretKey, client, vote } = await usedSigner();
    const { signature } = await client.signEots(vote);
    const secrets = [
      secretKey,
      randomness.derive(secretKey, CHAIN, vote.height).secret,
      text(PASSPHRASE),
      text(HMAC_KEY),
      vote.message,
      signature,
    ];
    const all = logged();
    for (const secret of secrets) {
      const forms = [
        hex.encode(secret),
        Buffer.from(secret).toString("base64"),
        Buffer.from(secret).toString("latin1"),
      ];
      for (const form of forms) expect(all).not.toContain(form);
      expect(all).not.toContain(JSON.stringify([...secret]).slice(1, -1));
    }
  });
});
