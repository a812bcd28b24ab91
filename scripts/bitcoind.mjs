// A bitcoind for the tests and the demo, without touching the system:
// BITCOIND, then PATH, then the project's own .bitcoind/, which is installed here.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { fail, isMain, root, say } from "./shared.mjs";

const home = join(root, ".bitcoind");

/** The harness knows where a node may be, and how to get one. Its compiled form is used: there is one set of rules. */
const harness = () => import("../dist/regtest/index.js");
const installer = () => import("../dist/regtest/install.js");

/** `{ path, version, from }` of the bitcoind to use, or undefined. */
export async function findBitcoind() {
  return (await harness()).findBitcoind({ onSkip: say });
}

/**
 * Makes sure that the harness will have a node, installing one when it must and can.
 * Returns `{ path, version, from }` of a bitcoind, or `{ attach: url }` of a running regtest node.
 */
export async function ensureBitcoind() {
  const { attachableUrl } = await harness();
  const asked = process.env.TAPSTAKE_REGTEST_URL;
  if (asked) {
    const attach = await attachableUrl();
    if (attach) return { attach };
    throw new Error("TAPSTAKE_REGTEST_URL is set, but no regtest node answers there");
  }
  const found = await findBitcoind();
  const { canUnpack, installBitcoind, writeWrappers } = await installer();
  // An installation of an earlier release has no wrapper of bitcoin-cli.
  if (found?.from === "installed" && existsSync(join(home, "usr"))) await writeWrappers(home);
  if (found) return found;
  // A node of one's own rather than one that other programs may use, unless it has to come from another server.
  const attach = (await canUnpack()) ? undefined : await attachableUrl();
  if (attach) return { attach };
  await installBitcoind(home, { onStart: say });
  return findBitcoind();
}

if (isMain(import.meta.url)) {
  try {
    ensureBuilt();
    const node = await ensureBitcoind();
    process.stdout.write(`${node.attach ?? `${node.path} (${node.version})`}\n`);
  } catch (error) {
    fail(error);
  }
}
