import { describe, expect, it } from "vitest";
import {
  checkpointDataOf,
  type Checkpoint,
  encodeCheckpoint,
  parseCheckpoint,
  parseCheckpointData,
} from "../../src/babylon/checkpoint.js";
import { hex } from "../../src/core/bytes.js";
import { checkpointParts } from "../support/checkpoints.js";
import { refusal } from "../support/refusal.js";
import { readCopy } from "../support/vectors.js";

interface Golden extends Record<Exclude<keyof Checkpoint, "epoch">, string> {
  readonly source: string;
  readonly epoch: string;
  readonly parts: readonly [string, string];
}
const { cases } = JSON.parse(readCopy("chain/checkpoint-parts.json")) as {
  readonly cases: readonly Golden[];
};

const checkpointIn = (golden: Golden): Checkpoint => ({
  tag: hex.decode(golden.tag),
  epoch: BigInt(golden.epoch),
  blockHash: hex.decode(golden.blockHash),
  bitmap: hex.decode(golden.bitmap),
  submitter: hex.decode(golden.submitter),
  blsSignature: hex.decode(golden.blsSignature),
});

describe.each(cases)("checkpoint: $source", (golden) => {
  const checkpoint = checkpointIn(golden);
  const [first, second] = golden.parts.map((part) => hex.decode(part)) as [Uint8Array, Uint8Array];

  it("is encoded as the golden outputs", () => {
    expect(encodeCheckpoint(checkpoint)).toEqual([first, second]);
  });

  it("is parsed from the golden outputs", () => {
    expect(parseCheckpoint(first, second)).toEqual(checkpoint);
  });

  it("is parsed part by part, with a checksum that pairs them", () => {
    const [head, tail] = [parseCheckpointData(first), parseCheckpointData(second)];
    expect([head.part, tail.part]).toEqual([0, 1]);
    expect(head.checksum).toEqual(tail.checksum);
    const { blsSignature, ...said } = checkpoint;
    expect(head).toMatchObject(said);
    expect(tail).toMatchObject({ tag: checkpoint.tag, blsSignature });
  });
});

describe("checkpoint data", () => {
  const [first, second] = cases[0]!.parts.map((part) => hex.decode(part)) as [Uint8Array, Uint8Array];
  const changed = (data: Uint8Array, at: number) => data.map((byte, i) => (i === at ? byte ^ 0x20 : byte));

  it("is refused with another length, part or version", () => {
    for (const data of [
      new Uint8Array(),
      first.slice(0, 4),
      first.slice(1),
      second.slice(0, -1),
      new Uint8Array(71),
      changed(first, 4),
      changed(second, 4),
      first.with(4, 0x10),
      first.with(4, 0x01),
      second.with(4, 0x11),
      second.with(4, 0x00),
    ]) {
      refusal("invalid-checkpoint", () => parseCheckpointData(data));
    }
    refusal("invalid-bytes", () => parseCheckpointData(hex.encode(first) as never));
  });

  it("is refused in the wrong order, with two tags, and with the checksum of another part 0", () => {
    refusal("invalid-checkpoint", () => parseCheckpoint(second, first));
    refusal("invalid-checkpoint", () => parseCheckpoint(first, first));
    for (const at of [0, 5, 77])
      refusal("invalid-checkpoint", () => parseCheckpoint(changed(first, at), second));
    for (const at of [0, 53, 62]) {
      refusal("invalid-checkpoint", () => parseCheckpoint(first, changed(second, at)));
    }
  });

  it("is not written with fields of other lengths or an epoch beyond 64 bits", () => {
    const checkpoint = checkpointIn(cases[0]!);
    for (const name of ["tag", "blockHash", "bitmap", "submitter", "blsSignature"] as const) {
      const short = { ...checkpoint, [name]: checkpoint[name].slice(1) };
      expect(refusal("invalid-bytes", () => encodeCheckpoint(short)).message).toContain(name);
    }
    refusal("invalid-number", () => encodeCheckpoint({ ...checkpoint, epoch: 2n ** 64n }));
    refusal("invalid-number", () => encodeCheckpoint({ ...checkpoint, epoch: -1n }));
  });

  it("is read from a transaction with one output of data", () => {
    const [{ transaction }] = checkpointParts();
    expect(checkpointDataOf(transaction)).toMatchObject({ part: 0, epoch: 12n });
    const doubled = transaction.clone();
    doubled.addOutput(Uint8Array.from(doubled.outs[0]!.script), 0n);
    expect(checkpointDataOf(doubled)).toBeNull();
    const without = transaction.clone();
    without.outs = [];
    expect(checkpointDataOf(without)).toBeNull();
  });
});
