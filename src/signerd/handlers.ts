import { equalBytes, hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertPublicKey } from "../core/keys.js";
import type { Home } from "../finality/home.js";
import { type KeyInfo, showKey } from "../finality/keys/keystore.js";
import type { VoteResult } from "../finality/voter.js";
import {
  MAX_LISTS,
  OUTCOME_HEADER,
  OVERLAPS_HEADER,
  REFUSED_HEADER,
  SAME_HEADER,
  UNLISTED_HEADER,
  writeHeights,
} from "../signer-client/metadata.js";
import type { Method, Methods } from "../signer-client/wire.js";
import { chainIdOf } from "../vote/chain.js";
import type { Backups } from "./backup.js";
import type { KeyRing } from "./key-ring.js";
import type { Signer } from "./signer.js";

/** Facts of a call for the log: public ones only. */
export type Facts = Record<string, string | number>;

/** What a handler may know of a call beside its message. */
export interface CallContext {
  /** Whether the caller has gone, or the signer is stopping. */
  readonly cancelled: () => boolean;
  /** Whether others can read the answer on its way. */
  readonly exposed: () => boolean;
  /** The last vote known on the chain, if the caller says so. @throws TapstakeError `invalid-number` */
  readonly chainHeight: () => bigint | undefined;
  /** Whether the caller wants no commitment that overlaps an earlier one. */
  readonly refuseOverlap: boolean;
  /**
   * Refuses a caller that may not commit with a key on a chain, or prove possession of it.
   * @throws TapstakeError `client-not-permitted`
   */
  readonly mayCommit: (key: Uint8Array, chain: string | undefined) => void;
  /** Adds to what is logged. */
  readonly note: (facts: Facts) => void;
  /** Logs a warning, with what was noted. */
  readonly warn: (text: string) => void;
}

interface Answer<M extends Method> {
  readonly answer: Methods[M]["response"];
  readonly trailer?: Readonly<Record<string, string>>;
}

export type Handlers = {
  readonly [M in Method]: (
    request: Methods[M]["request"],
    context: CallContext,
  ) => Answer<M> | Promise<Answer<M>>;
};

interface Parts {
  readonly home: Home;
  readonly keys: KeyRing;
  readonly signer: Signer;
  readonly backups: Backups;
  /** What the log says of a key that is unlocked. */
  readonly warningOf?: (key: KeyInfo) => string | undefined;
}

/** The methods of PROTOCOL 10, made safer where PROTOCOL 11 says so. */
export function createHandlers({ home, keys, signer, backups, warningOf }: Parts): Handlers {
  return {
    Ping: () => ({ answer: {} }),

    async CreateRandomnessPairList({ uid, chainId, startHeight, num, interval }, { cancelled, note }) {
      const apart = interval === undefined || interval === 0n ? 1n : interval;
      note({ ...names(uid, chainId), start: `${startHeight}`, num, interval: `${apart}` });
      const range = { start: startHeight, count: num, interval: apart };
      return { answer: { pubRandList: await signer.randomness(uid, chainId, range, cancelled) } };
    },

    async SignEOTS({ uid, chainId, msg, height }, { chainHeight, cancelled, note }) {
      note({ ...names(uid, chainId), height: `${height}` });
      const options = { chainHeight: chainHeight(), isGivenUp: cancelled };
      const result = await signer.vote(uid, chainId, { height, message: msg }, options);
      note({ outcome: result.kind });
      if (result.kind === "refused") throw refusal(result);
      return { answer: { sig: result.signature }, trailer: { [OUTCOME_HEADER]: result.kind } };
    },

    UnsafeSignEOTS() {
      throw new TapstakeError(
        "not-permitted",
        "this signer never signs without its protection: a second signature at one height gives the key away; " +
          "use SignEOTS",
      );
    },

    async SignBatchEOTS({ uid, chainId, signRequests }, { chainHeight, cancelled, note }) {
      note({ ...names(uid, chainId), heights: signRequests.length });
      const votes = signRequests.map(({ msg, height }) => ({ height, message: msg }));
      const options = { chainHeight: chainHeight(), isGivenUp: cancelled };
      const results = await signer.batch(uid, chainId, votes, options);
      const refused = results.filter((result) => result.kind === "refused");
      const responses = results.flatMap((result) =>
        result.kind === "refused" ? [] : [{ sig: result.signature, height: result.height }],
      );
      const outcome = counts(results);
      const { text, unlisted } = writeHeights(refused);
      // What does not fit into the answer is only in the log.
      note({ outcome, ...(refused.length > 0 && { refused: writeHeights(refused, Infinity).text }) });
      const again = results.filter(({ kind }) => kind === "same").map(({ height }) => ({ height }));
      const same = writeHeights(again, MAX_LISTS - text.length).text;
      const trailer = {
        [OUTCOME_HEADER]: outcome,
        ...(same !== "" && { [SAME_HEADER]: same }),
        ...(text !== "" && { [REFUSED_HEADER]: text }),
        ...(unlisted > 0 && { [UNLISTED_HEADER]: `${unlisted}` }),
      };
      return { answer: { responses }, trailer };
    },

    SignSchnorrSig({ uid, msg }, { refuseOverlap, mayCommit, note, warn }) {
      note({ key: hex.encode(uid) });
      const { signature, meaning, overlaps } = signer.schnorr(checkedKey(uid), msg, {
        refuseOverlap,
        mayCommit,
      });
      note({ signed: meaning });
      if (overlaps === undefined) return { answer: { sig: signature } };
      note({ overlaps });
      warn("a commitment that overlaps an earlier one was signed: only one of them can count on the chain");
      return { answer: { sig: signature }, trailer: { [OVERLAPS_HEADER]: overlaps } };
    },

    SaveEOTSKeyName({ keyName, eotsPk }) {
      const publicKey = xOnly(eotsPk);
      // The same answer for an unknown name and for another key's name: anyone may call this method.
      if (!nameIs(home, keyName, publicKey)) {
        throw new TapstakeError(
          "key-mismatch",
          "this signer takes a key's name from its key file, and no file of this name holds this key",
        );
      }
      return { answer: {} };
    },

    async UnlockKey({ uid, passphrase }, { exposed, note, warn }) {
      note({ key: hex.encode(uid) });
      if (exposed()) {
        const text = "a passphrase is not taken over a network without TLS: it could be read on its way";
        throw new TapstakeError("insecure-address", text);
      }
      const key = await keys.unlock(checkedKey(uid), passphrase);
      note({ name: key.name });
      const warning = warningOf?.(key);
      if (warning !== undefined) warn(warning);
      signer.showHeights(uid);
      return { answer: {} };
    },

    async Backup({ dbPath, backupDir }, { cancelled, note }) {
      const name = await backups.write({ database: dbPath, folder: backupDir }, cancelled);
      note({ name });
      return { answer: { backupName: name } };
    },
  };
}

function names(uid: Uint8Array, chainId: Uint8Array): Facts {
  checkedKey(uid);
  return { key: hex.encode(uid), chain: chainIdOf(chainId) };
}

function checkedKey(uid: Uint8Array): Uint8Array {
  assertPublicKey(uid, "uid");
  return uid;
}

/** The Go client sends the key uncompressed; other forms of the same point are accepted too. */
function xOnly(key: Uint8Array): Uint8Array {
  const isForm =
    key.length === 32 ||
    (key.length === 33 && (key[0] === 2 || key[0] === 3)) ||
    (key.length === 65 && key[0] === 4);
  if (!isForm) {
    const text = `eots_pk must be a public key of 32, 33 or 65 bytes, not ${key.length}`;
    throw new TapstakeError("invalid-public-key", text);
  }
  const x = key.length === 32 ? key : key.subarray(1, 33);
  assertPublicKey(x, "eots_pk");
  return x;
}

function nameIs(home: Home, name: string, publicKey: Uint8Array): boolean {
  try {
    const key = showKey(home, name);
    return key.name === name && equalBytes(key.publicKey, publicKey);
  } catch (error) {
    if (error instanceof TapstakeError && /^(key-not-found|invalid-key-name)$/.test(error.code)) return false;
    throw error;
  }
}

function refusal({ height, code, message }: Extract<VoteResult, { kind: "refused" }>): TapstakeError {
  return new TapstakeError(code, message, { height });
}

function counts(results: readonly VoteResult[]): string {
  const of = (kind: string) => results.filter((result) => result.kind === kind).length;
  return `new=${of("new")},same=${of("same")},refused=${of("refused")}`;
}
