import { readFileSync } from "node:fs";
import { Command, CommanderError, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { missingPackage } from "../core/optional.js";
import { hideFromCoreDumps } from "../finality/keys/core-dumps.js";
import { addCommands, type LazyCommands } from "./command.js";
import { reportError, UsageError, withHelp } from "./errors.js";
import { HELP_STYLE } from "./help.js";
import { closeQuietly, tellInJson } from "./output.js";
import { reflowed, widthOf } from "./wrap.js";

const COMMANDS: LazyCommands = {
  demo: {
    summary: "Run four stakes on a private bitcoind, from start to end",
    load: async () => (await import("./commands/demo.js")).command,
  },
  stake: {
    summary: "Build, sign, check and send a stake",
    load: async () => (await import("./commands/stake.js")).stake,
  },
  expand: {
    summary: "Make a stake larger or longer without unbonding it",
    load: async () => (await import("./commands/expand.js")).command,
  },
  unbond: {
    summary: "End a stake early, with the committee's signatures",
    load: async () => (await import("./commands/spend.js")).unbond,
  },
  withdraw: {
    summary: "Take coins back after their time lock",
    load: async () => (await import("./commands/spend.js")).withdraw,
  },
  slash: {
    summary: "Slash a stake with the leaked key of its finality provider",
    load: async () => (await import("./commands/spend.js")).slash,
  },
  covenant: {
    summary: "Check and sign delegations as a committee member",
    load: async () => (await import("./commands/covenant.js")).covenant,
  },
  pop: {
    summary: "Make and verify proofs of possession",
    load: () => import("./commands/pop.js"),
  },
  register: {
    summary: "Make and read the messages of the staking chain",
    load: () => import("./commands/register/index.js"),
  },
  inspect: {
    summary: "Explain a transaction, a PSBT or a delegation",
    load: async () => (await import("./commands/inspect.js")).command,
  },
  params: {
    summary: "Show the protocol parameters of a network",
    load: async () => (await import("./commands/params/index.js")).command,
  },
  descriptor: {
    summary: "Build the outputs of a stake: addresses, scripts, descriptors",
    load: async () => (await import("./commands/descriptor.js")).command,
  },
  extract: {
    summary: "Compute the secret key of a finality provider that voted twice",
    load: async () => (await import("./commands/extract.js")).command,
  },
  fp: {
    summary: "Run a finality provider: keys, randomness, votes, signer",
    load: () => import("./commands/fp/index.js"),
  },
  watch: {
    summary: "Follow Bitcoin, and say what becomes of stakes",
    load: () => import("./commands/watch/index.js"),
  },
  checkpoint: {
    summary: "Build, read and verify checkpoints of the staking chain",
    load: () => import("./commands/checkpoint.js"),
  },
  risk: {
    summary: "Say what a stake stands for, and what one fault costs",
    load: () => import("./commands/risk/index.js"),
  },
  completion: {
    summary: "Print a script that completes commands in a shell",
    load: async () => (await import("./commands/completion.js")).command,
  },
  help: {
    summary: "Explain an error code or a topic, or show the help of a command",
    load: async () => (await import("./commands/help.js")).command,
  },
};

/** The longest line of help. */
const COLUMNS = 100;

const ABOUT = `
Stake bitcoin on Babylon: build, sign, check and send every transaction of a stake.`;

const AFTER = `
Examples:
  tapstake --help
  tapstake stake --help       # the steps to a stake
  tapstake inspect --help     # what a command does, with an example to copy
  tapstake help topics        # what several commands share: servers, files, secrets, …
  tapstake help double-vote   # what an error code means, and what to do

Exit codes:
  0  done
  1  refused: standard error says why, with the code of the error
  2  wrong usage
`;

/**
 * Runs the command line; never throws.
 * @returns the exit code: 0 done, 1 refused, 2 usage
 */
export async function run(given: readonly string[]): Promise<number> {
  const args = withoutHelp(given);
  // For every command: most read a secret at some time, and the environment may contain one already.
  hideFromCoreDumps();
  tellInJson(args.includes("--json"));
  closeQuietly(process.stdout);
  closeQuietly(process.stderr);
  let program = createProgram();
  try {
    program = await commandTree(args);
    await refuseMisplacedHelp(program, args);
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const isUsage = error instanceof CommanderError || error instanceof UsageError;
    return reportError(
      isUsage ? withHelp(error, commandPath(program, args)) : (missingPackage(error) ?? error),
    );
  }
}

/** The commands. Only the one that `args` call is loaded. */
export async function commandTree(args: readonly string[]): Promise<Command> {
  const program = createProgram();
  await addCommands(program, COMMANDS, args);
  quiet(program);
  return program;
}

function createProgram(): Command {
  return new Command("tapstake")
    .description(ABOUT.trim())
    .version(version(), "-V, --version", "the version of tapstake")
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText("after", AFTER.trimEnd());
}

/** Errors are thrown, and put into words in one place. */
function quiet(command: CommandUnknownOpts): void {
  command.exitOverride();
  command.configureOutput({
    outputError: () => {},
    writeOut: (text) => void process.stdout.write(reflowed(text, widthOf(process.stdout))),
  });
  command.configureHelp({ ...HELP_STYLE, helpWidth: Math.min(process.stdout.columns ?? COLUMNS, COLUMNS) });
  command.commands.forEach(quiet);
}

/** `help` alone, or with a command, as that command's `--help`. */
function withoutHelp(args: readonly string[]): readonly string[] {
  const [first, ...topic] = args;
  const isCommand = topic[0] === undefined || Object.hasOwn(COMMANDS, topic[0]);
  return first === "help" && isCommand ? [...topic, "--help"] : args;
}

/** Under a group of commands, `help` knows its commands alone. @throws UsageError for an error code or a topic */
async function refuseMisplacedHelp(program: Command, args: readonly string[]): Promise<void> {
  const at = args.indexOf("help");
  const word = args[at + 1]?.toLowerCase().replace(/:$/, "");
  const path = args.slice(0, at);
  if (at < 1 || word === undefined || commandPath(program, path).length !== path.length) return;
  let group: CommandUnknownOpts = program;
  for (const name of path) group = group.commands.find((each) => each.name() === name)!;
  if (group.commands.length === 0 || group.commands.some((each) => each.name() === word)) return;
  const { explains } = await import("./commands/help.js");
  if (explains(word)) {
    throw new UsageError(`'${path.join(" ")} help' explains commands alone: tapstake help ${word}`);
  }
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

/** The version of this package, from its package.json: two folders above both the bundle and the source. */
function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
