import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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
  type DaemonProcess,
  homeWithKey,
  startDaemon,
  startSigner,
  type TestHome,
} from "./support.js";

/** Many times what is written of a copy at once. */
const VOTES = isLong ? 200_000 : 3_000;

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

/** A signer whose copies wait, once they have begun, until they are let go. */
async function startHeld(made: TestHome): Promise<{ daemon: DaemonProcess; release: () => void }> {
  const gate = join(made.home.path, "..", "copies-wait");
  writeFileSync(gate, "");
  const preload = new URL("../support/held-copy.mjs", import.meta.url);
  const env = { NODE_OPTIONS: `--import=${preload.href}`, TEST_COPY_WAITS: gate };
  return { daemon: await startDaemon(made, [], { env }), release: () => rmSync(gate) };
}

const unfinishedIn = (home: Home) => copiesIn(home).filter((path) => path.endsWith(".tmp"));

/** Waits until something of a copy is on the disk; returns the file. */
const untilBegun = (home: Home): Promise<string> =>
  eventually(() => {
    const [path] = unfinishedIn(home);
    const file = join(home.path, "backups", path ?? "not yet");
    expect(statSync(file).size).toBeGreaterThan(0);
    return file;
  });

describe("a copy of many votes", () => {
  it("is written while votes are answered, one copy at a time, and is complete", async () => {
    const made = longHome();
    const { home, key } = made;
    const { daemon, release } = await startHeld(made);
    const client = connect(daemon.address);
    const copy = client.backup();
    const unfinished = await untilBegun(home);
    await expectFailure(client.backup({ folder: "second" }), "backup-running");
    for (let height = BigInt(VOTES); height < VOTES + 20; height++) {
      const vote = { key: key.publicKey, chainId: CHAIN, height, message: ballot(height) };
      expect((await client.signEots(vote)).outcome).toBe("new");
    }
    const begun = statSync(unfinished).size;
    release();
    const name = await copy;
    expect(unfinishedIn(home)).toEqual([]);
    const content = readFileSync(join(home.path, "backups", name), "utf8");
    expect(begun).toBeLessThan(content.length / 10);
    const file = JSON.parse(content) as Interchange;
    const [subject] = file.data;
    expect(subject!.votes.length).toBeGreaterThanOrEqual(VOTES);
    expect(subject!.highest).toBe(subject!.votes.at(-1)!.height);
    daemon.kill("SIGTERM");
    await daemon.ended;
    const other = homeWithKey(undefined, []);
    inHome(other.home, (protection) => {
      const highest = BigInt(subject!.highest!);
      expect(protection.importInterchange(file, { begin: true })).toMatchObject([
        { highWatermark: highest, conflicts: [], blocked: [] },
      ]);
    });
  });

  it("is abandoned and removed when the signer stops", async () => {
    const made = longHome();
    const { daemon, release } = await startHeld(made);
    const copy = expectFailure(connect(daemon.address).backup({ folder: "a/b" }), "signer-stopping");
    await untilBegun(made.home);
    expect(copiesIn(made.home)).toHaveLength(3);
    daemon.kill("SIGTERM");
    await eventually(() => expect(daemon.logged()).toContain("stopping"));
    release();
    await copy;
    expect(await daemon.ended).toEqual({ code: 0, signal: null });
    expect(copiesIn(made.home)).toEqual([]);
  });

  it("that a killed signer left is removed by the next one", async () => {
    const made = longHome();
    const { daemon: killed, release } = await startHeld(made);
    connect(killed.address)
      .backup({ folder: "a" })
      .catch(() => {});
    await untilBegun(made.home);
    killed.kill("SIGKILL");
    await killed.ended;
    release();
    expect(copiesIn(made.home)).toEqual(["a", expect.stringMatching(/^a\/\.protection-.*\.tmp$/)]);
    const next = await startSigner(made);
    const name = await connect(next.address).backup();
    expect(copiesIn(made.home)).toEqual([name]);
  });
});

describe("copies", () => {
  it("are kept up to ten, in any folder; other files stay", async () => {
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
    ["are given up before the votes have no room", "4m", 5_000, 1.75, true],
  ])("%s, and votes continue", async (_, size, votes, megabytes, begun) => {
    const made = homeOn(size, votes);
    writeFileSync(join(made.home.path, "..", "other"), new Uint8Array(megabytes * 2 ** 20));
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
