// The program of the staking chain, for the tests of `npm run test:chain`: BABYLOND, then PATH. It is not installed here.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export const BABYLOND_HELP =
  "no babylond, so nothing is tested: set BABYLOND to one of version 4, from the releases of github.com/babylonlabs-io/babylon or by its `make build`";

/** The path of a babylond that runs; undefined where none is found. */
export function findBabylond() {
  const asked = process.env.BABYLOND;
  if (asked) {
    if (works(asked)) return asked;
    throw new Error(`BABYLOND is ${asked}, which does not run as a babylond`);
  }
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, "babylond")).find((path) => existsSync(path) && works(path));
}

const works = (path) => spawnSync(path, ["version"], { stdio: "ignore", timeout: 60_000 }).status === 0;
