// Runs the benchmarks of test/bench, or those that are named: `npm run bench -- stake merkle`. They are TypeScript: each
// is bundled and run by itself.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { fail, root, THROWAWAY } from "./shared.mjs";

const sources = join(root, "test/bench");
const all = readdirSync(sources)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replace(/\.ts$/, ""));
const named = process.argv.slice(2);
for (const name of named.filter((each) => !all.includes(each))) {
  fail(new Error(`there is no benchmark "${name}": give any of ${all.join(", ")}`));
}

// Inside the project, so that Node finds the packages.
const folder = mkdtempSync(join(root, "dist/bench-"));
try {
  for (const name of named.length > 0 ? named : all) {
    const outfile = join(folder, `${name}.mjs`);
    await build({
      entryPoints: [join(sources, `${name}.ts`)],
      outfile,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
    });
    console.log(`${name}\n`);
    const { status } = spawnSync(process.execPath, [outfile], {
      cwd: root,
      env: THROWAWAY,
      stdio: "inherit",
    });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
