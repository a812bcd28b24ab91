import { equalBytes, hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { chainConfig, loadChains } from "../../../finality/chains.js";
import { counted, nearest } from "../../../core/text.js";
import { isChainId } from "../../../vote/chain.js";
import { EotsdHome, type EotsdKey, type EotsdVotes } from "../../../finality/go-daemons/eotsd.js";
import { type FpdCommitment, FpdHome, type FpdProvider } from "../../../finality/go-daemons/fpd.js";
import { type Home, openHome, peekHome } from "../../../finality/home.js";
import { createKey, type KeyInfo, type UnlockedKey, unlockKey } from "../../../finality/keys/keystore.js";
import { assertHeight, higher } from "../../../finality/protection/decide.js";
import { type ImportReport, ReadInterchange } from "../../../finality/protection/interchange.js";
import type { Protection } from "../../../finality/protection/protection.js";
import { lastOf, overlap } from "../../../finality/protection/store.js";
import { commitStored } from "../../../finality/randomness/commit.js";
import { UsageError } from "../../errors.js";
import {
  daemonImportText,
  type LeftOut,
  type MovedCommitment,
  type MovedVotes,
} from "../../format/daemons.js";
import { keyFacts } from "../../format/key.js";
import { answer, note, showProgress, tell, warn } from "../../output.js";
import {
  ask,
  cancelled,
  isWatched,
  type PassphraseFlags,
  type PassphraseSource,
  withPassphrase,
} from "../../secrets.js";
import { warnOfWrong, withProtection } from "../../signer.js";

/** The options of `fp keys import` for the folders of the Go daemons. */
export interface DaemonFlags extends PassphraseFlags {
  readonly eotsd?: string | undefined;
  readonly fpd?: string | undefined;
  readonly keyringPassphraseFile?: string | undefined;
  readonly keyringPassphraseCommand?: string | undefined;
  readonly lastVote?: ReadonlyMap<string, bigint> | undefined;
  readonly yes?: true | undefined;
  readonly home?: string | undefined;
  readonly json?: true | undefined;
}

/** What the command has read before. */
interface Request {
  readonly name: string;
  /** The public key of `--public-key`. */
  readonly wanted: Uint8Array | undefined;
  /** For the key's file here. */
  readonly passphrase: PassphraseSource;
  /** The secret of the other options, which the caller wipes: without `--eotsd`. */
  readonly secretKey?: Uint8Array | undefined;
}

/**
 * Imports a key with everything that eotsd and fpd remember of it. Nothing is written here before all of it was read.
 * @throws TapstakeError `database-in-use`, `invalid-database`, `invalid-keyring`, `wrong-keyring-passphrase`,
 * `unknown-chain`, `votes-missing`, `would-lower-mark`, `double-vote`, and the codes of `createKey` and `openProtection`
 */
export async function importFromDaemons(request: Request, flags: DaemonFlags): Promise<void> {
  const eotsd = flags.eotsd === undefined ? undefined : EotsdHome.open(flags.eotsd);
  try {
    const fpd = flags.fpd === undefined ? undefined : FpdHome.open(flags.fpd);
    try {
      warnOfUnseen(eotsd, fpd);
      await withSecret(request, eotsd, flags, (key) => importKnown(request, flags, { ...key, eotsd, fpd }));
    } finally {
      fpd?.close();
    }
  } finally {
    eotsd?.close();
  }
}

interface Source {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly votes: readonly EotsdVotes[];
  readonly eotsd: EotsdHome | undefined;
  readonly fpd: FpdHome | undefined;
}

async function importKnown({ name, passphrase }: Request, flags: DaemonFlags, source: Source): Promise<void> {
  const { secretKey, publicKey, votes, eotsd, fpd } = source;
  const provider = fpd?.provider(publicKey);
  const known = fpd?.commitments(publicKey) ?? { commitments: [], unread: [] };
  const before = peekHome(flags.home);
  mustKnow(flags.lastVote, [
    ...votes.map(({ chainId }) => chainId),
    ...(provider ? [provider.chainId] : []),
    ...[...known.commitments, ...known.unread].map(({ chainId }) => chainId),
    ...loadChains(before).keys(),
  ]);
  const interchange = await begun(publicKey, votes, provider, flags);
  // A signer that runs refuses the import before anything is written.
  await withStore(before, () => {});
  await withPassphrase(passphrase, async (given) => {
    eotsd?.assertUnchanged();
    fpd?.assertUnchanged();
    const home = openHome(flags.home);
    const created = createKey(home, { name, passphrase: given, secretKey, origin: "imported" });
    const imported = await afterwards(created, () =>
      withProtection(home, async (protection) => {
        const report = protection.importInterchange(interchange, { begin: true });
        const locked = report.filter(({ chainId }) => protection.watermarks(publicKey, chainId)?.locked);
        const key = unlockKey(home, name, given);
        try {
          const kept = await keepCommitments({ home, key, protection, fpd }, known.commitments);
          return { votes: report, locked: locked.map(({ chainId }) => chainId), ...kept };
        } finally {
          key.wipe();
        }
      }),
    );
    const leftOut = [...unreadOf(known.unread), ...imported.leftOut];
    const moved = imported.votes.map((one) => movedVotes(one, votes, imported.locked));
    const facts = { ...keyFacts(created), chains: moved, commitments: imported.commitments, leftOut };
    answer(flags.json === true, facts, daemonImportText);
    warnOfDoubts(source, provider, moved);
    const conflicts = moved.flatMap((one) => one.conflicts);
    if (conflicts.length > 0) throw doubleVote(conflicts);
  });
}

/**
 * Refuses a last vote on a chain without any record: with a mistyped chain id, the real chain would begin at
 * the height that eotsd remembers, and not above the last vote that the operator knows.
 * @throws TapstakeError `unknown-chain`
 */
function mustKnow(stated: ReadonlyMap<string, bigint> | undefined, chains: readonly string[]): void {
  const known = [...new Set(chains)].filter(isChainId).sort();
  const chain = [...(stated?.keys() ?? [])].find((each) => !known.includes(each));
  if (chain === undefined) return;
  const near = nearest(chain, known);
  const others = known.length === 0 ? "they know no chain" : `they know ${known.join(", ")}`;
  const correct = near === undefined ? "Correct the id" : `Did you mean ${near}? Then correct the id`;
  throw new TapstakeError(
    "unknown-chain",
    `the records of the daemons and chains.json do not have the chain ${chain} of --last-vote: ${others}; ` +
      `nothing was imported. Do: ${correct}. If the id is right, add the chain first: tapstake fp chains set ${chain}`,
    { chain, known, ...(near !== undefined && { nearest: near }) },
  );
}

/** Runs with the key's secret and what eotsd remembers of it. */
async function withSecret(
  { wanted, secretKey: given }: Request,
  eotsd: EotsdHome | undefined,
  flags: DaemonFlags,
  use: (key: Pick<Source, "secretKey" | "publicKey" | "votes">) => Promise<void>,
): Promise<void> {
  if (!eotsd) {
    const { publicKeyOf } = await import("../../../core/keys.js");
    return use({ secretKey: given!, publicKey: publicKeyOf(given!), votes: [] });
  }
  const chosen = chosenKey(eotsd, wanted);
  const read = (passphrase?: Uint8Array) => eotsd.readKey(chosen, passphrase);
  const key = eotsd.backend === "test" ? read() : await withPassphrase(keyringPassphrase(flags), read);
  try {
    await use({ ...key, votes: eotsd.votesOf(chosen, key) });
  } finally {
    key.secretKey.fill(0);
  }
}

const keyringPassphrase = (flags: DaemonFlags): PassphraseSource => ({
  file: flags.keyringPassphraseFile,
  command: flags.keyringPassphraseCommand,
  commandOption: "--keyring-passphrase-command",
  variable: "TAPSTAKE_KEYRING_PASSPHRASE",
  option: "--keyring-passphrase-file",
  question: "Passphrase of eotsd's keyring",
  isForeign: true,
});

/** @throws TapstakeError `key-not-found`; UsageError if several keys are there, and `--public-key` does not choose */
function chosenKey({ keys }: EotsdHome, wanted: Uint8Array | undefined): EotsdKey {
  const list = keys.map(({ name, publicKeys }) => `${publicKeys.map(hex.encode).join(" and ")} (${name})`);
  if (wanted) {
    const found = keys.find(({ publicKeys }) => publicKeys.some((each) => equalBytes(each, wanted)));
    if (found) return found;
    const known = list.length === 0 ? "it has none" : `it has ${list.join(", ")}`;
    throw new TapstakeError("key-not-found", `eotsd has no key ${hex.encode(wanted)}: ${known}`);
  }
  const [only, second] = keys;
  if (!only) throw new TapstakeError("key-not-found", "eotsd has no key: eots.db names none");
  if (second)
    throw new UsageError(`eotsd has several keys: choose one with --public-key: ${list.join(", ")}`);
  return only;
}

/**
 * The votes with the heights at which the key begins: above its last vote on each chain, which a person states.
 * @throws TapstakeError `votes-missing`, `would-lower-mark`, `height-too-high`, `cancelled`; UsageError without a
 *   terminal
 */
async function begun(
  key: Uint8Array,
  all: readonly EotsdVotes[],
  provider: FpdProvider | undefined,
  flags: DaemonFlags,
): Promise<ReadInterchange> {
  const usable = all.filter(({ chainId }) => isChainId(chainId));
  for (const { chainId, votes } of all.filter((one) => !usable.includes(one))) {
    const name = hex.encode(Buffer.from(chainId, "latin1"));
    note(
      `left out: ${counted(votes.size, "vote")} on the chain 0x${name}, which is no chain id: tapstake signs nothing for it`,
    );
  }
  const voted = provider !== undefined && provider.lastVoted > 0n ? [provider.chainId] : [];
  const stated = [...(flags.lastVote?.keys() ?? [])];
  const chains = new Set([...usable.map(({ chainId }) => chainId), ...voted, ...stated]);
  const keyChains: ReadInterchange["keyChains"][number][] = [];
  for (const chainId of chains) {
    const own = all.find((each) => each.chainId === chainId);
    const sent = provider?.chainId === chainId && provider.lastVoted > 0n ? provider.lastVoted : null;
    const highest = own?.highest ?? null;
    const last = await lastVote({ key, chainId, own, sent }, flags);
    keyChains.push({
      key,
      chainId,
      // If eotsd remembers the last vote, that vote may be repeated.
      lowWatermark: last === highest ? highest : last + 1n,
      highWatermark: highest,
      locked: false,
      retired: false,
      beyond: own?.beyond ?? 0,
      votes: own?.votes ?? new Map(),
      commitments: [],
    });
  }
  return new ReadInterchange(keyChains, undefined);
}

interface Asked {
  readonly key: Uint8Array;
  readonly chainId: string;
  /** What eotsd remembers. */
  readonly own: EotsdVotes | undefined;
  /** The last vote that fpd remembers. */
  readonly sent: bigint | null;
}

async function lastVote({ key, chainId, own, sent }: Asked, flags: DaemonFlags): Promise<bigint> {
  const { highest = null, trace = null, unverified = [] } = own ?? {};
  const known = higher(higher(highest, sent), trace);
  const given = flags.lastVote?.get(chainId);
  if (given !== undefined) return checkedLast(given, known, chainId);
  const says = [
    highest === null ? "eotsd remembers no vote" : `eotsd's highest vote is ${highest}`,
    ...(sent === null ? [] : [`fpd's last vote is ${sent}`]),
    ...(trace === null ? [] : [`its file has a vote at ${trace} that was deleted`]),
    ...(unverified.length === 0
      ? []
      : [`${counted(unverified.length, "record")} cannot be trusted, the first at height ${unverified[0]}`]),
  ].join(", ");
  const isMissing = highest === null || known !== highest || unverified.length > 0;
  if (flags.yes && !isMissing) return highest;
  if (flags.yes || !isWatched()) {
    const text = `${hex.encode(key)} on ${chainId}: ${says}`;
    if (isMissing)
      throw new TapstakeError("votes-missing", `${text}; nothing was imported`, { chain: chainId });
    throw new UsageError(
      `no terminal to ask at: ${text}. Look up its last vote on the chain (docs/emergency.md), and give it with ` +
        `--last-vote ${chainId}=<height>. Give --yes only if eotsd remembers it`,
    );
  }
  tell(
    `${hex.encode(key)} on ${chainId}: ${says}.${isMissing ? " Votes are missing in eotsd's database." : ""} ` +
      "Look up the key's last vote on the chain (docs/emergency.md): the key begins above it. " +
      "If it voted higher than you say, it loses its stake.",
  );
  const typed = (await ask(`Type the key's last vote on ${chainId}`)).trim();
  if (!/^\d{1,20}$/.test(typed)) throw cancelled();
  return checkedLast(BigInt(typed), known, chainId);
}

function checkedLast(last: bigint, known: bigint | null, chainId: string): bigint {
  // Above that, the key could never vote again.
  assertHeight(last + 1n, "height after the last vote");
  if (known === null || last >= known) return last;
  throw new TapstakeError(
    "would-lower-mark",
    `the key has a vote on ${chainId} at height ${known}, so ${last} is not its last one; nothing was imported`,
    { lowWatermark: known, height: last },
  );
}

/** A home that does not exist yet has no signer. */
async function withStore(home: Home, use: (protection: Protection) => void): Promise<void> {
  const { existsSync } = await import("node:fs");
  if (existsSync(home.keysFolder)) await withProtection(home, use);
}

/** The key is here already: a failure must say that it votes for nothing. */
async function afterwards<T>({ name }: KeyInfo, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const text = `${error.message}. The key ${name} is in this home, without what the daemons remember of it: delete it, and import it again`;
    throw new TapstakeError(error.code, text, error.details, { cause: error });
  }
}

interface Keeping {
  readonly home: Home;
  readonly key: UnlockedKey;
  readonly protection: Protection;
  readonly fpd: FpdHome | undefined;
}

/** Derives each commitment of fpd again, and keeps those that are to the same randomness. */
async function keepCommitments({ home, key, protection, fpd }: Keeping, all: readonly FpdCommitment[]) {
  const commitments: MovedCommitment[] = [];
  const leftOut: LeftOut[] = [];
  for (const one of all) {
    const { chainId, startHeight: start, count } = one;
    const range = { chain: chainId, from: start, to: lastOf(one) };
    if (all.some((other) => other !== one && other.chainId === chainId && overlap(other, one))) {
      leftOut.push({ ...range, why: "it overlaps another one, or its heights are not consecutive" });
      continue;
    }
    const progress = await showProgress("deriving heights", count);
    let failing: readonly bigint[] = [];
    try {
      const { root } = await commitStored({
        key,
        chain: { ...chainConfig(home, chainId), minCount: 1 },
        protection,
        start,
        count,
        onProgress: progress.update,
        onReport: warnOfWrong,
        inspect({ root: derived, publicRandomness }) {
          failing = fpd!.failing(key.publicKey, one, derived, publicRandomness);
          if (failing.length === one.proofs.length) throw otherRandomness();
        },
      });
      commitments.push({ ...range, root });
      for (const height of failing) {
        leftOut.push({ chain: chainId, from: height, to: height, why: "fpd's proof does not verify" });
      }
    } catch (error) {
      if (!(error instanceof TapstakeError) || !EXPECTED.has(error.code)) throw error;
      leftOut.push({ ...range, why: error.message });
    } finally {
      progress.stop();
    }
  }
  return { commitments, leftOut };
}

const EXPECTED: ReadonlySet<string> = new Set(["invalid-proof", "commitment-overlap"]);

const otherRandomness = () =>
  new TapstakeError(
    "invalid-proof",
    "it is not to the randomness of this key here (eotsd before 1.0 derived it otherwise): commit to these heights anew",
  );

const unreadOf = (unread: readonly { chainId: string; height: bigint; why: string }[]): LeftOut[] =>
  unread.map(({ chainId: chain, height, why }) => ({ chain, from: height, to: height, why }));

function movedVotes(
  { chainId, lowWatermark, highWatermark, added, conflicts, blocked, beyond }: ImportReport[number],
  all: readonly EotsdVotes[],
  locked: readonly string[],
): MovedVotes {
  const own = all.find((each) => each.chainId === chainId);
  const both = new Set([...conflicts, ...(own?.doubled ?? [])]);
  return {
    chain: chainId,
    votes: added,
    lowest: lowWatermark,
    highest: highWatermark,
    held: locked.includes(chainId),
    conflicts: [...both],
    blocked: [...blocked],
    unverified: [...(own?.unverified ?? [])],
    earlier: own?.earlier ?? 0,
    beyond,
  };
}

/** Says what the person must know who stops the daemons. */
function warnOfUnseen(eotsd: EotsdHome | undefined, fpd: FpdHome | undefined): void {
  const names = [...(eotsd && !eotsd.isLocked ? ["eotsd"] : []), ...(fpd && !fpd.isLocked ? ["fpd"] : [])];
  if (names.length === 0) return;
  const message = `this system has no program flock, so tapstake cannot see whether ${names.join(" and ")} runs. Make sure that it does not`;
  warn({ code: "database-in-use", message });
}

function warnOfDoubts(
  { eotsd }: Source,
  provider: FpdProvider | undefined,
  moved: readonly MovedVotes[],
): void {
  for (const { chain, unverified, votes } of moved) {
    if (unverified.length === 0) continue;
    const message = `the signatures of ${unverified.length} of ${votes} votes on ${chain} do not verify, from height ${unverified[0]} on. tapstake signs nothing at these heights`;
    warn({ code: "invalid-signature", message });
  }
  if (provider?.isSlashed) warn({ code: "double-vote", message: "fpd says that this provider is slashed" });
  const others = [...(eotsd?.unknownNames ?? [])];
  if (others.length > 0)
    note(`not imported, as eots.db does not name them: ${others.join(", ")} of the keyring`);
  if (eotsd)
    note(
      "The key is this home's now. Never start its eotsd again: move its folder to where no service finds it.",
    );
}

function doubleVote(heights: readonly bigint[]): TapstakeError {
  return new TapstakeError(
    "double-vote",
    `the key signed two messages at height ${heights.slice(0, 10).join(", ")}: anyone who sees both has the key. The import is complete, and both votes are blocked`,
    { heights: heights.slice(0, 100).map(String), imported: true },
  );
}
