import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Home } from "../../../src/finality/home.js";
import { startOf, thisPlace } from "../../../src/finality/protection/lock.js";
import { openLocked, takeLock } from "../../../src/finality/protection/opening.js";
import { initProtection, openProtection } from "../../../src/finality/protection/protection.js";
import { refusal } from "../../support/refusal.js";
import { isLong } from "../../support/runs.js";
import {
  begin,
  hash,
  inHome,
  newHome,
  newSigner,
  signerProgram,
  testKey,
  voterOf,
} from "../../support/signer.js";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that holds a home, and whose first line says so. */
async function start(
  mode: string,
  home: Home,
  { by = [], env = {} }: { by?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<{ child: ChildProcess; line: string }> {
  const [program, ...args] = [...by, process.execPath, signerProgram(), mode, home.path];
  const child = spawn(program!, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  children.push(child);
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, line: chunk.toString().split("\n")[0]! };
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

const stale = (home: Home, changes: Record<string, unknown>) =>
  writeFileSync(
    home.lockFile,
    JSON.stringify({
      pid: process.pid,
      ...thisPlace(),
      start: startOf(process.pid),
      command: "node an-earlier-signer.js",
      since: "2026-01-01T00:00:00.000Z",
      token: "00",
      ...changes,
    }),
    { mode: 0o600 },
  );

describe("PROTOCOL 11: two signer processes on one seed", () => {
  it("the second is refused at once with the name of the first, and starts when that is killed", async () => {
    const home = newHome();
    const first = await start("hold", home);
    expect(first.line).toBe("ready");

    const error = refusal("signer-running", () => openProtection(home));
    expect(error.details).toMatchObject({ pid: first.child.pid, host: hostname() });
    expect(error.message).toContain(`process ${first.child.pid}`);
    expect(error.message).toContain("signer-process.mjs hold");
    expect(error.message).toContain("with --remote");
    expect(error.message).toContain(`as systemd would start it again; else kill ${first.child.pid}`);
    const request = { key: testKey().publicKey, chainId: "bbn-test", fromHeight: 1n };
    refusal("signer-running", () => initProtection(home, request));
    expect((await start("hold", home)).line).toBe("error signer-running");

    await kill(first.child, "SIGKILL");
    expect(existsSync(home.lockFile)).toBe(true);
    const next = await start("hold", home);
    expect(next.line).toBe("ready");
    await kill(next.child, "SIGTERM");
    expect(existsSync(home.lockFile)).toBe(false);
    openProtection(home).close();
  });

  it("the second is refused although the lock file, or the guard, was removed", async () => {
    for (const file of ["signer.lock", "signer.guard"]) {
      const home = newHome();
      const first = await start("hold", home);
      rmSync(join(home.path, file));
      refusal("signer-running", () => openProtection(home));
      expect((await start("hold", home)).line).toBe("error signer-running");
      await kill(first.child, "SIGKILL");
      openProtection(home).close();
    }
  });

  it("the second is refused although both were removed: the store is locked too", async () => {
    const home = newHome();
    const first = await start("hold", home);
    rmSync(home.lockFile);
    rmSync(join(home.path, "signer.guard"));
    refusal("signer-running", () => openProtection(home));
    await kill(first.child, "SIGKILL");
    openProtection(home).close();
  });

  it("of ten that start at once, one holds the home", async () => {
    const home = newHome();
    const started = await Promise.all(Array.from({ length: 10 }, () => start("hold", home)));
    const lines = started.map(({ line }) => line);
    expect(lines.filter((line) => line === "ready")).toHaveLength(1);
    expect(lines.filter((line) => line === "error signer-running")).toHaveLength(9);
  });

  it("a refused attempt in the same process keeps the first one's lock", async () => {
    const { home, protection } = newSigner();
    refusal("signer-running", () => openProtection(home));
    rmSync(home.lockFile);
    refusal("signer-running", () => openProtection(home));
    expect((await start("hold", home)).line).toBe("error signer-running");
    protection.close();
  });

  it("one process opens a home once", () => {
    const { home, protection } = newSigner();
    const error = refusal("signer-running", () => openProtection(home));
    expect(error.details["pid"]).toBe(process.pid);
    protection.close();
    openProtection(home).close();
  });
});

describe("a guard that is a folder", () => {
  it("is protection-unwritable, and the error names it", () => {
    const home = newHome();
    const guard = join(home.path, "signer.guard");
    mkdirSync(guard);
    const error = refusal("protection-unwritable", () => openProtection(home));
    expect(error.message).toContain(guard);
    rmSync(guard, { recursive: true });
    openProtection(home).close();
  });
});

describe("a lock file of an earlier process", () => {
  it("is ignored when its process is gone", () => {
    const home = newHome();
    stale(home, { pid: 2 ** 22 + 1 });
    expect(inHome(home, ({ failed }) => failed)).toBe(false);
  });

  it("is ignored when its process id is reused by another process", () => {
    const home = newHome();
    stale(home, { start: "1" });
    expect(inHome(home, ({ failed }) => failed)).toBe(false);
  });

  it("is respected where its process runs, and where that is unknown: elsewhere, or unreadable", () => {
    const home = newHome();
    stale(home, {});
    refusal("signer-running", () => openProtection(home));
    stale(home, { host: "another-host", pid: 2 ** 22 + 1 });
    expect(refusal("signer-running", () => openProtection(home)).message).toContain("another host");
    stale(home, { boot: "another", pid: 2 ** 22 + 1 });
    expect(refusal("signer-running", () => openProtection(home)).message).toContain("last start of this");
    stale(home, { pidNamespace: "pid:[1]", pid: 2 ** 22 + 1 });
    expect(refusal("signer-running", () => openProtection(home)).message).toContain("another container");
    stale(home, { boot: undefined, pidNamespace: undefined, pid: 2 ** 22 + 1 });
    refusal("signer-running", () => openProtection(home));
    writeFileSync(home.lockFile, "{");
    expect(refusal("signer-running", () => openProtection(home)).message).toContain(`rm ${home.lockFile}`);
    rmSync(home.lockFile);
    openProtection(home).close();
  });

  it("is not removed by a signer whose lock it is not", () => {
    const { home, protection } = newSigner();
    stale(home, { host: "another-host" });
    const theirs = readFileSync(home.lockFile, "utf8");
    protection.close();
    expect(readFileSync(home.lockFile, "utf8")).toBe(theirs);
  });
});

describe("a signer in another PID namespace", () => {
  const unseen = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] as const;
  const canUnshare = spawnSync(unseen[0], [...unseen.slice(1), "true"]).status === 0;
  if (!canUnshare) process.emitWarning("not tested, as this user cannot make PID namespaces: unshare --pid");

  /** A library that makes every POSIX lock succeed, as NFS with nolock does; undefined without a compiler. */
  function locksThatSucceed(): string | undefined {
    const { path } = newHome();
    const [source, library] = [join(path, "locks.c"), join(path, "locks.so")];
    writeFileSync(source, LOCKS);
    return spawnSync("cc", ["-shared", "-fPIC", "-o", library, source]).status === 0 ? library : undefined;
  }

  it.skipIf(!canUnshare)(
    "is respected where the locks of the file system keep nothing out, also when it seems to have ended",
    async () => {
      const library = locksThatSucceed();
      if (library === undefined) {
        process.emitWarning("not tested, as there is no compiler: locks that always succeed");
        return;
      }
      const env = { LD_PRELOAD: library };
      const home = newHome();
      const first = await start("hold", home, { by: unseen, env });
      expect(first.line).toBe("ready");
      const { pid, host } = JSON.parse(readFileSync(home.lockFile, "utf8")) as { pid: number; host: string };
      expect([pid, host]).toEqual([1, hostname()]);
      // Here, process 1 is another one; and no process has the second number.
      for (const seen of [1, 2 ** 22 + 1]) {
        writeFileSync(
          home.lockFile,
          readFileSync(home.lockFile, "utf8").replace(/"pid": \d+/, `"pid": ${seen}`),
        );
        expect((await start("hold", home, { env })).line).toBe("error signer-running");
        expect((await start("hold", home, { by: unseen, env })).line).toBe("error signer-running");
      }
      // Without the lock file, nothing keeps the second signer out: the file is the last guard.
      rmSync(home.lockFile);
      expect((await start("hold", home, { env })).line).toBe("ready");
    },
  );
});

/** fcntl of POSIX locks, without an effect. */
const LOCKS = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
static int locked(int command) { return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK; }
#define DEFINE(name) int name(int file, int command, ...) { \\
  va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list); \\
  if (locked(command)) return 0; \\
  int (*real)(int, int, ...) = dlsym(RTLD_NEXT, #name); \\
  return real(file, command, argument); }
DEFINE(fcntl)
DEFINE(fcntl64)
`;

describe("a lock that is lost before the store is opened", () => {
  it.each<[string, (home: Home) => void]>([
    ["to another signer", (home) => stale(home, { host: "another-host" })],
    ["to a person", (home) => rmSync(home.lockFile)],
  ])("%s opens nothing, and writes no watermark log", (_to, lose) => {
    const { home, protection } = newSigner();
    protection.close();
    const { ino } = statSync(home.watermarkFile);
    const lock = takeLock(home);
    try {
      lose(home);
      refusal("signer-running", () => openLocked(home, lock, { instance: "i" }));
      expect(statSync(home.watermarkFile).ino).toBe(ino);
    } finally {
      lock.release();
    }
    rmSync(home.lockFile, { force: true });
    openProtection(home).close();
  });
});

describe("a signer that is killed while it opens a new home", () => {
  it("leaves a home that opens, and in which a new key votes", async () => {
    for (let i = 0; i < (isLong ? 12 : CREATED.length); i++) {
      const home = newHome();
      const { child, line } = await start("open", home);
      expect(line).toBe("opening");
      await waitUntil(() => existsSync(join(home.path, CREATED[i % CREATED.length]!)));
      await kill(child, "SIGKILL");
      begin(home, testKey().publicKey);
      inHome(home, (protection) => {
        expect(voterOf(protection).vote({ height: 0n, appHash: hash(1) }).kind).toBe("new");
      });
    }
  });
});

/** Files that come into being while a home is opened, in their order. */
const CREATED = ["signer.guard", "signer.lock", "protection.db", "marks"];

async function waitUntil(fact: () => boolean): Promise<void> {
  while (!fact()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
