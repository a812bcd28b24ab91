// `npm run example -- stake` runs a file of examples/. Examples import the package by its name, as its users do, so
// they run against the build.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ensureBitcoind } from "./bitcoind.mjs";
import { fail, root, THROWAWAY } from "./shared.mjs";

/** The file of an example, from its name or its path: a folder of pages has one that serves them. */
function fileOf(name = "") {
  const path = `examples/${name.replace(/^(?:.*\/)?examples\//, "").replace(/(\/|\.ts)$/, "")}`;
  const file = [`${path}.ts`, `${path}/serve.ts`].find((each) => existsSync(join(root, each)));
  if (file) return file;
  const isExample = (each) => each.endsWith(".ts") || existsSync(join(root, "examples", each, "serve.ts"));
  const names = readdirSync(join(root, "examples"))
    .filter(isExample)
    .map((each) => each.replace(/\.ts$/, ""));
  throw new Error(`usage: npm run example -- <name>, where <name> is one of: ${names.join(", ")}`);
}

try {
  const file = fileOf(process.argv[2]);
  if (/startNode|servePages/.test(readFileSync(join(root, file), "utf8"))) await ensureBitcoind();
  const bundled = await build({
    absWorkingDir: root,
    entryPoints: [file],
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    write: false,
    logLevel: "error",
  });
  const { status } = spawnSync(process.execPath, ["--input-type=module"], {
    cwd: root,
    env: THROWAWAY,
    input: bundled.outputFiles[0].text,
    stdio: ["pipe", "inherit", "inherit"],
  });
  process.exitCode = status ?? 1;
} catch (error) {
  fail(error);
}
