import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { passphraseFrom, wordsOf } from "../../src/cli/passphrase-command.js";
import { walk } from "../../src/cli/walk.js";
import { openHome } from "../../src/finality/home.js";
import { unlockKey } from "../../src/finality/keys/keystore.js";
import { block, expectVoted, fp, homeWithKey, named, passphrase, vote } from "./fp-support.js";
import { inProcess } from "./in-process.js";
import { tapstake, temporaryFile, temporaryFolder } from "./support.js";

const OPTION = "--passphrase-command";

/** A command that prints these bytes and does something else. */
function program(lines: string): string {
  const path = temporaryFile("program", `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o700);
  return path;
}

/** A command that prints bytes, as printf spells them. */
const printing = (bytes: string, more = "") => program(`printf '${bytes}'\n${more}`);

const textFrom = async (command: string, limit?: { seconds: number }) =>
  new TextDecoder().decode(await passphraseFrom(command, OPTION, limit));

const refusal = async (command: string, limit?: { seconds: number }): Promise<string> => {
  const error = await textFrom(command, limit).then(
    (text) => text,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "passphrase-command-failed" });
  return (error as Error).message;
};

describe.concurrent("the words of a command", () => {
  it.each<[string, string[]]>([
    ["systemd-creds decrypt a.cred -", ["systemd-creds", "decrypt", "a.cred", "-"]],
    ["  a\t b  ", ["a", "b"]],
    [`a 'b c' "d 'e'" f'g h'"i"`, ["a", "b c", "d 'e'", "fg hi"]],
    [`a '' ""`, ["a", "", ""]],
    ["a $HOME \\n | b > c; d", ["a", "$HOME", "\\n", "|", "b", ">", "c;", "d"]],
  ])("are separated by spaces, and quotes keep them: %s", (line, words) => {
    expect(wordsOf(line, OPTION)).toEqual(words);
  });

  it.each(["", "  ", "a 'b", `a "b' c`, `"`])(
    "are refused if there are none, or a quote is open: %j",
    (line) => {
      expect(() => wordsOf(line, OPTION)).toThrow(OPTION);
    },
  );
});

describe.concurrent("the passphrase of a command", () => {
  it.each([
    ["a b", "a b"],
    ["a b\\n", "a b"],
    ["a b\\r\\n", "a b"],
    [" a b \\n", " a b "],
    ["a\\r", "a\r"],
    ["\\303\\244\\n", "ä"],
    // The letter and its mark apart: keyboards write both.
    ["a\\314\\210\\n", "ä"],
  ])("is its output without one newline at the end: %j", async (printed, expected) => {
    expect(await textFrom(printing(printed))).toBe(expected);
  });

  it("of another program's key is not normalised, and white space around it does not count", async () => {
    const given = await passphraseFrom(printing(" a\\314\\210 \\n"), OPTION, { isForeign: true });
    expect([...given]).toEqual([0x61, 0xcc, 0x88]);
  });

  it.each<[string, string, string]>([
    ["no output", "", "its standard output is empty"],
    ["an empty line", "\\n", "its standard output is empty"],
    ["two lines", "a\\nb\\n", "its standard output has more than one line"],
    ["two newlines", "a\\n\\n", "its standard output has more than one line"],
    ["other bytes than UTF-8", "a\\377b\\n", "its standard output is not UTF-8"],
  ])("is not %s", async (_, printed, why) => {
    const path = printing(printed);
    expect(await refusal(path)).toBe(`${path} gave no passphrase: ${why}`);
  });

  it("is not taken from a command that fails; its first line of standard error is shown", async () => {
    const path = printing("the secret\\n", "printf 'access denied\\nto it\\n' >&2; exit 3");
    expect(await refusal(path)).toBe(
      `${path} gave no passphrase: it ended with exit code 3. It said: access denied`,
    );
  });

  it("is never shown, even if the command writes it to standard error", async () => {
    const path = printing("the secret\\n", "printf 'cannot use the secret, sorry' >&2; exit 1");
    expect(await refusal(path)).toBe(
      `${path} gave no passphrase: it ended with exit code 1. It said: cannot use [passphrase], sorry`,
    );
  });

  it("is refused if a signal ends the command", async () => {
    expect(await refusal(program("kill -9 $$"))).toMatch(/SIGKILL ended it$/);
  });

  it("is refused if there is no such program", async () => {
    expect(await refusal("/no/such/program --get")).toBe(
      "/no/such/program gave no passphrase: there is no such program",
    );
  });

  it("is refused if the program may not be run", async () => {
    expect(await refusal(temporaryFile("plain", "x"))).toMatch(/it cannot be started: EACCES$/);
  });

  it("is waited for until the time limit", async () => {
    // Without the limit, its empty output would be the reason.
    expect(await refusal("sleep 30", { seconds: 0.3 })).toBe(
      "sleep gave no passphrase: it did not end within 0.3 seconds",
    );
  });

  it("is not waited for beyond the time limit if another process keeps the output open", async () => {
    expect(await refusal(program("sleep 5 & echo a; exit 0"), { seconds: 0.5 })).toMatch(
      /did not end within/,
    );
  });

  it("is not read without end", async () => {
    expect(await refusal("yes")).toBe("yes gave no passphrase: it printed more than 4096 bytes");
  });

  it("is not made by a shell", async () => {
    expect(await textFrom("echo $HOME | cat")).toBe("$HOME | cat");
  });

  it("is asked for without standard input and without tapstake's variables", async () => {
    const path = program("cat; env | grep -c TAPSTAKE_ >&2; echo a; exit 1");
    const outcome = await tapstake(["fp", "keys", "export", "validator-1", "--yes", OPTION, path], {
      input: "typed",
      env: { TAPSTAKE_HOME: homeWithKey(), TAPSTAKE_PASSPHRASE: passphrase, TAPSTAKE_HMAC_KEY: "b" },
    });
    expect(outcome.stderr).toMatch(/exit code 1. It said: 0\n/);
  });
});

describe("commands that need a passphrase", () => {
  const right = () => printing(`${passphrase}\\n`);

  it("take it from a command wherever they take it from a file", async () => {
    const nodes = await walk();
    const options = nodes.map(
      ({ path, options: all }) => [path.join(" "), all.flatMap(({ flags }) => flags)] as const,
    );
    const [files, commands] = ["--passphrase-file", OPTION].map((flag) =>
      options.flatMap(([path, flags]) => (flags.includes(flag) ? path : [])),
    );
    expect(commands).toEqual(files);
    expect(commands!.length).toBeGreaterThan(10);
  });

  it("vote with it", async () => {
    const args = ["--height", "5", "--hash", block(1), "--json", OPTION, right()];
    expectVoted(await vote(homeWithKey(), args, { env: { TAPSTAKE_PASSPHRASE: "not this one" } }));
  });

  it("make, change and export a key with it", async () => {
    const home = join(temporaryFolder(), "home");
    const env = { TAPSTAKE_HOME: home };
    const keys = (args: readonly string[]) => inProcess(["fp", "keys", ...args], { env });
    expect(await keys(["new", "one", "--json", OPTION, right()])).toMatchObject({ code: 0, stderr: "" });
    const next = printing("another passphrase");
    const changed = ["passphrase", "one", OPTION, right(), "--new-passphrase-command", next];
    expect(await keys(changed)).toMatchObject({ code: 0, stderr: "" });
    unlockKey(openHome(home), "one", "another passphrase").wipe();
    expect(await keys(["export", "one", "--yes", OPTION, right()])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("wrong-passphrase"),
    });
    expect(await keys(["export", "one", "--yes", OPTION, next])).toMatchObject({ code: 0 });
    expect(await keys(["new", "two", OPTION, printing("short")])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("invalid-passphrase"),
    });
  });

  it("refuse a command beside a file", async () => {
    const outcome = await fp(homeWithKey(), [
      "keys",
      "export",
      "validator-1",
      OPTION,
      "a",
      "--passphrase-file",
      "b",
    ]);
    expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining(OPTION) });
  });

  it("serve refuses another number of commands than keys, and commands without keys", async () => {
    const serve = (args: readonly string[]) =>
      fp(homeWithKey(), ["serve", "--address", "127.0.0.1:0", "--no-metrics", ...args]);
    expect(await serve([OPTION, "a"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--unlock"),
    });
    expect(await serve(["--unlock", "a,b,c", OPTION, "a", OPTION, "b"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${OPTION} has 2 commands for 3 keys`),
    });
    expect(await serve(["--unlock", "validator-1", OPTION, printing("wrong, of course")])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("wrong-passphrase"),
    });
  });

  it("show it neither in their arguments nor in their environment", async () => {
    const seen = join(temporaryFolder(), "seen");
    const path = program(`cat /proc/$PPID/cmdline /proc/$PPID/environ > ${seen}\necho '${passphrase}'`);
    const outcome = await tapstake(["fp", "keys", "export", "validator-1", "--yes", OPTION, path], {
      env: { TAPSTAKE_HOME: homeWithKey() },
    });
    expect(outcome).toMatchObject({ code: 0 });
    expect(readFileSync(seen, "utf8")).toContain("export");
    expect(readFileSync(seen, "utf8")).not.toContain(passphrase);
    expect(outcome.stderr + outcome.stdout).not.toContain(passphrase);
  });
});

/** The host's own key would be made in the system: this one is in a folder of the test. */
const credentials = { SYSTEMD_CREDENTIAL_SECRET: join(temporaryFolder(), "secret") };
const credential = join(temporaryFolder(), "passphrase.cred");
const encrypted = spawnSync(
  "systemd-creds",
  ["encrypt", "--with-key=host", "--name=passphrase", "-", credential],
  {
    input: `${passphrase}\n`,
    env: { ...process.env, ...credentials },
  },
);
const hasSystemdCreds = encrypted.status === 0;
if (!hasSystemdCreds) process.stderr.write("no systemd-creds that can encrypt here: its test does not run\n");

describe.skipIf(!hasSystemdCreds)("systemd-creds", () => {
  const decrypt = `systemd-creds decrypt --name=passphrase ${credential} -`;

  it("gives the passphrase of a key, and says why it does not", async () => {
    const home = homeWithKey();
    const env = { ...credentials, TAPSTAKE_HOME: home };
    const voting = ["fp", "vote", ...named, "--height", "5", "--hash", block(1), "--uncommitted", "a test"];
    const outcome = await tapstake([...voting, OPTION, decrypt, "--json"], { env });
    expectVoted(outcome);
    writeFileSync(credential, readFileSync(credential, "latin1").replace(/[A-Za-z]{4}/, "AAAA"));
    const spoilt = await tapstake([...voting, OPTION, decrypt], { env });
    expect(spoilt).toMatchObject({ code: 1, stdout: "" });
    expect(spoilt.stderr).toMatch(
      /passphrase-command-failed: systemd-creds gave no passphrase: .* It said: \S/,
    );
  });
});
