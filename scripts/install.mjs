// Installs the dependencies of the project and of its site if they are missing.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run, say } from "./shared.mjs";

/** Installs the dependencies of a folder unless those of its package-lock.json are there. */
export function ensureInstalled(folder, name = "dependencies") {
  if (isInstalled(folder)) return;
  say(`installing ${name} (npm ci)`);
  const npm = process.env.npm_execpath;
  const args = ["ci", "--loglevel=error", "--no-audit", "--no-fund"];
  // npm sets npm_execpath when it runs a script; another package manager sets its own path there.
  if (npm?.endsWith("npm-cli.js")) run(process.execPath, [npm, ...args], { cwd: folder });
  else run("npm", args, { cwd: folder, shell: process.platform === "win32" });
}

/** npm records what it installed in node_modules/.package-lock.json, without packages for other systems. */
function isInstalled(folder) {
  const noted = join(folder, "node_modules/.package-lock.json");
  if (!existsSync(noted)) return false;
  const installed = readPackages(noted);
  return Object.entries(readPackages(join(folder, "package-lock.json"))).every(([path, wanted]) => {
    const there = installed[path];
    if (path === "") return true;
    if (!there) return wanted.optional === true;
    return there.version === wanted.version && there.integrity === wanted.integrity;
  });
}

const readPackages = (path) => JSON.parse(readFileSync(path, "utf8")).packages ?? {};
