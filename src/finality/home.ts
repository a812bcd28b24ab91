import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { TapstakeError } from "../core/errors.js";
import { assertFolder, makePrivateFolder } from "./private-files.js";

/** The folder of a finality provider's keys and protection. Paths are absolute; the files need not exist. */
export interface Home {
  readonly path: string;
  /** Encrypted keys: `<name>.json`. */
  readonly keysFolder: string;
  /** The second record of the highest votes, apart from the store. */
  readonly watermarkFile: string;
  /** The store of votes. */
  readonly protectionFile: string;
  /** Names the one signer. */
  readonly lockFile: string;
  /** Where a running signer answers its operator: a socket in a folder of its own. */
  readonly adminSocket: string;
  /** Chains by id. */
  readonly chainsFile: string;
  /** Kinds of file systems that the operator accepts although two signers could hold one home there, such as `nfs`. */
  readonly acceptedFileSystems: readonly string[];
}

/**
 * Opens the home at `path`, else at `TAPSTAKE_HOME`, else `~/.tapstake`. If there is none, it makes one that only its
 * owner can reach.
 * @throws TapstakeError `insecure-permissions` if others can reach it; `file-error`
 */
export function openHome(path?: string): Home {
  const home = homeAt(path);
  makePrivateFolder(home.path);
  makePrivateFolder(home.keysFolder);
  return home;
}

/**
 * {@link openHome} for actions that can still be refused: it makes no home.
 * @throws TapstakeError as {@link openHome}
 */
export function peekHome(path?: string): Home {
  const home = homeAt(path);
  return existsSync(home.keysFolder) ? openHome(home.path) : home;
}

/**
 * {@link openHome} for actions that need an existing home: a mistyped path makes none.
 * @throws TapstakeError `home-not-found` too; `file-error` where a file is at the path
 */
export function findHome(path?: string): Home {
  const home = peekHome(path);
  // A folder with other content is not made into a home either.
  if (existsSync(home.keysFolder)) return home;
  if (existsSync(home.path)) assertFolder(home.path);
  throw new TapstakeError("home-not-found", `there is no home at ${home.path}`, { home: home.path });
}

/** The paths of a home, whether it exists or not. It does not touch the disk. */
export function homeAt(path?: string): Home {
  const home = resolve(path ?? (process.env["TAPSTAKE_HOME"] || join(homedir(), ".tapstake")));
  return {
    path: home,
    keysFolder: join(home, "keys"),
    watermarkFile: join(home, "marks"),
    protectionFile: join(home, "protection.db"),
    lockFile: join(home, "signer.lock"),
    adminSocket: join(home, "admin", "socket"),
    chainsFile: join(home, "chains.json"),
    acceptedFileSystems: (process.env["TAPSTAKE_ACCEPT_FILE_SYSTEM"] ?? "").split(/[ ,]+/).filter(Boolean),
  };
}
