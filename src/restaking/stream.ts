import { joinBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { checkGraph } from "./check.js";
import { ENTRY, LISTS, lossOfEdge, refuse, rulesOfEdge } from "./entries.js";
import { checkForm } from "./file.js";
import type { Asset, Edge, Operator, Pool, RestakingGraph, Service } from "./graph.js";
import { parseOnce } from "./json.js";
import { Rows } from "./rows.js";

/**
 * Reads a restaking file part by part, as `restakingFromJson` reads its text. For files of many stakes: the memory never
 * holds more of the text than one entry.
 * @param parts the file's bytes, such as a stream of them
 * @param onBytes is called with the number of bytes so far
 * @throws TapstakeError the codes of `restakingFromJson`
 */
export async function restakingFromStream(
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onBytes: (bytes: number) => void = () => {},
): Promise<RestakingGraph> {
  const reader = new Reader();
  let bytes = 0;
  for await (const part of parts) {
    reader.push(part);
    onBytes((bytes += part.length));
  }
  return reader.finish();
}

type List = (typeof LISTS)[number];

/** What comes next. */
type State =
  | "start"
  | "first-field"
  | "field"
  | "value"
  | "after-value"
  | "first-entry"
  | "entry"
  | "after-entry"
  | "end";

/** A state machine over the file's outer form; entries are read whole. */
class Reader {
  #state: State = "start";
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Parts that were not looked at yet, with the rest of those that were; and their bytes together. */
  #waiting: Uint8Array[] = [];
  #length = 0;
  /** So many bytes are there before the next try: an entry that is longer than the parts is not looked through each time. */
  #enough = 0;
  #field = "";
  readonly #seen = new Map<string, unknown>();
  readonly #lists = {
    assets: [] as Asset[],
    pools: [] as Pool[],
    operators: [] as Operator[],
    services: [] as Service[],
    edges: [] as Edge[],
  };
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  readonly #texts = new Map<string, string>();
  readonly #rows = new Rows({
    loss: (text) => lossOfEdge(parseOnce(text, ""), ""),
    end: (text) => rulesOfEdge(parseOnce(`{${text.slice(1)}`, ""), ""),
  });

  push(part: Uint8Array): void {
    this.#waiting.push(part);
    this.#length += part.length;
    if (this.#length >= this.#enough) this.#read(false);
  }

  #read(isLast: boolean): void {
    this.#bytes = this.#waiting.length === 1 ? this.#waiting[0]! : joinBytes(this.#waiting);
    this.#at = 0;
    this.#rows.setBytes(this.#bytes);
    while (this.#step(isLast));
    this.#waiting = [this.#bytes.subarray(this.#at)];
    this.#length = this.#bytes.length - this.#at;
    this.#enough = this.#length > SHORT ? 2 * this.#length : 0;
  }

  finish(): RestakingGraph {
    this.#read(true);
    if (this.#state !== "end") throw notJson();
    checkForm(this.#seen.get("format"), this.#seen.get("version"));
    for (const list of LISTS) if (!this.#seen.has(list)) refuse(`restaking.${list}`, "a value", undefined);
    checkGraph(this.#lists);
    return this.#lists;
  }

  /** Reads the next token. False where it is not all there, or the file is at its end. */
  #step(isLast: boolean): boolean {
    this.#skipSpace();
    const byte = this.#bytes[this.#at];
    if (byte === undefined) return false;
    switch (this.#state) {
      case "start":
        return this.#start(byte, isLast);
      case "first-field":
      case "field":
        if (byte === CLOSE_BRACE && this.#state === "first-field") return this.#go("end");
        return this.#readField(isLast);
      case "value":
        return this.#readValue(byte, isLast);
      case "after-value":
        return this.#go(byte === COMMA ? "field" : byte === CLOSE_BRACE ? "end" : undefined);
      case "first-entry":
      case "entry":
        if (byte === CLOSE_BRACKET && this.#state === "first-entry") return this.#go("after-value");
        return this.#readEntry(this.#field as List, isLast);
      case "after-entry":
        return this.#go(byte === COMMA ? "entry" : byte === CLOSE_BRACKET ? "after-value" : undefined);
      case "end":
        throw notJson();
    }
  }

  #start(byte: number, isLast: boolean): boolean {
    if (byte === OPEN_BRACE) return this.#go("first-field");
    // What is no object has neither format nor version.
    if (!isLast) return false;
    const value = this.#parse(this.#bytes.length);
    checkForm((value as { format?: unknown } | null)?.format, undefined);
    return false;
  }

  #readField(isLast: boolean): boolean {
    if (this.#bytes[this.#at] !== QUOTE) throw notJson();
    const end = endOfValue(this.#bytes, this.#at);
    if (end === -1) return missing(isLast);
    let colon = end;
    while (isSpace(this.#bytes[colon]!)) colon++;
    if (this.#bytes[colon] === undefined) return missing(isLast);
    if (this.#bytes[colon] !== COLON) throw notJson();
    this.#field = this.#parse(end) as string;
    const path = `restaking.${this.#field.slice(0, LONGEST_FIELD)}`;
    if (!FIELDS.has(this.#field)) {
      throw new TapstakeError("invalid-json", `${path}: unknown field`, { path });
    }
    if (this.#seen.has(this.#field)) {
      throw new TapstakeError("invalid-json", `${path}: given twice`, { path });
    }
    this.#at = colon;
    return this.#go("value");
  }

  #readValue(byte: number, isLast: boolean): boolean {
    const isList = (LISTS as readonly string[]).includes(this.#field);
    if (isList && byte === OPEN_BRACKET) {
      this.#seen.set(this.#field, true);
      return this.#go("first-entry");
    }
    const end = endOfValue(this.#bytes, this.#at);
    if (end === -1) return missing(isLast);
    const value = this.#parse(end);
    if (isList) refuse(`restaking.${this.#field}`, "a list", value);
    this.#seen.set(this.#field, value);
    if (this.#seen.has("format") && this.#seen.has("version")) {
      checkForm(this.#seen.get("format"), this.#seen.get("version"));
    }
    this.#at = end;
    this.#state = "after-value";
    return true;
  }

  #readEntry(list: List, isLast: boolean): boolean {
    this.#state = "after-entry";
    if (list === "pools" || list === "edges") {
      const quick = list === "pools" ? this.#rows.pool(this.#at) : this.#rows.edge(this.#at);
      if (quick) {
        (this.#lists[list] as unknown[]).push(quick);
        this.#at = this.#rows.end;
        return true;
      }
    }
    const end = endOfValue(this.#bytes, this.#at);
    if (end === -1) {
      this.#state = "entry";
      return missing(isLast);
    }
    const entries = this.#lists[list] as unknown[];
    const path = `restaking.${list}[${entries.length}]`;
    const entry = ENTRY[list](this.#parse(end, path), path);
    entries.push(list === "edges" ? this.#shared(entry as Edge) : entry);
    this.#at = end;
    return true;
  }

  /** An edge with texts that the others have too. */
  #shared(edge: Edge): Edge {
    const shared = (text: string) => {
      const there = this.#texts.get(text);
      if (there === undefined) this.#texts.set(text, text);
      return there ?? text;
    };
    const { pool, operator, service } = edge;
    return { ...edge, pool: shared(pool), operator: shared(operator), service: shared(service) };
  }

  #parse(end: number, path = "restaking"): unknown {
    let text: string;
    try {
      text = this.#decoder.decode(this.#bytes.subarray(this.#at, end));
    } catch {
      // No UTF-8.
      throw notJson();
    }
    return parseOnce(text, path);
  }

  /** Takes the byte that leads there. */
  #go(state: State | undefined): boolean {
    if (state === undefined) throw notJson();
    this.#at++;
    this.#state = state;
    return true;
  }

  #skipSpace(): void {
    if (this.#state === "start" && BOM.every((byte, i) => this.#bytes[this.#at + i] === byte)) this.#at += 3;
    while (isSpace(this.#bytes[this.#at]!)) this.#at++;
  }
}

function missing(isLast: boolean): false {
  if (isLast) throw notJson();
  return false;
}

/** The index behind a JSON value's last byte; -1 where its end is not there. What is in between is not checked. */
function endOfValue(bytes: Uint8Array, from: number): number {
  let depth = 0;
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
      if (i >= bytes.length) return -1;
      if (depth === 0) return i + 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return i;
  }
  return -1;
}

const notJson = () => new TapstakeError("invalid-json", "restaking: not JSON", { path: "restaking" });

const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const BOM = [0xef, 0xbb, 0xbf];
const SHORT = 1 << 16;
/** What a message shows of the name of an unknown field. */
const LONGEST_FIELD = 40;
const FIELDS: ReadonlySet<string> = new Set(["format", "version", ...LISTS]);
