import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { TapstakeError } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { CheckQueue } from "../../src/finality/check-queue.js";
import { checksAtOnce, CheckThread, type SelfChecks } from "../../src/finality/self-checks.js";
import { eventually } from "../support/eventually.js";

const secretKey = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(secretKey);

function made(i: number) {
  const digest = new Uint8Array(32).fill(i);
  return { digest, publicKey, signature: schnorr.sign(secretKey, digest) };
}
const sound = made(1);
const bad = { ...sound, digest: new Uint8Array(32).fill(2) };

/** The code of the error that `work` ends with, or "sound". */
function outcome(work: () => void): string {
  try {
    work();
    return "sound";
  } catch (error) {
    return (error as TapstakeError).code;
  }
}

const verdict = (checks: SelfChecks) => outcome(() => checks.settle());

async function withThread(work: (checks: CheckThread) => unknown): Promise<void> {
  const checks = new CheckThread();
  try {
    await work(checks);
  } finally {
    checks.close();
  }
}

describe("a second thread", () => {
  it("verifies while the first does something else", () =>
    withThread(async (checks) => {
      for (let i = 0; i < 10; i++) checks.add(made(i));
      await eventually(() => expect(checks.pending).toBe(0));
      expect(verdict(checks)).toBe("sound");
    }));

  it("finds the one that does not verify among many, wherever it stands", () =>
    withThread((checks) => {
      for (const at of [0, 1_500, 2_999]) {
        for (let i = 0; i < 3_000; i++) checks.add(i === at ? bad : sound);
        expect(verdict(checks)).toBe("self-check-failed");
        checks.add(sound);
        expect(verdict(checks)).toBe("sound");
      }
    }));

  it("forgets what was dropped, the bad with the good", () =>
    withThread((checks) => {
      for (const each of [sound, bad]) checks.add(each);
      checks.drop();
      expect(verdict(checks)).toBe("sound");
    }));

  it("is not missed once it has ended", () =>
    withThread((checks) => {
      checks.close();
      checks.add(sound);
      expect(verdict(checks)).toBe("sound");
      checks.add(bad);
      expect(verdict(checks)).toBe("self-check-failed");
    }));

  it("that takes a signature and never answers for it is not believed", async () => {
    const queue = new CheckQueue();
    for (const each of [sound, bad]) queue.add(each);
    // As a thread that ends between taking a signature (the second word of the queue) and verifying it.
    const thief = `Atomics.add(new Int32Array(require("node:worker_threads").workerData), 1, 1)`;
    const worker = new Worker(thief, { eval: true, workerData: queue.memory });
    await new Promise((resolve) => worker.once("exit", resolve));
    expect(queue.finish()).toBeUndefined();
    expect(queue.allVerify()).toBe(false);
  });
});

describe("at once", () => {
  it("a signature is judged as soon as it is made", () => {
    expect(outcome(() => checksAtOnce.add(sound))).toBe("sound");
    expect(outcome(() => checksAtOnce.add(bad))).toBe("self-check-failed");
  });
});
