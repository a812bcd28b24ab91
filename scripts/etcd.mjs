// An etcd for the tests of the arbiter, without touching the system: ETCD, then PATH, then the project's own .etcd/, which
// is installed here on Debian. etcdctl stands beside it.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { spawnSync } from "node:child_process";
import { canUnpack, codename, unpack } from "./debian.mjs";
import { fail, isMain, root, say } from "./shared.mjs";

export const ETCD_HELP =
  "no etcd: the tests that need a cluster are skipped. Install etcd and etcdctl, or set ETCD to the path of an etcd";

const own = join(root, ".etcd/usr/bin");

/** `{ etcd, etcdctl }`: the paths of an etcd and of the etcdctl beside it; undefined if there is none. */
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

/** {@link findEtcd}, after an installation where none is found and one can be made; undefined elsewhere. */
export function ensureEtcd() {
  const found = findEtcd();
  if (found || process.env.ETCD || !canUnpack()) return found;
  say("installing etcd into .etcd/ (from Debian's archive)");
  try {
    unpack(".etcd", {
      packages: ["etcd-server", "etcd-client"],
      suites: [codename()],
      installed: "/var/lib/dpkg/status",
      wanted: (name) => name.startsWith("etcd-"),
      finish(prefix) {
        const path = join(prefix, "usr/bin/etcd");
        if (!works(path)) throw new Error(`the unpacked etcd does not run: ${path}`);
      },
      works: () => works(join(own, "etcd")),
    });
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return findEtcd();
}

const works = (path) => spawnSync(path, ["--version"], { stdio: "ignore", timeout: 60_000 }).status === 0;

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

if (isMain(import.meta.url)) {
  const found = ensureEtcd();
  if (!found) fail(new Error(ETCD_HELP));
  process.stdout.write(`${found.etcd}\n`);
}
