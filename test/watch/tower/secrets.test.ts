import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { TapstakeError } from "../../../src/core/errors.js";
import { randomness } from "../../../src/crypto/randomness.js";
import { evenSecret } from "../../../src/core/keys.js";
import { scalar } from "../../../src/core/scalar.js";
import { finishSlashing } from "../../../src/extract/slashing.js";
import {
  alarmOutbox,
  commandSink,
  type MonitorContext,
  watchHealth,
  type WatchMonitor,
  webhookSink,
} from "../../../src/watch/index.js";
import { watchMetrics } from "../../../src/watch/alarms/metrics.js";
import { eventually } from "../../support/eventually.js";
import { filesIn, leaksIn, secretForms } from "../../support/secret-forms.js";
import { serve } from "../../support/server.js";
import { type SignedPlay, signedPlay, SimulatedTower } from "./simulated.js";
import { doubleVote, voteFor } from "./support.js";

// WATCH.md, invariant 7: no secret in store, log or error. The tower's own secrets are the keys that leaked, and the
// randomness of the two votes, which follows from the key.

let cast: SignedPlay;
let secrets: readonly Uint8Array[];
beforeAll(async () => {
  cast = await signedPlay();
  secrets = [cast.secret, cast.shortSecret].flatMap((each) => [
    each,
    scalar.toBytes(evenSecret(each).d),
    randomness.derive(each, "tower-1", 7n).secret,
  ]);
});

/** The store with its log and all other files beside it. */
const storeFiles = ({ path }: SimulatedTower) => filesIn(dirname(path));

/** Breaks the next commit. */
class Breaker implements WatchMonitor {
  readonly name = "breaker";
  isOn = false;
  context!: MonitorContext;
  opened(context: MonitorContext): void {
    this.context = context;
  }
  connected(): void {
    if (this.isOn) throw new Error("the disk is gone");
  }
}

describe("WATCH 7: no secret is in the store, its log, alarms, metrics or errors", () => {
  it("in success and in each failure", async () => {
    const bodies: string[] = [];
    const hook = await serve((body, _request, response) => {
      bodies.push(body);
      // Some alarms come again.
      response.writeHead(bodies.length % 3 === 0 ? 500 : 200).end();
    });
    const world = new SimulatedTower();
    const heard = join(dirname(world.path), "heard");
    writeFileSync(heard, "");
    const undelivered: Error[] = [];
    const log: string[] = [];
    const outbox = alarmOutbox(
      [
        { name: "log", deliver: async (alarm) => void log.push(JSON.stringify(alarm)) },
        webhookSink(hook),
        commandSink(`env >> "${heard}"; cat >> "${heard}"; test ! -e "${heard}.twice"`),
      ],
      (error) => undelivered.push(error),
    );
    const health = watchHealth();
    const metrics = watchMetrics(health);
    const breaker = new Breaker();
    await world.open(outbox, health, metrics, breaker);
    const page = await metrics.serve("127.0.0.1:0", world.watch);
    const refused: Error[] = [];
    const refuse = (act: () => unknown) => {
      try {
        act();
      } catch (error) {
        refused.push(error as Error);
      }
    };
    const seen: Record<string, string | Uint8Array | Error> = {};
    const look = async (when: string) => {
      const text = await (await fetch(`http://${page}/metrics`)).text();
      Object.assign(seen, { [`metrics ${when}`]: text });
      for (const [path, bytes] of Object.entries(storeFiles(world))) seen[`${path} ${when}`] = bytes;
    };

    // A stake that lacks signatures, a node that is down, one that refuses, and one that says nonsense.
    world.add(cast.unsigned, cast.short);
    await world.mine(cast.moveOf("a staking"), cast.short.staking.transaction);
    world.leak(cast.secret);
    await world.tower.idle();
    world.failure = new TapstakeError("node-unreachable", "down");
    world.leak(cast.shortSecret);
    await eventually(() => expect(world.troubles).not.toEqual([]));
    world.failure = null;
    world.refusal = () => "insufficient fee, rejecting replacement";
    await world.tower.idle();
    await world.mineEmpty(7);
    await look("while it is refused");
    const { broadcast } = world.node;
    Object.assign(world.node, {
      broadcast: () => Promise.reject(new TypeError("cannot read properties of undefined")),
    });
    await world.mine();
    Object.assign(world.node, { broadcast });

    // Forged votes beside the right key, and evidence that the store has in another form.
    const votes = doubleVote(cast.secret);
    refuse(() => world.tower.addEvidence({ ...votes, fork: votes.canonical }));
    refuse(() =>
      world.tower.addEvidence({ ...votes, publicRandomness: doubleVote(cast.shortSecret).publicRandomness }),
    );
    refuse(() => world.tower.addEvidence({ ...votes, height: 8n }));
    refuse(() => world.tower.addVote({ ...voteFor(cast.secret, "one"), height: 9n }));
    expect(refused).toHaveLength(4);
    for (const block of ["one", "other", "third"]) world.tower.addVote(voteFor(cast.secret, block));

    // Success: what lacked signatures has them now, and a slashing on Bitcoin reveals the key again.
    world.refusal = () => undefined;
    world.add(...cast.delegations);
    await world.mine(cast.moveOf("b staking"));
    await world.tower.idle();
    expect(world.sent.length).toBeGreaterThanOrEqual(3);
    await world.mine(finishSlashing(cast.delegations[0], "staking", cast.secret));
    await eventually(() => expect(bodies.length).toBeGreaterThan(2));
    await look("after the slashings");

    // Adaptor signatures that went bad on the disk, evidence too; then a commit that fails.
    const { sql } = breaker.context;
    breaker.context.transaction(() => {
      sql.run("UPDATE evidence SET document = replace(document, '1', '2')");
      sql.run("UPDATE delegation SET document = replace(document, '1', '2') WHERE rowid = 1");
    });
    world.forget();
    await world.mine();
    breaker.isOn = true;
    world.bitcoin.mine();
    const failure = await world.watch.caughtUp().catch((error: unknown) => error as Error);
    await eventually(() => expect(readFileSync(heard).length).toBeGreaterThan(0));
    await look("after a commit that failed");
    await metrics.close();
    await outbox.close();
    health.close();
    await world.close();
    await look("after its end").catch(() => {});
    for (const [path, bytes] of Object.entries(storeFiles(world))) seen[`${path} closed`] = bytes;
    const errors = [
      ...world.troubles,
      ...undelivered,
      ...refused,
      ...(failure instanceof Error ? [failure] : []),
    ];
    for (const [i, error] of errors.entries()) seen[`error ${i}`] = error;
    Object.assign(seen, { bodies: bodies.join("\n"), log: log.join("\n"), heard: readFileSync(heard) });
    expect(Object.keys(seen).some((name) => name.includes(".db-wal "))).toBe(true);
    expect(errors.length).toBeGreaterThan(6);
    expect(leaksIn(seen, secrets)).toEqual([]);
  });

  it("is what this test would find, in any form and anywhere in a text", () => {
    const found = secretForms(cast.secret).map((form, i) => [
      `${i}`,
      Buffer.concat([Buffer.from("a "), form, Buffer.from("z")]),
    ]);
    expect(leaksIn(Object.fromEntries(found) as Record<string, Uint8Array>, [cast.secret])).toHaveLength(
      found.length,
    );
    const error = new TapstakeError("no-evidence", "text", { key: "a" }, { cause: { key: cast.secret } });
    expect(leaksIn({ error }, [cast.secret])).toEqual(["error"]);
    const inBase64 = Buffer.concat([Buffer.from("abcd"), cast.secret, Buffer.from("ef")]).toString("base64");
    expect(leaksIn({ inBase64 }, [cast.secret])).toEqual(["inBase64"]);
  });
});
