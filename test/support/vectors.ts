import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";

/** Where the published vectors are, or null: `STAKING_VECTORS`, or `../shared/vectors` beside the project. */
export function vectorsFolder(): string | null {
  const folder = process.env["STAKING_VECTORS"];
  if (folder !== undefined) {
    if (!existsSync(folder)) throw new Error(`STAKING_VECTORS names no folder: ${folder}`);
    return folder;
  }
  const beside = fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
  return existsSync(beside) ? beside : null;
}

/**
 * Tests that need the published vectors. Where they are absent, the report shows a todo in their place, and a
 * warning is printed: such a run must not look complete.
 */
export function describeWithVectors(title: string, define: () => void): void {
  if (vectorsFolder() !== null) {
    describe(title, define);
    return;
  }
  process.emitWarning(`not tested, as the published vectors are not here: ${title}`);
  describe(title, () => {
    it.todo("published vectors are not here: set STAKING_VECTORS");
  });
}

/** The text of one published file. */
export function readVectors(name: string): string {
  const folder = vectorsFolder();
  if (folder === null) throw new Error("published vectors are not here: set STAKING_VECTORS");
  return readFileSync(`${folder}/${name}`, "utf8");
}

/** The text of one of the project's own copies in test/vectors. */
export function readOwnVectors(name: string): string {
  return readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
}

/** One case of a CSV file by column name, with hexadecimal decoded on request. */
export interface Row {
  readonly name: string;
  text(column: string): string;
  bytes(column: string): Uint8Array;
}

/** The rows of simple CSV (no quotes; only the last column, a comment, may hold commas). Rows need an index. */
export function parseCsv(text: string): Row[] {
  const [head, ...lines] = text.split(/\r?\n/).filter((line) => line !== "");
  const columns = head!.split(",");
  const rows = lines.map((line) => {
    const cells = line.split(",");
    const values = [...cells.slice(0, columns.length - 1), cells.slice(columns.length - 1).join(",")];
    const cell = (column: string): string => {
      const value = values[columns.indexOf(column)];
      if (value === undefined) throw new Error(`no column ${column} in ${line}`);
      return value;
    };
    return {
      name: `${cell("index")}: ${cell("comment") || "good"}`,
      text: cell,
      bytes: (column: string) => bytes(cell(column)),
    };
  });
  return rows.filter((row) => row.text("index") !== "");
}

/** Hexadecimal as bytes, by a decoder that is not the one under test. */
export function bytes(text: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new Error(`not hexadecimal: ${text}`);
  return Uint8Array.from(Buffer.from(text, "hex"));
}

export interface EotsVector {
  readonly Sk: string;
  readonly Pk: string;
  readonly ChainId: string;
  readonly Height: number;
  readonly PrivRand: string;
  readonly PubRand: string;
  readonly Msg1: string;
  readonly Sig1: string;
  readonly Msg2: string;
  readonly Sig2: string;
  readonly Extracted: string;
}

export const eotsVectors = (): EotsVector[] => JSON.parse(readVectors("eots.json")) as EotsVector[];
