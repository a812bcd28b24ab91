import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { TapstakeError } from "../src/core/errors.js";
import { BITCOIND_HELP } from "./bitcoind.js";
import { canUnpack, inWorkFolder, isAlive, settle, unpack } from "./debian.js";
import { run, runs } from "./run.js";
import { waitFor } from "./wait.js";

export { canUnpack } from "./debian.js";

/** A release of Bitcoin Core, and what its archives must hash to. */
export interface CoreRelease {
  readonly version: string;
  /** By platform and processor as Node names them: the end of the archive's name, and its SHA-256. */
  readonly archives: Readonly<Record<string, readonly [name: string, sha256: string]>>;
}

/** The sums that all sixteen builders of the release signed (bitcoin-core/guix.sigs, 29.3, all.SHA256SUMS). */
const RELEASE: CoreRelease = {
  version: "29.3",
  archives: {
    "linux x64": ["x86_64-linux-gnu", "3b7fbb5cf5f9009c578b0bbe8512e67309ec2266f69facf402bd59238322ed07"],
    "linux arm64": ["aarch64-linux-gnu", "9b9269b396f629d29d449e1913587b56f8fa78393eb1db99314201938ccf8847"],
    "darwin x64": ["x86_64-apple-darwin", "3f1838c41b65604fe9e83e2502fb088513cda38c034138186dfeed00937afdbb"],
    "darwin arm64": [
      "arm64-apple-darwin",
      "db51d8962763662a1519351574921efd4f335b929e0bb41593d1f8aae4347595",
    ],
  },
};

/** Where Bitcoin Core publishes its releases. */
const CORE_SERVER = "https://bitcoincore.org";

/** The longest wait for another process that installs, and for a download, in milliseconds. */
const INSTALL_DEADLINE = 600_000;

/**
 * Installs a bitcoind into a folder of the user's own, as `bin/bitcoind`: from Debian's archive on a Debian, where apt
 * checks every signature, else Bitcoin Core's release, whose SHA-256 is checked. Where several processes ask at once,
 * one installs and the others wait.
 * @param home the folder, whose parent may not exist yet
 * @param options.onStart called with a line before a download begins
 * @throws TapstakeError `bitcoind-not-found`, with what failed
 */
export async function installBitcoind(
  home: string,
  options: {
    readonly onStart?: (line: string) => void;
    readonly release?: CoreRelease;
    readonly server?: string;
    readonly debian?: boolean;
  } = {},
): Promise<void> {
  const { onStart, release = RELEASE, server = CORE_SERVER, debian = await canUnpack() } = options;
  const works = () => runs(join(home, "bin/bitcoind"), ["-version"]);
  await withLock(`${home}.lock`, async () => {
    if (await works()) return;
    const failed: string[] = [];
    const sources: [name: string, install: () => Promise<void>][] = [
      ...(debian
        ? [
            ["Bitcoin Knots, from Debian's archive", () => fromDebian(home, works)] as [
              string,
              () => Promise<void>,
            ],
          ]
        : []),
      [`Bitcoin Core ${release.version}, from ${server}`, () => fromCore(home, release, server, works)],
    ];
    for (const [name, install] of sources) {
      onStart?.(`installing bitcoind into ${home} (${name})`);
      try {
        return await install();
      } catch (error) {
        failed.push(`${name}: ${(error as Error).message}`);
      }
    }
    const text = `cannot install bitcoind: ${failed.join("; ")}\n${BITCOIND_HELP}`;
    throw new TapstakeError("bitcoind-not-found", text, { failed });
  });
}

/** Unpacks bitcoind and the C library that it needs. */
async function fromDebian(home: string, works: () => Promise<boolean>): Promise<void> {
  await unpack(home, {
    packages: ["bitcoin-knots"],
    suites: ["trixie", "trixie-backports"],
    wanted: (name) => /^(lib|bitcoin)/.test(name),
    async finish(prefix) {
      await rm(join(prefix, "usr/share"), { recursive: true, force: true });
      await writeWrappers(prefix);
      await run(join(prefix, "bin/bitcoind"), ["-version"]);
    },
    works,
  });
}

/**
 * Starts bitcoind and bitcoin-cli through their own loader and libraries, by paths relative to the wrapper: the folder
 * can move, and a link can lead to it. An existing wrapper stays: it may be running.
 */
export async function writeWrappers(prefix: string): Promise<void> {
  const loader = (await readdir(prefix, { recursive: true })).find((path) =>
    /^usr\/lib\/[^/]+\/ld-linux[^/]*\.so\.\d+$/.test(path),
  );
  if (!loader) throw new Error("the unpacked C library has no loader (ld-linux*.so.*)");
  await mkdir(join(prefix, "bin"), { recursive: true });
  for (const name of ["bitcoind", "bitcoin-cli"]) {
    const wrapper = join(prefix, "bin", name);
    if (existsSync(wrapper)) continue;
    await writeFile(
      wrapper,
      `#!/bin/sh
self=$(readlink -f -- "$0") && here=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd -P) || exit 1
exec "$here/${loader}" --library-path "$here/${dirname(loader)}" "$here/usr/bin/${name}" "$@"
`,
    );
    await chmod(wrapper, 0o755);
  }
}

async function fromCore(
  home: string,
  { version, archives }: CoreRelease,
  server: string,
  works: () => Promise<boolean>,
): Promise<void> {
  const machine = `${process.platform} ${process.arch}`;
  const found = archives[machine];
  if (!found) throw new Error(`there is no release for ${machine}`);
  const [name, sha256] = found;
  await inWorkFolder(home, async (work) => {
    const archive = join(work, "archive.tar.gz");
    const url = `${server}/bin/bitcoin-core-${version}/bitcoin-${version}-${name}.tar.gz`;
    await writeFile(archive, await downloadChecked(url, sha256));
    const programs = ["bitcoind", "bitcoin-cli"].map((program) => `bitcoin-${version}/bin/${program}`);
    await run("tar", ["-xzf", archive, "-C", work, ...programs]);
    const prefix = join(work, `bitcoin-${version}`);
    await run(join(prefix, "bin/bitcoind"), ["-version"]);
    await settle(prefix, home, works);
  });
}

async function downloadChecked(url: string, sha256: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(INSTALL_DEADLINE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    bytes = new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`${url} cannot be read: ${(cause as Error | undefined)?.message ?? message}`, {
      cause: error,
    });
  }
  const got = createHash("sha256").update(bytes).digest("hex");
  if (got !== sha256) throw new Error(`${url} must have the SHA-256 ${sha256}, not ${got}`);
  return bytes;
}

/** Runs `work` while no other process does so under the same file. One that died in it holds up no other. */
async function withLock(path: string, work: () => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await waitFor(() => takeLock(path), {
    deadline: INSTALL_DEADLINE,
    what: "another process to install bitcoind",
  });
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function takeLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const pid = Number(await readFile(path, "utf8").catch(() => "0"));
  // Not yet written, or written by a process that is gone.
  if (pid > 0 && !isAlive(pid)) await rm(path, { force: true });
  return false;
}
