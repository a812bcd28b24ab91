import { OP } from "../bitcoin/opcodes.js";
import { assertBytes, concatBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertList, assertObject } from "../core/objects.js";
import { assertPublicKey } from "../core/keys.js";
import { show } from "../core/text.js";
import { checkTimelock } from "./terms.js";

/** What a phase-1 stake says of itself on chain. */
export interface StakeOpReturn {
  /** 4 bytes that tell the protocol's transactions from all others: "bbn1" on mainnet. */
  readonly tag: Uint8Array;
  /** X-only key. */
  readonly staker: Uint8Array;
  /** X-only key. */
  readonly finalityProvider: Uint8Array;
  /** Blocks. */
  readonly timelock: number;
}

const TAG_LENGTH = 4;
const DATA_LENGTH = TAG_LENGTH + 1 + 32 + 32 + 2;
const VERSION = 0;

/**
 * The phase-1 OP_RETURN script (PROTOCOL 3): `6a 47 ‖ tag(4) ‖ 00 ‖ staker(32) ‖ fp(32) ‖ u16be T`, 73 bytes.
 * @throws TapstakeError `invalid-bytes` for the tag, `invalid-public-key`, `invalid-timelock`
 */
export function encodeOpReturn(data: StakeOpReturn): Uint8Array {
  assertObject(data, "the data", "give { tag, staker, finalityProvider, timelock }");
  const { tag, staker, finalityProvider, timelock } = data;
  assertBytes(tag, "tag", TAG_LENGTH);
  assertPublicKey(staker, "staker");
  assertPublicKey(finalityProvider, "finality provider");
  checkTimelock(timelock, "timelock");
  const time = Uint8Array.of(timelock >> 8, timelock & 0xff);
  return concatBytes(
    Uint8Array.of(OP.RETURN, DATA_LENGTH),
    tag,
    Uint8Array.of(VERSION),
    staker,
    finalityProvider,
    time,
  );
}

/**
 * Reads a phase-1 OP_RETURN script.
 * @throws TapstakeError `invalid-op-return`: other bytes, a version other than 0, keys that are no points, time 0;
 * `invalid-bytes`
 */
export function decodeOpReturn(script: Uint8Array): StakeOpReturn {
  const decoded = decodeOfAnyTime(script);
  orInvalid(() => checkTimelock(decoded.timelock, "timelock"));
  return decoded;
}

/** {@link decodeOpReturn}, for which time 0 is a time as any other. */
function decodeOfAnyTime(script: Uint8Array): StakeOpReturn {
  assertBytes(script, "script");
  if (script.length !== DATA_LENGTH + 2 || script[0] !== OP.RETURN || script[1] !== DATA_LENGTH) {
    throw new TapstakeError(
      "invalid-op-return",
      `the script must be OP_RETURN and ${DATA_LENGTH} bytes, not ${show(script)}`,
    );
  }
  // A copy, as plain bytes: slices of a Buffer would share the caller's memory.
  const data = new Uint8Array(script.subarray(2));
  const version = data[TAG_LENGTH];
  if (version !== VERSION) {
    throw new TapstakeError(
      "invalid-op-return",
      `the OP_RETURN has version ${version}, but tapstake reads only version ${VERSION}`,
    );
  }
  const decoded = {
    tag: data.slice(0, 4),
    staker: data.slice(5, 37),
    finalityProvider: data.slice(37, 69),
    timelock: (data[69]! << 8) | data[70]!,
  };
  orInvalid(() => {
    assertPublicKey(decoded.staker, "staker");
    assertPublicKey(decoded.finalityProvider, "finality provider");
  });
  return decoded;
}

function orInvalid(check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new TapstakeError("invalid-op-return", `OP_RETURN: ${(cause as Error).message}`, {}, { cause });
  }
}

/**
 * The phase-1 OP_RETURN among the output scripts of a transaction, or null without one. OP_RETURNs of
 * other protocols and malformed ones are passed over; whether the tag is the expected one is for the caller. One of
 * time 0 announces no stake, but counts: beside another one, phase 1 finds two.
 * @throws TapstakeError `multiple-op-returns`, `invalid-bytes`
 */
export function findOpReturn(scripts: readonly Uint8Array[]): { index: number; data: StakeOpReturn } | null {
  assertList(scripts, "scripts");
  const found = scripts.flatMap((script, index) => {
    const data = tryDecode(script);
    return data ? [{ index, data }] : [];
  });
  if (found.length > 1) {
    throw new TapstakeError(
      "multiple-op-returns",
      `the transaction has ${found.length} phase-1 OP_RETURNs, not one`,
      {
        count: found.length,
      },
    );
  }
  const [only] = found;
  return only && only.data.timelock > 0 ? only : null;
}

function tryDecode(script: Uint8Array): StakeOpReturn | null {
  try {
    return decodeOfAnyTime(script);
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "invalid-op-return") return null;
    throw error;
  }
}
