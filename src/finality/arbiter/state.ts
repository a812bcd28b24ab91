import { join } from "node:path";
import * as v from "valibot";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { sha256 } from "../../core/hashes.js";
import { jsonText, parseJson } from "../../core/json.js";
import type { Home } from "../home.js";
import type { KeyInfo } from "../keys/keystore.js";
import { readPrivateFile, writePrivateFile } from "../private-files.js";
import { type Hold, HOLD_REASONS } from "./errors.js";
import { parseSeal, type Seal, sealText } from "./keys.js";

/** What a home remembers of its arbiter: `arbiter.json`. */
export interface ArbiterState {
  /** `host:port` of the members, and the prefix of the keys, as the enrolment named them. */
  readonly prefix: string;
  /** The content of the store key: `<uuid> <generation>`. */
  readonly store: string;
  readonly clusterId: bigint;
  readonly members: readonly bigint[];
  /** This home's name in the arbiter, drawn at the enrolment. */
  readonly signer: string;
  /** The highest revision of any answer, and the last seal. They only rise. */
  readonly revision: bigint;
  readonly seal: Seal;
  /** The processes that may have moved the seal since then. */
  readonly sessions: readonly string[];
  /** Why this signer signs nothing, until it is enrolled anew. */
  readonly hold: Hold | undefined;
  /** The keys that were ever enrolled here. A key that is imported anew stays bound. */
  readonly keys: readonly EnrolledKey[];
}

/** A key that votes in this home only through an arbiter. */
export interface EnrolledKey {
  /** X-only, in hexadecimal. */
  readonly key: string;
  /** The content of the arbiter's store key at the enrolment. */
  readonly store: string;
}

const digits = (count: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${count}}$`)));
const number = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,19})$/));

const schema = v.strictObject({
  version: v.literal(1),
  prefix: v.string(),
  store: v.string(),
  clusterId: number,
  members: v.array(number),
  signer: digits(16),
  revision: number,
  seal: v.string(),
  sessions: v.array(digits(16)),
  hold: v.nullable(v.strictObject({ reason: v.picklist(HOLD_REASONS), found: v.string(), at: v.string() })),
  keys: v.optional(v.array(v.strictObject({ key: digits(64), store: v.string() })), []),
});

const fileOf = (home: Home): string => join(home.path, "arbiter.json");

const MAX_BYTES = 1 << 22;

/**
 * Undefined if the home is enrolled with no arbiter.
 * @throws TapstakeError `arbiter-state-damaged`
 */
export function readState(home: Home): ArbiterState | undefined {
  const path = fileOf(home);
  const bytes = readPrivateFile(path, MAX_BYTES);
  if (!bytes) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const [sum] = text.split("\n", 1);
    const body = text.slice(sum!.length + 1);
    if (sum !== sumOf(body)) throw new Error("its check does not fit");
    const {
      version: _,
      clusterId,
      members,
      revision,
      seal,
      hold,
      ...rest
    } = v.parse(schema, parseJson(body, path));
    const known = parseSeal(seal);
    if (!known) throw new Error("its seal is not readable");
    return {
      ...rest,
      clusterId: BigInt(clusterId),
      members: members.map(BigInt),
      revision: BigInt(revision),
      seal: known,
      hold: hold ?? undefined,
    };
  } catch (cause) {
    throw new TapstakeError(
      "arbiter-state-damaged",
      `${path} is damaged: ${(cause as Error).message}. tapstake signs nothing with an arbiter: enrol this signer anew with --end-hold (docs/arbiter.md)`,
      { path },
      { cause },
    );
  }
}

/**
 * The store of the arbiter that a key is bound to: by its file, or by what its home remembers. Undefined if the key votes
 * by its home alone.
 * @throws TapstakeError `arbiter-state-damaged`
 */
export const arbiterOf = (home: Home, key: Pick<KeyInfo, "publicKey" | "arbiter">): string | undefined =>
  key.arbiter ?? enrolledWith(readState(home), key.publicKey);

/** The store that a home remembers a key to be enrolled with. */
export const enrolledWith = (state: ArbiterState | undefined, publicKey: Uint8Array): string | undefined =>
  state?.keys.find(({ key }) => key === hex.encode(publicKey))?.store;

/** The state is on the disk when it returns. @throws TapstakeError `file-error` */
export function writeState(home: Home, state: ArbiterState): void {
  const { clusterId, members, revision, seal, hold, ...rest } = state;
  const body = jsonText({
    version: 1,
    ...rest,
    clusterId: `${clusterId}`,
    members: members.map(String),
    revision: `${revision}`,
    seal: sealText(seal),
    hold: hold ?? null,
  });
  writePrivateFile(fileOf(home), utf8(`${sumOf(body)}\n${body}`), "replace");
}

const sumOf = (body: string): string => hex.encode(sha256(utf8(body)));
