// Compiles kernel/ into WebAssembly, then src/ and regtest/ into dist/. `npm ci` runs it as `prepare`, so a clone has
// a working command at once.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { writeKernels } from "./kernel.mjs";
import { fail, filesBelow, hashOf, isMain, root, run, say } from "./shared.mjs";

const compiler = join(root, "node_modules/typescript/bin/tsc");
const stamp = join(root, "dist/.stamp");
const command = join(root, "dist/src/cli/main.js");

/** Builds dist unless it was built from exactly these sources. Says a line only when it builds. */
export async function ensureBuilt() {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sourceHash()) return;
  say("building dist");
  await build();
}

/** Compiles everything, then removes from dist what no source stands for any more. */
export async function build() {
  rmSync(stamp, { force: true });
  await writeKernels();
  const hash = sourceHash();
  const emitted = compile();
  for (const path of filesBelow("dist")) {
    if (!emitted.has(path)) rmSync(join(root, path));
  }
  linkCommand();
  writeFileSync(stamp, hash);
}

/** Returns the paths that the compiler wrote, relative to the root. */
function compile() {
  const lines = run(process.execPath, [compiler, "-p", "tsconfig.build.json", "--listEmittedFiles"], {
    cwd: root,
  }).split("\n");
  return new Set(
    lines
      .filter((line) => line.startsWith("TSFILE: "))
      .map((line) => relative(root, line.slice("TSFILE: ".length).trim()).split(sep).join("/")),
  );
}

/** npm links the bins of dependencies, never a package's own: this makes `npx tapstake` work in a clone. */
function linkCommand() {
  if (!existsSync(command)) return;
  chmodSync(command, 0o755);
  const link = join(root, "node_modules/.bin/tapstake");
  if (process.platform === "win32") return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), command), link);
}

function sourceHash() {
  return hashOf([
    ...[...filesBelow("src"), ...filesBelow("regtest")].filter((path) => !path.endsWith(".test.ts")),
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    ...filesBelow("kernel"),
    "scripts/build.mjs",
    "scripts/kernel.mjs",
  ]);
}

if (isMain(import.meta.url)) {
  try {
    // `npm ci --omit=dev` runs `prepare` too, without a compiler.
    if (existsSync(compiler)) await build();
    else say("not built: the development dependencies are not installed");
  } catch (error) {
    fail(error);
  }
}
