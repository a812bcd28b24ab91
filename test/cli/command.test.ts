import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adviceOf } from "../../src/core/error-codes.js";
import { inProcess } from "./in-process.js";
import { hasBash, observed, shell, tapstake } from "./support.js";

const COMMANDS = [
  "demo",
  "stake",
  "unbond",
  "withdraw",
  "slash",
  "covenant",
  "inspect",
  "params",
  "descriptor",
  "extract",
  "fp",
  "help",
] as const;
const STAKE = observed["mainnet-300.004BTC"].hex;

describe.concurrent("the command line", () => {
  it("lists every command and the meaning of each exit code in its help", async () => {
    const { code, stdout, stderr } = await inProcess(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(stdout).toMatch(/0 {2}done\n {2}1 {2}refused.*\n {2}2 {2}wrong usage/);
  });

  it("prints its version", async () => {
    expect(await inProcess(["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  });

  it("shows the help on standard error when no command is given", async () => {
    const { code, stdout, stderr } = await inProcess([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: tapstake");
  });

  it.each([
    [["fp", "bogus"], "unknown command 'bogus'; see tapstake fp --help"],
    [["fp", "keys", "bogus"], "unknown command 'bogus'; see tapstake fp keys --help"],
    [["fp", "keys", "show", "--bogus"], "unknown option '--bogus'; see tapstake fp keys show --help"],
    [["bogus"], "unknown command 'bogus'; see tapstake --help"],
    [["toString"], "unknown command 'toString'; see tapstake --help"],
    [["--bogus", "nope"], "unknown option '--bogus'; see tapstake --help"],
    [["inspect", "--bogus"], "unknown option '--bogus'; see tapstake inspect --help"],
    [["help", "bogus"], "no command, error code or topic is named 'bogus'; see tapstake help --help"],
    [["help", "toString"], "no command, error code or topic is named 'toString'; see tapstake help --help"],
    [["--bogus"], "unknown option '--bogus'; see tapstake --help"],
    [["inspect"], "missing required argument 'transaction'; see tapstake inspect --help"],
    [["params", "mainnet", "regtest"], "too many arguments"],
    [["params", "mainnet", "--version", "one"], "It must be a whole number"],
    [["params", "--network", "moon"], "Allowed choices are mainnet, testnet, signet, regtest"],
    [["params", "mainnet", "--version", "1", "--at-height", "2"], "cannot be used with"],
    [["descriptor", "--time", "1"], "required option '--staker <key...>' not specified"],
    [["extract"], "give --votes, or --delegation and --transaction"],
    [["extract", "--votes", "a", "--slash"], "--slash needs the --delegation"],
    [["extract", "--votes", "a", "--delegation", "b"], "--delegation goes with"],
    [["extract", "--delegation", "-", "--transaction", "-"], "only one of the sources"],
    [["inspect", "-", "--delegation", "-"], "only one of the sources"],
    [["inspect", STAKE, "--time", "5"], "terms need all of --staker, --fp and --time"],
  ])("exits with 2 on wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await inProcess(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^tapstake: usage: .*\n$/);
    expect(stderr).toContain(message);
  });

  it("reports wrong usage as JSON with --json", async () => {
    const { code, stdout, stderr } = await inProcess(["params", "--json", "--bogus"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "usage", message: "unknown option '--bogus'; see tapstake params --help", details: {} },
    });
  });

  it("says what to do, and which help has more, as text and as JSON", async () => {
    const unknown = await inProcess(["params", "moon"]);
    expect(unknown.stderr).toMatch(/^tapstake: unknown-params: .*\nDo: List the sets .*\n$/);
    const slashing = ["extract", "--delegation", "/nowhere", "--transaction", STAKE];
    expect((await inProcess(slashing)).stderr).toMatch(/^tapstake: file-error: .*\nDo: .*\n$/);
    const { code, stderr } = await inProcess(["params", "moon", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "unknown-params",
        message: expect.stringContaining("moon"),
        do: adviceOf("unknown-params").do,
        help: "tapstake help unknown-params",
        details: expect.anything(),
      },
    });
  });

  it("names no help that does not exist", async () => {
    const { code, stderr } = await inProcess(["--json", "nope"]);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { message: "unknown option '--json'; see tapstake --help" },
    });
  });

  it("ends without an error when the reader of its output closes it", async () => {
    const outcome = await shell("for i in 1 2 3; do tapstake params mainnet --json | head -n 1; done");
    expect(outcome).toEqual({ code: 0, stdout: "{\n{\n{\n", stderr: "" });
  });

  it.runIf(hasBash && existsSync("/dev/full"))(
    "reports without a stack trace that its output is full",
    async () => {
      const { code, stderr } = await shell("tapstake params > /dev/full");
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: "tapstake: file-error: cannot write the answer: ENOSPC\n",
      });
    },
  );

  it("reports a misspelt command in one line", async () => {
    const { code, stderr } = await inProcess(["inspec"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "tapstake: usage: unknown command 'inspec' (Did you mean inspect?); see tapstake --help\n",
    });
  });

  it.each([
    { what: "an empty argument", args: ["inspect", ""], code: 2, says: "the transaction is empty" },
    { what: "empty standard input", args: ["inspect", "-"], code: 1, says: "standard input is empty" },
    {
      what: "--from without --slash",
      args: ["extract", "--votes", "x", "--from", "unbonding"],
      code: 2,
      says: "--from says",
    },
  ])("refuses $what", async ({ args, code, says }) => {
    const outcome = await inProcess(args, { input: "" });
    expect(outcome).toMatchObject({ code, stderr: expect.stringContaining(says) });
  });

  it("writes no colours where there is no terminal", async () => {
    const { stdout } = await tapstake(["params", "mainnet"], { env: { FORCE_COLOR: "1" } });
    expect(stdout).not.toContain("\u001b");
  });
});
