import * as v from "valibot";
import { hex } from "../../core/bytes.js";
import { blockHeight } from "../../core/json.js";
import { isChainId } from "../../vote/chain.js";

// What the admin socket speaks: HTTP/1.1 with JSON, heights as decimal text and bytes as hexadecimal. An answer has the
// fields that the command of the same name prints with --json.

/** The paths, each with its method. */
export const ROUTES = {
  status: ["GET", "/v1/status"],
  show: ["GET", "/v1/protection"],
  vote: ["GET", "/v1/protection/vote"],
  check: ["GET", "/v1/protection/check"],
  export: ["GET", "/v1/protection/export"],
  prune: ["POST", "/v1/protection/prune"],
  retire: ["POST", "/v1/protection/retire"],
  backup: ["POST", "/v1/protection/backup"],
  commitments: ["GET", "/v1/commitments"],
} as const;

export type Route = keyof typeof ROUTES;

/** The most bytes of a request's body: a key, a chain and a height. */
export const MAX_BODY = 16 << 10;

const bytes = (length: number) =>
  v.pipe(
    v.custom<string>(
      (value) => typeof value === "string" && new RegExp(`^[0-9a-f]{${2 * length}}$`).test(value),
      `${length} bytes in lower-case hexadecimal`,
    ),
    v.transform((text) => hex.decode(text)),
  );

const chain = v.custom<string>(isChainId, "a chain id");
const key = bytes(32);

/** The arguments of each route: of the query for GET, of the body for POST. */
export const REQUESTS = {
  status: v.strictObject({}),
  show: v.strictObject({}),
  vote: v.strictObject({ key, chain, height: blockHeight }),
  check: v.strictObject({}),
  export: v.strictObject({ key: v.optional(key) }),
  prune: v.strictObject({ key, chain, below: blockHeight }),
  /** One of the two: a key that was left out by mistake must not stand for all keys. */
  retire: v.strictObject({ key: v.optional(key), all: v.optional(v.literal(true)) }),
  backup: v.strictObject({}),
  commitments: v.strictObject({ key: v.optional(key), chain: v.optional(chain) }),
} as const;

export type Request<R extends Route> = v.InferOutput<(typeof REQUESTS)[R]>;

const watermarks = {
  lowest: blockHeight,
  highest: v.nullable(blockHeight),
  held: v.boolean(),
  retired: v.optional(v.boolean()),
};

const subjects = v.object({
  subjects: v.array(
    v.object({
      key,
      chain,
      ...watermarks,
      votes: v.number(),
      blocked: v.object({ count: v.number(), first: v.array(blockHeight) }),
    }),
  ),
});

/** The answers. An export is the text of an interchange file instead. */
export const ANSWERS = {
  status: v.object({
    address: v.string(),
    healthy: v.boolean(),
    status: v.string(),
    unlocked: v.array(v.object({ name: v.string(), key })),
    code: v.optional(v.string()),
    reason: v.optional(v.string()),
  }),
  show: subjects,
  vote: v.object({
    key,
    chain,
    height: blockHeight,
    lowest: v.nullable(blockHeight),
    vote: v.nullable(v.object({ digest: v.nullable(bytes(32)), at: v.string(), instance: v.string() })),
  }),
  check: subjects,
  prune: v.object({ key, chain, forgotten: v.number(), ...watermarks }),
  retire: subjects,
  backup: v.object({ name: v.string() }),
  commitments: v.object({
    subjects: v.array(
      v.object({
        key,
        chain,
        commitments: v.array(
          v.object({
            startHeight: blockHeight,
            count: v.number(),
            root: bytes(32),
            signature: bytes(64),
            context: v.exactOptional(v.string()),
            at: v.string(),
          }),
        ),
      }),
    ),
  }),
} as const;

export type Answer<R extends keyof typeof ANSWERS> = v.InferOutput<(typeof ANSWERS)[R]>;

/** A refusal, with the code that the command would have had by itself. */
export const failure = v.object({
  error: v.object({
    code: v.string(),
    message: v.string(),
    details: v.record(v.string(), v.unknown()),
  }),
});

/** JSON with heights as text and bytes as hexadecimal. */
export const toWire = (value: object): string =>
  JSON.stringify(value, (_name, each: unknown) => {
    if (typeof each === "bigint") return `${each}`;
    return each instanceof Uint8Array ? hex.encode(each) : each;
  });
