import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findBitcoind } from "./index.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapstake-lookup-"));
  vi.stubEnv("BITCOIND", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe("the choice of bitcoind", () => {
  test("prefers BITCOIND to PATH", async () => {
    vi.stubEnv("BITCOIND", await fake("mine", "Bitcoin Core daemon version v30.0.0"));
    vi.stubEnv("PATH", join(await fake("path", "Bitcoin Core version v28.1.0"), ".."));
    expect(findBitcoind()).toEqual({
      path: join(folder, "mine/bitcoind"),
      version: "v30.0.0",
      from: "BITCOIND",
    });
  });

  test("takes the first on PATH that is new enough, and reports those that it skips", async () => {
    const paths = [
      await fake("old", "Bitcoin Core version v27.2.0"),
      await fake("other", "some other program"),
      await fake("new", "Bitcoin Knots daemon version v29.5.0.knots20260508"),
    ];
    vi.stubEnv("PATH", [folder, ...paths.map((path) => join(path, ".."))].join(delimiter));
    const said: string[] = [];
    expect(findBitcoind({ onSkip: (line) => said.push(line) })).toEqual({
      path: paths[2],
      version: "v29.5.0.knots20260508",
      from: "PATH",
    });
    expect(said).toEqual([
      `passing over ${paths[0]}: its version must be 28 or later, not v27.2.0`,
      `passing over ${paths[1]}: it must answer -version as bitcoind does`,
    ]);
  });

  test.each(["Bitcoin Core version v0.21.1", "Bitcoin Core version v27.99.0"])(
    "refuses a BITCOIND of %j, and takes no other instead",
    async (version) => {
      vi.stubEnv("BITCOIND", await fake("mine", version));
      vi.stubEnv("PATH", join(await fake("path", "Bitcoin Core version v28.1.0"), ".."));
      expect(() => findBitcoind()).toThrowError(expect.objectContaining({ code: "bitcoind-not-found" }));
    },
  );

  test("refuses a BITCOIND that does not exist", () => {
    vi.stubEnv("BITCOIND", join(folder, "nothing"));
    expect(() => findBitcoind()).toThrowError(expect.objectContaining({ code: "bitcoind-not-found" }));
  });
});

/** A program that prints one line, as `bitcoind -version` does. */
async function fake(name: string, line: string): Promise<string> {
  const path = join(folder, name, "bitcoind");
  await mkdir(join(folder, name));
  await writeFile(path, `#!/bin/sh\necho '${line}'\n`);
  await chmod(path, 0o755);
  return path;
}
