import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { createKey, deleteKey, unlockKey } from "../../../src/finality/keys/keystore.js";
import { initProtection, openProtection } from "../../../src/finality/protection/protection.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import { Voter } from "../../../src/finality/voter.js";
import type { ChainConfig } from "../../../src/vote/chain.js";
import { loseMemory } from "../../support/broken-homes.js";
import { describeWithDisks, mount } from "../../support/disks.js";
import { LIGHT } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { answerOf, CHAIN, inHome, newHome, newSigner, testKey, voterOf } from "../../support/signer.js";

const passphrase = "a passphrase";
const { secretKey, publicKey } = testKey();
const OTHER = { id: "other-chain", minCount: 1 };

function homeWith(origin: "generated" | "imported", home = newHome()): Home {
  createKey(home, { name: "v", passphrase, secretKey, origin, scrypt: LIGHT });
  return home;
}

/** Commits to ten heights with the home's key. */
async function commit(home: Home, start: bigint, chain: ChainConfig = CHAIN): Promise<void> {
  const protection = openProtection(home);
  try {
    await commitStored({ key: unlockKey(home, "v", passphrase), chain, protection, start, count: 10 });
  } finally {
    protection.close();
  }
}

/** The answer to a vote with the home's key, which has no reason for votes outside its commitments. */
const vote = (home: Home, height: bigint, fill = 1, chain: ChainConfig = CHAIN): string =>
  inHome(home, (protection) =>
    answerOf(new Voter({ key: unlockKey(home, "v", passphrase), protection, chain }), height, fill),
  );

const watermarks = (home: Home, chain = CHAIN) =>
  inHome(home, (protection) => protection.watermarks(publicKey, chain.id));

describe("a key that was generated for this home", () => {
  it("votes on no chain before its first commitment there", async () => {
    const home = homeWith("generated");
    expect(vote(home, 1000n)).toBe("protection-uninitialised");
    await commit(home, 1000n);
    expect(vote(home, 1000n, 1, OTHER)).toBe("protection-uninitialised");
  });

  it("begins by its first commitment, at its first height; later ones change nothing", async () => {
    const home = homeWith("generated");
    await commit(home, 1000n);
    expect(watermarks(home)).toEqual({ lowWatermark: 1000n, highWatermark: null, locked: false });
    expect(vote(home, 999n)).toBe("below-watermark");
    expect(vote(home, 1000n)).toBe("new");
    expect(vote(home, 1010n)).toBe("no-commitment");
    for (const start of [500n, 2000n]) await commit(home, start);
    expect(watermarks(home)).toMatchObject({ lowWatermark: 1000n });
    expect(vote(home, 500n)).toBe("below-watermark");
  });

  it("begins on a hundred chains by commitments, and on every other one by protection init alone", async () => {
    const home = homeWith("generated");
    const on = (i: number) => ({ id: `invented-${i}`, minCount: 1 });
    const key = unlockKey(home, "v", passphrase);
    const protection = openProtection(home);
    const commitOn = (i: number) => commitStored({ key, chain: on(i), protection, start: 5n, count: 1 });
    for (let i = 0; i < 100; i++) await commitOn(i);
    const command = `tapstake fp protection init --key ${hex.encode(publicKey)} --chain invented-100`;
    await expect(commitOn(100)).rejects.toMatchObject({
      code: "too-many-chains",
      message: expect.stringContaining(command),
    });
    expect(protection.keyChains()).toHaveLength(100);
    protection.init(publicKey, on(100).id, 5n);
    await commitOn(100);
    expect(answerOf(voterOf(protection, key, on(100)), 5n, 1)).toBe("new");
    expect(answerOf(voterOf(protection, key, on(7)), 5n, 1)).toBe("new");
    protection.close();
  });
});

describe("a key that may have voted elsewhere begins by no commitment", () => {
  const elsewhere: Record<string, () => Home> = {
    "an imported one": () => homeWith("imported"),
    "one whose file was copied into a new home": () => {
      const [home, other] = [homeWith("generated"), newHome()];
      cpSync(home.keysFolder, other.keysFolder, { recursive: true });
      return other;
    },
    "one whose file was copied into a home with another key": () => {
      const [home, { home: other, protection }] = [homeWith("generated"), newSigner(testKey(8))];
      protection.close();
      cpSync(home.keysFolder, other.keysFolder, { recursive: true });
      return other;
    },
    "one whose store and watermark log were removed": () => {
      const home = homeWith("generated");
      loseMemory(home);
      return home;
    },
    "one whose store began anew": () => {
      const home = homeWith("generated");
      rmSync(home.protectionFile);
      initProtection(home, { key: testKey(8).publicKey, chainId: CHAIN.id, fromHeight: 0n });
      return home;
    },
  };
  it.each(Object.entries(elsewhere))("%s", async (_, make) => {
    const home = make();
    await commit(home, 1000n);
    expect(watermarks(home)).toBeNull();
    expect(vote(home, 1005n)).toBe("protection-uninitialised");
    initProtection(home, { key: publicKey, chainId: CHAIN.id, fromHeight: 1005n });
    expect(vote(home, 1004n)).toBe("below-watermark");
    expect(vote(home, 1005n)).toBe("new");
  });

  it("one that was deleted, and whose file came back: also on another chain", async () => {
    const home = homeWith("generated");
    await commit(home, 1000n);
    const kept = join(newHome().path, "kept");
    cpSync(home.keysFolder, kept, { recursive: true });
    deleteKey(home, "v", passphrase);
    cpSync(kept, home.keysFolder, { recursive: true });
    expect(vote(home, 1005n)).toBe("protection-uninitialised");
    await commit(home, 1000n, OTHER);
    expect(vote(home, 1005n, 1, OTHER)).toBe("protection-uninitialised");
  });

  it("one whose commitments came by an import", async () => {
    const home = homeWith("generated");
    const { protection } = newSigner(testKey(), null);
    await commitStored({ key: testKey(), chain: CHAIN, protection, start: 0n, count: 10 });
    const file = protection.exportInterchange();
    protection.close();
    inHome(home, (here) => here.importInterchange(file));
    await commit(home, 1000n);
    expect(vote(home, 1005n)).toBe("protection-uninitialised");
  });
});

describeWithDisks("a home on an overlay", () => {
  /** What a container sees of a home that is a layer of its image. */
  function overlayOver(lower: Home): Home {
    const { path } = newHome();
    if (!mount(path, "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs")) throw new Error("cannot mount");
    const [upper, work, merged] = ["upper", "work", "merged"].map((name) => join(path, name));
    for (const folder of [upper, work, merged]) mkdirSync(folder!, { mode: 0o700 });
    const layers = `lowerdir=${lower.path},upperdir=${upper},workdir=${work}`;
    if (!mount(merged!, "-t", "overlay", "-o", layers, "overlay")) throw new Error("cannot mount an overlay");
    return openHome(merged);
  }

  it("is refused, and named, unless its kind is accepted in words", () => {
    const overlay = { ...overlayOver(newHome()), acceptedFileSystems: ["nfs", "all"] };
    const error = refusal("unsafe-file-system", () => openProtection(overlay));
    expect(error.message).toContain("of kind overlay");
    expect(error.message).toContain("TAPSTAKE_ACCEPT_FILE_SYSTEM=overlay");
    refusal("unsafe-file-system", () => deleteKey(homeWith("generated", overlay), "v", passphrase));
    openProtection({ ...overlay, acceptedFileSystems: ["overlay"] }).close();
  });

  it("over a live home with a fresh key refuses, also where its kind is accepted", async () => {
    const lower = homeWith("generated");
    const accepted = { ...overlayOver(lower), acceptedFileSystems: ["overlay"] };
    expect(vote(accepted, 1000n)).toBe("protection-uninitialised");
    await commit(lower, 1000n);
    expect(vote(lower, 1000n, 1)).toBe("new");
    expect(vote(accepted, 1000n, 2)).toBe("protection-uninitialised");
  });

  it("over a home whose signer runs is refused by its lock, also where its kind is accepted", () => {
    const { home: lower, protection } = newSigner();
    const accepted = { ...overlayOver(lower), acceptedFileSystems: ["overlay"] };
    refusal("signer-running", () => openProtection(accepted));
    protection.close();
  });
});

it("the file system of a volume is that of its disk, and no refusal", () => {
  const { status, stdout } = spawnSync("stat", ["-f", "-c", "%t", newHome().path], { encoding: "utf8" });
  expect(status).toBe(0);
  const home = { ...newHome(), acceptedFileSystems: [] };
  const opening = () => openProtection(home).close();
  if (stdout.trim() === "794c7630") refusal("unsafe-file-system", opening);
  else opening();
});
