import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { utf8 } from "../../src/core/bytes.js";
import { openHome } from "../../src/finality/home.js";
import { hideFromCoreDumps } from "../../src/finality/keys/core-dumps.js";
import { readPrivateFile, removePrivateFile, writePrivateFile } from "../../src/finality/private-files.js";
import { folderOfTest, homeOfTest } from "../support/home.js";
import { refusal } from "../support/refusal.js";

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
const isRoot = process.geteuid?.() === 0;

afterEach(() => vi.unstubAllEnvs());

describe("a home", () => {
  it.each([0o000, 0o022, 0o777])("has permissions for its owner only, whatever the umask: %o", (mask) => {
    const before = process.umask(mask);
    try {
      const path = join(folderOfTest(), "deep", "home");
      const home = openHome(path);
      expect([modeOf(home.path), modeOf(home.keysFolder)]).toEqual(["700", "700"]);
    } finally {
      process.umask(before);
    }
  });

  it("is at TAPSTAKE_HOME, unless a path is given", () => {
    const folder = folderOfTest();
    vi.stubEnv("TAPSTAKE_HOME", join(folder, "one"));
    expect(openHome().path).toBe(join(folder, "one"));
    expect(openHome(join(folder, "two")).path).toBe(join(folder, "two"));
  });

  it("is in the user's home folder by default", () => {
    const folder = folderOfTest();
    vi.stubEnv("TAPSTAKE_HOME", "");
    vi.stubEnv("HOME", folder);
    vi.stubEnv("TAPSTAKE_ACCEPT_FILE_SYSTEM", "nfs, fuse");
    expect(openHome()).toEqual({
      path: join(folder, ".tapstake"),
      keysFolder: join(folder, ".tapstake/keys"),
      watermarkFile: join(folder, ".tapstake/marks"),
      protectionFile: join(folder, ".tapstake/protection.db"),
      lockFile: join(folder, ".tapstake/signer.lock"),
      adminSocket: join(folder, ".tapstake/admin/socket"),
      chainsFile: join(folder, ".tapstake/chains.json"),
      acceptedFileSystems: ["nfs", "fuse"],
    });
  });

  it.each([0o750, 0o701, 0o770, 0o704])("is refused when others can reach it: %o", (mode) => {
    const home = homeOfTest();
    chmodSync(home.path, mode);
    const error = refusal("insecure-permissions", () => openHome(home.path));
    expect(error.message).toContain("chmod 700");
    chmodSync(home.path, 0o700);
    chmodSync(home.keysFolder, mode);
    refusal("insecure-permissions", () => openHome(home.path));
  });

  it.runIf(isRoot)("is refused when it belongs to another user", () => {
    const home = homeOfTest();
    chownSync(home.path, 12_345, 12_345);
    expect(refusal("insecure-permissions", () => openHome(home.path)).details).toMatchObject({
      owner: 12_345,
    });
  });

  it("is refused when it is a file", () => {
    const path = join(folderOfTest(), "file");
    writeFileSync(path, "");
    refusal("file-error", () => openHome(path));
  });
});

describe("a private file", () => {
  const content = utf8("content");

  it("has permissions for its owner only, whatever the umask", () => {
    const path = join(folderOfTest(), "file");
    const before = process.umask(0);
    try {
      writePrivateFile(path, content, "create");
      expect(modeOf(path)).toBe("600");
      chmodSync(path, 0o644);
      writePrivateFile(path, content, "replace");
      expect(modeOf(path)).toBe("600");
    } finally {
      process.umask(before);
    }
  });

  it("is created once, and replaced only on request", () => {
    const path = join(folderOfTest(), "file");
    expect(writePrivateFile(path, content, "create")).toBe(true);
    expect(writePrivateFile(path, utf8("other"), "create")).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("content");
    expect(writePrivateFile(path, utf8("other"), "replace")).toBe(true);
    expect(readFileSync(path, "utf8")).toBe("other");
    expect(readdirSync(join(path, ".."))).toEqual(["file"]);
  });

  it("is refused when others can reach it, when it is too large, and when it is a folder", () => {
    const path = join(folderOfTest(), "file");
    expect(readPrivateFile(path, 10)).toBeUndefined();
    writePrivateFile(path, content, "create");
    expect(readPrivateFile(path, 7)).toEqual(Buffer.from(content));
    refusal("file-error", () => readPrivateFile(path, 6));
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(path, mode);
      expect(refusal("insecure-permissions", () => readPrivateFile(path, 10)).message).toContain("chmod 600");
    }
    const folder = join(path, "..", "folder");
    mkdirSync(folder, { mode: 0o700 });
    refusal("file-error", () => readPrivateFile(folder, 10_000));
  });

  it("gives every file system error a code", () => {
    const path = join(folderOfTest(), "nowhere", "file");
    expect(refusal("file-error", () => writePrivateFile(path, content, "create")).details).toMatchObject({
      code: "ENOENT",
    });
    refusal("file-error", () => removePrivateFile(path));
  });

  it("is cleared of what killed processes left of it, and of nothing else", () => {
    const folder = folderOfTest();
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    const left = `.file.${dead}.0123456789ab.tmp`;
    const others = [`.file.${process.ppid}.0123456789ab.tmp`, `.other.${dead}.0123456789ab.tmp`];
    for (const name of [left, ...others]) writeFileSync(join(folder, name), "");
    writePrivateFile(join(folder, "file"), content, "create");
    expect(readdirSync(folder).sort()).toEqual([...others, "file"].sort());
  });
});

describe("core dumps", () => {
  it.runIf(existsSync("/proc/self/coredump_filter"))(
    "contain no memory of a process that disables them",
    () => {
      const before = readFileSync("/proc/self/coredump_filter", "utf8");
      try {
        expect(hideFromCoreDumps()).toBe(true);
        expect(Number.parseInt(readFileSync("/proc/self/coredump_filter", "utf8"), 16)).toBe(0);
      } finally {
        writeFileSync("/proc/self/coredump_filter", `0x${before.trim()}`);
      }
    },
  );
});
