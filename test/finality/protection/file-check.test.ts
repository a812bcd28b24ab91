import {
  copyFileSync,
  cpSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type Home, openHome } from "../../../src/finality/home.js";
import { deleteKey } from "../../../src/finality/keys/keystore.js";
import { lockHome } from "../../../src/finality/protection/lock.js";
import { openProtection, type Protection } from "../../../src/finality/protection/protection.js";
import { WatermarkLog } from "../../../src/finality/protection/watermark-log.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import { copyOf, key, walOf } from "../../support/broken-homes.js";
import { refusal } from "../../support/refusal.js";
import { begin, CHAIN, hash, inHome, newHome, newSigner, voterOf } from "../../support/signer.js";

/** A signer that runs, and a copy of its home from some votes ago. */
function running() {
  const { home, protection, voter } = newSigner();
  for (let height = 0n; height < 5n; height++) voter.vote({ height, appHash: hash(1) });
  const backup = copyOf(home);
  for (let height = 5n; height < 10n; height++) voter.vote({ height, appHash: hash(1) });
  return { home, protection, voter, backup };
}

const intrusions: Record<string, (home: Home, backup: Home) => void> = {
  "the store deleted": (home) => rmSync(home.protectionFile),
  "the store moved away": (home) => renameSync(home.protectionFile, `${home.protectionFile}.old`),
  "the store overwritten in place by an older copy": (home, backup) =>
    copyFileSync(backup.protectionFile, home.protectionFile),
  "the store replaced by an older copy": (home, backup) => {
    copyFileSync(backup.protectionFile, `${home.protectionFile}.copy`);
    renameSync(`${home.protectionFile}.copy`, home.protectionFile);
  },
  "the store given another name": (home) => linkSync(home.protectionFile, `${home.protectionFile}.copy`),
  "the watermark log deleted": (home) => rmSync(home.watermarkFile),
  "the watermark log overwritten in place": (home, backup) =>
    copyFileSync(backup.watermarkFile, home.watermarkFile),
  "the watermark log cut short": (home) => truncateSync(home.watermarkFile, 100),
  "the watermark log emptied": (home) => writeFileSync(home.watermarkFile, ""),
  "the last line of the watermark log written over": (home) => {
    const text = readFileSync(home.watermarkFile, "latin1");
    writeFileSync(home.watermarkFile, text.replace(/ 0 9 (\d+) /, " 0 8 $1 "), "latin1");
  },
  "a line written after the last of the watermark log": (home) => {
    const text = readFileSync(home.watermarkFile, "latin1");
    writeFileSync(home.watermarkFile, text.replace(/\n\0{8}/, "\nwrite 9\n"), "latin1");
  },
  "the watermark log replaced by its own copy": (home) => {
    writeFileSync(`${home.watermarkFile}.copy`, readFileSync(home.watermarkFile));
    renameSync(`${home.watermarkFile}.copy`, home.watermarkFile);
  },
  "the whole home replaced by an older copy": (home, backup) => {
    for (const file of [home.protectionFile, walOf(home), home.watermarkFile]) rmSync(file, { force: true });
    cpSync(backup.path, home.path, { recursive: true });
  },
  "the whole home deleted": (home) => rmSync(home.path, { recursive: true }),
  "the whole home replaced by a plain file": (home) => {
    renameSync(home.path, `${home.path}.old`);
    writeFileSync(home.path, "");
  },
  "the whole home replaced by a link that leads nowhere": (home) => {
    renameSync(home.path, `${home.path}.old`);
    symlinkSync(home.path, home.path);
  },
};

describe.each(Object.entries(intrusions))("a running signer, with %s", (_, intrude) => {
  it("signs nothing more, not even what it signed before, and names the reason", () => {
    const { home, protection, voter, backup } = running();
    intrude(home, backup);
    const error = refusal("protection-replaced", () => voter.vote({ height: 10n, appHash: hash(1) }));
    expect(error.message).toMatch(/What happened: .* was (deleted|replaced|changed|out of reach)/);
    expect(protection.failed).toBe(true);
    for (const height of [3n, 10n, 11n]) {
      refusal("protection-replaced", () => voter.vote({ height, appHash: hash(1) }));
    }
    refusal("protection-replaced", () => protection.init(key.publicKey, CHAIN.id, 50n));
    refusal("protection-replaced", () => protection.exportInterchange());
    protection.close();
  });
});

describe("a signer whose store is replaced by a copy while a vote is recorded", () => {
  it("withholds the signature", () => {
    const { home, protection, voter } = running();
    const append = vi.spyOn(WatermarkLog.prototype, "append").mockImplementation(function (
      this: WatermarkLog,
      ...line
    ) {
      append.mockRestore();
      this.append(...line);
      copyFileSync(home.protectionFile, `${home.protectionFile}.copy`);
      renameSync(`${home.protectionFile}.copy`, home.protectionFile);
    });
    refusal("protection-replaced", () => voter.vote({ height: 10n, appHash: hash(1) }));
    expect(protection.failed).toBe(true);
    protection.close();
  });
});

describe.each<[string, (path: string) => void]>([
  ["a plain file", (path) => writeFileSync(path, "")],
  ["a symbolic link to itself", (path) => symlinkSync(path, path)],
])("a signer whose home is replaced by %s", (_, put) => {
  /** A home in a folder of its own, with one vote, and its signer. */
  function replacedHome() {
    const home = openHome(join(newHome().path, "home"));
    begin(home, key.publicKey);
    const protection = openProtection(home);
    const voter = voterOf(protection);
    voter.vote({ height: 5n, appHash: hash(1) });
    renameSync(home.path, `${home.path}.old`);
    put(home.path);
    return { home, protection, voter };
  }

  it("refuses every call with protection-replaced, whichever comes first", () => {
    const questions: ((protection: Protection) => unknown)[] = [
      (protection) => protection.lock(key.publicKey),
      (protection) => protection.retire(key.publicKey),
      (protection) => protection.record(key.publicKey, CHAIN.id, 5n),
      (protection) => protection.records(key.publicKey, CHAIN.id),
      (protection) => protection.keyChains(),
      (protection) => protection.exportInterchange(),
      (protection) => protection.init(key.publicKey, CHAIN.id, 50n),
      (protection) =>
        protection.append(key.publicKey, CHAIN.id, [{ height: 6n, digest: null, signature: null }]),
      (protection) => protection.prune(key.publicKey, CHAIN.id, 3n),
    ];
    for (const ask of questions) {
      const { protection } = replacedHome();
      refusal("protection-replaced", () => ask(protection));
      expect(protection.failed).toBe(true);
      protection.close();
    }
  });

  it("releases the earlier home, which knows its votes once it is restored", () => {
    const { home, protection, voter } = replacedHome();
    refusal("protection-replaced", () => voter.vote({ height: 6n, appHash: hash(1) }));
    protection.close();
    rmSync(home.path);
    renameSync(`${home.path}.old`, home.path);
    // The lock file was out of reach, and still says that this process has the home.
    expect(refusal("signer-running", () => lockHome(home)).details["pid"]).toBe(process.pid);
    rmSync(home.lockFile);
    lockHome(home).release();
    inHome(copyOf(home), (again) => {
      expect(voterOf(again).vote({ height: 5n, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
      expect(voterOf(again).vote({ height: 6n, appHash: hash(1) }).kind).toBe("new");
    });
  });

  it("cannot be opened or have a key deleted, and both errors name the reason", () => {
    const { home, protection } = replacedHome();
    protection.close();
    refusal("protection-unwritable", () => openProtection(home));
    refusal("file-error", () => deleteKey(home, "v", null));
  });
});

describe("a running signer", () => {
  it("accepts its own writes: checkpoints, and a rewritten watermark log", () => {
    const home = newHome();
    begin(home, key.publicKey);
    const protection = openProtection(home, { roomForWatermarks: 500 });
    protection.init(key.publicKey, CHAIN.id, 0n);
    const { length } = readFileSync(home.protectionFile);
    for (let from = 0n; readFileSync(home.protectionFile).length === length; from += 100n) {
      const heights = Array.from({ length: 100 }, (_, i) => from + BigInt(i));
      const entries = heights.map((height) => ({ height, digest: hash(1), signature: hash(2) }));
      protection.append(key.publicKey, CHAIN.id, entries);
    }
    const voter = voterOf(protection);
    const { highWatermark } = protection.watermarks(key.publicKey, CHAIN.id)!;
    for (let height = highWatermark! + 50_000n, left = 20; left > 0; height++, left--) {
      expect(voter.vote({ height, appHash: hash(1) }).kind).toBe("new");
    }
    expect(protection.failed).toBe(false);
    protection.close();
  });

  it("allows other programs to read its files", () => {
    const { home, protection, voter } = running();
    copyOf(home);
    expect(voter.vote({ height: 10n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
  });
});

describe("an older copy of the store", () => {
  it("that lacks commitments alone is protection-behind", async () => {
    const { home, protection } = newSigner();
    protection.init(key.publicKey, CHAIN.id, 0n);
    protection.close();
    const backup = copyOf(home);
    const again = openProtection(home);
    await commitStored({ key, chain: CHAIN, protection: again, start: 10n, count: 5 });
    again.close();
    copyFileSync(backup.protectionFile, home.protectionFile);
    refusal("protection-behind", () => openProtection(home));
  });

  it("is protection-behind beside a watermark log whose last line is torn", () => {
    const { home, protection, backup } = running();
    protection.close();
    inHome(backup, (old) => void old.failed);
    copyFileSync(backup.protectionFile, home.protectionFile);
    const lines = readFileSync(home.watermarkFile, "latin1").split("\n").slice(0, -1);
    // The lines that the older store has, and half of the next one.
    const known = lines.findIndex((line) => / 0 5 \d+ /.test(line));
    const size = `${lines.slice(0, known).join("\n")}\n`.length;
    truncateSync(home.watermarkFile, size + 40);
    refusal("protection-behind", () => openProtection(home));
    truncateSync(home.watermarkFile, size);
    openProtection(home).close();
  });
});

describe("a home that is moved unchanged", () => {
  it("is the same home", () => {
    const { path } = newHome();
    const home = openHome(join(path, "home"));
    begin(home, key.publicKey);
    renameSync(home.path, join(path, "moved"));
    inHome(openHome(join(path, "moved")), (protection) => {
      expect(voterOf(protection).vote({ height: 5n, appHash: hash(1) }).kind).toBe("new");
    });
  });
});

describe("a store that is overwritten in place while a vote is written", () => {
  it("is detected before the signature leaves, as the vote itself goes to the log", () => {
    const { home, protection, voter, backup } = running();
    const append = vi.spyOn(WatermarkLog.prototype, "append").mockImplementationOnce(() => {
      copyFileSync(backup.protectionFile, home.protectionFile);
    });
    const error = refusal("protection-replaced", () => voter.vote({ height: 10n, appHash: hash(1) }));
    expect(append).toHaveBeenCalledOnce();
    expect(error.message).toContain("protection.db was changed");
    append.mockRestore();
    protection.close();
  });

  it("is not reported where the signer moves its log into the store: votes continue", () => {
    const { home, protection, voter } = newSigner();
    const before = statSync(home.protectionFile).mtimeMs;
    let height = 0n;
    for (; statSync(home.protectionFile).mtimeMs === before; height++) {
      expect(voter.vote({ height, appHash: hash(1) }).kind).toBe("new");
    }
    expect(height).toBeGreaterThan(90n);
    expect(voter.vote({ height, appHash: hash(1) }).kind).toBe("new");
    expect(voter.vote({ height: 0n, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    protection.close();
  });
});
