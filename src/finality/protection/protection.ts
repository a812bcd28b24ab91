import { hostname } from "node:os";
import { equalBytes, u64be } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { assertPublicKey } from "../../core/keys.js";
import { assertChainId } from "../../vote/chain.js";
import type { Home } from "../home.js";
import { assertHeight, type Watermarks } from "./decide.js";
import { broken } from "./errors.js";
import { keyChainName } from "./key-chain.js";
import type { Lock } from "./lock.js";
import { Broken, openLocked, takeLock } from "./opening.js";
import { recover, type Remains, remainsOf } from "./recover.js";
import type { Protection, StoredKeyChain } from "./store.js";
import { readWatermarkLog } from "./watermark-log.js";

export type {
  Protection,
  ProtectionStore,
  StoredCommitment,
  StoredVote,
  StoredKeyChain,
  VoteEntry,
} from "./store.js";

/** How the protection of a home is opened. */
export interface ProtectionOptions {
  /** For records; host name and process id by default. */
  readonly instance?: string;
  /** Bytes for new lines in the watermark log until it is written anew. */
  readonly roomForWatermarks?: number;
}

/**
 * Opens what a home remembers. It first becomes the one signer of the home, and checks all that is remembered against
 * itself and against the watermark log. A home without any memory gets an empty one.
 * @throws TapstakeError `signer-running`, `protection-missing`, `protection-empty`, `protection-behind`,
 * `protection-corrupt`, `protection-unwritable`; `insecure-permissions`
 */
export function openProtection(home: Home, options: ProtectionOptions = {}): Protection {
  const lock = takeLock(home);
  try {
    return explained(home, () => openLocked(home, lock, named(options)));
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Where votes begin for one key on one chain. */
export interface InitRequest {
  /** X-only, 32 bytes. */
  readonly key: Uint8Array;
  readonly chainId: string;
  /** Nothing below it is ever signed. Give the height after the last vote of the key. */
  readonly fromHeight: bigint;
}

/** What `initProtection` did. */
export interface InitReport extends Watermarks {
  /** Files that were set aside because they could not be trusted. */
  readonly setAside: readonly string[];
  /**
   * Whether a new store began, without the commitments of the old one. To restore them, commit to the same heights
   * again (`commitStored` gives the same roots), or import an export.
   */
  readonly commitmentsLost: boolean;
  /** Other keys and chains, which sign nothing before an `init` of their own. */
  readonly locked: readonly Pick<StoredKeyChain, "key" | "chainId">[];
}

/**
 * Begins votes at a height, or raises the low watermark to it. It is the only way to go on if `openProtection` refuses.
 *
 * A store that is missing, empty, behind or corrupt is set aside and a new one begins. A whole store that lacks only
 * its watermark log keeps its votes. No key signs anew what the store or the watermark log still remember. Every other
 * key and chain that they remember is locked until it has an `init` of its own.
 * @throws TapstakeError `would-lower-mark` before anything is changed; and as {@link openProtection}
 */
export function initProtection(
  home: Home,
  request: InitRequest,
  options: ProtectionOptions = {},
): InitReport {
  const { key, chainId, fromHeight } = request;
  assertPublicKey(key, "key");
  assertChainId(chainId);
  u64be(fromHeight, "first height");
  assertHeight(fromHeight, "first height");
  const lock = takeLock(home);
  let protection: Protection | undefined;
  try {
    const setAside: string[] = [];
    let commitmentsLost = false;
    const { instance, ...rest } = named(options);
    try {
      protection = openLocked(home, lock, { instance, ...rest });
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      const remains = begin(remainsOf(home), request);
      setAside.push(...recover(home, instance, remains));
      commitmentsLost = !remains.isStoreWhole;
      protection = explained(home, () => openLocked(home, lock, { instance, ...rest }));
    }
    const watermarks = protection.init(key, chainId, fromHeight);
    const locked = protection.keyChains().filter((keyChain) => keyChain.locked);
    return {
      ...watermarks,
      setAside,
      commitmentsLost,
      locked: locked.map(({ key: of, chainId: on }) => ({ key: of, chainId: on })),
    };
  } finally {
    if (protection) protection.close();
    else lock.release();
  }
}

/**
 * The id of a home's store, for a key that is generated now; it makes the store if there is none. Undefined if the store
 * is lost or damaged, or cannot be made.
 */
export function storeIdFor(home: Home): string | undefined {
  try {
    const known = idInLog(home);
    if (known !== undefined) return known;
    openProtection(home).close();
    return idInLog(home);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    // Another process may just have made it.
    return error.code === "signer-running" ? idInLog(home) : undefined;
  }
}

/** The watermark log is read without the lock: a running signer has its store open. */
function idInLog(home: Home): string | undefined {
  const log = readWatermarkLog(home.watermarkFile);
  return log?.damage === undefined ? log?.storeId : undefined;
}

/**
 * Locks a key that comes from elsewhere, or goes there, on every chain that the home knows. A home without a store that
 * can be trusted knows nothing to lock: `initProtection` then locks every key.
 * @param lock that of the home, if the caller has it; it is kept
 * @throws TapstakeError `signer-running`, `protection-unwritable`
 */
export function lockKey(home: Home, key: Uint8Array, lock?: Lock): void {
  if (!isInLog(home, key)) return;
  const held = lock ?? takeLock(home);
  try {
    const store = openLocked(home, { ...held, release: () => {} }, named({}));
    try {
      store.lock(key);
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
  } finally {
    if (!lock) held.release();
  }
}

function isInLog(home: Home, key: Uint8Array): boolean {
  const watermarks = readWatermarkLog(home.watermarkFile)?.watermarks.values() ?? [];
  return [...watermarks].some((logged) => equalBytes(logged.key, key));
}

/** Puts the reason of a refusal into words. */
function explained<T>(home: Home, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw error instanceof Broken ? broken(home, error.trouble, floorsOf(home)) : error;
  }
}

/** For the text of a refusal, which is right without them. */
function floorsOf(home: Home): Remains["floors"] {
  try {
    return remainsOf(home).floors;
  } catch {
    return new Map();
  }
}

const named = ({ instance = `${hostname()}:${process.pid}`, roomForWatermarks }: ProtectionOptions) => ({
  instance,
  roomForWatermarks,
});

/** What remains, with the one key and chain whose first height the operator has stated. */
function begin(remains: Remains, { key, chainId, fromHeight }: InitRequest): Remains {
  const name = keyChainName(key, chainId);
  const { lowWatermark = 0n, highWatermark = null } = remains.floors.get(name) ?? {};
  if (fromHeight < lowWatermark) {
    throw new TapstakeError(
      "would-lower-mark",
      `height ${fromHeight} is below ${lowWatermark}, the least that tapstake accepts here: what is left remembers ` +
        (highWatermark === null ? `${lowWatermark} as the lowest height` : `votes up to ${highWatermark}`),
      { lowWatermark, height: fromHeight },
    );
  }
  const begun = {
    key: Uint8Array.from(key),
    chainId,
    lowWatermark: fromHeight,
    highWatermark,
    locked: false,
  };
  return { ...remains, floors: new Map(remains.floors).set(name, begun) };
}
