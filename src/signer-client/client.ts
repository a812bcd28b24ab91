import { assertBytes, assertInteger, u64be, utf8 } from "../core/bytes.js";
import { ERROR_CODES } from "../core/error-codes.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import { type EotsClientOptions, type Health, openChannel, unexpected } from "./channel.js";
import { isLoopback, parseAddress } from "./endpoint.js";
import {
  first,
  type Metadata,
  OUTCOME_HEADER,
  OVERLAPS_HEADER,
  readHeights,
  REFUSED_HEADER,
  SAME_HEADER,
  UNLISTED_HEADER,
} from "./metadata.js";
import { DEFAULT_ADDRESS, type Methods, type SignDataRequest } from "./wire.js";

export type { EotsClientOptions } from "./channel.js";

/** One height of a batch: signed, or refused with a code. `signed` if the signer does not say which code. */
export type BatchAnswer =
  | { readonly height: bigint; readonly kind: "new" | "same" | "signed"; readonly signature: Uint8Array }
  | { readonly height: bigint; readonly kind: "refused"; readonly code: ErrorCode };

/** A remote signer (PROTOCOL 10). A chain id is text or its bytes; keys are x-only. */
export interface EotsClient {
  ping(): Promise<void>;
  /**
   * Whether it signs, by gRPC's standard health check: `not-serving` while it stops and after its store has failed.
   * Undefined if the server has no such check, such as the Go key manager.
   */
  health(): Promise<Health | undefined>;
  /** Public randomness of heights `start`, `start + interval`, …; `interval` is 1 by default. */
  createRandomnessPairList(request: {
    key: Uint8Array;
    chainId: string | Uint8Array;
    startHeight: bigint;
    count: number;
    interval?: bigint;
  }): Promise<Uint8Array[]>;
  /**
   * `outcome` is present if the signer is this software.
   * @param request.chainHeight the last vote known on the chain: this call signs nothing anew at or below it. Other
   * software ignores it.
   */
  signEots(request: {
    key: Uint8Array;
    chainId: string | Uint8Array;
    height: bigint;
    message: Uint8Array;
    chainHeight?: bigint | undefined;
  }): Promise<{ signature: Uint8Array; outcome?: "new" | "same" }>;
  /**
   * An answer for every height, in the order of the request.
   * @param request.chainHeight as in {@link signEots}
   */
  signBatchEots(request: {
    key: Uint8Array;
    chainId: string | Uint8Array;
    votes: readonly { height: bigint; message: Uint8Array }[];
    chainHeight?: bigint | undefined;
  }): Promise<BatchAnswer[]>;
  /**
   * Signs only digests that the signer computed itself: a commitment to randomness that it served, or a proof of
   * possession.
   *
   * `overlaps` names heights of this commitment that are also in other commitments of the signer, such as
   * `120000-128191,130000-138191`. A chain accepts only one of them. Only this software reports `overlaps`.
   * @param request.refuseOverlap asks the signer to refuse such a commitment with `commitment-overlap` instead. Other
   * software ignores it.
   */
  signSchnorr(request: {
    key: Uint8Array;
    digest: Uint8Array;
    refuseOverlap?: boolean | undefined;
  }): Promise<{ signature: Uint8Array; overlaps?: string }>;
  saveKeyName(request: { name: string; key: Uint8Array }): Promise<void>;
  unlockKey(request: { key: Uint8Array; passphrase: string }): Promise<void>;
  /** Returns the name of the copy. */
  backup(request?: { database?: string; folder?: string }): Promise<string>;
  /** Ends the connection; calls after it fail with `signer-unreachable`. */
  close(): void;
}

/**
 * A client of a signer: this software's `tapstake fp serve`, or another signer with the same interface. A failed call
 * throws a TapstakeError, with the signer's own code if it is this software, else by gRPC status.
 * @throws TapstakeError `invalid-address`; `invalid-certificate` if `tls.ca` has no certificate; `package-missing`
 * without @grpc/grpc-js, an optional package
 */
export function createEotsClient(options: EotsClientOptions = {}): EotsClient {
  const { call, health, close } = openChannel(options);
  const named = (key: Uint8Array, chainId: string | Uint8Array) => ({
    uid: checkedKey(key),
    chainId: typeof chainId === "string" ? utf8(chainId) : chainId,
  });
  return {
    async ping() {
      await call("Ping", {});
    },
    health,
    async createRandomnessPairList({ key, chainId, startHeight, count, interval }) {
      u64be(startHeight, "start height");
      assertInteger(count, "count", 1, 0xffff_ffff);
      if (interval !== undefined) u64be(interval, "interval");
      const request = { ...named(key, chainId), startHeight, num: count };
      const { pubRandList } = (
        await call("CreateRandomnessPairList", { ...request, ...(interval !== undefined && { interval }) })
      ).answer;
      if (pubRandList.length !== count) {
        throw unexpected(`it must have the randomness of ${count} heights, not of ${pubRandList.length}`);
      }
      return pubRandList.map((each) => checkedAnswer(each, 32, "public randomness"));
    },
    async signEots({ key, chainId, height, message, chainHeight }) {
      u64be(height, "height");
      const request = { ...named(key, chainId), msg: message, height };
      const { answer, trailer } = await call("SignEOTS", request, { chainHeight });
      const outcome = first(trailer, OUTCOME_HEADER);
      const signature = checkedAnswer(answer.sig, 32, "signature");
      return outcome === "new" || outcome === "same" ? { signature, outcome } : { signature };
    },
    async signBatchEots({ key, chainId, votes, chainHeight }) {
      const signRequests = votes.map(({ height, message }): SignDataRequest => {
        u64be(height, "height");
        return { height, msg: message };
      });
      const request = { ...named(key, chainId), signRequests };
      const { answer, trailer } = await call("SignBatchEOTS", request, { chainHeight });
      return batchAnswers(signRequests, answer.responses, trailer);
    },
    async signSchnorr({ key, digest, refuseOverlap }) {
      const request = { uid: checkedKey(key), msg: digest };
      const { answer, trailer } = await call("SignSchnorrSig", request, { refuseOverlap });
      const signature = checkedAnswer(answer.sig, 64, "signature");
      const overlaps = first(trailer, OVERLAPS_HEADER);
      return overlaps !== undefined && /^[\d,-]+$/.test(overlaps) ? { signature, overlaps } : { signature };
    },
    async saveKeyName({ name, key }) {
      await call("SaveEOTSKeyName", { keyName: name, eotsPk: key });
    },
    async unlockKey({ key, passphrase }) {
      const { address = DEFAULT_ADDRESS } = options;
      if (!options.tls && !isLoopback(parseAddress(address).host)) {
        throw new TapstakeError(
          "insecure-address",
          `a passphrase is not sent to ${address} without TLS: it could be read on its way`,
        );
      }
      await call("UnlockKey", { uid: checkedKey(key), passphrase });
    },
    async backup({ database = "", folder = "" } = {}) {
      return (await call("Backup", { dbPath: database, backupDir: folder })).answer.backupName;
    },
    close,
  };
}

/** Every requested height gets an answer: a missing one was refused, for any reason. */
function batchAnswers(
  asked: readonly SignDataRequest[],
  responses: Methods["SignBatchEOTS"]["response"]["responses"],
  trailer: Metadata,
): BatchAnswer[] {
  const signed = new Map(responses.map(({ height, sig }) => [height, sig]));
  const refusedAt = readHeights(first(trailer, REFUSED_HEADER) ?? "");
  const sameAt = readHeights(first(trailer, SAME_HEADER) ?? "");
  const same = new Set(responses.map(({ height }) => height).filter((height) => sameAt(height)));
  // The list may be cut. If it has as many heights as the trailer counts, all others are new.
  const isWhole = first(trailer, OUTCOME_HEADER)?.includes(`,same=${same.size},`) ?? false;
  const surplus = signed.size !== responses.length || responses.length > asked.length;
  if (surplus) throw unexpected("it must have at most one signature per height");
  return asked.map(({ height }) => {
    const sig = signed.get(height);
    if (sig) {
      const kind = same.has(height) ? "same" : isWhole ? "new" : "signed";
      return { height, kind, signature: checkedAnswer(sig, 32, "signature") };
    }
    return { height, kind: "refused", code: refusalCode(refusedAt(height)?.code, trailer) };
  });
}

function refusalCode(listed: string | undefined, trailer: Metadata): ErrorCode {
  if (listed !== undefined && Object.hasOwn(ERROR_CODES, listed)) return listed as ErrorCode;
  // A long list was cut, and a newer signer may have other codes.
  const isOurs = listed !== undefined || first(trailer, UNLISTED_HEADER) !== undefined;
  // The Go key manager leaves out only heights for which it signed something else before.
  return isOurs ? "unlisted-refusal" : "double-vote";
}

function checkedKey(key: Uint8Array): Uint8Array {
  assertBytes(key, "key", 32);
  return key;
}

function checkedAnswer(bytes: Uint8Array, length: number, name: string): Uint8Array {
  if (bytes.length !== length) throw unexpected(`${name} must be ${length} bytes, not ${bytes.length}`);
  return bytes;
}
