// `npm run docs`: installs the site's packages when they are missing, writes the pages of the command line and of the
// API, and builds all into site/dist.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled } from "../scripts/install.mjs";
import { fail, root, run, say } from "../scripts/shared.mjs";
import { writeCommands } from "./commands.mjs";
import { entries } from "./entries.mjs";

const site = join(root, "site");
const generated = join(site, "generated");
const installed = (path) => join(site, "node_modules", path);
const node = (script, args) => run(process.execPath, [installed(script), ...args], { cwd: site });

try {
  ensureInstalled(site, "the site's packages");
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(join(generated, "public"), { recursive: true });
  cpSync(installed("@mermaid-js/tiny/dist/mermaid.tiny.js"), join(generated, "public/mermaid.js"));
  await writeCommands(join(generated, "cli"));
  writeApi(join(generated, "api"));
  node("vitepress/bin/vitepress.js", ["build"]);
  say("the site is in site/dist");
} catch (error) {
  fail(error);
}

function writeApi(folder) {
  const sources = entries.map(({ source }) => join(root, source));
  node("typedoc/bin/typedoc", ["--out", folder, ...sources]);
  const sidebar = entries.map(({ name }) => ({ text: name, link: `/api/${name}/` }));
  writeFileSync(join(folder, "sidebar.json"), JSON.stringify(sidebar));
}
