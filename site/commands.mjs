// The pages of the command line: what `--help` says of every command.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../scripts/shared.mjs";

const main = join(root, "dist/cli/main.js");
const run = promisify(execFile);

/** Writes one page for each command of the first level, with all commands below it, and the list of the pages. */
export async function writeCommands(folder) {
  mkdirSync(folder);
  const write = (name, ...parts) => writeFileSync(join(folder, name), `${parts.join("\n\n")}\n`);
  const { help, below } = await helpOf([]);
  write("index.md", "# Commands", fenced(help));
  const sidebar = [{ text: "tapstake", link: "/cli/" }];
  for (const name of below) {
    const [own, ...others] = await helpsFrom([name]);
    const sections = others.flatMap((each) => [`## ${each.title}`, fenced(each.help)]);
    write(`${name}.md`, `# ${own.title}`, fenced(own.help), ...sections);
    sidebar.push({ text: own.title, link: `/cli/${name}` });
  }
  write("sidebar.json", JSON.stringify(sidebar));
}

/** The help of a command, and of all below it. */
async function helpsFrom(path) {
  const { help, below } = await helpOf(path);
  const deeper = [];
  for (const names of groups(below, availableParallelism())) {
    deeper.push(...(await Promise.all(names.map((name) => helpsFrom([...path, name])))));
  }
  return [{ title: `tapstake ${path.join(" ")}`, help }, ...deeper.flat()];
}

/** What a command says of itself, and the names of the commands below it. */
async function helpOf(path) {
  const { stdout: help } = await run(process.execPath, [main, ...path, "--help"]);
  const [, commands = ""] = /^Commands:\n((?: {2}.*\n)+)/m.exec(help) ?? [];
  const below = [...commands.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name);
  return { help, below: below.filter((name) => name !== "help") };
}

function groups(items, size) {
  const all = [];
  for (let at = 0; at < items.length; at += size) all.push(items.slice(at, at + size));
  return all;
}

const fenced = (text) => `\`\`\`text\n${text.trim()}\n\`\`\``;
