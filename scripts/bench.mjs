// Runs the benchmarks of test/bench, which are TypeScript: each is bundled and run by itself.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./shared.mjs";

const sources = join(root, "test/bench");
// Inside the project, so that Node finds the packages.
const folder = mkdtempSync(join(root, "dist/bench-"));
try {
  for (const name of readdirSync(sources).filter((file) => file.endsWith(".ts"))) {
    const outfile = join(folder, name.replace(/\.ts$/, ".mjs"));
    await build({
      entryPoints: [join(sources, name)],
      outfile,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
    });
    console.log(`${name.replace(/\.ts$/, "")}\n`);
    const { status } = spawnSync(process.execPath, [outfile], { cwd: root, stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
