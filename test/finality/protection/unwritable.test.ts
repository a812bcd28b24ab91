import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Home, openHome } from "../../../src/finality/home.js";
import { openProtection } from "../../../src/finality/protection/protection.js";
import { copyOf } from "../../support/broken-homes.js";
import { describeWithDisks, mount, newDisk } from "../../support/disks.js";
import { refusal } from "../../support/refusal.js";
import {
  begin,
  CHAIN,
  hash,
  inHome,
  newHome,
  newSigner,
  signerProgram,
  testKey,
  voterOf,
} from "../../support/signer.js";

const key = testKey();

/** What a signer in a process of its own printed until it failed. */
function signUntilFailure(home: Home, shell?: string): { signed: string[][]; last: string } {
  const command = [process.execPath, signerProgram(), "try", home.path];
  const { stdout } = shell
    ? spawnSync("bash", ["-c", `${shell}; exec "$@"`, "bash", ...command], { encoding: "utf8" })
    : spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
  const lines = stdout.split("\n").filter(Boolean);
  const signed = lines.filter((line) => line.startsWith("signed ")).map((line) => line.split(" ").slice(1));
  return { signed, last: lines.at(-1) ?? "" };
}

/** Everything that was printed is remembered, and nothing else is signed in its place. */
function expectRemembered(home: Home, signed: readonly string[][]): void {
  inHome(home, (protection) => {
    const voter = voterOf(protection);
    for (const [height, appHash, signature] of signed) {
      const at = BigInt(height!);
      expect(voter.vote({ height: at, appHash: hash(1) })).toMatchObject({ code: "double-vote" });
      const record = protection.record(key.publicKey, CHAIN.id, at)!;
      expect(Buffer.from(record.signature!).toString("hex")).toBe(signature);
      expect(appHash).toHaveLength(64);
    }
  });
}

describe("where a file may not grow (ulimit -f)", () => {
  it("ends votes with protection-unwritable, and every signature that left is remembered", () => {
    for (const blocks of [40, 100]) {
      const home = newHome();
      begin(home, key.publicKey);
      const { signed, last } = signUntilFailure(home, `trap '' XFSZ; ulimit -f ${blocks}`);
      expect(last).toBe("error protection-unwritable");
      expectRemembered(home, signed);
    }
  });
});

describeWithDisks("a full disk", () => {
  it("ends votes with protection-unwritable, and every signature that left is remembered once there is room", () => {
    // Some hundred votes fill it.
    const path = newDisk("300k");
    const home = openHome(path);
    begin(home, key.publicKey);
    const { signed, last } = signUntilFailure(home);
    expect(last).toBe("error protection-unwritable");
    expect(signed.length).toBeGreaterThan(10);
    expect(mount(path, "-o", "remount,size=4m")).toBe(true);
    expectRemembered(home, signed);
  });

  it("is protection-unwritable at the first opening, and leaves no broken file", () => {
    const path = newDisk("256k");
    const home = openHome(path);
    fill(path);
    refusal("protection-unwritable", () => openProtection(home));
    expect(mount(path, "-o", "remount,size=4m")).toBe(true);
    begin(home, key.publicKey);
    inHome(home, (protection) => {
      expect(voterOf(protection).vote({ height: 0n, appHash: hash(1) }).kind).toBe("new");
    });
  });

  it("ends an import of many chains with protection-unwritable, and stores nothing of it", () => {
    const path = newDisk("600k");
    const home = openHome(path);
    const metadata = { format: "tapstake-protection", version: 1 };
    const watermarks = {
      key: Buffer.from(key.publicKey).toString("hex"),
      lowest: "0",
      highest: null,
      votes: [],
    };
    const data = Array.from({ length: 4_000 }, (_, i) => ({ ...watermarks, chain: `chain-${i}` }));
    const protection = openProtection(home);
    protection.init(key.publicKey, CHAIN.id, 5n);
    refusal("protection-unwritable", () => protection.importInterchange({ metadata, data }, { begin: true }));
    protection.close();
    // Elsewhere there is room.
    inHome(copyOf(home), (next) => {
      expect(next.keyChains().map(({ chainId }) => chainId)).toEqual([CHAIN.id]);
      expect(next.importInterchange({ metadata, data }, { begin: true })).toHaveLength(data.length);
    });
  });

  it("fails what is open: it signs and answers nothing until it is opened again", () => {
    const path = newDisk("600k");
    const home = openHome(path);
    begin(home, key.publicKey);
    const protection = openProtection(home);
    const voter = voterOf(protection);
    voter.vote({ height: 0n, appHash: hash(1) });
    fill(path);
    let height = 1n;
    const error = refusal("protection-unwritable", () => {
      for (; ; height++) voter.vote({ height, appHash: hash(1) });
    });
    expect(error.message).toContain("start the signer again");
    expect(protection.failed).toBe(true);
    expect(mount(path, "-o", "remount,size=4m")).toBe(true);
    for (const again of [0n, height, height + 1n]) {
      refusal("protection-unwritable", () => voter.vote({ height: again, appHash: hash(1) }));
    }
    refusal("protection-unwritable", () => protection.exportInterchange());
    refusal("protection-unwritable", () => protection.init(key.publicKey, CHAIN.id, 500n));
    protection.close();
    inHome(home, (next) => {
      const answers = voterOf(next).batch([
        { height: 0n, appHash: hash(2) },
        { height, appHash: hash(1) },
      ]);
      expect(answers[0]).toMatchObject({ code: "double-vote" });
      expect(["new", "same"]).toContain(answers[1]!.kind);
    });
  });
});

describeWithDisks("a disk that is read-only", () => {
  it("is protection-unwritable from the start", () => {
    const path = newDisk("4m");
    const home = openHome(path);
    begin(home, key.publicKey);
    inHome(home, (protection) => voterOf(protection).vote({ height: 0n, appHash: hash(1) }));
    const { path: view } = newHome();
    expect(mount(view, "--bind", path)).toBe(true);
    expect(mount(view, "-o", "remount,bind,ro")).toBe(true);
    refusal("protection-unwritable", () => openProtection(openHome(view)));
    const before = readFileSync(home.protectionFile);
    expect(signUntilFailure(openHome(view))).toEqual({ signed: [], last: "error protection-unwritable" });
    expect(readFileSync(home.protectionFile)).toEqual(before);
  });
});

describe("a watermark log that cannot be written", () => {
  it("withholds the signature: the vote is recorded, and returned as the same after a restart", () => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 0n, appHash: hash(1) });
    reopenToRead(home.watermarkFile);
    refusal("protection-unwritable", () => voter.vote({ height: 1n, appHash: hash(1) }));
    expect(protection.failed).toBe(true);
    refusal("protection-unwritable", () => voter.vote({ height: 2n, appHash: hash(1) }));
    expect(() => protection.close()).not.toThrow();
    inHome(home, (next) => {
      const again = voterOf(next);
      expect(again.vote({ height: 1n, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
      expect(again.vote({ height: 1n, appHash: hash(1) }).kind).toBe("same");
    });
  });
});

function fill(path: string): void {
  for (let size = 1 << 20; size > 0; size >>= 1) {
    try {
      writeFileSync(join(path, "filling"), new Uint8Array(size), { flag: "a" });
    } catch {
      // As much of it as there was room for.
    }
  }
}

/** Makes this process's descriptor of a file one that reads only, so that the next write to it fails. */
function reopenToRead(path: string): void {
  const { ino } = statSync(path);
  const own = openDescriptors().find((descriptor) => fstatSync(descriptor).ino === ino)!;
  closeSync(own);
  // A file gets the lowest number that is free.
  const lower: number[] = [];
  for (let next = openSync(path, "r"); next !== own; next = openSync(path, "r")) lower.push(next);
  lower.forEach(closeSync);
}

function openDescriptors(): number[] {
  const beyond = openSync("/dev/null", "r");
  closeSync(beyond);
  return Array.from({ length: beyond + 50 }, (_, descriptor) => descriptor).filter((descriptor) => {
    try {
      fstatSync(descriptor);
      return true;
    } catch {
      return false;
    }
  });
}
