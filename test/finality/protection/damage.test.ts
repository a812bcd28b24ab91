import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { TapstakeError } from "../../../src/core/errors.js";
import type { Home } from "../../../src/finality/home.js";
import { openProtection } from "../../../src/finality/protection/protection.js";
import { Tables } from "../../../src/finality/protection/tables.js";
import {
  type LoggedWatermarks,
  readWatermarkLog,
  WatermarkLog,
} from "../../../src/finality/protection/watermark-log.js";
import {
  copyOf,
  flip,
  HEIGHTS,
  key,
  liveThrough,
  loseMemory,
  replace,
  walOf,
} from "../../support/broken-homes.js";
import { refusal } from "../../support/refusal.js";
import { some } from "../../support/runs.js";
import { CHAIN, hash, inHome, newSigner, voterOf } from "../../support/signer.js";

let closed: Home;
let crashed: Home;
let earlier: Home;

beforeAll(() => {
  ({ closed, crashed, earlier } = liveThrough());
});

/** What must be said whenever a home is refused. */
function expectRefused(code: TapstakeError["code"], home: Home): TapstakeError {
  const error = refusal(code, () => openProtection(home));
  for (const part of ["What happened: ", "What it means: ", "What to do: ", "What not to do: "]) {
    expect(error.message).toContain(part);
  }
  expect(error.message).toContain("tapstake fp protection init --key ");
  expect(existsSync(home.lockFile)).toBe(false);
  return error;
}

/** Whether a home is refused for its memory; if it is not, it must remember everything. */
function expectRefusedOrWhole(home: Home): string {
  let protection;
  try {
    protection = openProtection(home);
  } catch (error) {
    expect(error).toBeInstanceOf(TapstakeError);
    const { code } = error as TapstakeError;
    expect(["protection-corrupt", "protection-empty", "protection-behind", "protection-missing"]).toContain(
      code,
    );
    return code;
  }
  try {
    const voter = voterOf(protection, key);
    for (const result of voter.batch(HEIGHTS.map((height) => ({ height, appHash: hash(2) })))) {
      expect(result).toMatchObject({ kind: "refused", code: "double-vote" });
    }
    return "whole";
  } finally {
    protection.close();
  }
}

describe("an undamaged store", () => {
  it("opens after it was closed, and after a crash", () => {
    expect(existsSync(walOf(closed))).toBe(false);
    expect(existsSync(walOf(crashed))).toBe(true);
    expect(expectRefusedOrWhole(copyOf(closed))).toBe("whole");
    expect(expectRefusedOrWhole(copyOf(crashed))).toBe("whole");
  });

  it("has permissions for the owner only", () => {
    const files = readdirSync(crashed.path).filter((name) => !["keys", "arrivals"].includes(name));
    expect(files.toSorted()).toEqual(["marks", "protection.db", "protection.db-wal"]);
    expect(files.map((name) => modeOf(join(crashed.path, name)))).toEqual(Array(3).fill(0o600));
  });
});

describe.skipIf(process.platform === "win32")("a store that others than its owner can reach", () => {
  it.each(["protection.db", "protection.db-wal", "marks"])("is refused, with the file: %s", (name) => {
    const home = copyOf(crashed);
    const path = join(home.path, name);
    for (const mode of [0o644, 0o620]) {
      chmodSync(path, mode);
      const { message } = refusal("insecure-permissions", () => openProtection(home));
      expect(message).toContain(`${path} has mode 0${mode.toString(8)}`);
      expect(existsSync(home.lockFile)).toBe(false);
    }
    chmodSync(path, 0o600);
    expect(expectRefusedOrWhole(home)).toBe("whole");
  });
});

describe("PROTOCOL 11: an empty or restored-old protection database signed again without a word", () => {
  it("an older copy of the store is protection-behind", () => {
    const home = copyOf(closed);
    const old = copyOf(earlier);
    inHome(old, () => {});
    replace(home, old, "protectionFile");
    expect(expectRefused("protection-behind", home).message).toContain(
      "Causes: a restored backup, an older copy of the home, or damage.",
    );
  });

  it("an older copy with its write-ahead log is protection-behind", () => {
    const home = copyOf(crashed);
    replace(home, earlier, "protectionFile");
    cpSync(walOf(earlier), walOf(home));
    expect(expectRefused("protection-behind", home).details["part"]).toBe("store");
  });

  it("an older copy beside the newer write-ahead log never signs again", () => {
    const old = copyOf(earlier);
    inHome(old, () => {});
    const home = copyOf(crashed);
    replace(home, old, "protectionFile");
    expect(expectRefusedOrWhole(home)).not.toBe("protection-missing");
  });

  it("a write-ahead log that was deleted is protection-behind", () => {
    const home = copyOf(crashed);
    rmSync(walOf(home));
    expect(["protection-behind", "protection-empty"]).toContain(expectRefusedOrWhole(home));
  });

  it("a deleted store is protection-missing", () => {
    const home = copyOf(closed);
    rmSync(home.protectionFile);
    const error = expectRefused("protection-missing", home);
    expect(error.details["part"]).toBe("store");
    expect(error.message).toContain(
      "--chain bbn-test --from-height <the height that the script in docs/emergency.md prints>",
    );
    expect(error.message).toContain(
      "--chain other-chain --from-height <the height that the script in docs/emergency.md prints>",
    );
    // No height of this home is offered: each may be older than the last vote.
    expect(error.message).not.toMatch(/ or more|--from-height \d/);
    expect(existsSync(home.protectionFile)).toBe(false);
  });

  it("a deleted watermark log is protection-missing", () => {
    const home = copyOf(closed);
    rmSync(home.watermarkFile);
    expect(expectRefused("protection-missing", home).details["part"]).toBe("watermark-log");
  });

  it("a deleted store whose write-ahead log is left is protection-missing, with or without the watermark log", () => {
    const home = copyOf(crashed);
    rmSync(home.protectionFile);
    expectRefused("protection-missing", home);
    rmSync(home.watermarkFile);
    expectRefused("protection-missing", home);
  });

  it("store and watermark log deleted together: no key signs before protection init", () => {
    const home = copyOf(closed);
    loseMemory(home);
    inHome(home, (protection) => {
      refusal("protection-uninitialised", () => voterOf(protection).vote({ height: 0n, appHash: hash(2) }));
    });
  });

  it("an empty file is protection-empty, with or without the watermark log", () => {
    const home = copyOf(closed);
    writeFileSync(home.protectionFile, "");
    expectRefused("protection-empty", home);
    rmSync(home.watermarkFile);
    expectRefused("protection-empty", home);
  });

  it("an empty database, and one of something else, are protection-empty", () => {
    for (const sql of ["CREATE TABLE t (a); DROP TABLE t", "CREATE TABLE cookies (a)"]) {
      const home = copyOf(closed);
      rmSync(home.protectionFile);
      const db = new Database(home.protectionFile);
      db.exec(sql);
      db.close();
      chmodSync(home.protectionFile, 0o600);
      expectRefused("protection-empty", home);
    }
  });

  it("the store of another home is protection-behind", () => {
    const { home: stranger, protection, voter } = newSigner();
    for (const height of HEIGHTS) voter.vote({ height, appHash: hash(3) });
    for (const height of HEIGHTS) voter.vote({ height: height + 100n, appHash: hash(3) });
    protection.close();
    const home = copyOf(closed);
    replace(home, stranger, "protectionFile");
    expect(expectRefused("protection-behind", home).message).toContain("watermark log is of");
  });

  it.each<[string, Partial<LoggedWatermarks>]>([
    ["a higher vote", { highWatermark: 60n }],
    ["a higher lowest height", { lowWatermark: 1n }],
    ["another chain", { chainId: "third-chain" }],
  ])("a store of as many writes whose watermark log has %s is protection-behind", (_, more) => {
    const home = copyOf(closed);
    const { watermarks, ...content } = readWatermarkLog(home.watermarkFile)!;
    const mark = [...watermarks.values()].find(({ chainId }) => chainId === CHAIN.id)!;
    new WatermarkLog(home.watermarkFile, {
      ...content,
      watermarks: new Map([["", { ...mark, ...more }]]),
    }).close();
    expect(expectRefused("protection-behind", home).message).toContain("and the watermark log ");
  });

  it("an older copy of the watermark log is completed from the store", () => {
    const home = copyOf(closed);
    replace(home, earlier, "watermarkFile");
    expect(expectRefusedOrWhole(home)).toBe("whole");
    replace(home, earlier, "protectionFile");
    expectRefused("protection-behind", home);
  });
});

describe("a damaged store", () => {
  it("is refused when it is not a database", () => {
    const home = copyOf(closed);
    writeFileSync(home.protectionFile, "not a database, but longer than its header".repeat(100));
    expectRefused("protection-corrupt", home);
  });

  it("is refused when it is truncated anywhere", () => {
    const { length } = readFileSync(closed.protectionFile);
    const verdicts = new Set<string>();
    for (const size of some(every(997, length, 1), 20)) {
      const home = copyOf(closed);
      truncateSync(home.protectionFile, size);
      verdicts.add(expectRefusedOrWhole(home));
    }
    expect([...verdicts].toSorted()).not.toContain("whole");
  });

  it("is refused when its write-ahead log is truncated anywhere", () => {
    const { length } = readFileSync(walOf(crashed));
    for (const size of some(every(2999, length), 15)) {
      const home = copyOf(crashed);
      truncateSync(walOf(home), size);
      expect(expectRefusedOrWhole(home)).not.toBe("whole");
    }
  });

  it("with a byte flipped anywhere is refused, or remembers every vote", () => {
    const verdicts = flips(closed, "protectionFile", Number(process.env["FLIP_STEP"] ?? 173));
    expect(verdicts["protection-corrupt"]).toBeGreaterThan(0);
  });

  it("with a byte flipped in a vote is refused", () => {
    const content = readFileSync(closed.protectionFile);
    const record = inHome(copyOf(closed), (protection) => protection.record(key.publicKey, CHAIN.id, 30n))!;
    const places = [record.signature!, Buffer.from(record.at), Buffer.from(record.instance)];
    for (const place of places) {
      const home = copyOf(closed);
      const flipped = Buffer.from(content);
      // In all its copies: SQLite leaves some behind where it had moved rows.
      for (let at = content.indexOf(place); at >= 0; at = content.indexOf(place, at + 1))
        flipped[at + 3]! ^= 1;
      expect(flipped.equals(content)).toBe(false);
      writeFileSync(home.protectionFile, flipped);
      expectRefused("protection-corrupt", home);
    }
  });

  it("with a vote or a key removed by SQL is refused", () => {
    for (const sql of [
      "DELETE FROM votes WHERE seq = (SELECT min(seq) FROM votes)",
      "DELETE FROM subjects WHERE id = 1",
      "UPDATE votes SET signature = NULL",
      "UPDATE state SET seq = seq + 1",
      "UPDATE subjects SET lowest = x'0000000000000000', highest = NULL",
      "CREATE TABLE more (a)",
      "PRAGMA user_version = 2",
    ]) {
      const home = copyOf(closed);
      const db = new Database(home.protectionFile);
      db.exec(sql);
      db.close();
      expectRefused("protection-corrupt", home);
    }
  });

  it("without its last vote, removed by SQL, is protection-corrupt or protection-behind", () => {
    const home = copyOf(closed);
    const db = new Database(home.protectionFile);
    db.exec("DELETE FROM votes WHERE seq = (SELECT max(seq) FROM votes)");
    db.close();
    expect(["protection-corrupt", "protection-behind"]).toContain(expectRefusedOrWhole(home));
  });

  it("with a byte flipped in its write-ahead log is refused, or remembers every vote", () => {
    const size = readFileSync(walOf(crashed)).length;
    for (const at of some(every(4999, size), 10)) {
      const home = copyOf(crashed);
      flip(walOf(home), at);
      expectRefusedOrWhole(home);
    }
  });
});

describe("a store whose damage is found while it is open", () => {
  it("is protection-corrupt for every later call", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    const malformed = Object.assign(new Error("database disk image is malformed"), {
      code: "SQLITE_CORRUPT",
    });
    const votes = vi.spyOn(Tables.prototype, "votes").mockImplementation(() => {
      throw malformed;
    });
    const error = refusal("protection-corrupt", () => voter.vote({ height: 5n, appHash: hash(1) }));
    expect(error.message).toContain(malformed.message);
    votes.mockRestore();
    expect(protection.failed).toBe(true);
    for (const height of [5n, 6n]) {
      refusal("protection-corrupt", () => voter.vote({ height, appHash: hash(1) }));
    }
    refusal("protection-corrupt", () => protection.exportInterchange());
    protection.close();
  });
});

describe("a damaged watermark log", () => {
  it("is protection-corrupt with any of its bytes flipped", () => {
    const content = readFileSync(earlier.watermarkFile);
    for (const at of some(every(61, content.lastIndexOf("\n")), 20)) {
      const home = copyOf(earlier);
      flip(home.watermarkFile, at);
      const error = expectRefused("protection-corrupt", home);
      expect(error.details["part"]).toBe("watermark-log");
    }
  });

  it("whose last line is torn opens: that vote was not returned before the line was complete", () => {
    const size = readFileSync(earlier.watermarkFile).lastIndexOf("\n") + 1;
    for (const cut of [1, 2, 17, 40]) {
      const home = copyOf(earlier);
      truncateSync(home.watermarkFile, size - cut);
      inHome(home, (protection) => {
        expect(protection.watermarks(key.publicKey, CHAIN.id)).toEqual({
          lowWatermark: 0n,
          highWatermark: 39n,
          locked: false,
        });
      });
    }
  });

  it("that is empty, or lacks a line before others, is protection-corrupt", () => {
    const home = copyOf(earlier);
    const lines = readFileSync(home.watermarkFile, "latin1").split("\n");
    writeFileSync(home.watermarkFile, [...lines.slice(0, 9), ...lines.slice(10)].join("\n"));
    expectRefused("protection-corrupt", home);
    writeFileSync(home.watermarkFile, "");
    expectRefused("protection-corrupt", home);
  });
});

/** Every so many of the numbers below an end, from a first one on. */
const every = (step: number, end: number, first = 0) =>
  Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step);

function flips(of: Home, file: "protectionFile" | "watermarkFile", step: number): Record<string, number> {
  const { length } = readFileSync(of[file]);
  const verdicts: Record<string, number> = {};
  for (const at of some(every(step, length), 100)) {
    const home = copyOf(of);
    flip(home[file], at);
    const verdict = expectRefusedOrWhole(home);
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    rmSync(home.path, { recursive: true });
  }
  return verdicts;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
