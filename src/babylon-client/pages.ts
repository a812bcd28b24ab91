import * as v from "valibot";
import { assertInteger } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { pagination } from "./forms.js";
import type { Server } from "./lcd.js";

/** How much of a long answer to read. */
export interface Paging {
  /** How many entries to ask for at once: 100 by default, and at most. */
  readonly pageSize?: number;
  /** After how many pages to give up: 1000 by default. */
  readonly maxPages?: number;
  /** From the last entry to the first. */
  readonly reverse?: boolean;
}

/** The chain's own default; where it looks through a whole store, more would take it long. */
const PAGE_SIZE = 100;
const MAX_PAGES = 1000;

/**
 * The entries of all pages of an answer, asked for as they are needed.
 * @param path without a query, or with one
 * @param fields the form of an answer
 * @param entriesOf the entries in one answer
 * @throws TapstakeError `unexpected-answer` when a page leads back to an earlier one, or there are too many
 */
export async function* pagesOf<Fields extends v.ObjectEntries, Entry>(
  server: Server,
  path: string,
  fields: Fields,
  entriesOf: (answer: v.InferOutput<v.ObjectSchema<Fields, undefined>>) => readonly Entry[],
  { pageSize = PAGE_SIZE, maxPages = MAX_PAGES, reverse = false }: Paging = {},
): AsyncGenerator<Entry, void, undefined> {
  assertInteger(pageSize, "pageSize", 1, PAGE_SIZE);
  assertInteger(maxPages, "maxPages", 1, 1_000_000);
  const seen = new Set<string>();
  const form = v.object({ ...fields, pagination });
  let key = "";
  for (let page = 0; page < maxPages; page++) {
    const query = `pagination.limit=${pageSize}${reverse ? "&pagination.reverse=true" : ""}`;
    const from = key === "" ? "" : `&pagination.key=${encodeURIComponent(key)}`;
    const answer = await server.get(`${path}${path.includes("?") ? "&" : "?"}${query}${from}`, form);
    const entries = entriesOf(answer as v.InferOutput<v.ObjectSchema<Fields, undefined>>);
    if (entries.length > pageSize) throw endless(server, path, `more than ${pageSize} entries in a page`);
    yield* entries;
    key = (answer as { pagination?: { next_key?: string | null } | null }).pagination?.next_key ?? "";
    if (key === "") return;
    if (seen.has(key)) throw endless(server, path, "a page leads back to an earlier one");
    seen.add(key);
  }
  throw endless(server, path, `more than ${maxPages} pages`);
}

function endless({ url }: Server, path: string, what: string): TapstakeError {
  const about = { url, path, field: "pagination", reason: "pages" };
  return new TapstakeError("unexpected-answer", `${url}${path}: ${what}`, about);
}
