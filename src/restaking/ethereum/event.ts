import { type Log, refused } from "./log.js";

/** A static type of the ABI: each is one word of 32 bytes. */
type Word = "address" | "uint" | "bytes32";

/** An event whose fields are words: a struct's fields stand there like fields of their own. */
export interface EventForm<Name extends string = string> {
  /** As Solidity writes it: what is hashed. */
  readonly signature: string;
  /** keccak256 of the signature: topic 0. */
  readonly topic: string;
  /** In the topics, then in the data. */
  readonly indexed: readonly (readonly [name: Name, type: Word])[];
  readonly data: readonly (readonly [name: Name, type: Word, bits?: number])[];
  /** Further words follow, which are not read: arrays and texts. */
  readonly isOpen?: boolean;
}

/** What a log says, where its form is known: addresses and bytes as lower-case text with 0x, numbers exactly. */
export interface DecodedEvent {
  readonly form: EventForm;
  readonly log: Log;
  address(name: string): string;
  number(name: string): bigint;
}

/**
 * Decodes a log by the forms, or returns null where no form is its own.
 * @throws TapstakeError `invalid-log` where the topic is known and the words do not fit
 */
export function decodeEvent(forms: ReadonlyMap<string, EventForm>, log: Log): DecodedEvent | null {
  const form = forms.get(log.topics[0] ?? "");
  if (!form) return null;
  const { indexed, data, isOpen = false, signature } = form;
  const name = signature.slice(0, signature.indexOf("("));
  if (log.topics.length !== 1 + indexed.length) {
    throw refused(`${log.path}.topics`, `${name} has ${1 + indexed.length}, got ${log.topics.length}`);
  }
  const words = log.data.match(/.{64}/g) ?? [];
  const isWhole = 64 * words.length === log.data.length;
  if (isOpen ? words.length < data.length : !isWhole || words.length !== data.length) {
    throw refused(`${log.path}.data`, `${name} has ${data.length} words, got ${log.data.length / 64}`);
  }
  const read = new Map<string, string>();
  indexed.forEach(([field, type], i) => read.set(field, checked(log.topics[i + 1]!.slice(2), type, log)));
  data.forEach(([field, type, bits], i) => read.set(field, checked(words[i]!, type, log, bits)));
  return {
    form,
    log,
    address: (field) => `0x${read.get(field)!}`,
    number: (field) => BigInt(`0x${read.get(field)!}`),
  };
}

/** A word without its padding, which must be zeros: other contracts can have an event of the same hash, never such words. */
function checked(word: string, type: Word, log: Log, bits = 256): string {
  if (type === "bytes32") return word;
  const digits = type === "address" ? 40 : bits / 4;
  if (!/^0*$/.test(word.slice(0, 64 - digits))) {
    throw refused(`${log.path}.data`, `a word of ${type}${type === "uint" ? bits : ""} is too large`);
  }
  return word.slice(64 - digits);
}

export const formsOf = (...lists: readonly (readonly EventForm[])[]): ReadonlyMap<string, EventForm> =>
  new Map(lists.flat().map((form) => [form.topic, form]));
