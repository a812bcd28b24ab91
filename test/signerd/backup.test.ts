import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Home, openHome } from "../../src/finality/home.js";
import type { Interchange } from "../../src/finality/protection/interchange.js";
import { describeWithDisks, newDisk } from "../support/disks.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { fillHome } from "../support/long-history.js";
import { isLong } from "../support/runs.js";
import { inHome } from "../support/signer.js";
import {
  addKey,
  ballot,
  CHAIN,
  connect,
  homeWithKey,
  startDaemon,
  startSigner,
  type TestHome,
} from "./support.js";

/** A copy of these takes long enough that something can be done meanwhile. */
const VOTES = isLong ? 200_000 : 60_000;

/** Everything in the folder of copies, by its way from there. */
const copiesIn = ({ path }: Home) =>
  existsSync(join(path, "backups"))
    ? readdirSync(join(path, "backups"), { recursive: true, encoding: "utf8" }).sort()
    : [];

function longHome(votes = VOTES): TestHome {
  const made = homeWithKey();
  fillHome(made.home, made.key.publicKey, CHAIN, votes);
  return made;
}

describe("a copy of many votes", () => {
  it("is written while votes are answered, one copy at a time, and is whole", async () => {
    const made = longHome();
    const { home, key } = made;
    const daemon = await startDaemon(made);
    const client = connect(daemon.address);
    const vote = (height: bigint) =>
      client.signEots({ key: key.publicKey, chainId: CHAIN, height, message: ballot(height) });
    // Where votes had to wait for the copy, none would ever pass, and this would not end.
    let [height, passed, name] = [BigInt(VOTES), 0, ""];
    while (passed === 0) {
      let copied = false;
      const began = copiesIn(home).length;
      const copy = client.backup().finally(() => (copied = true));
      await eventually(() => expect(copied || copiesIn(home).length > began).toBe(true));
      const second = await client.backup({ folder: "second" }).catch(({ code }: { code: string }) => code);
      for (let i = 0; i < 20; i++) {
        expect((await vote(height++)).outcome).toBe("new");
        if (!copied) passed++;
      }
      if (passed > 0) expect(second).toBe("backup-running");
      name = await copy;
    }
    expect(copiesIn(home).filter((path) => path.endsWith(".tmp"))).toEqual([]);
    const file = JSON.parse(readFileSync(join(home.path, "backups", name), "utf8")) as Interchange;
    const [subject] = file.data;
    expect(subject!.votes.length).toBeGreaterThanOrEqual(VOTES);
    expect(subject!.highest).toBe(subject!.votes.at(-1)!.height);
    daemon.kill("SIGTERM");
    await daemon.ended;
    const other = homeWithKey(undefined, []);
    inHome(other.home, (protection) => {
      const highest = BigInt(subject!.highest!);
      expect(protection.importInterchange(file)).toMatchObject([
        { highWatermark: highest, conflicts: [], blocked: [] },
      ]);
    });
  });

  it("is given up when the signer stops, which leaves nothing of it", async () => {
    const made = longHome();
    const daemon = await startDaemon(made);
    const copy = expectFailure(connect(daemon.address).backup({ folder: "a/b" }), "signer-stopping");
    await eventually(() => expect(copiesIn(made.home)).toHaveLength(3));
    daemon.kill("SIGTERM");
    await copy;
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(copiesIn(made.home)).toEqual([]);
  });

  it("that a kill ended is removed by the next one", async () => {
    const made = longHome();
    const killed = await startDaemon(made);
    connect(killed.address)
      .backup({ folder: "a" })
      .catch(() => {});
    await eventually(() => expect(copiesIn(made.home)).toHaveLength(2));
    killed.kill("SIGKILL");
    await killed.ended;
    expect(copiesIn(made.home)).toEqual(["a", expect.stringMatching(/^a\/\.protection-.*\.tmp$/)]);
    const next = await startDaemon(made);
    const name = await connect(next.address).backup();
    expect(copiesIn(made.home)).toEqual([name]);
  });
});

describe("copies", () => {
  it("are kept up to ten, wherever callers want them; what is no copy stays", async () => {
    const made = homeWithKey();
    const folder = join(made.home.path, "backups");
    mkdirSync(join(folder, "by-hand"), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "by-hand", "history.json"), "");
    const client = connect((await startSigner(made)).address);
    const names: string[] = [];
    for (let i = 0; i < 12; i++) {
      names.push(await client.backup({ folder: `${i % 5}/deep` }));
      // Names have the time in milliseconds.
      await eventually(() =>
        expect(names.at(-1)).not.toContain(new Date().toISOString().slice(17, 23).replace(".", "-")),
      );
    }
    const copies = copiesIn(made.home).filter((name) => name.includes("protection-"));
    expect(copies.map((path) => path.split("/").at(-1)).sort()).toEqual(names.slice(2));
    expect(copiesIn(made.home)).toContain("by-hand/history.json");
    for (const path of copies) rmSync(join(folder, path));
    await client.backup();
    expect(copiesIn(made.home)).toEqual(["by-hand", "by-hand/history.json", expect.any(String)]);
  });
});

describeWithDisks("copies on a disk that is nearly full", () => {
  const homeOn = (size: string, votes: number): TestHome => {
    const home = openHome(join(newDisk(size), "home"));
    const secretKey = crypto.getRandomValues(new Uint8Array(32));
    const key = addKey(home, "validator-1", secretKey);
    fillHome(home, key.publicKey, CHAIN, votes);
    return { home, key, secretKey };
  };

  it.each([
    ["are not begun", "8m", 10, 7, false],
    ["are given up before the votes have no room", "40m", 60_000, 14, true],
  ])("%s, and votes go on", async (_, size, votes, megabytes, begun) => {
    const made = homeOn(size, votes);
    writeFileSync(join(made.home.path, "..", "other"), new Uint8Array(megabytes << 20));
    const client = connect((await startSigner(made)).address);
    for (let turn = 0; turn < 2; turn++) {
      await expectFailure(client.backup({ folder: `folder-${turn}` }), "disk-nearly-full");
    }
    expect(existsSync(join(made.home.path, "backups"))).toBe(begun);
    if (begun) expect(copiesIn(made.home)).toEqual([]);
    const vote = {
      key: made.key.publicKey,
      chainId: CHAIN,
      height: BigInt(votes),
      message: ballot(BigInt(votes)),
    };
    expect((await client.signEots(vote)).outcome).toBe("new");
    rmSync(join(made.home.path, "..", "other"));
    await client.backup();
    expect(copiesIn(made.home)).toHaveLength(1);
  });
});
