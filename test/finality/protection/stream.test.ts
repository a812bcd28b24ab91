import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { TapstakeError } from "../../../src/core/errors.js";
import { sha256 } from "../../../src/core/hashes.js";
import { parseJson } from "../../../src/core/json.js";
import { interchangeText } from "../../../src/finality/protection/export.js";
import {
  type Interchange,
  parseInterchange,
  type ReadInterchange,
} from "../../../src/finality/protection/interchange.js";
import type { Protection } from "../../../src/finality/protection/protection.js";
import { readInterchange } from "../../../src/finality/protection/stream.js";
import { voteMessage } from "../../../src/vote/messages.js";
import { failure as expectFailure } from "../../support/errors.js";
import { folderOfTest } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { CHAIN, commitmentOf, hash, inHome, newHome, testKey, voterOf } from "../../support/signer.js";

const key = testKey();
const KEY = hex.encode(key.publicKey);
const digestOf = (height: bigint, fill = 1) => sha256(voteMessage({ height, appHash: hash(fill) }));

/** Records votes at heights; the last one may be far away. */
function record(protection: Protection, heights: readonly bigint[], fill = 1): void {
  const entries = heights.map((height) => ({ height, digest: digestOf(height, fill), signature: hash(3) }));
  protection.append(key.publicKey, CHAIN.id, entries);
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => BigInt(from + i));

/** A text in chunks of some bytes. */
async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const heightsOf = ({ keyChains }: ReadInterchange) => keyChains.map(({ votes }) => [...votes.keys()]);

describe("an interchange file that is written in parts", () => {
  it.each([0, 1, 255, 256, 257, 512, 600])("has every vote of %i", (count) => {
    inHome(newHome(), (protection) => {
      protection.init(key.publicKey, CHAIN.id, 0n);
      protection.init(testKey(8).publicKey, CHAIN.id, 4n);
      if (count > 0) record(protection, upTo(count));
      const { data } = JSON.parse([...interchangeText(protection)].join("")) as Interchange;
      expect(data.map(({ lowest, highest }) => [lowest, highest])).toEqual([
        ["0", count === 0 ? null : `${count - 1}`],
        ["4", null],
      ]);
      expect(data[0]!.votes.map(({ height }) => BigInt(height))).toEqual(upTo(count));
    });
  });

  it("ends at the last height of 64 bits", () => {
    inHome(newHome(), (protection) => {
      protection.init(key.publicKey, CHAIN.id, 0n);
      record(protection, [...upTo(255), 2n ** 64n - 1n]);
      expect(protection.exportInterchange().data[0]!.votes).toHaveLength(256);
    });
  });

  it("has all votes from before its beginning, and watermarks that match its votes, while voting continues", () => {
    const text = inHome(newHome(), (protection) => {
      protection.init(key.publicKey, CHAIN.id, 0n);
      record(protection, upTo(1000, 100));
      let parts = "";
      let next = 0;
      for (const part of interchangeText(protection)) {
        parts += part;
        // Below what was written already, and above everything.
        record(protection, [BigInt(next), BigInt(2000 + next)]);
        next++;
      }
      expect(next).toBeGreaterThan(4);
      return parts;
    });
    inHome(newHome(), (there) => {
      there.importInterchange(JSON.parse(text), { begin: true });
      const votes = there.records(key.publicKey, CHAIN.id, 0n, 5000).map(({ height }) => height);
      expect(votes).toEqual(expect.arrayContaining(upTo(1000, 100)));
      // Of the votes below it that came while it was written, some are missing.
      expect(there.watermarks(key.publicKey, CHAIN.id)).toEqual({
        lowWatermark: votes.at(-1),
        highWatermark: votes.at(-1),
        locked: false,
      });
      expect(votes.at(-1)).toBeGreaterThan(2000n);
      const voter = voterOf(there);
      for (const height of votes.slice(-3)) {
        expect(voter.vote({ height, appHash: hash(2) })).toMatchObject({ code: "double-vote" });
      }
    });
  });

  it("has a low watermark above what was pruned while it was written", () => {
    const text = inHome(newHome(), (protection) => {
      protection.init(key.publicKey, CHAIN.id, 0n);
      record(protection, upTo(1000));
      let parts = "";
      for (const part of interchangeText(protection)) {
        parts += part;
        if (parts.length > 20_000) protection.prune(key.publicKey, CHAIN.id, 800n);
      }
      return parts;
    });
    const { data } = JSON.parse(text) as Interchange;
    expect(data[0]!.votes.length).toBeLessThan(1000);
    expect(data).toMatchObject([{ lowest: "800", highest: "999" }]);
  });
});

describe("an interchange file that is read in parts", () => {
  const metadata = { format: "tapstake-protection", version: 1, exportedAt: "2026-01-01T00:00:00.000Z" };
  const entry = { key: KEY, chain: CHAIN.id, lowest: "0", highest: "2" };
  const votes = [
    { height: "1", digest: hex.encode(digestOf(1n)), at: '"]},{[\\"\\', instance: "täp\u2028" },
    { height: "2", digest: null },
  ];
  const commitments = [commitmentOf(1n, 3), commitmentOf(9n, 3, { context: "33".repeat(32) })];
  const whole = {
    metadata: { ...metadata, data: [{ votes: [{ height: "7" }] }] },
    data: [
      { ...entry, votes, commitments },
      { votes: [], ...entry, chain: "other", highest: null },
      { ...entry, chain: "third", held: true, votes: [...votes, ...votes] },
    ],
  };

  it.each([undefined, 2, "\t"])(
    "equals the whole file, split and indented in any way (%j)",
    async (indent) => {
      const text = JSON.stringify(whole, null, indent);
      const expected = parseInterchange(JSON.parse(text));
      expect(heightsOf(expected)).toEqual([[1n, 2n], [], [1n, 2n]]);
      expect(expected.exportedAt).toBe(metadata.exportedAt);
      for (const size of [1, 2, 3, 7, 64, 100_000]) {
        expect(await readInterchange(chunksOf(text, size))).toEqual(expected);
      }
    },
  );

  const file = (data: string) => `{"metadata": ${JSON.stringify(metadata)}, "data": [${data}]}`;
  const keyChain = (text: string) =>
    `{"key": "${KEY}", "chain": "a", "lowest": "0", "highest": null, ${text}}`;

  it.each([
    [
      "the last of two lists of votes counts",
      file(keyChain('"votes": [{"height": "1"}], "votes": [{"height": "2"}]')),
    ],
    [
      "the last of two lists of votes counts, an empty one too",
      file(keyChain('"votes": [{"height": "1"}], "votes": []')),
    ],
    [
      "the last of two lists of entries counts",
      file(keyChain('"votes": [{"height": "1"}]')).replace(/\}$/, `, "data": [${keyChain('"votes": []')}]}`),
    ],
    ["a name can be escaped", file(keyChain('"v\\u006ftes": [{"height": "1"}]'))],
    ["white space is skipped", file(keyChain('"votes" :\r\n[ \t{ "height" : "1" } \n, {"height":"2"}\n]'))],
    ["a byte order mark is skipped", `\ufeff${file(keyChain('"votes": []'))}`],
  ])("equals its JSON: %s", async (_, text) => {
    const expected = parseInterchange(JSON.parse(text.replace("\ufeff", "")));
    for (const size of [1, 1000]) expect(await readInterchange(chunksOf(text, size))).toEqual(expected);
  });

  it.each([
    ["nothing", ""],
    ["half of one", file(keyChain('"votes": [{"height": "1"}]')).slice(0, -20)],
    ["the beginning of a vote", file(keyChain('"votes": [{"height": "1"')).slice(0, -3)],
    ["the beginning of votes", file(keyChain('"votes": [')).slice(0, -3)],
    ["a comma too many between votes", file(keyChain('"votes": [{"height": "1"},,{"height": "2"}]'))],
    ["a comma too many after votes", file(keyChain('"votes": [{"height": "1"},]'))],
    ["a comma too many before votes", file(keyChain('"votes": [,{"height": "1"}]'))],
    ["no comma between votes", file(keyChain('"votes": [{"height": "1"} {"height": "2"}]'))],
    ["other space than JSON has", file(keyChain('"votes": [\u00a0{"height": "1"}]'))],
    ["a vote that is a number", file(keyChain('"votes": [1]'))],
    ["a vote in a vote", file(keyChain('"votes": [{"height": "1", "more": {}}]'))],
    ["a vote in a list", file(keyChain('"votes": [[{"height": "1"}]]'))],
    ["a vote of other fields", file(keyChain('"votes": [{"height": "1", "more": 1}]'))],
    ["a vote of bad JSON", file(keyChain('"votes": [{"height": 01}]'))],
    ["votes that are not a list", file(keyChain('"votes": {"height": "1"}'))],
    ["votes without a low watermark", file(keyChain('"votes": [{"height": "1"}]').replace('"0"', "null"))],
    ["something after it", `${file("")} {}`],
    ["a bracket too many", `${file("")}]`],
    ["a text without an end", `${file("").slice(0, -1)}"${"a".repeat(100_000)}`],
    ["brackets without an end", "[".repeat(100_000)],
    ["something else", "5"],
    ["another version", file("").replace('"version":1', '"version":2')],
    [
      "another version with other votes",
      file(keyChain('"votes": [[1]]')).replace('"version":1', '"version":2'),
    ],
    [
      "another version with more in votes",
      file(keyChain('"votes": [{"a": 1}]')).replace('"version":1', '"version":2'),
    ],
  ])("is refused as the whole file is: %s", async (_, text) => {
    const code = codeOf(() => parseInterchange(parseJson(text, "interchange")));
    for (const size of [1, 7, 1_000_000]) await expectFailure(readInterchange(chunksOf(text, size)), code);
  });

  describe("has limits on its parts", () => {
    /** A file that would be read as any other one, with more in its metadata, in parts. */
    function* withMore(length: number, texts: number): Generator<string> {
      yield `{"metadata": ${JSON.stringify(metadata).slice(0, -1)}, "more": [`;
      const half = "a".repeat(length / 2);
      for (let i = 0; i < texts; i++) yield* [`${i === 0 ? "" : ","}"${half}`, `${half}"`];
      yield `]}, "data": []}`;
    }

    it("text outside the votes has about 65,000 characters at most", async () => {
      expect((await readInterchange(withMore(65_000, 3))).keyChains).toEqual([]);
      await expectFailure(readInterchange(withMore(132_000, 1)), "invalid-json");
    });

    it("everything outside the votes has 67 million characters at most", async () => {
      let taken = 0;
      function* counted() {
        for (const part of withMore(60_000, 1_200)) {
          yield part;
          taken += part.length;
        }
      }
      const { message } = await expectFailure(readInterchange(counted()), "invalid-json");
      // One part of 30,000 more is refused.
      expect(taken).toBeGreaterThan(67_000_000);
      expect(taken).toBeLessThanOrEqual(2 ** 26);
      expect(message).toContain("at most 67 million characters beside the votes");
    });
  });

  describe("from any source", () => {
    const text = `\ufeff${JSON.stringify(whole)}`;
    const bytes = Buffer.from(text);
    const path = () => {
      const written = join(folderOfTest(), "interchange.json");
      writeFileSync(written, text);
      return written;
    };

    it.each<[string, () => Parameters<typeof readInterchange>[0]]>([
      ["a text", () => text],
      ["a Buffer", () => bytes],
      ["a Uint8Array", () => Uint8Array.from(bytes)],
      ["a list of texts and bytes", () => [text.slice(0, 40), bytes.subarray(42)]],
      ["a stream of bytes, cut within characters", () => createReadStream(path(), { highWaterMark: 1 })],
      ["a stream of text", () => createReadStream(path(), { encoding: "utf8", highWaterMark: 7 })],
      ["a stream of the web", () => new Blob([bytes]).stream()],
    ])("is read from %s", async (_, source) => {
      expect(await readInterchange(source())).toEqual(parseInterchange(whole));
    });

    it.each<[string, unknown, string]>([
      ["a number", 5, "number"],
      ["nothing", undefined, "undefined"],
      ["null", null, "null"],
      ["what was parsed already", whole, "object"],
      ["a list of numbers", [1, 2], "number"],
      ["a stream of objects", Readable.from([{}]), "object"],
    ])("is not read from %s", async (_, source, got) => {
      const { message } = await expectFailure(readInterchange(source as never), "invalid-argument");
      expect(message).toBe(`the interchange file must be text, bytes or a stream of them, not ${got}`);
    });

    it("is imported once it was read, and not as text or bytes", () => {
      for (const [unread, got] of [
        [text, "string"],
        [bytes, `${bytes.length} bytes`],
      ] as const) {
        const { message } = refusal("invalid-json", () => parseInterchange(unread));
        expect(message).toBe(
          `the interchange file must be parsed JSON, not ${got}: read text and bytes with readInterchange`,
        );
      }
    });
  });

  it("is refused with an invalid time", () => {
    const strange = { metadata: { ...metadata, exportedAt: "\u001b[2J" }, data: [] };
    expect(parseInterchange(strange).exportedAt).toBeUndefined();
  });
});

function codeOf(work: () => unknown): TapstakeError["code"] {
  try {
    work();
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
  }
  throw new Error("expected a refusal");
}
