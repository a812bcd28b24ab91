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
import { hex } from "../../../src/core/bytes.js";
import { sha256 } from "../../../src/core/hashes.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { createKey, deleteKey, unlockKey } from "../../../src/finality/keys/keystore.js";
import { recordGenerated } from "../../../src/finality/keys/provenance.js";
import { previewImport } from "../../../src/finality/protection/import.js";
import {
  initProtection,
  openProtection,
  type Protection,
} from "../../../src/finality/protection/protection.js";
import { Voter } from "../../../src/finality/voter.js";
import type { ChainConfig } from "../../../src/vote/chain.js";
import { voteMessage } from "../../../src/vote/messages.js";
import {
  copyOf,
  key,
  liveThrough,
  loseMemory,
  other,
  OTHER_CHAIN,
  request,
} from "../../support/broken-homes.js";
import { LIGHT } from "../../support/home.js";
import { killedAtEachStep } from "../../support/killed.js";
import { refusal } from "../../support/refusal.js";
import { answerOf, CHAIN, hash, inHome, newHome, newSigner, voterOf } from "../../support/signer.js";

const passphrase = "a passphrase";
const bringIn = (home: Home, origin: "generated" | "imported") =>
  createKey(home, { name: "v", passphrase, secretKey: key.secretKey, origin, scrypt: LIGHT });

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
    const home = newHome();
    bringIn(home, "generated");
    expect(vote(home, 100n, 1)).toBe("new");
    deleteKey(home, "v", passphrase);
    bringIn(home, "imported");
    expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 100n }));
    initProtection(home, { ...request, fromHeight: 106n });
    expect(vote(home, 106n, 1)).toBe("new");
  });

  it("whose file was removed, and which is imported again, is locked too", () => {
    const home = newHome();
    bringIn(home, "generated");
    expect(vote(home, 100n, 1)).toBe("new");
    rmSync(join(home.keysFolder, "v.json"));
    bringIn(home, "imported");
    expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
  });

  it("whose file is restored from a copy after deletion is locked, and no longer new", () => {
    for (const heights of [[], [100n]]) {
      const home = newHome();
      bringIn(home, "generated");
      for (const height of heights) expect(vote(home, height, 1)).toBe("new");
      const file = join(home.keysFolder, "v.json");
      const copy = readFileSync(file);
      deleteKey(home, "v", passphrase);
      writeFileSync(file, copy, { mode: 0o600 });
      expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
    }
  });

  it("whose file is restored from a copy is new on no other chain either", () => {
    const home = newHome();
    bringIn(home, "generated");
    expect(vote(home, 100n, 1)).toBe("new");
    const file = join(home.keysFolder, "v.json");
    const copy = readFileSync(file);
    deleteKey(home, "v", passphrase);
    writeFileSync(file, copy, { mode: 0o600 });
    expect(vote(home, 100n, 1, OTHER_CHAIN)).toBe("protection-uninitialised");
  });

  it("is locked by a store that was open when it was restored", () => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 100n, appHash: hash(1) });
    bringIn(home, "imported");
    const again = voterOf(protection);
    refusal("protection-uninitialised", () => again.vote({ height: 105n, appHash: hash(1) }));
    refusal("protection-uninitialised", () => voter.vote({ height: 105n, appHash: hash(1) }));
    expect(readdirSync(join(home.path, "arrivals"))).toEqual([]);
    protection.close();
  });
});

describe("a home that was copied right after its key was generated, and used before its first vote", () => {
  const copies: Record<string, (home: Home, to: string) => void> = {
    "without its store, by content": (home, to) => {
      loseMemory(home);
      cpSync(home.path, to, { recursive: true });
    },
    "without its store, by hard links": (home, to) => {
      loseMemory(home);
      linkTree(home.path, to);
    },
    "with its empty store": (home, to) => cpSync(home.path, to, { recursive: true }),
  };
  it.each(Object.entries(copies))("%s, does not count the key as new once it is restored", (_, copy) => {
    const { path } = newHome();
    const home = openHome(join(path, "home"));
    recordGenerated(home, key.publicKey);
    inHome(home, () => {});
    copy(home, join(path, "copy"));
    inHome(home, (protection) => voterOf(protection).vote({ height: 5n, appHash: hash(1) }));
    rmSync(home.path, { recursive: true });
    renameSync(join(path, "copy"), home.path);
    inHome(openHome(home.path), (protection) => {
      refusal("protection-uninitialised", () => voterOf(protection).vote({ height: 5n, appHash: hash(2) }));
    });
  });
});

describe("a home that was copied by hard links before its key was absent", () => {
  it.each([
    ["deleted", (home: Home) => void deleteKey(home, "v", passphrase)],
    ["removed without tapstake", (home: Home) => rmSync(join(home.keysFolder, "v.json"))],
  ])("(%s, and imported again) does not count the key as new once it is restored", (_, end) => {
    const { path } = newHome();
    const home = openHome(join(path, "home"));
    bringIn(home, "generated");
    linkTree(home.path, join(path, "copy"));
    end(home);
    bringIn(home, "imported");
    initProtection(home, { ...request, fromHeight: 5n });
    expect(vote(home, 5n, 1)).toBe("new");
    rmSync(home.path, { recursive: true });
    renameSync(join(path, "copy"), home.path);
    expect(vote(home, 5n, 2)).toBe("protection-uninitialised");
  });

  it("still locks a key that was absent when it was copied", () => {
    const { path } = newHome();
    const home = openHome(join(path, "home"));
    bringIn(home, "generated");
    expect(vote(home, 100n, 1)).toBe("new");
    rmSync(join(home.keysFolder, "v.json"));
    bringIn(home, "imported");
    linkTree(join(home.path, "arrivals"), join(path, "arrivals"));
    cpSync(home.path, join(path, "copy"), { recursive: true });
    inHome(home, () => {});
    rmSync(home.path, { recursive: true });
    renameSync(join(path, "copy"), home.path);
    rmSync(join(home.path, "arrivals"), { recursive: true });
    renameSync(join(path, "arrivals"), join(home.path, "arrivals"));
    expect(vote(home, 105n, 1)).toBe("protection-uninitialised");
  });
});

describe("the provenance of a generated key", () => {
  const begins: Record<string, (home: Home) => unknown> = {
    "by itself": () => {},
    "by protection init": (home) => initProtection(home, { ...request, fromHeight: 3n }),
    "by an import": (home) => {
      const { protection } = newSigner();
      protection.init(key.publicKey, CHAIN.id, 3n);
      const interchange = protection.exportInterchange();
      protection.close();
      inHome(home, (here) => here.importInterchange(JSON.parse(JSON.stringify(interchange))));
    },
  };
  it.each(Object.entries(begins))(
    "ends with the first vote of a key that began %s, so that the key is not new after everything else is lost",
    (_, begin) => {
      const home = newHome();
      recordGenerated(home, key.publicKey);
      begin(home);
      inHome(home, (protection) => {
        expect(voterOf(protection).vote({ height: 5n, appHash: hash(1) }).kind).toBe("new");
      });
      loseMemory(home);
      inHome(home, (protection) => {
        refusal("protection-uninitialised", () => voterOf(protection).vote({ height: 5n, appHash: hash(2) }));
      });
    },
  );

  it("ends before the first vote leaves, killed at any step", () => {
    const votingHome = () => {
      const home = newHome();
      recordGenerated(home, key.publicKey);
      return home.path;
    };
    const found = new Set<boolean>();
    for (const { path, printed } of killedAtEachStep(votingHome, ["vote"])) {
      const home = openHome(path);
      const isOut = printed.startsWith("signed new");
      found.add(isOut);
      inHome(home, (protection) => {
        const record = protection.record(key.publicKey, CHAIN.id, 5n);
        if (isOut) expect(record).not.toBeNull();
      });
      loseMemory(home);
      const isNew = inHome(home, (protection) => protection.isGeneratedHere(key.publicKey));
      if (isOut) expect(isNew).toBe(false);
    }
    expect(found).toEqual(new Set([false, true]));
  });

  it("is kept by a query, and by the preview of an import", () => {
    const home = newHome();
    recordGenerated(home, key.publicKey);
    inHome(home, (protection) => {
      previewImport(protection, protection.exportInterchange());
      expect(protection.isGeneratedHere(key.publicKey)).toBe(true);
    });
    expect(readdirSync(join(home.path, "arrivals"))).toHaveLength(1);
  });
});

describe("a home that is copied after the store took a generated key over", () => {
  const uses: Record<string, (protection: Protection) => unknown> = {
    "asked for": (protection) => protection.isGeneratedHere(key.publicKey),
    "by a vote that was refused": (protection) => {
      const voter = new Voter({ key, protection, chain: CHAIN, chainHeight: 10n });
      expect(voter.vote({ height: 5n, appHash: hash(1) }).kind).toBe("refused");
      protection.prune(key.publicKey, CHAIN.id, 0n);
    },
    "by a vote on another chain": (protection) =>
      voterOf(protection, key, OTHER_CHAIN).vote({ height: 5n, appHash: hash(1) }),
  };
  it.each(Object.entries(uses))("%s, does not count the key as new on a chain without votes", (_, use) => {
    const home = newHome();
    recordGenerated(home, key.publicKey);
    inHome(home, (protection) => {
      protection.applyProvenance(key.publicKey);
      use(protection);
    });
    const copy = copyOf(home);
    const third = { id: "third-chain", minCount: 1 };
    const voteIn = (where: Home) =>
      inHome(where, (protection) => voterOf(protection, key, third).vote({ height: 100n, appHash: hash(1) }));
    expect(voteIn(home).kind).toBe("new");
    refusal("protection-uninitialised", () => voteIn(copy));
  });
});

describe("the note of a key that cannot be read or ended", () => {
  it.each([
    ["of other words", (path: string) => writeFileSync(path, "absent")],
    ["that is half of one", (path: string) => writeFileSync(path, "12")],
  ])("(%s) locks the key", (_, write) => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    protection.close();
    write(join(home.path, "arrivals", hex.encode(key.publicKey)));
    inHome(home, (again) => {
      expect(again.keyChains()).toMatchObject([{ locked: true, lowWatermark: 6n }]);
    });
  });

  it("that is a symbolic link locks the key, and its target stays", () => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    protection.close();
    const elsewhere = join(newHome().path, "elsewhere");
    writeFileSync(elsewhere, "something else");
    for (const target of [elsewhere, `${elsewhere}.missing`]) {
      symlinkSync(target, join(home.path, "arrivals", hex.encode(key.publicKey)));
      inHome(home, (again) => expect(again.keyChains()).toMatchObject([{ locked: true, lowWatermark: 6n }]));
    }
    expect(readFileSync(elsewhere, "utf8")).toBe("something else");
  });

  it.each([
    ["a folder in its place", (path: string) => mkdirSync(path)],
    [
      "a file where the folder is",
      (path: string) => {
        rmSync(join(path, ".."), { recursive: true });
        writeFileSync(join(path, ".."), "");
      },
    ],
  ])("(%s) is protection-unwritable, and leaves the home free for the next process", (_, damage) => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    protection.close();
    damage(join(home.path, "arrivals", hex.encode(key.publicKey)));
    for (let turn = 0; turn < 2; turn++) {
      refusal("protection-unwritable", () => openProtection(home));
      refusal("protection-unwritable", () => initProtection(home, { ...request, fromHeight: 9n }));
    }
    rmSync(join(home.path, "arrivals"), { recursive: true });
    inHome(home, (again) => {
      expect(again.record(key.publicKey, CHAIN.id, 5n)).not.toBeNull();
    });
  });
});

describe("a home that was copied by hard links after the store took a generated key over", () => {
  /** What a vote adds is beside the store until it is closed: a kill would keep it from the copy. */
  function copied() {
    const { home, protection } = newSigner();
    voterOf(protection, key, OTHER_CHAIN).vote({ height: 5n, appHash: hash(1) });
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

  it("continues with a separate file, in which no key is new", () => {
    const { home } = copied();
    const own = `${home.protectionFile}.own`;
    cpSync(home.protectionFile, own);
    renameSync(own, home.protectionFile);
    inHome(home, (protection) => {
      refusal("protection-uninitialised", () => voterOf(protection).vote(first));
      expect(protection.record(key.publicKey, OTHER_CHAIN.id, 5n)).not.toBeNull();
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
