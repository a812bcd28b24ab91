import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Help, helpText, paragraphs } from "./help.js";

/** What makes a command; `args` are the arguments after its own name. */
type Make = (args: readonly string[]) => CommandUnknownOpts | Promise<CommandUnknownOpts>;

/** Commands by name: each brings its libraries only when it is called. */
export type LazyCommands = Readonly<
  Record<
    string,
    {
      readonly summary: string;
      readonly load: () => Make | Promise<Make | { readonly command: Make }>;
    }
  >
>;

/** Adds commands to one that is their parent, loading only the one that `args` call, or ask for help with. */
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
  /** What the command does beside its summary, in five lines at most. */
  readonly description: string;
}

/** A command with its help; its arguments and options are the caller's to add. */
export const newCommand = (name: string, { description, ...help }: Described) =>
  new Command(name).description(paragraphs(description)).addHelpText("after", helpText(help));

/** A command that only holds others. */
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
