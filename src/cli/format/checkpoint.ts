import type { CheckpointData } from "../../babylon/checkpoint.js";
import { hex } from "../../core/bytes.js";
import { counted } from "../../core/text.js";
import type { CheckpointEpoch } from "../../watch/checkpoints/assess.js";
import type { CheckpointReport } from "../../watch/checkpoints/read.js";
import { type Row, section, table } from "../output.js";

/** The parts that `checkpoint build` made. */
export function builtText(
  parts: readonly { readonly data: Uint8Array; readonly script: Uint8Array }[],
): string {
  const rows = parts.flatMap(({ data, script }, i): Row[] => [
    [`part ${i}`, hex.encode(data)],
    ["its output script", hex.encode(script)],
  ]);
  return table(rows);
}

/** What parts say, and whether two belong together. */
export function partsText(parts: readonly CheckpointData[], together: boolean | null): string {
  const texts = parts.map((part) =>
    section(
      `part ${part.part}`,
      table(
        [
          ["tag", tagText(part.tag)],
          ...(part.part === 0
            ? ([
                ["epoch", `${part.epoch}`],
                ["block hash", hex.encode(part.blockHash)],
                ["bitmap", hex.encode(part.bitmap)],
                ["submitter", hex.encode(part.submitter)],
              ] satisfies Row[])
            : ([["BLS signature", hex.encode(part.blsSignature)]] satisfies Row[])),
          ["checksum", hex.encode(part.checksum)],
        ],
        "  ",
      ),
    ),
  );
  if (together !== null) {
    texts.push(
      together ? "They are the parts of one checkpoint." : "They are not the parts of one checkpoint.",
    );
  }
  return texts.join("\n\n");
}

/** What `checkpoint verify` found. */
export const signedText = (facts: {
  readonly tag: Uint8Array;
  readonly epoch: bigint;
  readonly blockHash: Uint8Array;
  readonly signed: bigint;
  readonly total: bigint;
}): string =>
  table([
    ["tag", tagText(facts.tag)],
    ["epoch", `${facts.epoch}`],
    ["block hash", hex.encode(facts.blockHash)],
    ["signed by", `${facts.signed} of ${facts.total} of the power`],
  ]);

const STATES: Readonly<Record<CheckpointEpoch["state"], string>> = {
  verified: "verified",
  unverified: "unverified: no keys",
  fork: "FORK: two blocks are signed",
  "unverified-fork": "two block hashes, not both verified",
  missing: "missing",
  pending: "pending: not verified yet",
};

/** An epoch, and of a pending one why its keys could not be had. */
export interface ShownEpoch extends CheckpointEpoch {
  readonly reason?: string;
}

/** What `watch checkpoints` shows. */
export function checkpointsText(
  { tag, from, tip, parts, alarms }: CheckpointReport,
  epochs: readonly ShownEpoch[],
): string {
  if (tag === null) {
    return "This store has no checkpoints yet: run tapstake watch run with --checkpoint-tag.";
  }
  const facts = table([
    ["tag", tagText(hex.decode(tag))],
    ["all parts from block", String(from)],
    ["newest block", tip ? String(tip.height) : "none yet"],
    ["parts", String(parts)],
  ]);
  const rows = epochs.map(({ epoch, state, blockHashes, height, reason }): Row => [
    String(epoch),
    [
      `${STATES[state]}, block ${height}`,
      ...(reason === undefined ? [] : [`its keys cannot be read: ${reason}`]),
      ...blockHashes,
    ],
  ]);
  const open = alarms.map(({ kind, text }): Row => [kind, text]);
  return [
    facts,
    section(counted(epochs.length, "epoch"), rows.length === 0 ? "  none" : table(rows, "  ")),
    section("alarms", open.length === 0 ? "  none" : table(open, "  ")),
  ].join("\n\n");
}

/** A tag as text, where it is printable. */
function tagText(tag: Uint8Array): string {
  const text = String.fromCharCode(...tag);
  return /^[!-~]{4}$/.test(text) ? `${text} (${hex.encode(tag)})` : hex.encode(tag);
}
