import * as v from "valibot";
import { base64Text, bytes32, hexText, key, lowerHex32, u32, u64 } from "../babylon/lcd/forms.js";
import { hex } from "../core/bytes.js";

export * from "../babylon/lcd/forms.js";

/** A moment, as RFC 3339 has it. */
export const time = v.pipe(
  v.custom<string>((value) => typeof value === "string" && !Number.isNaN(Date.parse(value)), "a time"),
  v.transform((text) => new Date(text)),
);

export const pagination = v.nullish(v.looseObject({ next_key: v.nullish(base64Text) }));

export const block = v.pipe(
  v.object({ height: u64, app_hash: bytes32, finalized: v.boolean() }),
  v.transform(({ height, app_hash, finalized }) => ({ height, appHash: app_hash, finalized })),
);

export const signingInfo = v.pipe(
  v.object({ fp_btc_pk_hex: key, start_height: u64, missed_blocks_counter: u64, jailed_until: v.string() }),
  v.transform((info) => ({
    provider: info.fp_btc_pk_hex,
    startHeight: info.start_height,
    missedBlocks: info.missed_blocks_counter,
    jailedUntil: info.jailed_until,
  })),
);

export const header = v.pipe(
  v.object({
    header_hex: hexText("^[0-9a-f]{160}$", "80 bytes as hexadecimal"),
    hash_hex: lowerHex32,
    height: u32,
    work: v.nullish(v.pipe(v.string(), v.regex(/^\d{1,78}$/, "a whole number as text"))),
  }),
  v.transform(({ header_hex, hash_hex, height, work }) => ({
    header: hex.decode(header_hex),
    hash: hash_hex,
    height,
    /** Of the whole chain up to it; absent where the server does not say. */
    ...(work != null && { work: BigInt(work) }),
  })),
);

/** A block as the finality module has it. */
export type ChainBlock = v.InferOutput<typeof block>;
/** How many votes a provider missed, and until when it is jailed. */
export type SigningInfo = v.InferOutput<typeof signingInfo>;
/** A Bitcoin header that the chain's light client has. */
export type LightClientHeader = v.InferOutput<typeof header>;
