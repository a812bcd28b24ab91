import { hex } from "../core/bytes.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import type { Home } from "./home.js";
import type { Mark } from "./marks.js";

/** Half of what a home remembers is gone. */
export function missing(home: Home, part: "store" | "marks", known: readonly Mark[]): TapstakeError {
  const [gone, there] =
    part === "store"
      ? [home.protectionFile, "its second mark or other files of it are here"]
      : [home.marksFile, `the store ${home.protectionFile} is here`];
  return refusal("protection-missing", home, known, {
    part,
    happened: `${gone} is missing, and ${there}.`,
    means:
      part === "store"
        ? "This home has signed before, and what it signed is not known any more."
        : "Without its second mark it cannot be told whether the store is the latest, or an older copy.",
  });
}

export const empty = (home: Home, found: string, known: readonly Mark[]): TapstakeError =>
  refusal("protection-empty", home, known, {
    part: "store",
    happened: `${home.protectionFile} holds no store of votes: ${found}.`,
    means: "What was signed before is not known any more.",
  });

export const behind = (home: Home, found: string, known: readonly Mark[]): TapstakeError =>
  refusal("protection-behind", home, known, {
    part: "store",
    happened: `${home.protectionFile} is not the store that signed last: ${found}.`,
    means: "It was probably restored from a backup, and does not know the votes that were signed since.",
  });

export const corruptStore = (home: Home, found: string, known: readonly Mark[]): TapstakeError =>
  refusal("protection-corrupt", home, known, {
    part: "store",
    happened: `${home.protectionFile} is damaged: ${found}.`,
    means: "Votes that were signed may be missing from it.",
  });

export const corruptMarks = (home: Home, found: string, known: readonly Mark[]): TapstakeError =>
  refusal("protection-corrupt", home, known, {
    part: "marks",
    happened: `${home.marksFile} is damaged: ${found}.`,
    means: "It cannot be told whether the store is the latest, or an older copy.",
  });

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

/** A key that may have signed before, without marks on a chain. */
export function uninitialised(publicKey: Uint8Array, chainId: string): TapstakeError {
  const key = hex.encode(publicKey);
  return new TapstakeError(
    "protection-uninitialised",
    `What happened: key ${key} is to vote on chain ${chainId}, for which there are no marks here.\n` +
      "What it means: it may have voted there before, on another machine, by another program or before a restore, and that is not known here.\n" +
      "What to do: make sure that no other signer runs with this key; then import the history of the former one (tapstake fp protection import <file>), or look up the last height that the key voted for, on the chain, and run: " +
      `${initCommand(key, chainId, "<that height + 1>")}\n` +
      "What not to do: do not guess. A height that was signed before, signed again, reveals the key.",
    { key, chainId },
  );
}

interface Trouble {
  readonly part: "store" | "marks";
  readonly happened: string;
  readonly means: string;
}

function refusal(
  code: ErrorCode,
  home: Home,
  known: readonly Mark[],
  { part, happened, means }: Trouble,
): TapstakeError {
  const commands = known.map(({ key, chainId, lowest, highest }) => {
    const next = highest !== null && highest >= lowest ? highest + 1n : lowest;
    return `  ${initCommand(hex.encode(key), chainId, `<height above the last vote on the chain, ${next} or more>`)}`;
  });
  const unknown = `  ${initCommand("<key>", "<chain>", "<height above the last vote on the chain>")}`;
  const text = [
    `What happened: ${happened}`,
    `What it means: ${means} Nothing is signed: a height that was signed before, signed again with another message, reveals the key.`,
    "What to do: stop every other signer of these keys. If the file was moved or exchanged by mistake and the signer has not run since, put the latest one back. Otherwise look up the last height that each key voted for, on the chain, and run for each key and chain:",
    ...(commands.length > 0 ? commands : [unknown]),
    "This sets the damaged files aside and begins a new store, in which nothing below the given height is signed.",
    `What not to do: do not delete ${home.protectionFile} or ${home.marksFile}, do not restore either from a backup, and do not guess the height.`,
  ].join("\n");
  return new TapstakeError(code, text, { home: home.path, part });
}

const initCommand = (key: string, chainId: string, height: string): string =>
  `tapstake fp protection init --key ${key} --chain ${chainId} --from-height ${height}`;
