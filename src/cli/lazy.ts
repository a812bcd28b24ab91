import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { helpText, paragraphs } from "./help.js";

/** Commands by name: each brings its libraries only when it is called. */
export type LazyCommands = Readonly<
  Record<
    string,
    {
      readonly summary: string;
      /** `command` gets the arguments after the command's own name. */
      readonly load: () => Promise<{
        command(args: readonly string[]): CommandUnknownOpts | Promise<CommandUnknownOpts>;
      }>;
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
    const called = at !== -1 && args[at] === name;
    const command = called ? await (await load()).command(args.slice(at + 1)) : new Command(name);
    parent.addCommand(command.summary(summary));
  }
}

/** A command that only holds others. */
export async function groupCommand(
  name: string,
  { description, examples }: { readonly description: string; readonly examples: string },
  commands: LazyCommands,
  args: readonly string[],
) {
  const refused = "standard error says why, and the code of the error";
  const group = new Command(name)
    .description(paragraphs(description))
    .addHelpText("after", helpText({ examples, refused }));
  await addCommands(group, commands, args);
  return group;
}
