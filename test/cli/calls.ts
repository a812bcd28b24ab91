import { CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { commandTree } from "../../src/cli/run.js";

/** The arguments of every `tapstake` in some lines of a shell, with values for what people fill in. */
export function callsIn(lines: string): string[][] {
  const filled = lines
    .replace(/\\\n\s*/g, "")
    .replace(/(?:^|\s)#.*|^Description=.*/gm, "")
    .replace(/<[a-z][^<>\n]*>/g, "1")
    .replace(/(?<=--hash )[0-9a-f]+…/g, "00".repeat(32));
  return [...filled.matchAll(/(?<=(?:^|[ (=/])tapstake ).*/gm)].map(([call]) => {
    const [simple] = /^(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^'"|;&#<>()`])*/.exec(call)!;
    const words = simple.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"])+/g) ?? [];
    return words.map((word) => word.replace(/['"]/g, "")).filter((word) => word !== "…");
  });
}

/** Reads arguments as the command line does, and does nothing with them. */
export async function parse(args: readonly string[]): Promise<void> {
  const program = await commandTree(args);
  const silence = (at: CommandUnknownOpts) => {
    at.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (at.commands.length === 0) at.action(() => {});
    at.commands.forEach(silence);
  };
  silence(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
  }
}
