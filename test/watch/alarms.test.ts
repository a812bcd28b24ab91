import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import {
  alarmOutbox,
  commandSink,
  type MonitorContext,
  openWatch,
  watchHealth,
  type WatchMonitor,
  webhookSink,
} from "../../src/watch/index.js";
import { watchMetrics } from "../../src/watch/alarms/metrics.js";
import { failure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { refusal } from "../support/refusal.js";
import { closedAddress, serve } from "../support/server.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { SimulatedTower } from "./tower/simulated.js";

/** A monitor that gives its context away, to raise alarms by. */
class Held implements WatchMonitor {
  readonly name = "held";
  context!: MonitorContext;
  opened(context: MonitorContext): void {
    this.context = context;
  }
  alarm(kind: string): string {
    return this.context.transaction(() =>
      this.context.alarm({ kind, facts: { about: kind }, text: `about ${kind}` }),
    );
  }
}

/** A webhook that answers with a status, and remembers what it got. */
async function webhook(statuses: number[]): Promise<{ url: string; got: { id: string; kind: string }[] }> {
  const got: { id: string; kind: string }[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const status = statuses.shift() ?? 200;
      got.push(JSON.parse(body) as { id: string; kind: string });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token-of-the-hook`, got };
}

describe("WATCH 6: each alarm reaches each sink at least once, under one id", () => {
  it("by a webhook that refuses at first, and after a restart before it took the alarm", async () => {
    const { url, got } = await webhook([500, 503]);
    const troubles: TapstakeError[] = [];
    const world = new SimulatedTower();
    const held = new Held();
    let outbox = alarmOutbox([webhookSink(url)], (error) => troubles.push(error));
    await world.open(held, outbox);
    const id = held.alarm("double-vote");
    held.alarm("double-vote");
    await eventually(() => expect(troubles).toHaveLength(1));
    expect(troubles[0]).toMatchObject({ code: "alarm-undelivered", details: { sink: "webhook" } });
    // The rest of the URL can hold a token.
    expect(troubles[0]!.message).not.toContain("token-of-the-hook");
    await outbox.close();
    await world.close();

    outbox = alarmOutbox([webhookSink(url)]);
    await world.open(new Held(), outbox);
    await eventually(() => expect(got).toHaveLength(3));
    await outbox.close();
    await world.close();
    expect(got.map((each) => [each.id, each.kind])).toEqual(got.map(() => [id, "double-vote"]));
  });

  it("by a command, which gets the alarm on its input and in its environment", async () => {
    const world = new SimulatedTower();
    const held = new Held();
    const file = join(dirname(world.path), "alarms");
    const outbox = alarmOutbox([commandSink(`cat >> "${file}"; echo "$TAPSTAKE_ALARM_KIND" >> "${file}"`)]);
    writeFileSync(file, "");
    await world.open(held, outbox);
    const id = held.alarm("stale-tip");
    await eventually(() => expect(readFileSync(file, "utf8")).toMatch(/\nstale-tip\n$/));
    await outbox.close();
    await world.close();
    const [alarm] = readFileSync(file, "utf8").split("\n");
    expect(JSON.parse(alarm!)).toMatchObject({
      id,
      kind: "stale-tip",
      text: "about stale-tip",
      height: null,
    });
  });

  it("and a command that fails, or a URL that is not of http, is an error", async () => {
    const alarm = { id: "00", kind: "a", facts: {}, text: "b", height: null, raised: 0 };
    const { signal } = new AbortController();
    const error = await failure(commandSink("exit 3").deliver(alarm, signal), "alarm-undelivered");
    expect(error.message).toContain("exit code 3");
    refusal("invalid-argument", () => webhookSink("ftp://127.0.0.1/"));
  });

  it("and a command that hangs ends with all that it has started, and is an error that says so", async () => {
    const alarm = { id: "00", kind: "a", facts: {}, text: "b", height: null, raised: 0 };
    const { path } = newHome();
    // The shell waits for a child that takes no notice of a polite end, and has a pipe open while it lives.
    const pipe = `${path}/pipe`;
    execFileSync("mkfifo", [pipe]);
    const hanging = commandSink(`sh -c 'trap "" TERM; echo up; exec sleep 7000' > "${pipe}"; true`);
    const stop = new AbortController();
    const stopped = hanging.deliver(alarm, stop.signal).catch((error: unknown) => error);
    for await (const said of createReadStream(pipe, "utf8")) {
      expect(said).toBe("up\n");
      stop.abort();
    }
    expect(await stopped).toBeInstanceOf(TapstakeError);

    vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(AbortSignal.timeout(50));
    const error = await failure(
      commandSink("sleep 7000; true").deliver(alarm, new AbortController().signal),
      "alarm-undelivered",
    );
    expect(error.message).toBe("the alarm command did not end within 30 seconds");
  });

  it("by a webhook with a user and password, which no error shows; a redirection is named and not followed", async () => {
    const alarm = { id: "00", kind: "a", facts: {}, text: "b", height: null, raised: 0 };
    const { signal } = new AbortController();
    const got: string[] = [];
    const hook = new URL(
      await serve((_body, { url, headers }, response) => {
        got.push(`${url} ${headers.authorization}`);
        if (url === "/moved") response.writeHead(308, { location: "/elsewhere" }).end();
        else response.writeHead(200).end();
      }),
    );
    hook.username = "me";
    hook.password = "s3cret p\u00e4ss";
    await webhookSink(hook.href).deliver(alarm, signal);
    const basic = Buffer.from("me:s3cret p\u00e4ss").toString("base64");
    expect(got).toEqual([`/ Basic ${basic}`]);
    hook.pathname = "/moved";
    const moved = await failure(webhookSink(hook.href).deliver(alarm, signal), "alarm-undelivered");
    expect(moved.message).toMatch(/answered 308: give the address that it redirects to$/);
    const closed = await closedAddress();
    const dead = await failure(
      webhookSink(closed.replace("//", "//me:s3cret@")).deliver(alarm, signal),
      "alarm-undelivered",
    );
    expect(dead.message).toMatch(/does not answer \(ECONNREFUSED\)$/);
    expect(`${moved.message} ${dead.message}`).not.toContain("s3cret");
    expect(got).toHaveLength(2);
  });
});

describe("the health of a watch", () => {
  const open = async (clock: () => number, more: Parameters<typeof watchHealth>[0] = {}) => {
    const world = new SimulatedTower();
    const held = new Held();
    const health = watchHealth({ clock, ...more });
    await world.open(held, health);
    await world.settle();
    const kinds = () =>
      held.context.sql
        .all<{ kind: string }>("SELECT kind FROM alarm WHERE cleared IS NULL")
        .map(({ kind }) => kind);
    onTestFinished(async () => {
      health.close();
      await world.close();
    });
    return { world, health, kinds };
  };

  it("raises stale-tip when no block comes, and clears it with the next", async () => {
    let now = Date.now();
    const { world, health, kinds } = await open(() => now);
    now += 7_300_000 + Date.now();
    await health.check();
    expect(kinds()).toEqual(["stale-tip"]);
    expect(health.state()).toMatchObject({ healthy: false, status: "stale-tip" });
    await world.mine();
    expect(kinds()).toEqual([]);
  });

  it("raises cursor-stuck when the source fails for long, by its code", async () => {
    let now = Date.now();
    const { health, kinds } = await open(() => now, { staleAfter: 1e12 });
    for (let minute = 0; minute <= 11; minute++) {
      health.trouble(new TapstakeError("node-unreachable", "no answer"));
      now += 60_000;
    }
    await health.check();
    expect(kinds()).toEqual(["cursor-stuck"]);
    expect(health.state().status).toBe("stuck");
  });

  it("knows how far the store is behind a source that names blocks and does not give them", async () => {
    const bitcoin = new SimulatedBitcoin();
    for (let i = 0; i < 4; i++) bitcoin.mine();
    const health = watchHealth({ staleAfter: 1e12 });
    const metrics = watchMetrics(health);
    const troubles: string[] = [];
    const watch = await openWatch({
      source: bitcoin.source(),
      store: `${newHome().path}/watch.db`,
      init: { network: "regtest", first: 0, phase1: null },
      monitors: [health, metrics],
      onProgress: (at, tip) => health.progress(at, tip),
      onTip: (tip) => health.tip(tip),
      onTrouble: ({ code }) => troubles.push(code),
    });
    await watch.caughtUp();
    expect(health.state()).toMatchObject({ status: "ok", lag: 0 });
    const address = await metrics.serve("127.0.0.1:0", watch);
    bitcoin.beforeRequest = (request) => {
      if (request === "block") throw new TapstakeError("block-unavailable", "it is not there");
    };
    for (let i = 0; i < 5; i++) bitcoin.mine();
    await eventually(() => expect(troubles).not.toEqual([]));
    expect(health.state()).toMatchObject({ status: "behind", height: 4, lag: 5 });
    const text = await (await fetch(`http://${address}/metrics`)).text();
    expect(text).toContain("tapstake_watch_lag_blocks 5\n");
    expect((await fetch(`http://${address}/healthz`)).status).toBe(503);
    await metrics.close();
    health.close();
    // Who waits for the tip is not left waiting.
    const waiting = failure(watch.caughtUp(), "cancelled");
    await watch.close();
    await waiting;
  });

  it("raises deep-reorganisation from six removed blocks on", async () => {
    const { world, kinds } = await open(Date.now, { staleAfter: 1e12 });
    for (let i = 0; i < 8; i++) world.bitcoin.mine();
    await world.settle();
    let tip = world.bitcoin.at(2);
    for (let i = 0; i < 8; i++) tip = world.bitcoin.mine([], tip);
    await world.settle();
    expect(kinds()).toEqual(["deep-reorganisation"]);
  });

  it("raises sources-disagree when a second source has another block", async () => {
    const theirs = "ab".repeat(32);
    const compare = {
      name: "other",
      tip: async () => ({ height: 5, hash: theirs }),
      hashAt: async () => theirs,
    };
    const { world, health, kinds } = await open(Date.now, { staleAfter: 1e12, compare });
    for (let i = 0; i < 5; i++) world.bitcoin.mine();
    await world.settle();
    await health.check();
    expect(kinds()).toEqual(["sources-disagree"]);
  });

  it("is served with the metrics, on loopback alone", async () => {
    const world = new SimulatedTower();
    const held = new Held();
    const health = watchHealth({ staleAfter: 1e12 });
    const metrics = watchMetrics(health);
    await world.open(held, health, metrics);
    await world.mine();
    held.alarm("double-vote");
    await failure(metrics.serve("0.0.0.0:0", world.watch), "insecure-address");
    const address = await metrics.serve("127.0.0.1:0", world.watch);
    const text = await (await fetch(`http://${address}/metrics`)).text();
    expect(text).toContain("tapstake_watch_height 1\n");
    expect(text).toContain('tapstake_watch_alarms{kind="double-vote"} 1');
    expect(text).toContain('tapstake_watch_duties{state="ready"} 0');
    const answer = await fetch(`http://${address}/healthz`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: "ok", height: 1 }]);
    for (let minute = 0; minute <= 11; minute++) health.trouble(new TapstakeError("node-unreachable", "x"));
    await metrics.close();
    health.close();
    await world.close();
  });
});
