import { afterEach, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { TapstakeError } from "../../src/core/errors.js";
import { readState } from "../../src/finality/arbiter/state.js";
import {
  arbiterReport,
  endHalt,
  enrolSigner,
  haltArbiter,
  initArbiter,
  retireSigner,
} from "../../src/finality/arbiter/store.js";
import { bindKey, deleteKey } from "../../src/finality/keys/keystore.js";
import { openProtection } from "../../src/finality/protection/protection.js";
import type { EotsClient } from "../../src/signer-client/client.js";
import { clientOf, storedVotes } from "../support/arbiter.js";
import { failure } from "../support/errors.js";
import { Cluster, hasEtcd } from "../support/etcd.js";
import { eventually } from "../support/eventually.js";
import { isLong } from "../support/runs.js";
import {
  addKey,
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  PASSPHRASE,
  readMetrics,
  startDaemon,
  startSigner,
  type TestHome,
} from "./support.js";

/** What a caller got: a signature in hexadecimal, or a code. */
type Got = { readonly signature: string } | { readonly code: string };

describe.runIf(hasEtcd)("fp serve with an arbiter", async () => {
  const cluster = hasEtcd ? await Cluster.start() : undefined!;
  const etcd = hasEtcd ? clientOf(cluster) : undefined!;
  let stores = 0;

  afterEach(() => cluster.mend());

  /** Homes of one key, each enrolled with an arbiter of their own. */
  async function machines(count: number) {
    const prefix = `/serve-${stores++}`;
    const url = `${cluster.url}${prefix}`;
    const secretKey = crypto.getRandomValues(new Uint8Array(32));
    const homes: TestHome[] = [];
    for (let i = 0; i < count; i++) {
      const made = homeWithKey(secretKey);
      const { publicKey } = made.key;
      if (i === 0) await initArbiter(etcd, prefix, { key: publicKey, chainId: CHAIN, fromHeight: 1n });
      const protection = openProtection(made.home);
      const { store } = await enrolSigner(protection, etcd, prefix, { publicKey });
      protection.close();
      bindKey(made.home, made.key.name, PASSPHRASE, store);
      homes.push(made);
    }
    const key = homes[0]!.key.publicKey;
    const stored = () => storedVotes(cluster, prefix);
    return { prefix, url, homes, key, stored };
  }

  const daemonOf = (made: TestHome, url: string) => startDaemon(made, ["--arbiter", url]);

  async function votes(client: EotsClient, key: Uint8Array, height: bigint, block = "a"): Promise<Got> {
    try {
      const message = ballot(height, block);
      const { signature } = await client.signEots({ key, chainId: CHAIN, height, message });
      return { signature: hex.encode(signature) };
    } catch (error) {
      return { code: (error as TapstakeError).code };
    }
  }

  const healthOf = async ({ metricsAddress }: { readonly metricsAddress: string | undefined }) => {
    const answer = await fetch(`http://${metricsAddress!}/healthz`);
    const body = (await answer.json()) as { arbiter: { state: string; reason?: string }; code?: string };
    return { ...body, http: answer.status };
  };

  /** Heights whose claim is under way. */
  const pendingAt = async ({ metricsAddress }: { readonly metricsAddress: string }) =>
    (await readMetrics(metricsAddress)).get("tapstake_arbiter_pending");

  const pauseAll = () => cluster.members.forEach((member) => member.pause());
  const resumeAll = () => cluster.members.forEach((member) => member.resume());

  it("serve: two machines that race with other votes release one digest for each height", async () => {
    const { url, homes, key, stored } = await machines(2);
    const daemons = await Promise.all(homes.map((made) => daemonOf(made, url)));
    const clients = daemons.flatMap(({ address }) => [connect(address), connect(address)]);
    const released = new Map<bigint, Set<string>>();
    const heights = Array.from({ length: isLong ? 200 : 8 }, (_, i) => BigInt(i + 1));
    for (const height of heights) {
      const answers = await Promise.all(clients.map((client, i) => votes(client, key, height, `block ${i}`)));
      const signed = answers.flatMap((each) => ("signature" in each ? [each.signature] : []));
      const codes = answers.flatMap((each) => ("code" in each ? [each.code] : []));
      expect(codes).toEqual(Array.from({ length: 3 }, () => "double-vote"));
      released.set(height, new Set(signed));
    }
    const batch = Array.from({ length: 30 }, (_, i) => BigInt(1_000 + i));
    const asked = (block: string) => batch.map((height) => ({ height, message: ballot(height, block) }));
    const [one, other] = await Promise.all(
      [clients[0]!, clients[2]!].map((client, i) =>
        client.signBatchEots({ key, chainId: CHAIN, votes: asked(`block ${i}`) }),
      ),
    );
    for (const [i, height] of batch.entries()) {
      const kinds = [one![i]!, other![i]!].map((each) => ("code" in each ? each.code : each.kind));
      expect(kinds.toSorted(), `${height}`).toEqual(["double-vote", "new"]);
    }
    expect(stored().size).toBe(heights.length + batch.length);
    for (const [, signatures] of released) expect(signatures.size).toBe(1);
  });

  it("serve: a machine that is killed in its claim leaves one digest for the height", async () => {
    const { url, homes, key, stored } = await machines(2);
    const [first, second] = await Promise.all(homes.map((made) => daemonOf(made, url)));
    const [one, other] = [connect(first!.address), connect(second!.address)];
    expect(await votes(one, key, 1n)).toMatchObject({ signature: expect.any(String) });
    for (let height = 2n; height < (isLong ? 12n : 3n); height++) {
      const daemon = height === 2n ? first! : await daemonOf(homes[0]!, url);
      const caller = connect(daemon.address);
      if (height > 2n) await votes(caller, key, 1_000n + height);
      pauseAll();
      const lost = votes(caller, key, height, "of the killed one");
      await eventually(() => expect(pendingAt(daemon)).resolves.toBe(1));
      daemon.kill("SIGKILL");
      await daemon.ended;
      resumeAll();
      expect(await lost).toEqual({ code: "signer-unreachable" });
      const answer = await votes(other, key, height, "of the other one");
      const again = await daemonOf(homes[0]!, url);
      const its = await votes(connect(again.address), key, height, "of the killed one");
      const outcomes = [answer, its].map((each) => ("code" in each ? each.code : "signed"));
      expect(outcomes.toSorted()).toEqual(["double-vote", "signed"]);
      expect(stored().has(height)).toBe(true);
      again.kill("SIGKILL");
      await again.ended;
    }
  });

  it("serve: a stopped arbiter ends new votes and no known one, and votes go on after it", async () => {
    const { url, homes, key } = await machines(1);
    const daemon = await daemonOf(homes[0]!, url);
    const client = connect(daemon.address);
    const known = await votes(client, key, 1n);
    expect((await healthOf(daemon)).arbiter).toEqual({ state: "answers" });
    pauseAll();
    const waiting = [2n, 3n].map((height) => votes(client, key, height));
    expect(await votes(client, key, 1n)).toEqual(known);
    expect(await votes(client, key, 1n, "b")).toEqual({ code: "double-vote" });
    resumeAll();
    for (const answer of await Promise.all(waiting)) expect(answer).toHaveProperty("signature");
    await cluster.killAll();
    const message = ballot(4n);
    const refused = await failure(
      client.signEots({ key, chainId: CHAIN, height: 4n, message }),
      "arbiter-unclear",
    );
    expect(refused.details).toMatchObject({ status: "UNAVAILABLE" });
    expect(await votes(client, key, 1n)).toEqual(known);
    expect(await healthOf(daemon)).toMatchObject({
      http: 200,
      arbiter: { state: "unclear", reason: expect.stringContaining("no clear answer") },
    });
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    // Without an arbiter, a signer starts, and signs nothing new with a bound key.
    const next = await daemonOf(homes[0]!, url);
    await eventually(async () => expect((await healthOf(next)).arbiter.state).toBe("unclear"));
    expect(next.logged()).toContain('"arbiter":"unclear"');
    const caller = connect(next.address);
    expect(await votes(caller, key, 1n)).toEqual(known);
    expect(await votes(caller, key, 4n)).toEqual({ code: "arbiter-unclear" });
    const metrics = await readMetrics(next.metricsAddress);
    expect(metrics.get('tapstake_arbiter_claims_total{outcome="unclear"}')).toBe(1);
    expect(metrics.get("tapstake_arbiter_unclear")).toBe(1);
    expect(metrics.get("tapstake_up")).toBe(1);
    await cluster.mend();
    await eventually(async () => expect(await votes(caller, key, 4n)).toHaveProperty("signature"));
    expect((await healthOf(next)).arbiter.state).toBe("answers");
  });

  it("serve: a stop finishes the claim under way, and begins no other", async () => {
    const { url, homes, key, stored } = await machines(1);
    const daemon = await daemonOf(homes[0]!, url);
    const client = connect(daemon.address);
    await votes(client, key, 1n);
    pauseAll();
    const [claimed, queued] = [votes(client, key, 2n), votes(client, key, 3n)];
    // One connection keeps the order: both others have arrived.
    await votes(client, key, 1n);
    expect(await pendingAt(daemon)).toBe(1);
    daemon.kill("SIGTERM");
    await eventually(() => expect(daemon.logged()).toContain('"msg":"stopping"'));
    resumeAll();
    expect(await claimed).toHaveProperty("signature");
    expect(await queued).toEqual({ code: "signer-stopping" });
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect([...stored().keys()]).toEqual([1n, 2n]);
  });

  it("serve: a halt and a hold reach the caller by their codes, and a hold is unhealthy", async () => {
    const { prefix, url, homes, key } = await machines(1);
    const [made] = homes;
    const running = await startSigner(made!, { arbiter: { arbiter: url } });
    const client = connect(running.address);
    expect(await votes(client, key, 1n)).toHaveProperty("signature");
    await haltArbiter(etcd, prefix, "a drill");
    expect(await votes(client, key, 2n)).toEqual({ code: "arbiter-halted" });
    expect(await healthOf(running)).toMatchObject({
      http: 200,
      arbiter: { state: "halted", reason: expect.stringContaining("a drill") },
    });
    await endHalt(etcd, prefix);
    expect(await votes(client, key, 2n)).toHaveProperty("signature");
    await retireSigner(etcd, prefix, readState(made!.home)!.signer);
    const votesOf = [3n, 4n].map((height) => ({ height, message: ballot(height) }));
    const batch = client.signBatchEots({ key, chainId: CHAIN, votes: votesOf });
    expect((await failure(batch, "arbiter-held")).details).toMatchObject({ status: "UNAVAILABLE" });
    expect(await client.health()).toBe("not-serving");
    expect(await healthOf(running)).toMatchObject({
      http: 503,
      code: "arbiter-held",
      arbiter: { state: "held" },
    });
    expect(await votes(client, key, 2n)).toHaveProperty("signature");
    const metrics = await readMetrics(running.metricsAddress!);
    const claims = (outcome: string) => metrics.get(`tapstake_arbiter_claims_total{outcome="${outcome}"}`);
    expect(["new", "same", "halted", "held", "unclear"].map(claims)).toEqual([2, 0, 1, 2, 0]);
    expect(metrics.get("tapstake_arbiter_held")).toBe(1);
    expect(metrics.get('tapstake_signatures_total{outcome="refused",code="arbiter-held"}')).toBe(2);
    await running.stop();
    // A hold is found again before any vote.
    const again = await startSigner(made!, { arbiter: { arbiter: url } });
    await eventually(async () => expect((await healthOf(again)).http).toBe(503));
    expect(again.logged()).toContain("was retired");
  });

  it("serve: a retired signer holds at its start, before any vote", async () => {
    const { prefix, url, homes } = await machines(1);
    await retireSigner(etcd, prefix, readState(homes[0]!.home)!.signer);
    const running = await startSigner(homes[0]!, { arbiter: { arbiter: url } });
    await eventually(async () => expect((await healthOf(running)).arbiter.state).toBe("held"));
    expect(readState(homes[0]!.home)!.hold?.reason).toBe("retired");
  });

  it("serve: claims the heights of one call by the hundred", async () => {
    const { prefix, url, homes, key } = await machines(1);
    const { address } = await startSigner(homes[0]!, { arbiter: { arbiter: url } });
    const count = isLong ? 1_000 : 250;
    const list = Array.from({ length: count }, (_, i) => ({
      height: BigInt(i + 1),
      message: ballot(BigInt(i + 1)),
    }));
    const answers = await connect(address).signBatchEots({ key, chainId: CHAIN, votes: list });
    expect(answers.every(({ kind }) => kind === "new")).toBe(true);
    const [signer] = (await arbiterReport(etcd, prefix)).signers;
    expect(Number(signer!.claims)).toBe(Math.ceil(count / 100));
  });

  it("serve: bound keys need their arbiter, others vote alone, and the log names these", async () => {
    const { prefix, url, homes, key } = await machines(1);
    const [made] = homes;
    const other = addKey(made!.home, "validator-2", new Uint8Array(32).fill(5));
    const protection = openProtection(made!.home);
    protection.init(other.publicKey, CHAIN, 0n);
    protection.close();
    const unlock = ["validator-1", "validator-2"].map((name) => ({ key: name, passphrase: PASSPHRASE }));
    await failure(startSigner(made!), "arbiter-required");
    await failure(
      startSigner(made!, { arbiter: { arbiter: `${cluster.url}/elsewhere` } }),
      "arbiter-not-enrolled",
    );
    const running = await startSigner(made!, { unlock, arbiter: { arbiter: url } });
    expect(running.logged()).toContain("key validator-2 is not bound to the arbiter");
    await haltArbiter(etcd, prefix, "a drill");
    const client = connect(running.address);
    expect(await votes(client, key, 1n)).toEqual({ code: "arbiter-halted" });
    expect(await votes(client, other.publicKey, 1n)).toHaveProperty("signature");
    await running.stop();
    const later = await startSigner(made!, { unlock: [], arbiter: { arbiter: url } });
    await connect(later.address).unlockKey({ key: other.publicKey, passphrase: PASSPHRASE });
    expect(later.logged()).toContain("key validator-2 is not bound to the arbiter");
    await later.stop();
    // Unlocked by a caller, a bound key signs nothing where there is no arbiter.
    const alone = await startSigner(made!, { unlock: [] });
    const caller = connect(alone.address);
    await caller.unlockKey({ key, passphrase: PASSPHRASE });
    expect(await votes(caller, key, 2n)).toEqual({ code: "arbiter-required" });
    await alone.stop();
    // A key that is imported anew to get around the arbiter is still bound.
    deleteKey(made!.home, made!.key.name, null);
    addKey(made!.home, made!.key.name, made!.secretKey);
    await failure(startSigner(made!), "arbiter-required");
  });
});
