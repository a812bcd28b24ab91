import { createRequire } from "node:module";
import type * as Library from "@streamparser/json";
import { describeType, TapstakeError } from "../../core/errors.js";
import { loadPackage } from "../../core/optional.js";
import {
  addVoteTo,
  assertVersion,
  parseInterchange,
  type ReadInterchange,
  type Votes,
} from "./interchange.js";

/**
 * Reads an interchange file that may be longer than a text can be. It reads votes one by one as they come, and the rest
 * as a whole at the end.
 * @param source its text or its bytes (UTF-8), whole or in parts, as from a stream
 * @throws TapstakeError `invalid-json`, `unknown-version`, `invalid-signature`; `invalid-argument` for any other source
 */
export async function readInterchange(
  source: InterchangePart | Iterable<InterchangePart> | AsyncIterable<InterchangePart>,
): Promise<ReadInterchange> {
  const decoder = new TextDecoder();
  const reader = new InterchangeReader();
  for await (const part of partsOf(source)) {
    if (!isPart(part)) throw notInterchange(part);
    reader.add(decoder.decode(typeof part === "string" ? Buffer.from(part) : part, { stream: true }));
  }
  reader.add(decoder.decode());
  return reader.end();
}

type InterchangePart = string | Uint8Array;

const isPart = (value: unknown): value is InterchangePart =>
  typeof value === "string" || value instanceof Uint8Array;

/** A whole text or a byte array is one part: iterating it would give characters or numbers. */
function partsOf(source: Parameters<typeof readInterchange>[0]): Iterable<unknown> | AsyncIterable<unknown> {
  if (isPart(source)) return [source];
  const isIterable =
    typeof source === "object" &&
    source !== null &&
    (Symbol.asyncIterator in source || Symbol.iterator in source);
  if (!isIterable) throw notInterchange(source);
  return source;
}

const notInterchange = (value: unknown): TapstakeError =>
  new TapstakeError(
    "invalid-argument",
    `the interchange file must be text, bytes or a stream of them, not ${describeType(value)}`,
  );

/** The most characters of one text, number or space: files that tapstake writes have far fewer. */
const LONGEST_TOKEN = 1 << 16;
/** The most characters beside the votes: some hundred thousand commitments. */
const LONGEST_REST = 1 << 26;
/** The deepest nesting: each level costs memory. */
const DEEPEST = 100;
/** Characters that are parsed before the limits are checked again. */
const STEP = 1 << 12;

/** Takes the votes out of a file while it is parsed: the elements of `votes` in the elements of `data`. */
class InterchangeReader {
  readonly #parser: Library.JSONParser;
  /** The lists of votes of the open `data`, by the places of their entries, and those of the last one. */
  #lists = new Map<number, Votes>();
  #data: ReadonlyMap<number, Votes> = this.#lists;
  /** The votes of the open list. */
  #votes: Votes = new Map();
  #metadata: unknown;
  #file: unknown;
  /** Characters since the last token; of all that is not a vote; and of that at the last vote. */
  #silent = 0;
  #rest = 0;
  #restAtVote = 0;
  #depth = 0;

  constructor() {
    const require = createRequire(import.meta.url);
    const { JSONParser, TokenType } = loadPackage<typeof Library>(require, "@streamparser/json");
    this.#parser = new JSONParser({
      paths: ["$", "$.metadata", "$.data", "$.data.*.votes", "$.data.*.votes.*"],
    });
    this.#parser.onToken = ({ token }) => {
      this.#silent = 0;
      if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth++;
      if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--;
      if (this.#depth > DEEPEST) throw invalid(`it must be nested at most ${DEEPEST} deep`);
    };
    this.#parser.onValue = ({ value, key, parent, stack }) => {
      const entry = stack[2]?.key as number;
      if (stack.length === 4) {
        if (Array.isArray(parent)) this.#takeVote(value, entry, key as number, parent);
      } else if (stack.length === 3) {
        // If a field is there twice, the last one counts, as in JSON.
        this.#lists.set(entry, this.#votes);
        this.#votes = new Map();
      } else if (key === "data") [this.#data, this.#lists] = [this.#lists, new Map()];
      else if (key === "metadata") this.#metadata = value;
      else this.#file = value;
    };
  }

  add(text: string): void {
    for (let at = 0; at < text.length; at += STEP) {
      const step = text.slice(at, at + STEP);
      this.#silent += step.length;
      this.#rest += step.length;
      this.#parse(() => this.#parser.write(step));
      if (this.#silent > LONGEST_TOKEN) throw this.#newerOr(invalid("not JSON"));
      if (this.#rest > LONGEST_REST)
        throw invalid("it must have at most 67 million characters beside the votes");
    }
  }

  end(): ReadInterchange {
    if (!this.#parser.isEnded) this.#parse(() => this.#parser.end());
    return parseInterchange(this.#file, this.#data);
  }

  #takeVote(vote: unknown, entry: number, place: number, list: unknown[]): void {
    addVoteTo(this.#votes, vote, `interchange.data[${entry}].votes[${place}]`);
    // Dropped: no later step needs it.
    list.length = 0;
    if (place === 0) this.#restAtVote = this.#rest;
    else this.#rest = this.#restAtVote;
  }

  #parse(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw this.#newerOr(error instanceof TapstakeError ? error : invalid("not JSON", error));
    }
  }

  /** Why the file cannot be read, unless it named a newer version before: then that is the reason. */
  #newerOr(error: TapstakeError): TapstakeError {
    try {
      assertVersion({ metadata: this.#metadata });
    } catch (other) {
      if ((other as TapstakeError).code === "unknown-version") return other as TapstakeError;
    }
    return error;
  }
}

const invalid = (what: string, cause?: unknown): TapstakeError =>
  new TapstakeError("invalid-json", `interchange: ${what}`, { path: "interchange" }, { cause });
