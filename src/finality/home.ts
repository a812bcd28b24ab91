import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makePrivateFolder } from "./private-files.js";

/** Where a finality provider's keys and memory are. Paths are absolute; the files need not exist. */
export interface Home {
  readonly path: string;
  /** Encrypted keys: `<name>.json`. */
  readonly keysFolder: string;
  /** The second record of the highest votes, apart from the store. */
  readonly marksFile: string;
  /** The store of votes. */
  readonly protectionFile: string;
  /** Who the one signer is. */
  readonly lockFile: string;
  /** Chains by id. */
  readonly chainsFile: string;
}

/**
 * The home at `path`, else at `TAPSTAKE_HOME`, else `~/.tapstake`. Made where there is none, open to its owner alone.
 * @throws TapstakeError `insecure-permissions` when others can reach it, `file-error`
 */
export function openHome(path?: string): Home {
  const home = resolve(path ?? (process.env["TAPSTAKE_HOME"] || join(homedir(), ".tapstake")));
  const keysFolder = join(home, "keys");
  makePrivateFolder(home);
  makePrivateFolder(keysFolder);
  return {
    path: home,
    keysFolder,
    marksFile: join(home, "marks"),
    protectionFile: join(home, "protection.db"),
    lockFile: join(home, "signer.lock"),
    chainsFile: join(home, "chains.json"),
  };
}
