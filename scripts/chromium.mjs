// A Chromium for the tests of pages, without touching the system: CHROMIUM, then PATH, then the one that playwright-core
// has installed, then the project's own .chromium/, which is installed here on Debian.
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { delimiter, dirname, join, relative } from "node:path";
import { ensureBuilt } from "./build.mjs";
import { fail, isMain, root, say } from "./shared.mjs";

const HELP =
  "no Chromium: install the package chromium-headless-shell or Google Chrome, run `npx playwright-core install chromium`, " +
  "or set CHROMIUM to the path of one";

const NAMES = [
  "chromium-headless-shell",
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
];

/** Where Debian's package has the program itself. */
const PROGRAM = "usr/lib/chromium/chromium-headless-shell";

const own = join(root, ".chromium/bin/chromium");

/** The path of a Chromium, installing one when it must and can. */
export async function ensureChromium() {
  const asked = process.env.CHROMIUM;
  if (asked) {
    if (works(asked)) return asked;
    throw new Error(`CHROMIUM is ${asked}, which does not run as a Chromium`);
  }
  const found = (await candidates()).find((path) => existsSync(path) && works(path));
  if (found) return found;
  const { canUnpack, codename, unpack } = await import("../dist/regtest/debian.js");
  if (!(await canUnpack())) throw new Error(HELP);
  say("installing a headless Chromium into .chromium/ (from Debian's archive)");
  await unpack(join(root, ".chromium"), {
    packages: ["chromium-headless-shell"],
    // Of this machine's own release, as it runs on this machine's libraries: only missing ones are unpacked beside it.
    suites: [await codename()],
    installed: "/var/lib/dpkg/status",
    wanted: () => true,
    finish(prefix) {
      writeWrapper(prefix);
      const path = join(prefix, "bin/chromium");
      if (!works(path)) throw new Error(`the unpacked Chromium does not run: ${versionOf(path).stderr}`);
    },
    works: () => works(own),
  });
  return own;
}

async function candidates() {
  const { chromium } = await import("playwright-core");
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const inPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...inPath, chromium.executablePath(), own];
}

const versionOf = (path) => spawnSync(path, ["--version"], { encoding: "utf8", timeout: 30_000 });

function works(path) {
  const { status, stdout } = versionOf(path);
  return status === 0 && /Chrom/.test(stdout);
}

/** The program started with the libraries that were unpacked beside it, by paths relative to the wrapper. */
function writeWrapper(prefix) {
  const files = readdirSync(prefix, { recursive: true, withFileTypes: true });
  const pathOf = ({ parentPath, name }) => relative(prefix, join(parentPath, name));
  const libraries = new Set(
    files
      .filter(({ name }) => /\.so(\.\d+)*$/.test(name))
      .map((file) => dirname(pathOf(file)))
      .filter((folder) => folder !== dirname(PROGRAM)),
  );
  const path = [...libraries].map((folder) => `$here/${folder}`).join(":");
  mkdirSync(join(prefix, "bin"), { recursive: true });
  const wrapper = join(prefix, "bin/chromium");
  writeFileSync(
    wrapper,
    `#!/bin/sh
self=$(readlink -f -- "$0") && here=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd -P) || exit 1
# Fonts and what names them, where the system has none.
[ -d "$here/etc/fonts" ] && export FONTCONFIG_SYSROOT="$here"
export LD_LIBRARY_PATH="${path}"
exec "$here/${PROGRAM}" "$@"
`,
  );
  chmodSync(wrapper, 0o755);
}

if (isMain(import.meta.url)) {
  try {
    await ensureBuilt();
    process.stdout.write(`${await ensureChromium()}\n`);
  } catch (error) {
    fail(error);
  }
}
