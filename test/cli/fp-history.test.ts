import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { openHome } from "../../src/finality/home.js";
import { fillHome } from "../support/long-history.js";
import { isLong } from "../support/runs.js";
import { inHome } from "../support/signer.js";
import { chain, expectDone, expectWrote, homeWithKey, publicKey } from "./fp-support.js";
import { parsed, tapstake, temporaryFolder } from "./support.js";

const VOTES = isLong ? 100_000 : 4_000;
/** More than any other file may have. */
const LARGE = 16 * 1024 * 1024;

describe("an interchange file of many votes", () => {
  it("is exported and imported whole by the commands", async () => {
    const [from, to] = [homeWithKey("imported"), homeWithKey("imported")];
    const key = hex.decode(publicKey);
    fillHome(openHome(from), key, chain, VOTES);
    const file = join(temporaryFolder(), "interchange.json");
    const exported = await tapstake([
      "fp",
      "protection",
      "export",
      "--retire",
      "--yes",
      "--home",
      from,
      "--out",
      file,
    ]);
    expect(expectWrote(exported, file)).toBe(`${VOTES} votes, highest ${VOTES - 1},`);
    // White space says nothing in JSON, and takes as long to read.
    const blanks = " ".repeat(Math.ceil(LARGE / VOTES));
    writeFileSync(file, readFileSync(file, "utf8").replaceAll('"signature":', `"signature":${blanks}`));
    expect(statSync(file).size).toBeGreaterThan(LARGE);
    const imported = await tapstake(["fp", "protection", "import", file, "--home", to, "--yes", "--json"]);
    const last = `${VOTES - 1}`;
    expect(parsed(expectDone(imported))).toMatchObject({
      imported: [{ key: publicKey, chain, added: VOTES, lowest: last, highest: last, conflicts: [] }],
    });
    const sample = [0n, 1n, 255n, 256n, BigInt(VOTES / 2), BigInt(VOTES - 1)];
    const records = (home: string) =>
      inHome(openHome(home), (protection) =>
        [...protection.recordsAt(key, chain, sample)].map(([height, { digest, signature }]) => ({
          height,
          digest: hex.encode(digest!),
          signature: hex.encode(signature!),
        })),
      );
    expect(records(to)).toHaveLength(sample.length);
    expect(records(to)).toEqual(records(from));
  });

  it("is read from standard input too, and written to standard output", async () => {
    const [from, to] = [homeWithKey("imported"), homeWithKey("imported")];
    const votes = isLong ? VOTES : 2_000;
    fillHome(openHome(from), hex.decode(publicKey), chain, votes);
    const { stdout } = expectDone(await tapstake(["fp", "protection", "export", "--copy", "--home", from]));
    const surroundings = { input: stdout };
    const args = ["fp", "protection", "import", "-", "--home", to, "--yes", "--json"];
    expect(parsed(expectDone(await tapstake(args, surroundings)))).toMatchObject({
      imported: [{ added: votes }],
    });
  });
});
