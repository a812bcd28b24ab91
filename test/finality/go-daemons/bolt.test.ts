import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../../src/core/errors.js";
import { hex } from "../../../src/core/bytes.js";
import { BoltFile } from "../../../src/finality/go-daemons/bolt.js";
import { databaseOf, made } from "../../support/go-daemons.js";
import { folderOfTest } from "../../support/home.js";
import { randomOf, runs } from "../../support/runs.js";

const PAGE = 4096;
const votes = databaseOf("eotsd-test");

/** A file with these bytes, opened. */
function opened(bytes: Uint8Array): BoltFile {
  const path = join(folderOfTest(), "a.db");
  writeFileSync(path, bytes);
  return BoltFile.open(path);
}

/** All entries of a bucket as hexadecimal. */
function entriesOf(bytes: Uint8Array, name: string): string[] | undefined {
  const file = opened(bytes);
  try {
    const bucket = file.bucket(name);
    return bucket && [...bucket].map(({ key, value }) => `${hex.encode(key)} ${hex.encode(value)}`);
  } finally {
    file.close();
  }
}

function refusal(bytes: Uint8Array, name = "signRecord"): TapstakeError {
  try {
    entriesOf(bytes, name);
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid-database" });
    return error as TapstakeError;
  }
  throw new Error("it was read");
}

/** A copy with other bytes at a place. */
function withBytes(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(votes);
  copy.set(bytes, at);
  return copy;
}

/** The pages of a tree of this kind: 1 for branches, 2 for leaves. */
const pagesOf = (bytes: Buffer, kind: number): number[] =>
  Array.from({ length: bytes.length / PAGE }, (_, id) => id).filter(
    (id) => bytes.readUInt16LE(id * PAGE + 8) === kind && bytes.readBigUInt64LE(id * PAGE) === BigInt(id),
  );

describe("a database of bbolt", () => {
  it("gives the entries of a bucket on many pages, in order", () => {
    const entries = entriesOf(votes, "signRecord")!;
    const { signed, onOther, publicKey } = made.test;
    expect(entries).toHaveLength(signed.length + onOther!.length);
    const keys = entries.map((entry) => entry.split(" ")[0]!);
    expect(keys).toEqual(keys.toSorted());
    expect(keys.filter((key) => !key.includes(publicKey))).toEqual([]);
  });

  it("gives the entries of a small bucket, which is within a page", () => {
    expect(entriesOf(votes, "fpKeyNames")).toEqual([
      `${made.test.publicKey} ${Buffer.from(made.test.name).toString("hex")}`,
    ]);
  });

  it("has no bucket of another name", () => {
    expect(entriesOf(votes, "none")).toBeUndefined();
  });

  it("gives what was deleted from it, if the file still has that", () => {
    const file = opened(votes);
    expect([...file.leftovers()].length).toBeGreaterThan(made.test.signed.length);
    file.close();
  });
});

describe("a damaged database", () => {
  it.each<[string, () => Uint8Array, RegExp]>([
    ["is empty", () => new Uint8Array(), /page 0: the file has 0 bytes: it is no bbolt database$/],
    ["is another file", () => Buffer.alloc(3 * PAGE, "text"), /page 0: it is no bbolt database$/],
    ["ends within a meta page", () => votes.subarray(0, 40), /page 0: the file ends within it$/],
    ["ends after its first page", () => votes.subarray(0, PAGE), /page 1: the file ends within it$/],
    ["is cut short by a page", () => votes.subarray(0, votes.length / 2), /the file ends at 65536 bytes/],
    ["has a torn first meta page", () => withBytes(16 + 50, 0xff), /page 0: its checksum is wrong/],
    ["has a torn second meta page", () => withBytes(PAGE + 16 + 50, 0xff), /page 1: its checksum is wrong/],
    ["has another version", () => withBytes(16 + 4, 3), /page 0: the file version must be 2, not 3$/],
  ])("is refused if it %s", (_, bytes, text) => {
    expect(refusal(bytes()).message).toMatch(text);
  });

  const leaf = pagesOf(votes, 2).at(-1)! * PAGE;

  it("is refused, with the page, if a page says another number", () => {
    const branches = pagesOf(votes, 1);
    const messages = branches.map((id) => {
      try {
        entriesOf(withBytes(id * PAGE, 0xfe), "signRecord");
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    });
    expect(messages.join("\n")).toMatch(/page \d+: it says that it is page 254/);
  });

  it("names the file", () => {
    expect(refusal(withBytes(16 + 50, 0xff))).toMatchObject({
      details: { path: expect.stringMatching(/a\.db$/), page: 0 },
    });
    expect(leaf).toBeGreaterThan(0);
  });

  it("is refused at every length below its own", () => {
    const random = randomOf("lengths");
    // Pages behind the last one that is used may be missing.
    const lengths = Array.from({ length: runs(200) }, () => random.below(votes.length / 2));
    const messages = lengths.map((length) => refusal(votes.subarray(0, length)).message);
    expect(messages.filter((message) => !/page \d+: /.test(message))).toEqual([]);
  });

  it("never ends in anything but entries or a refusal that names a page, whatever bit is wrong", () => {
    const random = randomOf("bits");
    const whole = entriesOf(votes, "signRecord")!.length;
    let refused = 0;
    for (let i = 0; i < runs(600); i++) {
      const copy = Buffer.from(votes);
      const at = random.below(copy.length);
      copy[at]! ^= 1 << random.below(8);
      try {
        expect(entriesOf(copy, "signRecord")).toHaveLength(whole);
      } catch (error) {
        if (!(error instanceof TapstakeError)) throw error;
        expect(error).toMatchObject({ code: "invalid-database", details: { page: expect.any(Number) } });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it("never hangs on pages of random bytes behind sound headers", () => {
    const random = randomOf("pages");
    for (let i = 0; i < runs(200); i++) {
      const copy = Buffer.from(votes);
      const pages = [...pagesOf(votes, 1), ...pagesOf(votes, 2)];
      const page = pages[random.below(pages.length)]!;
      for (let at = 10; at < 600; at++) copy[page * PAGE + at] = random.below(256);
      try {
        entriesOf(copy, "signRecord");
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid-database" });
      }
    }
  });
});
