import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import {
  block,
  chain,
  codeOf,
  expectDone,
  expectRefused,
  expectVoted,
  expectWrote,
  fp,
  homeWithKey,
  named,
  publicKey,
  secretKey,
  vote,
  voteFor,
  type Votes,
} from "./fp-support.js";
import { onTerminalHere } from "./in-process.js";
import { hasTerminal, onTerminal, parsed, temporaryFile, temporaryFolder } from "./support.js";

interface Shown {
  readonly subjects: readonly {
    readonly key: string;
    readonly name?: string;
    readonly chain: string;
    readonly lowest: string;
    readonly highest: string | null;
    readonly votes: number;
  }[];
}

const protection = (home: string, ...args: string[]) => fp(home, ["protection", ...args]);
const shown = async (home: string) =>
  parsed<Shown>(expectDone(await protection(home, "show", "--json"))).subjects;

async function homeWithVotes(): Promise<string> {
  const home = homeWithKey();
  for (const height of [105, 106]) expectVoted(await voteFor(home, height, block(1)));
  return home;
}

describe.concurrent("tapstake fp protection", () => {
  it("shows and checks the records", async () => {
    const home = await homeWithVotes();
    const marks = { lowest: "0", highest: "106", held: false, blocked: { count: 0, first: [] } };
    const subject = { key: publicKey, name: "validator-1", chain, ...marks, votes: 2 };
    expect(await shown(home)).toEqual([subject]);
    const { stdout } = expectDone(await protection(home, "show"));
    expect(stdout).toContain(`${publicKey} (validator-1) on ${chain}`);
    expect(parsed(expectDone(await protection(home, "check", "--json")))).toEqual({
      good: true,
      subjects: [subject],
    });
    expect(expectDone(await protection(home, "check")).stdout).toMatch(/^good: /);
  });

  it("shows the record of one height, as a refusal names it", async () => {
    const home = await homeWithVotes();
    const at = (height: number) =>
      protection(home, "show", ...named, "--height", `${height}`, "--json")
        .then(expectDone)
        .then(parsed);
    const known = { key: publicKey, chain, lowest: "0" };
    const { vote: made } = (await at(105)) as { vote: { digest: string; at: string; instance: string } };
    expect(await at(105)).toEqual({ ...known, height: "105", vote: made });
    expect(Object.keys(made)).toEqual(["digest", "at", "instance"]);
    expect(made.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await at(107)).toEqual({ ...known, height: "107", vote: null });
    const { stderr } = await vote(home, ["--height", "105", "--hash", block(2)]);
    expect(stderr).toContain(`recorded ${made.at} by ${made.instance}`);
    const { stdout } = expectDone(await protection(home, "show", ...named, "--height", "105"));
    for (const text of [made.digest, made.at, made.instance]) expect(stdout).toContain(text);
    const other = ["--key", publicKey, "--chain", "bsn-2", "--height", "1", "--json"];
    expect(parsed(expectDone(await protection(home, "show", ...other)))).toMatchObject({
      lowest: null,
      vote: null,
    });
    expectRefused(await protection(home, "show", "--height", "105"), "usage");
  });

  it("lists after a loss the other keys and chains that are locked", async () => {
    const home = await homeWithVotes();
    expectDone(
      await fp(home, ["commit", "--key", publicKey, "--chain", "bsn-2", "--start", "1", "--count", "1"]),
    );
    rmSync(join(home, "protection.db"));
    const init = ["init", ...named, "--from-height", "900", "--yes"];
    const held = [{ key: publicKey, chain: "bsn-2" }];
    const first = parsed(expectDone(await protection(home, ...init, "--json")));
    expect(first).toMatchObject({ held, commitmentsLost: true });
    const { stdout } = expectDone(await protection(home, ...init));
    expect(stdout).toContain(`of its own: ${publicKey} on bsn-2`);
    expect(stdout).not.toContain("commitments:");
    rmSync(join(home, "protection.db"));
    expect(expectDone(await protection(home, ...init)).stdout).toContain(
      "commitments: the new store has no commitments. Commit to the same heights again",
    );
  });

  it("imports commitments alone without mention of watermarks, and names a file that is not an interchange file", async () => {
    const home = homeWithKey("imported");
    expectDone(await fp(home, ["commit", ...named, "--start", "1", "--count", "5"]));
    const { stdout: interchange } = expectDone(await protection(home, "export", "--json"));
    const path = temporaryFile("interchange.json", interchange);
    const { stdout } = expectDone(await protection(homeWithKey("imported"), "import", path, "--yes"));
    expect(stdout).toContain("commitments added");
    expect(stdout).not.toContain("null");
    const none = temporaryFile("none.json", "x ");
    expect(expectRefused(await protection(home, "import", none), "invalid-json")).toContain(none);
  });

  it("begins at a height with a key that has voted before, and only rises", async () => {
    const home = homeWithKey("imported");
    const init = (height: number) =>
      protection(home, "init", ...named, "--from-height", `${height}`, "--yes");
    expect(expectDone(await init(500)).stdout).toContain("500");
    expect(await shown(home)).toMatchObject([{ lowest: "500", highest: null, votes: 0 }]);
    expectRefused(await init(499), "would-lower-mark");
    expectDone(await init(600));
    expect(codeOf(await voteFor(home, 599, block(1)))).toBe("below-watermark");
    expectVoted(await voteFor(home, 600, block(1)));
  });

  it("prunes old votes for good, and signs nothing there again, not even the same", async () => {
    const home = await homeWithVotes();
    const prune = (height: number) => protection(home, "prune", ...named, "--below", `${height}`, "--yes");
    expect(expectDone(await prune(106)).stdout).toMatch(/votes forgotten +1\n/);
    expect(await shown(home)).toMatchObject([{ lowest: "106", highest: "106", votes: 1 }]);
    expect(codeOf(await voteFor(home, 105, block(1)))).toBe("below-watermark");
    expectRefused(await prune(105), "would-lower-mark");
    expectRefused(await prune(1000), "invalid-number");
  });

  it("asks before an irreversible step, and does nothing without an answer", async () => {
    const home = await homeWithVotes();
    for (const args of [
      ["init", ...named, "--from-height", "900"],
      ["prune", ...named, "--below", "106"],
    ]) {
      expect(expectRefused(await protection(home, ...args), "usage")).toContain("--yes");
    }
    expect(await shown(home)).toMatchObject([{ lowest: "0", votes: 2 }]);
  });

  it.skipIf(!hasTerminal)("asks for the height a second time at a terminal", async () => {
    const home = await homeWithVotes();
    const args = ["fp", "protection", "prune", ...named, "--below", "106"];
    const env = { TAPSTAKE_HOME: home };
    const wrong = await onTerminalHere(args, env, ["Type the height", "105\r"]);
    expect(wrong.stdout).toContain("cancelled");
    expect(wrong.code).toBe(1);
    expect((await onTerminalHere(args, env, ["Type the height", "\u0003"])).code).toBe(130);
    expect(await shown(home)).toMatchObject([{ lowest: "0", votes: 2 }]);
    const right = await onTerminal(args, env, ["Type the height", "106\r"]);
    expect(right.code).toBe(0);
    expect(await shown(home)).toMatchObject([{ lowest: "106", votes: 1 }]);
  });

  it("moves to another machine, with every vote", async () => {
    const home = await homeWithVotes();
    const interchange = join(temporaryFolder(), "interchange.json");
    // The move is the default, and needs a yes.
    expect(expectRefused(await protection(home, "export", "--out", interchange), "usage")).toContain("--yes");
    expectRefused(await protection(home, "export", "--copy", "--retire", "--yes"), "usage");
    expectVoted(await voteFor(home, 106, block(1)));
    const outcome = await protection(home, "export", "--out", interchange, "--yes");
    expect(expectWrote(outcome, interchange)).toBe("2 votes, highest 106,");
    expectRefused(await protection(home, "export", "--out", interchange, "--yes"), "file-error");
    // The old home signs no longer, not even what it signed; a second export is the same file.
    for (const height of [106, 107]) {
      expect(codeOf(await voteFor(home, height, block(1)))).toBe("protection-uninitialised");
    }
    expect(await shown(home)).toMatchObject([{ held: true, retired: true, lowest: "0", highest: "106" }]);
    const again = parsed<{ data: object }>(expectDone(await protection(home, "export", "--retire", "--yes")));
    const written = JSON.parse(readFileSync(interchange, "utf8")) as { data: object };
    expect(again.data).toEqual(written.data);
    expect(written.data).toMatchObject([{ retired: true, lowest: "0", highest: "106" }]);
    const back = ["init", ...named, "--yes", "--from-height"];
    expectRefused(await protection(home, ...back, "106"), "would-lower-mark");
    const there = homeWithKey("imported");
    expect(codeOf(await voteFor(there, 107, block(1)))).toBe("protection-uninitialised");
    const { kind, imported } = parsed<{ kind: string; imported: object[] }>(
      expectDone(await protection(there, "import", interchange, "--yes", "--json")),
    );
    expect(kind).toBe("retired");
    expect(imported).toMatchObject([
      { key: publicKey, chain, added: 2, highest: "106", conflicts: [], blocked: [] },
    ]);
    expect(codeOf(await voteFor(there, 105, block(2)))).toBe("double-vote");
    const same = parsed<Votes>(expectVoted(await voteFor(there, 106, block(1))));
    expect(same.votes).toMatchObject([{ kind: "same" }]);
    expectVoted(await voteFor(there, 107, block(1)));
    // Once more changes nothing.
    const { stdout } = expectDone(await protection(there, "import", interchange));
    expect(stdout).toMatch(/votes added +0\n/);
    expect(stdout).toContain("the home that wrote it locked these keys");
    expect(await shown(there)).toMatchObject([{ highest: "107", votes: 3 }]);
  });

  it("reports other votes in an interchange file than in the home, and blocks the height", async () => {
    const [one, two] = [homeWithKey(), homeWithKey()];
    expectVoted(await voteFor(one, 105, block(1)));
    expectVoted(await voteFor(two, 105, block(2)));
    const interchange = expectDone(await protection(one, "export", "--copy")).stdout;
    const outcome = await fp(two, ["protection", "import", "-"], { input: interchange });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^tapstake: double-vote: .*105.*Do: stop every signer of this key now\./);
    expect(outcome.stderr).not.toContain("Keep the first vote");
    expect(outcome.stdout).toMatch(/voted twice at +105\n/);
    // A second time it is known, and still said.
    const again = expectDone(await fp(two, ["protection", "import", "-"], { input: interchange })).stdout;
    expect(again).toMatch(/blocked +1 height with a vote for what is not known: 105\n/);
    const asJson = await fp(two, ["protection", "import", "-", "--json"], { input: interchange });
    expect(parsed(asJson)).toMatchObject({ imported: [{ conflicts: [], blocked: ["105"] }] });
    expect(await shown(two)).toMatchObject([{ blocked: { count: 1, first: ["105"] } }]);
    for (const command of ["show", "check"]) {
      expect(expectDone(await protection(two, command)).stdout).toMatch(/blocked +1 height .*: 105\n/);
    }
    for (const byte of [1, 2]) {
      expect(codeOf(await voteFor(two, 105, block(byte)))).toBe("unknown-earlier-vote");
    }
  });

  it("a record without a message digest matches no message, so it only blocks", async () => {
    const home = homeWithKey("imported");
    const metadata = { format: "tapstake-protection", version: 1, exportedAt: "2026-01-01T00:00:00.000Z" };
    const subject = { key: publicKey, chain, lowest: "100", highest: "105", votes: [{ height: "105" }] };
    const interchange = temporaryFile("interchange.json", JSON.stringify({ metadata, data: [subject] }));
    expectDone(await protection(home, "import", interchange, "--yes"));
    const refused = await voteFor(home, 105, block(1));
    expect(codeOf(refused)).toBe("unknown-earlier-vote");
    expect(refused.stderr).toMatch(/recorded [^ ]+ by [^ ]+:\d+, from a file\)/);
    expectVoted(await voteFor(home, 106, block(1)));
  });

  const unvoted = () => {
    const metadata = { format: "tapstake-protection", version: 1, exportedAt: "2026-01-01T00:00:00.000Z" };
    const subject = { key: publicKey, chain, lowest: "40", highest: null, votes: [] };
    return temporaryFile("interchange.json", JSON.stringify({ metadata, data: [subject] }));
  };

  it("does not begin a key on a file alone: --begin is required", async () => {
    const home = homeWithKey("imported");
    const said = expectRefused(await protection(home, "import", unvoted()), "usage");
    expect(said).toContain(`${publicKey} on ${chain}, without a vote, from height 40 on`);
    expect(said).toContain("--yes");
    expect(await shown(home)).toEqual([]);
    expect(codeOf(await voteFor(home, 40, block(1)))).toBe("protection-uninitialised");
    expectDone(await protection(home, "import", unvoted(), "--yes"));
    expect(await shown(home)).toMatchObject([{ lowest: "40", highest: null }]);
    // Known by now, and nothing is lowered.
    expectDone(await protection(home, "import", unvoted()));
  });

  it.skipIf(!hasTerminal)("shows what a file would begin, and asks for the height", async () => {
    const home = homeWithKey("imported");
    const args = ["fp", "protection", "import", unvoted()];
    const env = { TAPSTAKE_HOME: home };
    const wrong = await onTerminalHere(args, env, ["Type the key's last vote", "yes\r"]);
    expect(wrong.stdout).toMatch(/known here.* nothing\r?\n[^]*nothing is signed below 40; no vote yet/);
    expect(wrong.stdout).toContain("cancelled");
    expect(wrong.code).toBe(1);
    expect(await shown(home)).toEqual([]);
    const right = await onTerminal(args, env, ["Type the key's last vote", "none\r"]);
    expect(right.code).toBe(0);
    expect(await shown(home)).toMatchObject([{ lowest: "40", highest: null }]);
  });

  it("begins above the last vote on the chain, not above an old file", async () => {
    const interchange = join(temporaryFolder(), "interchange.json");
    expectWrote(
      await protection(await homeWithVotes(), "export", "--copy", "--out", interchange),
      interchange,
    );
    const args = ["fp", "protection", "import", interchange];
    const at = (home: string, typed: string) =>
      onTerminalHere(args, { TAPSTAKE_HOME: home }, ["Type the key's last vote", `${typed}\r`]);
    const home = homeWithKey("imported");
    const below = await at(home, "105");
    expect(below.stdout).toContain("tapstake: would-lower-mark: ");
    expect(below.code).toBe(1);
    expect(await shown(home)).toEqual([]);
    expect((await at(home, "none")).stdout).toContain("cancelled");
    expect((await at(home, "120")).code).toBe(0);
    // The file's votes are there too.
    expect(await shown(home)).toMatchObject([{ lowest: "121", highest: "106", votes: 2 }]);
    expect(codeOf(await voteFor(home, 120, block(1)))).toBe("below-watermark");
    expectVoted(await voteFor(home, 121, block(1)));
    const same = homeWithKey("imported");
    expect((await at(same, "106")).code).toBe(0);
    expect(await shown(same)).toMatchObject([{ lowest: "106", highest: "106", votes: 2 }]);
  });

  it("does not begin a key by an export that may be stale: the other order of two commands locks it", async () => {
    const old = await homeWithVotes();
    const interchange = expectDone(await protection(old, "export", "--copy")).stdout;
    const { exportedAt } = (JSON.parse(interchange) as { metadata: { exportedAt: string } }).metadata;
    expectVoted(await voteFor(old, 107, block(1)));
    const there = homeWithKey("imported");
    const imports = (...args: string[]) =>
      fp(there, ["protection", "import", "-", ...args], { input: interchange });
    const said = expectRefused(await imports(), "usage");
    expect(said).toContain(`${publicKey} on ${chain}, the highest vote 106, from height 107 on`);
    expect(said).toContain(`written at ${exportedAt}`);
    expect(codeOf(await voteFor(there, 107, block(2)))).toBe("protection-uninitialised");
    expectDone(await imports("--yes"));
    // Known by now: there is no question, and nothing is lowered.
    expectDone(await imports());
    const empty = join(temporaryFolder(), "home");
    expectDone(await fp(empty, ["protection", "import", "-", "--yes"], { input: interchange }));
    const secret = temporaryFile("secret", hex.encode(secretKey));
    expectDone(await fp(empty, ["keys", "import", "validator-1", "--secret-file", secret]));
    expect(codeOf(await voteFor(empty, 107, block(2)))).toBe("protection-uninitialised");
  });

  it.each([
    ["invalid-json", "{"],
    ["invalid-json", "{}"],
    ["unknown-version", `{"metadata": {"format": "tapstake-protection", "version": 2}, "data": []}`],
  ])("refuses to import what is not an interchange file: %s", async (code, input) => {
    expectRefused(await fp(homeWithKey(), ["protection", "import", "-"], { input }), code);
  });
});

describe.concurrent("an empty or restored-old protection database", () => {
  const files = (home: string) =>
    ["protection.db", "protection.db-wal", "protection.db-shm"].map((name) => join(home, name));
  const remove = (home: string) => files(home).forEach((file) => rmSync(file, { force: true }));

  it.each<[string, string, (home: string) => void]>([
    ["protection-missing", "a store that was deleted", remove],
    [
      "protection-empty",
      "a store that was emptied",
      (home) => {
        remove(home);
        writeFileSync(join(home, "protection.db"), "", { mode: 0o600 });
      },
    ],
    ["protection-missing", "a watermark log that was deleted", (home) => rmSync(join(home, "marks"))],
  ])("is refused, with instructions and no signature: %s, %s", async (code, _, damage) => {
    const home = await homeWithVotes();
    damage(home);
    for (const outcome of [
      await vote(home, ["--height", "107", "--hash", block(1)]),
      await vote(home, ["--height", "105", "--hash", block(1)]),
      await protection(home, "show"),
      await protection(home, "check"),
    ]) {
      const said = expectRefused(outcome, code);
      expect(said).toContain("tapstake fp protection");
      expect(said).not.toContain("it is not there");
    }
  });

  it("is refused when an older copy is restored", async () => {
    const home = homeWithKey();
    expectVoted(await voteFor(home, 105, block(1)));
    const copy = readFileSync(join(home, "protection.db"));
    expectVoted(await voteFor(home, 106, block(1)));
    remove(home);
    writeFileSync(join(home, "protection.db"), copy, { mode: 0o600 });
    expectRefused(await vote(home, ["--height", "106", "--hash", block(2)]), "protection-behind");
  });
});
