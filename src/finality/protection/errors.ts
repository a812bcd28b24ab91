import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import type { KeyChain } from "./key-chain.js";
import type { LoggedWatermarks } from "./watermark-log.js";

/** Where votes of one key on one chain may begin after what is remembered cannot be trusted. */
export type Floor = Omit<LoggedWatermarks, "seq">;

/** What cannot be trusted of a home's memory. */
export interface Trouble {
  readonly kind: "missing" | "empty" | "behind" | "corrupt";
  readonly part: "store" | "watermark-log";
  /** What was seen, in words. */
  readonly found: string;
}

const TROUBLES: Readonly<Record<Trouble["kind"], { happened: string; means: string }>> = {
  missing: {
    happened: "is missing",
    means: "This home has signed before, and what it signed is not certain any more.",
  },
  empty: {
    happened: "holds no store of votes",
    means: "What was signed before is not known any more.",
  },
  behind: {
    happened: "is not the store that signed last",
    means: "It was probably restored from a backup, and does not know the votes that were signed since.",
  },
  corrupt: {
    happened: "is damaged",
    means: "Votes that were signed may be missing from it.",
  },
};

/** The refusal to open a home. Its floors are what each key and chain must begin at or above. */
export function broken(
  home: Home,
  { kind, part, found }: Trouble,
  floors: ReadonlyMap<string, Floor>,
): TapstakeError {
  const { happened, means } = TROUBLES[kind];
  const file = part === "store" ? home.protectionFile : home.watermarkFile;
  const commands = [...floors.values()].map(({ key, chainId, lowWatermark }) => {
    const height = `<height above the last vote on the chain, ${lowWatermark} or more>`;
    return `  ${initCommand(home, hex.encode(key), chainId, height)}`;
  });
  const unknown = `  ${initCommand(home, "<key>", "<chain>", "<height above the last vote on the chain>")}`;
  const text = [
    `What happened: ${file} ${happened}: ${found}.`,
    `What it means: ${part === "store" ? means : NO_SECOND_MARK} Nothing is signed: a height that was signed before, signed again with another message, reveals the key.`,
    "What to do: stop every other signer of these keys. If the file was moved or exchanged by mistake and the signer has not run since, put the latest one back. Otherwise look up the last height that each key voted for, on the chain, and run for each key and chain:",
    ...(commands.length > 0 ? commands : [unknown]),
    "This sets what cannot be trusted aside; nothing below the given height is signed.",
    `What not to do: do not delete ${home.protectionFile} or ${home.watermarkFile}, do not restore either from a backup, and do not guess the height.`,
  ].join("\n");
  return new TapstakeError(`protection-${kind}`, text, { home: home.path, part });
}

const NO_SECOND_MARK =
  "Without its watermark log it cannot be told whether the store is the latest, or an older copy.";

/** Somebody else wrote to the files of a signer that runs. */
export const replaced = (home: Home, found: string): TapstakeError =>
  new TapstakeError(
    "protection-replaced",
    `What happened: while this signer ran, another program touched what it remembers in ${home.path}: ${found}.\n` +
      "What it means: what is recorded from now on could be lost with the next start. Nothing is signed any more.\n" +
      "What to do: find out who did it (a restore, a clean-up, a second signer?) and stop that. Then start this signer again: it checks what is there, and says what to do if votes are missing.\n" +
      "What not to do: do not delete or restore any file of the home, least of all while a signer runs.",
    { home: home.path },
  );

/** A write that failed, or may have. */
export function unwritable(home: Home, found: string, cause?: unknown): TapstakeError {
  return new TapstakeError(
    "protection-unwritable",
    `What happened: votes cannot be recorded in ${home.path}: ${found}.\n` +
      "What it means: nothing was handed out that is not recorded, and nothing is signed from now on.\n" +
      `What to do: see to the disk (df -h ${home.path}; mount; dmesg), and start the signer again: it checks what is there and goes on by itself.\n` +
      "What not to do: do not delete or restore any file of the home, and do not sign with another program meanwhile.",
    { home: home.path },
    cause === undefined ? undefined : { cause },
  );
}

/** Another program than a signer has the store open. */
export const inUse = (home: Home): TapstakeError =>
  new TapstakeError(
    "signer-running",
    `another program has ${home.protectionFile} open and locked, such as an SQLite shell or a backup: find it (fuser ${home.protectionFile}) and end it`,
    { lockFile: home.lockFile },
  );

/** A key that may have signed before, without watermarks on a chain. */
export function uninitialised(home: Home, publicKey: Uint8Array, chainId: string): TapstakeError {
  const key = hex.encode(publicKey);
  return notBegun(
    { key, chain: chainId },
    `What happened: key ${key} is to vote on chain ${chainId}, for which there are no watermarks here.\n` +
      "What it means: it may have voted there before, on another machine, by another program or before a restore, and that is not known here.\n" +
      "What to do: make sure that no other signer runs with this key; then import the interchange file of the former one (tapstake fp protection import <file>), or look up the last height that the key voted for, on the chain, and run: " +
      initCommand(home, key, chainId, "<that height + 1>"),
  );
}

/** A key that would begin to vote by an interchange file alone. */
export function beginsByFile({ key: publicKey, chainId }: KeyChain): TapstakeError {
  const key = hex.encode(publicKey);
  return new TapstakeError(
    "protection-uninitialised",
    `key ${key} on chain ${chainId} is not known here, and the file alone says what it signed; what it signed after the file was written is not known, and nothing was imported. Make sure that it signed nothing since, on any machine; then import with begin: true`,
    { key, chain: chainId },
  );
}

/** A key that is locked on a chain; `lowWatermark` is the first height that it may begin at. */
export function locked(
  home: Home,
  publicKey: Uint8Array,
  chainId: string,
  lowWatermark: bigint,
): TapstakeError {
  const key = hex.encode(publicKey);
  return notBegun(
    { key, chain: chainId },
    `What happened: key ${key} is to vote on chain ${chainId}, where it is locked: its memory was lost in part, or the key was away from this home.\n` +
      "What it means: it may have cast votes there that are not known here.\n" +
      "What to do: make sure that no other signer runs with this key; import the interchange file of one that did, if there is any; then look up the last height that the key voted for, on the chain, and run: " +
      initCommand(home, key, chainId, `<that height + 1, ${lowWatermark} or more>`),
  );
}

/** A new key that has begun on so many chains that somebody has to say that the next one is meant. */
export function tooManyChains(
  home: Home,
  publicKey: Uint8Array,
  chainId: string,
  begun: number,
): TapstakeError {
  const key = hex.encode(publicKey);
  return new TapstakeError(
    "too-many-chains",
    `What happened: key ${key} is to vote on chain ${chainId}, where it never did, and is known on ${begun} chains here already.\n` +
      "What it means: a caller may be naming chains that do not exist; each of them is remembered for good. Chains that it has begun on go on.\n" +
      `What to do: find out who asked. If the chain is meant, run: ${initCommand(home, key, chainId, "0")}`,
    { key, chain: chainId },
  );
}

const notBegun = (details: { key: string; chain: string }, text: string): TapstakeError =>
  new TapstakeError(
    "protection-uninitialised",
    `${text}\nWhat not to do: do not guess. A height that was signed before, signed again, reveals the key.`,
    details,
  );

const initCommand = ({ path }: Home, key: string, chainId: string, height: string): string =>
  `tapstake fp protection init --key ${key} --chain ${quoted(chainId)} --from-height ${height} --home ${quoted(path)}`;

/** A word for a shell: a chain id can be anything that is printable. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$|^<[a-z]+>$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
