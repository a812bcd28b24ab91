// `npm run example -- stake` runs a file of examples/. Examples import the package by its name, as its users do, so
// they run against the build.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ensureBitcoind } from "./bitcoind.mjs";
import { fail, root } from "./shared.mjs";

/** The file of an example, from its name or its path. */
function fileOf(name = "") {
  const file = `examples/${name.replace(/^(?:.*\/)?examples\//, "").replace(/\.ts$/, "")}.ts`;
  if (existsSync(join(root, file))) return file;
  const names = readdirSync(join(root, "examples")).map((each) => each.replace(/\.ts$/, ""));
  throw new Error(`usage: npm run example -- <name>, where <name> is one of: ${names.join(", ")}`);
}

try {
  const file = fileOf(process.argv[2]);
  if (readFileSync(join(root, file), "utf8").includes("startNode")) await ensureBitcoind();
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
    input: bundled.outputFiles[0].text,
    stdio: ["pipe", "inherit", "inherit"],
  });
  process.exitCode = status ?? 1;
} catch (error) {
  fail(error);
}
