import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type LoggedWatermarks,
  parseWatermarkLog,
  readWatermarkLog,
  WatermarkLog,
} from "../../../src/finality/protection/watermark-log.js";
import { flipBit } from "../../support/arbitraries.js";
import { hash, newHome, testKey } from "../../support/signer.js";

const STORE = "0123456789abcdef0123456789abcdef";
const { publicKey } = testKey();
const logged = (seq: number, changes: Partial<LoggedWatermarks> = {}): LoggedWatermarks => ({
  key: publicKey,
  chainId: "bbn-1",
  lowWatermark: 0n,
  highWatermark: BigInt(seq),
  locked: false,
  seq,
  ...changes,
});
const fresh = () => ({ storeId: STORE, seq: 0, watermarks: new Map<string, LoggedWatermarks>() });

describe("the watermark log", () => {
  it("is one line of text per write", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    file.append(1, [logged(1)]);
    file.append(2, [
      logged(2, { chainId: "a-chain/%", highWatermark: null, lowWatermark: 7n, locked: true }),
    ]);
    file.append(3, []);
    file.close();
    const lines = linesOf(watermarkFile).toString().split("\n");
    expect(lines[0]).toMatch(new RegExp(`^tapstake-marks-1 ${STORE} [0-9a-f]{16}$`));
    expect(lines[1]).toMatch(/^[0-9a-f]{64} bbn-1 0 1 1 [0-9a-f]{16}$/);
    expect(lines[2]).toMatch(/^[0-9a-f]{64} a-chain%2F%25 held:7 - 2 [0-9a-f]{16}$/);
    expect(lines[3]).toMatch(/^write 3 [0-9a-f]{16}$/);
    expect(lines).toHaveLength(5);
    expect(statSync(watermarkFile).mode & 0o777).toBe(0o600);
  });

  it("read back, has the highest of each value, in any order", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    file.append(5, [logged(5)]);
    file.append(6, [
      logged(6, { highWatermark: 3n, lowWatermark: 2n }),
      logged(6, { key: hash(1), highWatermark: null }),
    ]);
    file.append(7, []);
    file.close();
    const content = readWatermarkLog(watermarkFile)!;
    expect(content).toMatchObject({ storeId: STORE, seq: 7 });
    expect(content.damage).toBeUndefined();
    expect([...content.watermarks.values()]).toMatchObject([
      { lowWatermark: 2n, highWatermark: 5n, seq: 6 },
      { highWatermark: null, seq: 6 },
    ]);
    expect(readWatermarkLog(`${watermarkFile}-none`)).toBeUndefined();
  });

  it("is rewritten when its room is used up, with the same content", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh(), 1000);
    const sizes = new Set<number>();
    for (let seq = 1; seq <= 100; seq++) {
      file.append(seq, [logged(seq)]);
      sizes.add(statSync(watermarkFile).size);
      expect(readWatermarkLog(watermarkFile)).toMatchObject({ seq, storeId: STORE });
    }
    file.close();
    expect(Math.max(...sizes)).toBeLessThan(1200);
    expect(sizes.size).toBeGreaterThan(1);
  });

  it("with any bit flipped is damaged, or lacks its torn last line only", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [logged(seq)]);
    file.close();
    const bytes = linesOf(watermarkFile);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const { damage, seq } = parseWatermarkLog(flipBit(new Uint8Array(bytes), bit));
      const isLastByte = bit >= 8 * (bytes.length - 1);
      expect([bit, damage !== undefined, seq]).toEqual([bit, !isLastByte, isLastByte ? 4 : seq]);
    }
  });

  it("a last line with a page missing is torn; such a line before others is damage", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    for (let seq = 1; seq <= 3; seq++) file.append(seq, [logged(seq)]);
    file.close();
    const bytes = linesOf(watermarkFile);
    const ends = [...bytes.keys()].filter((i) => bytes[i] === 10);
    expect(parseWatermarkLog(Buffer.from(bytes).fill(0, ends[2]! + 1, ends[2]! + 20))).toMatchObject({
      seq: 2,
    });
    expect(parseWatermarkLog(Buffer.from(bytes).fill(0, ends[2]! + 1, ends[2]! + 20)).damage).toBeUndefined();
    expect(parseWatermarkLog(Buffer.from(bytes).fill(0, ends[1]! + 1, ends[1]! + 20)).damage).toBeDefined();
    expect(parseWatermarkLog(Buffer.concat([bytes, Buffer.alloc(5000)]))).toEqual(parseWatermarkLog(bytes));
  });

  it("truncated anywhere after its first line is an earlier one", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [logged(seq)]);
    file.close();
    const bytes = linesOf(watermarkFile);
    for (let size = 0; size < bytes.length; size++) {
      const cut = bytes.subarray(0, size);
      const { damage, seq } = parseWatermarkLog(cut);
      const whole = cut.toString().split("\n").length - 1;
      if (whole === 0) expect(damage).toBeDefined();
      // A last line that lacks nothing but its end is whole.
      else expect([damage, [whole - 1, whole].includes(seq)]).toEqual([undefined, true]);
    }
  });

  it("keeps the complete lines of a damaged file, to raise watermarks with", () => {
    const { watermarkFile } = newHome();
    const file = new WatermarkLog(watermarkFile, fresh());
    for (let seq = 1; seq <= 5; seq++) file.append(seq, [logged(seq)]);
    file.close();
    const lines = linesOf(watermarkFile).toString().split("\n");
    lines[3] = lines[3]!.replace("bbn-1", "bbn-2");
    const content = parseWatermarkLog(Buffer.from(lines.join("\n")));
    expect(content.damage).toBe("line 4 is damaged");
    expect([...content.watermarks.values()]).toEqual([logged(5)]);
  });
});

/** The file without the room after its lines. */
function linesOf(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
}
