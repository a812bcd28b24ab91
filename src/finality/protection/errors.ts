import { adviceText } from "../../core/advice.js";
import { hex } from "../../core/bytes.js";
import type { ErrorAdvice } from "../../core/error-codes/advice.js";
import { type ErrorCode, type ErrorDetails, TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import type { KeyChain } from "./key-chain.js";
import type { LoggedWatermarks } from "./watermark-log.js";

/** Where votes of one key on one chain may begin after the home's memory cannot be trusted. */
export type Floor = Omit<LoggedWatermarks, "seq">;

/** What part of a home's memory cannot be trusted. */
export interface Trouble {
  readonly kind: "missing" | "empty" | "behind" | "corrupt";
  readonly part: "store" | "watermark-log";
  /** What was found, in words. */
  readonly found: string;
}

const HAPPENED: Readonly<Record<Trouble["kind"], string>> = {
  missing: "is missing",
  empty: "holds no store of votes",
  behind: "is not the store that signed last",
  corrupt: "is damaged",
};

/** The advice shows no number here: any number that this home knows may be older than the key's last vote. */
const SCRIPT_HEIGHT = "<the height that the script in docs/emergency.md prints>";

/** The refusal to open a home. Each key and chain must begin at its floor or above. */
export function broken(
  home: Home,
  { kind, part, found }: Trouble,
  floors: ReadonlyMap<string, Floor>,
): TapstakeError {
  const file = part === "store" ? home.protectionFile : home.watermarkFile;
  const commands = [...floors.values()].map(({ key, chainId }) =>
    initCommand(home, hex.encode(key), chainId, SCRIPT_HEIGHT),
  );
  const unknown = initCommand(home, "<key>", "<chain>", SCRIPT_HEIGHT);
  const lines = (commands.length > 0 ? commands : [unknown]).map((command) => `  ${command}`);
  return refusal(
    `protection-${kind}`,
    `${file} ${HAPPENED[kind]}: ${found}`,
    { home: home.path, part },
    {
      means:
        (part === "store"
          ? ""
          : "Without its watermark log, tapstake cannot know whether the store is the latest. ") +
        "tapstake signs nothing with this home until its votes begin anew.",
      do:
        `In this home, once no other signer of these keys runs:\n${lines.join("\n")}\n` +
        "The command sets aside what cannot be trusted; tapstake signs nothing below the given height.",
      never: `The files are ${home.protectionFile} and ${home.watermarkFile}.`,
    },
  );
}

/** Another program wrote to the files of a running signer. */
export const replaced = (home: Home, found: string): TapstakeError =>
  refusal(
    "protection-replaced",
    `while this signer ran, another program touched what it remembers in ${home.path}: ${found}`,
    { home: home.path },
    { means: "The next start could lose what is recorded from now on, so this signer signs nothing now." },
  );

/** A write that failed, or may have failed. */
export function unwritable(home: Home, found: string, cause?: unknown): TapstakeError {
  return refusal(
    "protection-unwritable",
    `votes cannot be recorded in ${home.path}: ${found}`,
    { home: home.path },
    { means: "Every signature that left this signer is recorded." },
    cause === undefined ? {} : { cause },
  );
}

/** A file of the home that has other names: the disk is not the cause. */
export function linked(home: Home, found: string, remedy: string): TapstakeError {
  const text =
    `What happened: ${found}.\n` +
    "What it means: Another home may use this file, or miss what lies beside it, so tapstake signs nothing.\n" +
    `What to do: ${remedy}`;
  return new TapstakeError("protection-unwritable", text, { home: home.path });
}

/** A program other than a signer has the store open. */
export const inUse = (home: Home): TapstakeError =>
  new TapstakeError(
    "signer-running",
    `another program has ${home.protectionFile} open and locked, such as an SQLite shell or a backup: find it (fuser ${home.protectionFile}) and end it`,
    { lockFile: home.lockFile },
  );

/** A key that may have signed before, without watermarks on a chain. */
export function uninitialised(home: Home, publicKey: Uint8Array, chainId: string): TapstakeError {
  const key = hex.encode(publicKey);
  return refusal(
    "protection-uninitialised",
    `key ${key} was asked to vote on chain ${chainId}, for which there are no watermarks here`,
    { key, chain: chainId },
    { do: `In this home:\n  ${initCommand(home, key, chainId, SCRIPT_HEIGHT)}` },
  );
}

/** A key that would begin to vote on the word of an interchange file alone. */
export function beginsByFile({ key: publicKey, chainId }: KeyChain): TapstakeError {
  const key = hex.encode(publicKey);
  return new TapstakeError(
    "protection-uninitialised",
    `key ${key} on chain ${chainId} is not known here, and the file alone says what it signed; what it signed after the file was written is not known, and nothing was imported. Find its last vote on the chain (docs/emergency.md), import with begin: true, and begin above that vote with init`,
    { key, chain: chainId },
  );
}

/** A key that is locked on a chain. An import does not unlock it. */
export function locked(home: Home, { key: publicKey, chainId }: KeyChain, retired: boolean): TapstakeError {
  const key = hex.encode(publicKey);
  const why = retired
    ? "its votes moved to another home (export --retire)"
    : "a part of its memory was lost, or the key was away from this home";
  return refusal(
    "protection-uninitialised",
    `key ${key} was asked to vote on chain ${chainId}, where it is locked: ${why}`,
    { key, chain: chainId },
    {},
    {
      instead: {
        do:
          "Find the key's last vote on the chain (docs/emergency.md) and begin above it. In this home:\n" +
          `  ${initCommand(home, key, chainId, SCRIPT_HEIGHT)}`,
      },
    },
  );
}

/** A new key that has begun on so many chains that the operator must confirm the next one. */
export function tooManyChains(
  home: Home,
  publicKey: Uint8Array,
  chainId: string,
  begun: number,
): TapstakeError {
  const key = hex.encode(publicKey);
  return refusal(
    "too-many-chains",
    `key ${key} was asked to commit on chain ${chainId}, where it never did, and is known on ${begun} chains here already`,
    { key, chain: chainId },
    {
      means: "The key goes on voting on the chains that it has begun on.",
      do: `Only if this key never voted there, in this home:\n  ${initCommand(home, key, chainId, "0")}`,
    },
  );
}

/** What happened, and the code's advice with what is known of this case. */
function refusal(
  code: ErrorCode,
  happened: string,
  details: ErrorDetails,
  here: Partial<ErrorAdvice>,
  { instead, ...options }: ErrorOptions & { readonly instead?: Partial<ErrorAdvice> } = {},
): TapstakeError {
  const text = `What happened: ${happened}.\n${adviceText(code, here, instead)}`;
  return new TapstakeError(code, text, details, options);
}

const initCommand = ({ path }: Home, key: string, chainId: string, height: string): string =>
  `tapstake fp protection init --key ${key} --chain ${quoted(chainId)} --from-height ${height} --home ${quoted(path)}`;

/** Text for a shell: a chain id can have any printable characters. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$|^<[a-z]+>$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
