import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import Database from "libsql";
import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { initProtection, openProtection } from "../../../src/finality/protection/protection.js";
import { commitStored } from "../../../src/finality/randomness/commit.js";
import {
  copyOf,
  flip,
  HEIGHTS,
  key,
  liveThrough,
  type Moments,
  other,
  OTHER_CHAIN,
  replace,
  request,
  walOf,
} from "../../support/broken-homes.js";
import { type Deed, killedAtEachStep } from "../../support/killed.js";
import { refusal } from "../../support/refusal.js";
import { some } from "../../support/runs.js";
import { CHAIN, hash, inHome, newHome, newSigner, testKey, voterOf } from "../../support/signer.js";

const otherRequest = { key: other.publicKey, chainId: OTHER_CHAIN.id };

let moments: Moments;
beforeAll(() => {
  moments = liveThrough();
});

type Damage = (home: Home) => void;

/** Breaks in which the store is gone, and the watermark log is all that remembers. */
const lostStores: Record<string, Damage> = {
  "a missing store": (home) => rmSync(home.protectionFile),
  "an empty store": (home) => writeFileSync(home.protectionFile, ""),
  "an older store": (home) => replace(home, moments.earlier, "protectionFile"),
  "a store that is no database": (home) => writeFileSync(home.protectionFile, "x".repeat(5000)),
};

/** Breaks in which the store is whole, and alone. */
const lostLogs: Record<string, Damage> = {
  "a missing watermark log": (home) => rmSync(home.watermarkFile),
  "an empty watermark log": (home) => writeFileSync(home.watermarkFile, ""),
  "a watermark log with a damaged last line": (home) =>
    flip(home.watermarkFile, readFileSync(home.watermarkFile).lastIndexOf("\n") - 30),
  "a watermark log with a damaged header": (home) => flip(home.watermarkFile, 3),
  "a watermark log of zeros": (home) => writeFileSync(home.watermarkFile, new Uint8Array(5000)),
};

const ways = [...Object.entries(lostStores), ...Object.entries(lostLogs)];

function damaged(damage: Damage): Home {
  const home = copyOf(moments.closed);
  damage(home);
  expect(() => openProtection(home)).toThrow("protection init");
  return home;
}

const stateOf = (home: Home) => [
  readdirSync(home.path),
  existsSync(home.watermarkFile) && readFileSync(home.watermarkFile).toString("latin1"),
];

/** No height that was voted for is signed with another message, by either key. */
function expectNothingAnew(home: Home): void {
  inHome(home, (protection) => {
    for (const result of voterOf(protection).batch(HEIGHTS.map((h) => ({ height: h, appHash: hash(2) })))) {
      expect(result.kind).toBe("refused");
    }
    const error = refusal("protection-uninitialised", () =>
      voterOf(protection, other, OTHER_CHAIN).vote({ height: 106n, appHash: hash(2) }),
    );
    // No height of this home is offered: what is left of its memory may be old.
    expect(error.message).toContain("--from-height <the height that the script in docs/emergency.md prints>");
    expect(error.message).not.toMatch(/10[5-7]/);
  });
  refusal("would-lower-mark", () => initProtection(home, { ...otherRequest, fromHeight: 105n }));
}

describe.each(ways)("protection init after %s", (_, damage) => {
  it("refuses a height that the rest of the home remembers, and changes nothing", () => {
    const home = damaged(damage);
    const before = stateOf(home);
    for (const fromHeight of [0n, 59n]) {
      const error = refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight }));
      expect(error.details["lowWatermark"]).toBe(60n);
    }
    expect(stateOf(home)).toEqual(before);
  });

  it("begins there, and locks every other key and chain above its watermarks", () => {
    const home = damaged(damage);
    const { lowWatermark, setAside } = initProtection(home, { ...request, fromHeight: 75n });
    expect(lowWatermark).toBe(75n);
    for (const file of setAside) expect(existsSync(file)).toBe(true);
    expectNothingAnew(home);
    initProtection(home, { ...otherRequest, fromHeight: 106n });
    inHome(home, (protection) => {
      const voter = voterOf(protection);
      expect(voter.vote({ height: 74n, appHash: hash(2) })).toMatchObject({ code: "below-watermark" });
      expect(voter.vote({ height: 75n, appHash: hash(2) }).kind).toBe("new");
      const elsewhere = voterOf(protection, other, OTHER_CHAIN);
      expect(elsewhere.vote({ height: 106n, appHash: hash(2) }).kind).toBe("new");
      const unknown = voterOf(protection, key, { id: "third-chain", minCount: 1 });
      refusal("protection-uninitialised", () => unknown.vote({ height: 900n, appHash: hash(1) }));
    });
  });
});

describe.each(Object.entries(lostLogs))("protection init after %s, with the store whole", (_, damage) => {
  it("keeps its votes: another message is a double vote, and every signature below the new height is refused", () => {
    const home = damaged(damage);
    initProtection(home, { ...request, fromHeight: 60n });
    inHome(home, (protection) => {
      const voter = voterOf(protection);
      for (const height of HEIGHTS) {
        expect(voter.vote({ height, appHash: hash(1) })).toMatchObject({ code: "below-watermark" });
        expect(voter.vote({ height, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
      }
      expect(voter.vote({ height: 60n, appHash: hash(2) }).kind).toBe("new");
    });
  });
});

describe("protection init", () => {
  it("after a crash, with a write-ahead log and no watermark log, knows the votes in the log", () => {
    const home = copyOf(moments.crashed);
    rmSync(home.watermarkFile);
    expect(existsSync(walOf(home))).toBe(true);
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 59n }));
    initProtection(home, { ...request, fromHeight: 60n });
    expectNothingAnew(home);
  });

  it("of a damaged store without a watermark log keeps what is still readable", () => {
    const home = copyOf(moments.closed);
    const row = inHome(copyOf(home), (protection) => protection.record(key.publicKey, CHAIN.id, 30n))!;
    const content = readFileSync(home.protectionFile);
    const places = [...content.keys()].filter((at) => content.indexOf(row.signature!, at) === at);
    for (const at of places) flip(home.protectionFile, at);
    rmSync(home.watermarkFile);
    expect(() => openProtection(home)).toThrow(
      "--from-height <the height that the script in docs/emergency.md prints>",
    );
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 59n }));
    initProtection(home, { ...request, fromHeight: 60n });
    expectNothingAnew(home);
  });

  it("of a truncated store without a watermark log refuses or begins, truncated anywhere", () => {
    const { length } = readFileSync(moments.closed.protectionFile);
    const sizes = Array.from({ length: Math.ceil((length - 1024) / 3001) }, (_, i) => 1024 + 3001 * i);
    for (const size of some(sizes, 10)) {
      const home = copyOf(moments.closed);
      truncateSync(home.protectionFile, size);
      rmSync(home.watermarkFile);
      initProtection(home, { ...request, fromHeight: 75n });
      inHome(home, (protection) => {
        expect(voterOf(protection).vote({ height: 74n, appHash: hash(2) }).kind).toBe("refused");
      });
    }
  });

  it("treats a store that is older than its damaged watermark log as lost, and takes its votes as floors", () => {
    const home = copyOf(moments.closed);
    const old = copyOf(moments.earlier);
    openProtection(old).close();
    replace(home, old, "protectionFile");
    flip(home.watermarkFile, readFileSync(home.watermarkFile).lastIndexOf("\n") - 30);
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 58n }));
    const { setAside } = initProtection(home, { ...request, fromHeight: 60n });
    expect(setAside).toHaveLength(2);
    expectNothingAnew(home);
  });

  it.each(["protectionFile", "watermarkFile"] as const)(
    "says whether commitments were lost with the %s, and the same ones can be made again",
    async (file) => {
      const { home, protection } = newSigner();
      const committing = { key: testKey(), chain: CHAIN, start: 10n, count: 300 };
      const { root } = await commitStored({ ...committing, protection });
      protection.init(committing.key.publicKey, CHAIN.id, 10n);
      protection.close();
      rmSync(home[file]);
      const begin = { key: committing.key.publicKey, chainId: CHAIN.id, fromHeight: 20n };
      const isLost = file === "protectionFile";
      expect(initProtection(home, begin)).toMatchObject({ commitmentsLost: isLost });
      const again = openProtection(home);
      expect(again.commitments(committing.key.publicKey, CHAIN.id)).toHaveLength(isLost ? 0 : 1);
      if (isLost) expect(await commitStored({ ...committing, protection: again })).toMatchObject({ root });
      again.close();
    },
  );

  it("keeps locks through another loss, an export and an import", () => {
    const home = damaged(lostStores["a missing store"]!);
    initProtection(home, { ...request, fromHeight: 75n });
    rmSync(home.protectionFile);
    initProtection(home, { ...request, fromHeight: 80n });
    expectNothingAnew(home);
    const interchange = inHome(home, (protection) => protection.exportInterchange());
    expect(interchange.data.find(({ chain }) => chain === OTHER_CHAIN.id)).toMatchObject({
      lowest: "106",
      held: true,
    });
    const next = newHome();
    inHome(next, (protection) =>
      protection.importInterchange(JSON.parse(JSON.stringify(interchange)), { begin: true }),
    );
    expectNothingAnew(next);
  });

  it("an import of a locked key and chain locks the open one here", () => {
    const { protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    const interchange = protection.exportInterchange();
    protection.importInterchange(
      {
        ...interchange,
        data: interchange.data.map((each) => ({ ...each, held: true })),
      },
      { begin: true },
    );
    refusal("protection-uninitialised", () => voter.vote({ height: 6n, appHash: hash(1) }));
    expect(protection.keyChains()).toMatchObject([{ locked: true, lowWatermark: 6n, highWatermark: 5n }]);
    protection.init(key.publicKey, CHAIN.id, 6n);
    expect(voter.vote({ height: 6n, appHash: hash(1) }).kind).toBe("new");
    protection.close();
  });

  it("begins where no vote above the last height is in the way: an earlier release has signed it", () => {
    const { home, protection, voter } = newSigner();
    voter.vote({ height: 5n, appHash: hash(1) });
    const absurd = { height: 2n ** 64n - 1n, digest: hash(1), signature: null };
    protection.append(key.publicKey, CHAIN.id, [absurd]);
    protection.close();
    rmSync(home.protectionFile);
    refusal("height-too-high", () => initProtection(home, { ...request, fromHeight: absurd.height }));
    initProtection(home, { ...request, fromHeight: 6n });
    inHome(home, (again) => {
      expect(voterOf(again).vote({ height: 6n, appHash: hash(2) }).kind).toBe("new");
      expect(voterOf(again).vote({ height: absurd.height, appHash: hash(2) })).toMatchObject({
        code: "height-too-high",
      });
    });
  });

  it("only raises where nothing is damaged, and moves no file aside", () => {
    const home = copyOf(moments.closed);
    expect(initProtection(home, { ...request, fromHeight: 30n })).toEqual({
      lowWatermark: 30n,
      highWatermark: 59n,
      setAside: [],
      commitmentsLost: false,
      locked: [],
    });
    refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 29n }));
    inHome(home, (protection) => {
      expect(voterOf(protection).vote({ height: 30n, appHash: hash(1) }).kind).toBe("same");
      expect(voterOf(protection, other, OTHER_CHAIN).vote({ height: 106n, appHash: hash(1) }).kind).toBe(
        "new",
      );
    });
  });
});

describe("protection init that is killed", () => {
  const begin: Deed = ["init", hex.encode(key.publicKey), CHAIN.id, "75"];

  it.each([
    ["a missing store", lostStores["a missing store"]!],
    ["an older store", lostStores["an older store"]!],
    ["a missing watermark log", lostLogs["a missing watermark log"]!],
  ])("at any step, after %s, keeps every floor", (_, damage) => {
    const verdicts = new Set<string>();
    for (const { path } of killedAtEachStep(() => damaged(damage).path, begin)) {
      const home = openHome(path);
      try {
        openProtection(home).close();
        verdicts.add("open");
      } catch {
        verdicts.add("refused");
        refusal("would-lower-mark", () => initProtection(home, { ...request, fromHeight: 59n }));
      }
      initProtection(home, { ...request, fromHeight: 75n });
      expectNothingAnew(home);
    }
    expect(verdicts).toEqual(new Set(["open", "refused"]));
  });
});

describe("a store that other software changed", () => {
  it("keeps a locked key locked: the lock is part of the row's checksum", () => {
    const home = damaged(lostStores["a missing store"]!);
    initProtection(home, { ...request, fromHeight: 75n });
    const db = new Database(home.protectionFile);
    db.exec("UPDATE subjects SET held = 0");
    db.close();
    refusal("protection-corrupt", () => openProtection(home));
  });
});
