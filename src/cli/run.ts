import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { reportError, UsageError, withHelp } from "./errors.js";
import { addCommands, type LazyCommands } from "./lazy.js";
import { closeQuietly } from "./output.js";
import { version } from "./version.js";

const COMMANDS: LazyCommands = {
  demo: {
    summary: "a stake's whole life on a private bitcoind, told as it happens",
    load: () => import("./commands/demo.js"),
  },
  inspect: {
    summary: "what a transaction stakes or spends, in plain words",
    load: () => import("./commands/inspect.js"),
  },
  params: {
    summary: "the protocol parameters of each network",
    load: () => import("./commands/params.js"),
  },
  descriptor: {
    summary: "the outputs of a stake: addresses, scripts, descriptors",
    load: () => import("./commands/descriptor.js"),
  },
  extract: {
    summary: "the secret key of a finality provider that voted twice",
    load: () => import("./commands/extract.js"),
  },
  fp: {
    summary: "a finality provider's keys, randomness and votes",
    load: () => import("./commands/fp/index.js"),
  },
};

/** No line of help is longer. */
const COLUMNS = 100;

const ABOUT = `
Stake bitcoin with scripts: build and check every transaction of a stake, and slash who votes twice.`;

const AFTER = `
Examples:
  tapstake inspect --help   # what a command does and why, with an example to copy
  tapstake params mainnet

Exit codes:
  0  done
  1  refused; standard error says why, and the code of the error
  2  wrong usage
`;

/**
 * Runs the command line; never throws.
 * @returns the exit code: 0 done, 1 refused, 2 usage
 */
export async function run(args: readonly string[]): Promise<number> {
  closeQuietly(process.stdout);
  closeQuietly(process.stderr);
  const program = createProgram();
  try {
    await addCommands(program, COMMANDS, args);
    quiet(program);
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const asJson = args.includes("--json");
    const isUsage = error instanceof CommanderError || error instanceof UsageError;
    return reportError(isUsage ? withHelp(error, commandPath(program, args)) : error, asJson);
  }
}

function createProgram(): Command {
  return new Command("tapstake")
    .description(ABOUT.trim())
    .version(version(), "-V, --version", "the version of tapstake")
    .enablePositionalOptions()
    .addHelpText("after", AFTER.trimEnd());
}

/** Errors are thrown, and worded in one place. */
function quiet(command: CommandUnknownOpts): void {
  command.exitOverride();
  command.configureOutput({ outputError: () => {} });
  command.configureHelp({ helpWidth: Math.min(process.stdout.columns ?? COLUMNS, COLUMNS) });
  command.commands.forEach(quiet);
}

/** The names of the command that was called, such as `fp keys new`. */
function commandPath(program: CommandUnknownOpts, args: readonly string[]): string[] {
  const path: string[] = [];
  let command: CommandUnknownOpts | undefined = program;
  for (const argument of args.filter((each) => !each.startsWith("-"))) {
    command = command.commands.find((each) => each.name() === argument);
    if (!command) break;
    path.push(argument);
  }
  return path;
}
