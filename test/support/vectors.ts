import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's own copies of published data. */
const COPIES = fileURLToPath(new URL("../vectors", import.meta.url));

/** Where the published files themselves are, or null: `STAKING_VECTORS`, or `../shared/vectors` beside the project. */
export function publishedFolder(): string | null {
  const folder = process.env["STAKING_VECTORS"];
  if (folder !== undefined) {
    if (!existsSync(folder)) throw new Error(`STAKING_VECTORS names no folder: ${folder}`);
    return folder;
  }
  const beside = fileURLToPath(new URL("../../../shared/vectors", import.meta.url));
  return existsSync(beside) ? beside : null;
}

/** The text of a file of published data: the published one where it is there, else the project's copy. */
export function readVectors(name: string): string {
  const published = join(publishedFolder() ?? COPIES, name);
  return readFileSync(existsSync(published) ? published : join(COPIES, name), "utf8");
}

/** The text of the project's copy. */
export const readCopy = (name: string): string => readFileSync(join(COPIES, name), "utf8");

/** A case of the staking chain that went wrong once, by its file's name in `chain/`. */
export const readCase = <Input>(name: string): { readonly input: Input } =>
  JSON.parse(readCopy(`chain/${name}.json`)) as { readonly input: Input };

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
