// An etcd for the tests of the arbiter, without touching the system: on Debian, it is installed into .etcd/ if there is none.
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { ensureBuilt } from "./build.mjs";
import { ETCD_HELP, findEtcd, own } from "./find-etcd.mjs";
import { fail, isMain, root, say } from "./shared.mjs";

/** `findEtcd`, after an installation where none is found and one can be made; undefined elsewhere. */
export async function ensureEtcd() {
  const found = findEtcd();
  if (found || process.env.ETCD) return found;
  const { canUnpack, codename, unpack } = await import("../dist/regtest/debian.js");
  if (!(await canUnpack())) return undefined;
  say("installing etcd into .etcd/ (from Debian's archive)");
  try {
    await unpack(join(root, ".etcd"), {
      packages: ["etcd-server", "etcd-client"],
      suites: [await codename()],
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

if (isMain(import.meta.url)) {
  await ensureBuilt();
  const found = await ensureEtcd();
  if (!found) fail(new Error(ETCD_HELP));
  process.stdout.write(`${found.etcd}\n`);
}
