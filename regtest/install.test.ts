import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { failure } from "../test/support/errors.js";
import { closedAddress, serve } from "../test/support/server.js";
import { cachedHome, findBitcoind } from "./index.js";
import { type CoreRelease, installBitcoind } from "./install.js";
import { run } from "./run.js";

const VERSION = "99.1";
const machine = `${process.platform} ${process.arch}`;

let folder: string;
let archive: Buffer;
let sha256: string;
/** An archive as Bitcoin Core's releases are, of programs that only know their version. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapstake-install-"));
  const bin = join(folder, `bitcoin-${VERSION}/bin`);
  await mkdir(bin, { recursive: true });
  for (const name of ["bitcoind", "bitcoin-cli"]) {
    await writeFile(join(bin, name), `#!/bin/sh\necho "Bitcoin Core daemon version v${VERSION}.0"\n`);
    await chmod(join(bin, name), 0o755);
  }
  const path = join(folder, "archive.tar.gz");
  await run("tar", ["-czf", path, "-C", folder, `bitcoin-${VERSION}`]);
  archive = await readFile(path);
  sha256 = createHash("sha256").update(archive).digest("hex");
});
afterAll(() => rm(folder, { recursive: true }));

const release = (sum: string): CoreRelease => ({
  version: VERSION,
  archives: { [machine]: ["some-machine", sum] },
});

async function server(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const url = await serve((_body, request, response) => {
    asked.push(request.url!);
    response.end(archive);
  });
  return { url, asked };
}

describe.skipIf(process.platform === "win32")("the installation of bitcoind", () => {
  test("takes Bitcoin Core's release once, also for several at the same moment", async () => {
    const cache = join(folder, "cache");
    vi.stubEnv("XDG_CACHE_HOME", cache);
    const home = cachedHome();
    const { url, asked } = await server();
    const said: string[] = [];
    const options = { release: release(sha256), server: url, debian: false };
    await Promise.all(
      [1, 2, 3].map(() => installBitcoind(home, { ...options, onStart: (line) => said.push(line) })),
    );
    expect(asked).toEqual([`/bin/bitcoin-core-${VERSION}/bitcoin-${VERSION}-some-machine.tar.gz`]);
    expect(said).toEqual([`installing bitcoind into ${home} (Bitcoin Core ${VERSION}, from ${url})`]);
    expect(await readdir(join(cache, "tapstake"))).toEqual(["bitcoind"]);
    vi.stubEnv("BITCOIND", undefined);
    vi.stubEnv("PATH", "/bin:/usr/bin");
    const own = findBitcoind();
    vi.unstubAllEnvs();
    // In a clone, its own bitcoind comes first.
    expect(["installed", "cached", "PATH"]).toContain(own?.from);
  });

  test("refuses an archive with another SHA-256, and leaves nothing", async () => {
    const home = join(folder, "forged/bitcoind");
    const { url } = await server();
    const wrong = "00".repeat(32);
    const error = await failure(
      installBitcoind(home, { release: release(wrong), server: url, debian: false }),
      "bitcoind-not-found",
    );
    expect(error.message).toContain(`must have the SHA-256 ${wrong}, not ${sha256}`);
    expect(await readdir(join(folder, "forged"))).toEqual([]);
  });

  test("says what failed, and what else to do", async () => {
    const home = join(folder, "offline/bitcoind");
    const error = await failure(
      installBitcoind(home, { release: release(sha256), server: await closedAddress(), debian: false }),
      "bitcoind-not-found",
    );
    expect(error.message).toMatch(/cannot be read: .*\n.*set BITCOIND to its path/);
    const none = { version: VERSION, archives: {} };
    const other = await failure(
      installBitcoind(home, { release: none, debian: false }),
      "bitcoind-not-found",
    );
    expect(other.message).toContain(`there is no release for ${machine}`);
  });

  test("is not held up by one that died", async () => {
    const home = join(folder, "died/bitcoind");
    await mkdir(join(folder, "died"));
    await writeFile(`${home}.lock`, "999999999");
    const { url } = await server();
    await installBitcoind(home, { release: release(sha256), server: url, debian: false });
    expect(existsSync(join(home, "bin/bitcoind"))).toBe(true);
    expect(existsSync(`${home}.lock`)).toBe(false);
  });
});
