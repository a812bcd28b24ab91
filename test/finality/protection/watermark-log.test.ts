import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Mark,
  MarksFile,
  parseMarks,
  readMarks,
} from "../../../src/finality/protection/watermark-log.js";
import { flipBit } from "../../support/arbitraries.js";
import { hash, newHome, testKey } from "../../support/signer.js";

const STORE = "0123456789abcdef0123456789abcdef";
const { publicKey } = testKey();
const mark = (seq: number, changes: Partial<Mark> = {}): Mark => ({
  key: publicKey,
  chainId: "bbn-1",
  lowest: 0n,
  highest: BigInt(seq),
  held: false,
  seq,
  ...changes,
});
const fresh = () => ({ storeId: STORE, seq: 0, marks: new Map<string, Mark>() });

describe("the second mark", () => {
  it("is one line a write, for people to read", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    file.append(1, [mark(1)]);
    file.append(2, [mark(2, { chainId: "a-chain/%", highest: null, lowest: 7n, held: true })]);
    file.append(3, []);
    file.close();
    const lines = linesOf(marksFile).toString().split("\n");
    expect(lines[0]).toMatch(new RegExp(`^tapstake-marks-1 ${STORE} [0-9a-f]{16}$`));
    expect(lines[1]).toMatch(/^[0-9a-f]{64} bbn-1 0 1 1 [0-9a-f]{16}$/);
    expect(lines[2]).toMatch(/^[0-9a-f]{64} a-chain%2F%25 held:7 - 2 [0-9a-f]{16}$/);
    expect(lines[3]).toMatch(/^write 3 [0-9a-f]{16}$/);
    expect(lines).toHaveLength(5);
    expect(statSync(marksFile).mode & 0o777).toBe(0o600);
  });

  it("read back, says the highest of everything, whatever the order", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    file.append(5, [mark(5)]);
    file.append(6, [mark(6, { highest: 3n, lowest: 2n }), mark(6, { key: hash(1), highest: null })]);
    file.append(7, []);
    file.close();
    const content = readMarks(marksFile)!;
    expect(content).toMatchObject({ storeId: STORE, seq: 7 });
    expect(content.damage).toBeUndefined();
    expect([...content.marks.values()]).toMatchObject([
      { lowest: 2n, highest: 5n, seq: 6 },
      { highest: null, seq: 6 },
    ]);
    expect(readMarks(`${marksFile}-none`)).toBeUndefined();
  });

  it("is written anew when its room is used up, and says the same", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh(), 1000);
    const sizes = new Set<number>();
    for (let seq = 1; seq <= 100; seq++) {
      file.append(seq, [mark(seq)]);
      sizes.add(statSync(marksFile).size);
      expect(readMarks(marksFile)).toMatchObject({ seq, storeId: STORE });
    }
    file.close();
    expect(Math.max(...sizes)).toBeLessThan(1200);
    expect(sizes.size).toBeGreaterThan(1);
  });

  it("with any bit flipped is damaged, or lacks its torn last line alone", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [mark(seq)]);
    file.close();
    const bytes = linesOf(marksFile);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const { damage, seq } = parseMarks(flipBit(new Uint8Array(bytes), bit));
      const isLastByte = bit >= 8 * (bytes.length - 1);
      expect([bit, damage !== undefined, seq]).toEqual([bit, !isLastByte, isLastByte ? 4 : seq]);
    }
  });

  it("a last line of which a page did not reach the disk is torn; such a line before others is damage", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    for (let seq = 1; seq <= 3; seq++) file.append(seq, [mark(seq)]);
    file.close();
    const bytes = linesOf(marksFile);
    const ends = [...bytes.keys()].filter((i) => bytes[i] === 10);
    expect(parseMarks(Buffer.from(bytes).fill(0, ends[2]! + 1, ends[2]! + 20))).toMatchObject({ seq: 2 });
    expect(parseMarks(Buffer.from(bytes).fill(0, ends[2]! + 1, ends[2]! + 20)).damage).toBeUndefined();
    expect(parseMarks(Buffer.from(bytes).fill(0, ends[1]! + 1, ends[1]! + 20)).damage).toBeDefined();
    expect(parseMarks(Buffer.concat([bytes, Buffer.alloc(5000)]))).toEqual(parseMarks(bytes));
  });

  it("cut off anywhere after its first line is an earlier one", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [mark(seq)]);
    file.close();
    const bytes = linesOf(marksFile);
    for (let size = 0; size < bytes.length; size++) {
      const cut = bytes.subarray(0, size);
      const { damage, seq } = parseMarks(cut);
      const whole = cut.toString().split("\n").length - 1;
      if (whole === 0) expect(damage).toBeDefined();
      // A last line that lacks nothing but its end is whole.
      else expect([damage, [whole - 1, whole].includes(seq)]).toEqual([undefined, true]);
    }
  });

  it("keeps the whole lines of a damaged file, to raise marks with", () => {
    const { marksFile } = newHome();
    const file = new MarksFile(marksFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [mark(seq)]);
    file.close();
    const lines = linesOf(marksFile).toString().split("\n");
    lines[3] = lines[3]!.replace("bbn-1", "bbn-2");
    const content = parseMarks(Buffer.from(lines.join("\n")));
    expect(content.damage).toBe("line 4 is damaged");
    expect([...content.marks.values()]).toEqual([mark(5)]);
  });
});

/** The file without the room after its lines. */
function linesOf(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
}
