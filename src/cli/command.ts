import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Help, helpText, paragraphs } from "./help.js";

/** Makes a command; `args` are the arguments after its own name. */
type Make = (args: readonly string[]) => CommandUnknownOpts | Promise<CommandUnknownOpts>;

/** Commands by name. A command loads its libraries only when it is called. */
export type LazyCommands = Readonly<
  Record<
    string,
    {
      readonly summary: string;
      readonly load: () => Make | Promise<Make | { readonly command: Make }>;
    }
  >
>;

/** Adds commands to their parent. It loads only the one that `args` call, or ask help for. */
export async function addCommands(
  parent: CommandUnknownOpts,
  commands: LazyCommands,
  args: readonly string[],
): Promise<void> {
  const at = args.slice(0, 2).findIndex((argument) => Object.hasOwn(commands, argument));
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const isCalled = at !== -1 && args[at] === name;
    const command = isCalled ? await made(await load(), args.slice(at + 1)) : new Command(name);
    parent.addCommand(command.summary(summary));
  }
}

const made = (loaded: Make | { readonly command: Make }, args: readonly string[]) =>
  typeof loaded === "function" ? loaded(args) : loaded.command(args);

export interface Described extends Help {
  /** What the summary does not say, in five lines at most. */
  readonly description: string;
}

/** A command with its help; the caller adds arguments and options. */
export const newCommand = (name: string, { description, ...help }: Described) =>
  new Command(name).description(paragraphs(description)).addHelpText("after", helpText(help));

/** A command that only has subcommands. */
export async function groupCommand(
  name: string,
  described: Omit<Described, "refused">,
  commands: LazyCommands,
  args: readonly string[],
) {
  const refused = "standard error says why, and the code of the error";
  const group = newCommand(name, { ...described, refused });
  await addCommands(group, commands, args);
  return group;
}
