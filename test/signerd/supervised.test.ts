import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { createKey } from "../../src/finality/keys/keystore.js";
import { inProcess } from "../cli/in-process.js";
import type { Outcome } from "../cli/support.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import {
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  PASSPHRASE,
  readMetrics,
  startDaemon,
  type TestHome,
} from "./support.js";

/** Another program replaces the store: the next vote finds it, as it finds a full disk. */
function breakStore({ home: { protectionFile } }: TestHome) {
  copyFileSync(protectionFile, `${protectionFile}.copy`);
  renameSync(`${protectionFile}.copy`, protectionFile);
}

const vote = (made: TestHome, address: string) =>
  connect(address).signEots({ key: made.key.publicKey, chainId: CHAIN, height: 1n, message: ballot(1n) });

/** A program in the place of systemd-notify that writes down how it was called. */
function fakeNotify(made: TestHome) {
  const [folder, file] = [made.home.path, `${made.home.path}/notified`];
  writeFileSync(
    `${folder}/systemd-notify`,
    `#!/bin/sh\necho "$NOTIFY_SOCKET $TAPSTAKE_PASSPHRASE $*" >> ${file}\n`,
    {
      mode: 0o700,
    },
  );
  writeFileSync(file, "");
  const env = { PATH: `${folder}:${process.env["PATH"]}`, NOTIFY_SOCKET: "@here", WATCHDOG_USEC: "300000" };
  return { env, said: () => readFileSync(file, "utf8") };
}

/** `tapstake fp serve` with its key to unlock, where it does not start. */
async function serveRefused({ home, key }: TestHome, args: readonly string[], env = {}): Promise<Outcome> {
  const own = ["--home", home.path, "--unlock", key.name, "--address", "127.0.0.1:0"];
  const outcome = await inProcess(["fp", "serve", ...own, ...args], {
    env: { TAPSTAKE_PASSPHRASE: PASSPHRASE, ...env },
  });
  expect(outcome).toMatchObject({ stdout: "" });
  expect(outcome.code).not.toBe(0);
  return outcome;
}

describe("fp serve under a supervisor", () => {
  it("exits with code 1 and the reason when its store fails, after the answer was sent", async () => {
    const made = homeWithKey();
    const daemon = await startDaemon(made, ["--exit-on-store-failure"]);
    breakStore(made);
    await expectFailure(vote(made, daemon.address), "protection-replaced");
    expect(await daemon.ended).toEqual({ code: 1, signal: null });
    expect(daemon.logged()).toMatch(/"code": ?"protection-replaced"/);
  });

  it("does so by default under systemd, and notifies it of its start, its life and its end", async () => {
    const made = homeWithKey();
    const { env, said } = fakeNotify(made);
    const daemon = await startDaemon(made, [], { env });
    await eventually(() => expect(said()).toContain(`@here  READY=1 STATUS=serving on ${daemon.address}\n`));
    await eventually(() => expect(said().match(/^@here {2}WATCHDOG=1$/gm)!.length).toBeGreaterThan(1));
    breakStore(made);
    await expectFailure(vote(made, daemon.address), "protection-replaced");
    expect(await daemon.ended).toEqual({ code: 1, signal: null });
    await eventually(() =>
      expect(said()).toContain("STOPPING=1 STATUS=the store has failed: protection-replaced\n"),
    );
  });

  it("goes on, and says so in the log, where systemd cannot be notified", async () => {
    const made = homeWithKey();
    const env = { NOTIFY_SOCKET: "/nowhere", PATH: made.home.path };
    const daemon = await startDaemon(made, [], { env });
    await eventually(() => expect(daemon.logged()).toContain("systemd cannot be notified"));
    expect((await vote(made, daemon.address)).outcome).toBe("new");
  });

  const hasBoth = ["systemd-notify", "python3"].every((name) => spawnSync(name, ["--version"]).status === 0);
  it.skipIf(!hasBoth).each(["path", "abstract"])("reaches a real socket: %s", async (kind) => {
    const made = homeWithKey();
    const socket = kind === "path" ? `${made.home.path}/notify` : `@tapstake-${process.pid}-${Date.now()}`;
    const receive =
      "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\na=sys.argv[1]\n" +
      "s.bind(chr(0)+a[1:] if a[0]=='@' else a)\nprint('bound',flush=True)\nwhile 1: print(s.recv(999),flush=True)";
    const receiver = spawn("python3", ["-c", receive, socket], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void receiver.kill());
    let received = "";
    createInterface(receiver.stdout).on("line", (line) => (received += `${line}\n`));
    await eventually(() => expect(received).toContain("bound"));
    const daemon = await startDaemon(made, [], { env: { NOTIFY_SOCKET: socket } });
    await eventually(() => expect(received).toContain("READY=1"));
    daemon.kill("SIGTERM");
    await daemon.ended;
    await eventually(() => expect(received).toContain("STOPPING=1"));
  });
});

describe("fp serve", () => {
  it("serves metrics to other machines only if asked in words", async () => {
    const made = homeWithKey();
    const everywhere = ["--metrics-address", "0.0.0.0:0"];
    expect((await serveRefused(made, everywhere)).stderr).toMatch(/insecure-address.*--public-metrics/s);
    const daemon = await startDaemon(made, [...everywhere, "--public-metrics"]);
    const port = daemon.metricsAddress.split(":")[1];
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  it("unlocks several keys, each with a passphrase file of its own", async () => {
    const made = homeWithKey();
    const { path } = made.home;
    const scrypt = { n: 16, r: 1, p: 1 };
    const second = {
      name: "second",
      passphrase: "another phrase, as long",
      origin: "imported",
      scrypt,
    } as const;
    createKey(made.home, { ...second, secretKey: crypto.getRandomValues(new Uint8Array(32)) });
    writeFileSync(`${path}/a`, `${PASSPHRASE}\n`, { mode: 0o600 });
    writeFileSync(`${path}/b`, `${second.passphrase}\n`, { mode: 0o600 });
    const files = (...names: string[]) => ["--passphrase-file", ...names.map((name) => `${path}/${name}`)];
    const env = { TAPSTAKE_PASSPHRASE: "" };
    const daemon = await startDaemon(made, files("a", "b"), { env, unlock: ["second"] });
    expect((await readMetrics(daemon.metricsAddress)).get("tapstake_unlocked_keys")).toBe(2);
    daemon.kill("SIGTERM");
    await daemon.ended;
    const both = ["--unlock", "second"];
    const swapped = await serveRefused(made, [...both, "--no-metrics", ...files("b", "a")], env);
    expect(swapped.stderr).toContain("wrong-passphrase");
    const many = await serveRefused(made, [...both, "--no-metrics", ...files("a", "b", "a")], env);
    expect(many.stderr).toMatch(/3 files for 2 keys/);
  });
});
