// Compiles kernel/ into WebAssembly, then src/ and regtest/ into dist/, and bundles the command into dist/cli/ and pages/
// into dist/pages/. `npm ci` runs it as `prepare`, so a clone has a working command at once.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { writeKernels } from "./kernel.mjs";
import { fail, filesBelow, hashOf, isMain, root, run, say } from "./shared.mjs";

const compiler = join(root, "node_modules/typescript/bin/tsc");
const stamp = join(root, "dist/.stamp");
const command = join(root, "dist/cli/main.js");

/** Builds dist unless it was built from exactly these sources. Prints a line only when it builds. */
export async function ensureBuilt() {
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sourceHash()) return;
  say("building dist (once)");
  await build();
}

/** Compiles everything, then removes from dist what no longer has a source. */
export async function build() {
  rmSync(stamp, { force: true });
  await writeKernels();
  const hash = sourceHash();
  const compiled = compile();
  const bundled = [...(await bundleCommand()), await writeManPage(), await writeRiskPage()];
  // For the command, only the bundle is run: no program imports its parts.
  const emitted = new Set([...compiled.filter((path) => !path.startsWith("dist/src/cli/")), ...bundled]);
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
  const paths = lines
    .filter((line) => line.startsWith("TSFILE: "))
    .map((line) => relative(root, line.slice("TSFILE: ".length).trim()).split(sep).join("/"));
  for (const path of paths.filter((each) => each.endsWith(".d.ts"))) withPlainBytes(join(root, path));
  return paths;
}

/** TypeScript before 5.7 refuses a parameter of Uint8Array, which the compiler writes into types that it infers. */
function withPlainBytes(path) {
  const text = readFileSync(path, "utf8");
  const plain = text.replace(/\bUint8Array<ArrayBuffer(?:Like)?>/g, "Uint8Array");
  if (plain !== text) writeFileSync(path, plain);
}

/**
 * Bundles the command into a few files, as Node would search and compile hundreds of them at each start. A command
 * loads what it needs when it runs, as in the sources. The optional packages stay outside.
 */
async function bundleCommand() {
  const { build: bundle } = await import("esbuild");
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { metafile } = await bundle({
    absWorkingDir: root,
    entryPoints: { main: "dist/src/cli/main.js", man: "dist/src/cli/man.js" },
    outdir: "dist/cli",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // A third less to read and parse. Names stay: they are part of the errors that a program sees.
    minifySyntax: true,
    minifyWhitespace: true,
    external: Object.keys(optionalDependencies),
    // Older packages find Node's own modules through it.
    banner: {
      js: 'import { createRequire as requireIn } from "node:module";\nconst require = requireIn(import.meta.url);',
    },
    legalComments: "external",
    logLevel: "error",
    metafile: true,
  });
  return Object.keys(metafile.outputs);
}

/** The manual page, from the tree of commands. */
async function writeManPage() {
  const { manPage, walk } = await import(pathToFileURL(join(root, "dist/cli/man.js")).href);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(root, "dist/tapstake.1"), manPage(await walk(), version));
  return "dist/tapstake.1";
}

/**
 * The page of `tapstake risk page`, all in one file that may load nothing. The command puts the graph into the
 * element `graph`, which is data and so needs no hash in the policy.
 */
async function writeRiskPage() {
  const { build: bundle } = await import("esbuild");
  const common = { absWorkingDir: root, bundle: true, minify: true, write: false, logLevel: "error" };
  const { outputFiles: scripts } = await bundle({
    ...common,
    entryPoints: ["pages/risk/app.tsx"],
    // The page asks no solver; what would load one falls out of the bundle.
    external: ["highs"],
    format: "iife",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  // `light-dark()` and nesting stay as they are written.
  const { outputFiles: styles } = await bundle({ ...common, entryPoints: ["pages/risk/risk.css"] });
  const [script, style] = [scripts[0].text.trim(), styles[0].text.trim()];
  if (/\bimport\(/.test(script)) throw new Error("pages/risk: the script would load another");
  if (/<\/script|<!--/i.test(script)) throw new Error("pages/risk: the script would end its own element");
  const source = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const { version } = JSON.parse(readFileSync(join(root, "node_modules/preact/package.json"), "utf8"));
  const policy = `default-src 'none'; script-src ${source(script)}; style-src ${source(style)}; base-uri 'none'; form-action 'none'`;
  const page = readFileSync(join(root, "pages/risk/risk.html"), "utf8")
    .replace("{{policy}}", policy)
    .replace("{{preact}}", version)
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace("<script></script>", () => `<script>${script}</script>`);
  mkdirSync(join(root, "dist/pages"), { recursive: true });
  writeFileSync(join(root, "dist/pages/risk.html"), page);
  return "dist/pages/risk.html";
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
    ...filesBelow("pages"),
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
