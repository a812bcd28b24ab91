import { describeType, TapstakeError } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { addVoteTo, type History, readInterchange, type Votes } from "./interchange.js";

/**
 * Reads an interchange file that may be longer than a text can be: votes are read one by one as they come, and what is
 * around them as a whole in the end.
 * @param source its text or its bytes (UTF-8), whole or in parts, as of a stream
 * @throws TapstakeError `invalid-json`, `unknown-version`; `invalid-argument` for what is no such source
 */
export async function readHistory(
  source: HistoryPart | Iterable<HistoryPart> | AsyncIterable<HistoryPart>,
): Promise<History> {
  const decoder = new TextDecoder();
  const reader = new HistoryReader();
  for await (const part of partsOf(source)) {
    if (!isPart(part)) throw noHistory(part);
    reader.add(decoder.decode(typeof part === "string" ? Buffer.from(part) : part, { stream: true }));
  }
  reader.add(decoder.decode());
  return reader.end();
}

type HistoryPart = string | Uint8Array;

const isPart = (value: unknown): value is HistoryPart =>
  typeof value === "string" || value instanceof Uint8Array;

/** The whole of a text or of bytes is one part: their own parts are characters, and numbers. */
function partsOf(source: Parameters<typeof readHistory>[0]): Iterable<unknown> | AsyncIterable<unknown> {
  if (isPart(source)) return [source];
  const isIterable =
    typeof source === "object" &&
    source !== null &&
    (Symbol.asyncIterator in source || Symbol.iterator in source);
  if (!isIterable) throw noHistory(source);
  return source;
}

const noHistory = (value: unknown): TapstakeError =>
  new TapstakeError(
    "invalid-argument",
    `history: expected text, bytes or a stream of them, got ${describeType(value)}`,
  );

/** Of one vote or one word, in characters: no file of ours comes near it. */
const LONGEST_TOKEN = 1 << 16;
/** Of all that is no vote: some hundred thousand commitments. */
const LONGEST_REST = 1 << 26;
const DEEPEST = 100;

const SPACE = "[ \\t\\n\\r]*";
const TEXT = '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"';
/** A punctuation mark, a text, or a word with what ends it in sight. */
const TOKEN = new RegExp(
  `${SPACE}(?:([{}[\\],:])|(${TEXT})|[^ \\t\\n\\r{}[\\],:"]+(?=[ \\t\\n\\r{}[\\],:"]))`,
  "y",
);
/** A vote, in which nothing is nested, with what follows it. */
const VOTE = new RegExp(`${SPACE}(\\{[^"{}]*(?:${TEXT}[^"{}]*)*\\})${SPACE}([,\\]])`, "y");
const NO_VOTE = new RegExp(`${SPACE}\\]`, "y");

/** An object or a list that is open, and in an object the last text, which is a key where a colon has followed. */
interface Open {
  readonly kind: string;
  text: string;
  key: string;
}

/** Takes the votes out of the text of a file: the elements of `votes` in the elements of `data`. */
class HistoryReader {
  readonly #votes = new Map<number, Votes>();
  readonly #open: Open[] = [];
  /** The place in `data`. */
  #entry = -1;
  /** How many votes of the list that is open were read; undefined outside of one. */
  #read: number | undefined;
  #waiting = "";
  #rest = "";

  add(text: string): void {
    this.#waiting += text;
    let at = 0;
    for (let next: number | undefined = 0; next !== undefined;) {
      at = next;
      next = this.#read === undefined ? this.#token(at) : this.#vote(at);
    }
    this.#waiting = this.#waiting.slice(at);
    if (this.#waiting.length > LONGEST_TOKEN) throw this.#newerOr(invalid("not JSON"));
    if (this.#rest.length > LONGEST_REST) throw invalid("expected less beside the votes");
  }

  end(): History {
    if (this.#read !== undefined) throw this.#newerOr(invalid("not JSON"));
    return readInterchange(parseJson(this.#rest + this.#waiting, "interchange"), this.#votes);
  }

  /** Looks at what is at a place outside of votes; where it ends, or undefined where more has to come first. */
  #token(at: number): number | undefined {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(this.#waiting);
    if (!match) return undefined;
    this.#rest += match[0];
    const [, mark, text] = match;
    const [inside] = this.#open.slice(-1);
    if (text !== undefined && inside) inside.text = text;
    if (mark === ":" && inside) inside.key = inside.text;
    if (mark === "{" || mark === "[") this.#begin(mark);
    if (mark === "}" || mark === "]") this.#open.pop();
    return TOKEN.lastIndex;
  }

  #begin(kind: string): void {
    const where = this.#open.map((open) => open.kind + open.key).join();
    // Said twice, the last one counts, as it does in JSON.
    if (kind === "[" && where === '{"data"') {
      this.#entry = -1;
      this.#votes.clear();
    }
    if (kind === "{" && where === '{"data",[') this.#entry++;
    if (kind === "[" && where === '{"data",[,{"votes"') {
      this.#votes.set(this.#entry, new Map());
      this.#read = 0;
    } else {
      this.#open.push({ kind, text: "", key: "" });
      if (this.#open.length > DEEPEST) throw invalid("expected less inside of each other");
    }
  }

  /** Reads one vote, or the end of them, and as {@link #token}. */
  #vote(at: number): number | undefined {
    const place = this.#read!;
    NO_VOTE.lastIndex = at;
    if (place === 0 && NO_VOTE.test(this.#waiting)) {
      this.#endVotes();
      return NO_VOTE.lastIndex;
    }
    VOTE.lastIndex = at;
    const match = VOTE.exec(this.#waiting);
    if (!match) return undefined;
    const name = `interchange.data[${this.#entry}].votes[${place}]`;
    try {
      addVoteTo(this.#votes.get(this.#entry)!, parseJson(match[1]!, name), name);
    } catch (error) {
      throw this.#newerOr(error as TapstakeError);
    }
    if (match[2] === "]") this.#endVotes();
    else this.#read = place + 1;
    return VOTE.lastIndex;
  }

  #endVotes(): void {
    this.#read = undefined;
    this.#rest += "]";
  }

  /** Why the file cannot be read, where a version that it named before is not the reason. */
  #newerOr(error: TapstakeError): TapstakeError {
    const ends = this.#open.map(({ kind }) => (kind === "{" ? "}" : "]")).toReversed();
    try {
      readInterchange(parseJson(`${this.#rest}${this.#read === undefined ? "" : "]"}${ends.join("")}`, ""));
    } catch (other) {
      if ((other as TapstakeError).code === "unknown-version") return other as TapstakeError;
    }
    return error;
  }
}

const invalid = (what: string): TapstakeError =>
  new TapstakeError("invalid-json", `interchange: ${what}`, { path: "interchange" });
