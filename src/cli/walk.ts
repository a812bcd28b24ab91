import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { commandTree } from "./run.js";

/** A command with what can be typed after it. */
export interface Node {
  /** Its names from the top: empty for tapstake itself. */
  readonly path: readonly string[];
  readonly command: CommandUnknownOpts;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly description: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
  /** The choices of its first argument. */
  readonly choices: readonly string[];
}

/** All commands, each after its parent. Naming a command loads it, so each is named once. */
export async function walk(path: readonly string[] = []): Promise<Node[]> {
  let command: CommandUnknownOpts = await commandTree(path);
  for (const name of path) command = command.commands.find((each) => each.name() === name)!;
  const own: Node = {
    path,
    command,
    commands: command.commands.map((each) => ({ name: each.name(), summary: each.summary() })),
    options: command.createHelp().visibleOptions(command).map(optionOf),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  const below: Node[] = [];
  for (const { name } of own.commands) below.push(...(await walk([...path, name])));
  return [own, ...below];
}

type Option = CommandUnknownOpts["options"][number];

const optionOf = ({ short, long, description, required, optional, argChoices }: Option) => ({
  flags: [short, long].filter((flag) => flag !== undefined && flag !== null),
  description,
  takesValue: required || optional,
  choices: argChoices ?? [],
});
