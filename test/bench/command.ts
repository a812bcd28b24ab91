/** `npm run bench`: how long the command takes to start, as a multiple of Node's own start, in one run and in turns. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { figure, interleaved, say } from "./support/report.js";

const ROUNDS = 24;
const command = resolve("dist/cli/main.js");
const vectors = JSON.parse(readFileSync("test/vectors/observable-staking.json", "utf8")) as Record<
  string,
  { hex: string }
>;
const stake = vectors["mainnet-300.004BTC"]!.hex;

const start = (...args: string[]) => {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${args.join(" ").slice(0, 80)} failed:\n${stderr}`);
};

/** One or two of each group; whatever it does, a command is to begin at once. */
const COMMANDS: readonly (readonly [name: string, ...args: string[]])[] = [
  ["--help", "--help"],
  ["inspect <transaction>", "inspect", stake],
  ["params mainnet", "params", "mainnet"],
  ["descriptor --help", "descriptor", "--help"],
  ["stake --help", "stake", "--help"],
  ["stake create --help", "stake", "create", "--help"],
  ["covenant sign --help", "covenant", "sign", "--help"],
  ["unbond --help", "unbond", "--help"],
  ["register delegation --help", "register", "delegation", "--help"],
  ["pop make --help", "pop", "make", "--help"],
  ["extract --help", "extract", "--help"],
  ["fp keys --help", "fp", "keys", "--help"],
  ["fp vote --help", "fp", "vote", "--help"],
  ["fp serve --help", "fp", "serve", "--help"],
];
const medians = await interleaved(ROUNDS, {
  node: () => start("-e", "0"),
  ...Object.fromEntries(COMMANDS.map(([name, ...args]) => [name, () => start(command, ...args)] as const)),
} as Record<string, () => void>);

say("node -e 0", medians["node"]!, "ms");
for (const [name] of COMMANDS) {
  say(`tapstake ${name}`, medians[name]!, "ms");
  figure("  of node -e 0", medians[name]! / medians["node"]!, { atMost: 2.5 });
}
