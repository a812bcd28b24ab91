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

const commands = {
  "tapstake inspect <transaction>": ["inspect", stake],
  "tapstake params mainnet": ["params", "mainnet"],
  "tapstake stake create --help": ["stake", "create", "--help"],
  "tapstake fp vote --help": ["fp", "vote", "--help"],
};
const medians = await interleaved(ROUNDS, {
  node: () => start("-e", "0"),
  ...Object.fromEntries(
    Object.entries(commands).map(([name, args]) => [name, () => start(command, ...args)] as const),
  ),
} as Record<string, () => void>);

say("node -e 0", medians["node"]!, "ms");
for (const name of Object.keys(commands)) {
  say(name, medians[name]!, "ms");
  figure("  of node -e 0", medians[name]! / medians["node"]!, { atMost: 2.5 });
}
