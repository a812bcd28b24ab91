// Where an etcd is: ETCD, then PATH, then the project's own .etcd/. etcdctl stands beside it.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { root } from "./shared.mjs";

export const ETCD_HELP =
  "no etcd: the tests that need a cluster are skipped. Install etcd and etcdctl, or set ETCD to the path of an etcd";

export const own = join(root, ".etcd/usr/bin");

/** `{ etcd, etcdctl }`: the paths of both programs; undefined if there is none. */
export function findEtcd() {
  const asked = process.env.ETCD;
  if (asked) return both(dirname(resolve(asked)), asked);
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of [...folders, own]) {
    const found = both(folder);
    if (found) return found;
  }
  return undefined;
}

function both(folder, etcd = join(folder, "etcd")) {
  const etcdctl = join(folder, "etcdctl");
  return isProgram(etcd) && isProgram(etcdctl) ? { etcd, etcdctl } : undefined;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
