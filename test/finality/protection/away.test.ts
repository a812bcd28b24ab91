import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/core/hashes.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { createKey, deleteKey, unlockKey } from "../../../src/finality/keys/keystore.js";
import { initProtection, openProtection } from "../../../src/finality/protection/protection.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import type { ChainConfig } from "../../../src/vote/chain.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { copyOf, key, liveThrough, other, OTHER_CHAIN, request } from "../../support/broken-homes.js";
import { LIGHT } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { answerOf, begin, CHAIN, hash, inHome, newHome, newSigner, voterOf } from "../../support/signer.js";

const passphrase = "a passphrase";
const bringIn = (home: Home, origin: "generated" | "imported") =>
  createKey(home, { name: "v", passphrase, secretKey: key.secretKey, origin, scrypt: LIGHT });

/** A home whose key "v" votes from height 0. */
function votingHome(): Home {
  const home = newHome();
  bringIn(home, "generated");
  begin(home, key.publicKey);
  return home;
}

/** Commits to heights 0 to 199 with the key that the home has under "v". */
async function commit(home: Home, chain: ChainConfig = CHAIN): Promise<void> {
  const protection = openProtection(home);
  try {
    const unlocked = unlockKey(home, "v", passphrase);
    await commitStored({ key: unlocked, chain, protection, start: 0n, count: 200 });
  } finally {
    protection.close();
  }
}

/** The answer to a vote with the key that the home has under "v". */
function vote(home: Home, height: bigint, fill: number, chain: ChainConfig = CHAIN): string {
  const unlocked = unlockKey(home, "v", passphrase);
  return inHome(home, (protection) => answerOf(voterOf(protection, unlocked, chain), height, fill));
}

describe("a signature that a crash withheld", () => {
  /** A home that recorded a vote at 100, and is begun anew above it, as another signer may have voted there. */
  function begunAbove() {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 100n, appHash: hash(1) });
    protection.close();
    initProtection(home, { ...request, fromHeight: 102n });
    return home;
  }

  it("is refused below a low watermark that was raised above it", () => {
    inHome(begunAbove(), (protection) => {
      const answer = voterOf(protection).vote({ height: 100n, appHash: hash(1) });
      expect(answer).toMatchObject({ code: "below-watermark" });
    });
  });

  it("is blocked by the import of another vote at its height, below the low watermark too", () => {
    const digest = Buffer.from(sha256(voteMessage({ height: 100n, appHash: hash(2) }))).toString("hex");
    inHome(begunAbove(), (protection) => {
      const interchange = protection.exportInterchange();
      const [subject] = interchange.data;
      const votes = [{ height: "100", digest }];
      const [report] = protection.importInterchange({
        ...interchange,
        data: [{ ...subject, lowest: "100", highest: "100", votes }],
      });
      expect(report!.conflicts).toEqual([100n]);
      const answer = voterOf(protection).vote({ height: 100n, appHash: hash(1) });
      expect(answer).toMatchObject({ code: "unknown-earlier-vote" });
    });
  });
});

describe("a key that was absent from its home", () => {
  it("deleted and imported again, is locked above the home's watermarks until protection init", () => {
    const home = votingHome();
    expect(vote(home, 100n, 1)).toBe("new");
    deleteKey(home, "v", passphrase);
    bringIn(home, "imported");
    expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 100n }));
    initProtection(home, { ...request, fromHeight: 106n });
    expect(vote(home, 106n, 1)).toBe("new");
  });

  it("whose file was removed, and which is imported again, is locked too", () => {
    const home = votingHome();
    expect(vote(home, 100n, 1)).toBe("new");
    rmSync(join(home.keysFolder, "v.json"));
    bringIn(home, "imported");
    expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
  });

  it("whose file is restored from a copy after deletion is locked", () => {
    for (const heights of [[], [100n]]) {
      const home = votingHome();
      for (const height of heights) expect(vote(home, height, 1)).toBe("new");
      const file = join(home.keysFolder, "v.json");
      const copy = readFileSync(file);
      deleteKey(home, "v", passphrase);
      writeFileSync(file, copy, { mode: 0o600 });
      expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
    }
  });

  it("whose file is restored from a copy begins on no other chain by a commitment either", async () => {
    const home = votingHome();
    expect(vote(home, 100n, 1)).toBe("new");
    const file = join(home.keysFolder, "v.json");
    const copy = readFileSync(file);
    deleteKey(home, "v", passphrase);
    writeFileSync(file, copy, { mode: 0o600 });
    await commit(home, OTHER_CHAIN);
    expect(vote(home, 100n, 1, OTHER_CHAIN)).toBe("protection-uninitialised");
  });

  it("cannot be imported again beside a running signer that knows it: nothing is left of the attempt", () => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 100n, appHash: hash(1) });
    refusal("signer-running", () => bringIn(home, "imported"));
    expect(readdirSync(home.keysFolder)).toEqual([]);
    expect(voter.vote({ height: 105n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
    bringIn(home, "imported");
    expect(vote(home, 106n, 1)).toBe("protection-uninitialised");
  });

  it("is imported beside a running signer that does not know it", () => {
    const { home, protection } = newSigner(other);
    bringIn(home, "imported");
    protection.close();
    expect(vote(home, 5n, 1)).toBe("protection-uninitialised");
  });
});

describe("a home that was copied by hard links", () => {
  /** What a vote adds is beside the store until it is closed: a kill would keep it from the copy. */
  function copied() {
    const { home, protection } = newSigner();
    protection.close();
    const copy = join(newHome().path, "copy");
    linkTree(home.path, copy);
    return { home, copy: openHome(copy) };
  }
  const first = { height: 5n, appHash: hash(1) };

  it("signs nothing, and neither does the copy: both have one store", () => {
    const { home, copy } = copied();
    for (const each of [home, copy]) {
      const error = refusal("protection-unwritable", () => openProtection(each));
      expect(error.message).toContain("has another name");
      refusal("protection-unwritable", () => initProtection(each, { ...request, fromHeight: 5n }));
    }
  });

  it("continues once the copy is gone", () => {
    const { home, copy } = copied();
    rmSync(copy.path, { recursive: true });
    inHome(home, (protection) => expect(voterOf(protection).vote(first).kind).toBe("new"));
  });

  it("continues with a separate file", () => {
    const { home } = copied();
    const own = `${home.protectionFile}.own`;
    cpSync(home.protectionFile, own);
    renameSync(own, home.protectionFile);
    inHome(home, (protection) => {
      expect(voterOf(protection).vote(first).kind).toBe("new");
    });
  });

  it("is distinguished from a home whose process was killed while it made the store", () => {
    const { home, protection } = newSigner();
    protection.close();
    linkSync(home.protectionFile, `${home.protectionFile}.new`);
    inHome(home, (again) => expect(voterOf(again).vote(first).kind).toBe("new"));
  });
});

describe("a store or watermark log that is a symbolic link", () => {
  it.each(["protectionFile", "watermarkFile"] as const)(
    "(%s) is refused by openProtection and init",
    (file) => {
      const home = copyOf(liveThrough().closed);
      renameSync(home[file], `${home[file]}.elsewhere`);
      symlinkSync(`${home[file]}.elsewhere`, home[file]);
      const error = refusal("protection-unwritable", () => openProtection(home));
      expect(error.message).toContain("symbolic link");
      expect(error.message).not.toContain("df -h");
      refusal("protection-unwritable", () => initProtection(home, { ...request, fromHeight: 500n }));
    },
  );
});

describe("a store that is hard-linked", () => {
  it("is refused with the other names and how to separate them, without advice about the disk", () => {
    const home = copyOf(liveThrough().closed);
    linkSync(home.protectionFile, `${home.protectionFile}.copy`);
    const { message } = refusal("protection-unwritable", () => openProtection(home));
    expect(message).toContain(
      `What happened: ${home.protectionFile} has another name too: it is a hard link`,
    );
    expect(message).toContain("What to do: Remove the other name");
    expect(message).not.toContain("df -h");
  });
});

describe("a store whose header says read-only, while its file is writable", () => {
  it("is protection-corrupt, and protection init succeeds", () => {
    const home = copyOf(liveThrough().closed);
    const content = readFileSync(home.protectionFile);
    content[18] = 3;
    writeFileSync(home.protectionFile, content);
    refusal("protection-corrupt", () => openProtection(home));
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 59n }));
    initProtection(home, { ...request, fromHeight: 60n });
    openProtection(home).close();
  });
});

describe("a signer whose home was replaced by a copy of it", () => {
  it.each([true, false])(
    "leaves the copy's write-ahead log unchanged when it stops (replacement detected: %s)",
    (noticed) => {
      const { home, protection, voter } = newSigner();
      for (let height = 0n; height < 5n; height++) voter.vote({ height, appHash: hash(1) });
      const copy = copyOf(home);
      for (const name of ["protection.db", "protection.db-wal", "marks"]) {
        rmSync(join(home.path, name), { force: true });
        cpSync(join(copy.path, name), join(home.path, name));
      }
      if (noticed) refusal("protection-replaced", () => voter.vote({ height: 5n, appHash: hash(1) }));
      protection.close();
      expect(readdirSync(home.path)).toContain("protection.db-wal");
      inHome(home, (next) => {
        expect(voterOf(next).vote({ height: 4n, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
      });
    },
  );
});

describe("the command that a refusal prints", () => {
  it("names the home, and is one shell command with any chain id", () => {
    const { protection, home } = newSigner();
    const id = "x$(touch${IFS}/tmp/never);'";
    const unknown = voterOf(protection, other, { ...OTHER_CHAIN, id });
    const error = refusal("protection-uninitialised", () => unknown.vote({ height: 1n, appHash: hash(1) }));
    expect(error.message).toContain(`--chain 'x$(touch\${IFS}/tmp/never);'\\'''`);
    expect(error.message).toContain(`--home ${home.path}`);
    protection.close();
  });
});

describe("the key that a voter votes with", () => {
  it("does not change with the caller's memory", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    protection.init(other.publicKey, CHAIN.id, 0n);
    voter.publicKey.set(other.publicKey);
    expect(voter.vote({ height: 5n, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
    protection.close();
  });
});

function linkTree(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}
