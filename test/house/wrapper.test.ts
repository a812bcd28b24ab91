import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { writeWrappers } from "../../regtest/install.js";

it.runIf(platform() === "linux").each(["bitcoind", "bitcoin-cli"])(
  "the installed %s: starts by its path, moved, and through links",
  async (name) => {
    const folder = mkdtempSync(join(tmpdir(), "tapstake-wrapper-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const made = join(folder, "made");
    const libraries = join(made, "usr/lib/some-linux");
    mkdirSync(libraries, { recursive: true });
    const loader = join(libraries, "ld-linux-some.so.2");
    writeFileSync(loader, '#!/bin/sh\necho "$@"\n');
    chmodSync(loader, 0o755);
    await writeWrappers(made);

    const moved = join(folder, "moved with a space");
    renameSync(made, moved);
    const wrapper = join(moved, "bin", name);
    const [link, second] = [join(folder, "link"), join(folder, "second")];
    symlinkSync(wrapper, link);
    symlinkSync("link", second);
    const home = `${moved}/usr`;
    for (const path of [wrapper, link, second]) {
      const { stdout, stderr } = spawnSync(path, ["-version"], { encoding: "utf8" });
      expect({ stdout, stderr }).toEqual({
        stdout: `--library-path ${home}/lib/some-linux ${home}/bin/${name} -version\n`,
        stderr: "",
      });
    }
  },
);
