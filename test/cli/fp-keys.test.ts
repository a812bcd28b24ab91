import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { openHome } from "../../src/finality/home.js";
import { createKey, unlockKey } from "../../src/finality/keys/keystore.js";
import { secretFromMnemonic } from "../../src/finality/keys/mnemonic.js";
import { LIGHT } from "../support/home.js";
import { lightenScrypt } from "../support/light-scrypt.mjs";
import { secretOf } from "../support/stake.js";
import { inProcess, onTerminalHere } from "./in-process.js";
import {
  hasTerminal,
  onTerminal,
  type Outcome,
  parsed,
  shell,
  tapstake,
  temporaryFile,
  temporaryFolder,
} from "./support.js";

lightenScrypt();

const COMMANDS = ["new", "import", "list", "show", "passphrase", "export", "delete"] as const;

const passphrase = "correct horse battery staple";
const secretKey = secretOf("key");
const publicKey = hex.encode(publicKeyOf(secretKey));
const secret = hex.encode(secretKey);
const words = "barrel original fuel morning among eternal filter ball stove pluck matrix mechanic";

interface Key {
  name: string;
  publicKey: string;
  origin: string;
  derivationVersion: number;
  path?: string;
}

const newHome = () => join(temporaryFolder(), "home");

/** A home with one key that is quick to open. */
function homeWithKey(): string {
  const home = newHome();
  createKey(openHome(home), {
    name: "validator-1",
    passphrase,
    secretKey,
    origin: "imported",
    scrypt: LIGHT,
  });
  return home;
}

/** Runs `tapstake fp keys` where the passphrase is known. */
function keys(home: string, args: readonly string[], { input = "", env = {} } = {}, run = inProcess) {
  const known = { TAPSTAKE_HOME: home, TAPSTAKE_PASSPHRASE: passphrase, DEBUG: "*", NODE_DEBUG: "" };
  return run(["fp", "keys", ...args], { input, env: { ...known, ...env } });
}

function refused({ code, stdout, stderr }: Outcome, error: string) {
  expect({ code, stdout }).toEqual({ code: error === "usage" ? 2 : 1, stdout: "" });
  expect(stderr).toMatch(new RegExp(`(^|\n)tapstake: ${error}: `));
  return stderr;
}

const unlocked = (home: string, name: string, pass = passphrase) =>
  hex.encode(unlockKey(openHome(home), name, pass).secretKey);

describe.concurrent("tapstake fp keys new", () => {
  it("makes a key, and prints its words once, which restore it", async () => {
    const home = newHome();
    const outcome = await keys(home, ["new", "validator-1", "--json"]);
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: "" });
    const { mnemonic, ...key } = parsed<Key & { mnemonic: string }>(outcome);
    expect(key).toMatchObject({ name: "validator-1", origin: "generated", path: "m/44'/118'/0'/0/0" });
    expect(unlocked(home, key.publicKey)).toBe(hex.encode(secretFromMnemonic(mnemonic)));
    const { mode } = statSync(join(home, "keys", "validator-1.json"));
    expect(mode & 0o777).toBe(0o600);

    const elsewhere = newHome();
    const file = temporaryFile("words", mnemonic);
    const again = await keys(elsewhere, ["import", "again", "--mnemonic-file", file, "--json"]);
    expect(parsed<Key>(again)).toMatchObject({ name: "again", publicKey: key.publicKey, origin: "imported" });

    const shown = await keys(home, ["show", "validator-1", "--json"]);
    expect(parsed<Key>(shown)).toEqual(key);
  });

  it("numbers the words in text output", async () => {
    const { stdout } = await keys(newHome(), ["new", "validator-1", "--no-confirm"]);
    expect(stdout.match(/ *\d+ [a-z]+/g)).toHaveLength(24);
    expect(stdout).toContain("not shown again");
  });

  it("writes files for the owner only, with a lax umask too", async () => {
    const home = newHome();
    const script = `umask 0; tapstake fp keys new a --json; stat -c %a home home/keys home/keys/a.json`;
    const cwd = join(home, "..");
    const { stdout } = await shell(script, {
      cwd,
      env: { TAPSTAKE_HOME: "home", TAPSTAKE_PASSPHRASE: passphrase },
    });
    expect(stdout).toMatch(/\n700\n700\n600\n$/);
  });

  it("refuses an existing name before it asks for anything", async () => {
    const home = homeWithKey();
    const before = readFileSync(join(home, "keys/validator-1.json"));
    refused(await keys(home, ["new", "validator-1", "--passphrase-file", "/nowhere"]), "key-exists");
    expect(readFileSync(join(home, "keys/validator-1.json"))).toEqual(before);
  });

  it.each(["../escape", "a/b", "UPPER", "schl\u00FCssel", ".hidden", "x".repeat(65), ""])(
    "refuses the name %j",
    async (name) => {
      const home = newHome();
      refused(await keys(home, ["new", name]), "invalid-key-name");
      expect(readdirSync(join(home, ".."))).toEqual([]);
    },
  );

  it("requires a passphrase, and refuses an empty one", async () => {
    const home = newHome();
    const env = { TAPSTAKE_HOME: home };
    const none = await inProcess(["fp", "keys", "new", "a"], { env });
    expect(refused(none, "usage")).toContain("give --passphrase-file or TAPSTAKE_PASSPHRASE");
    refused(await keys(home, ["new", "a"], { env: { TAPSTAKE_PASSPHRASE: "" } }), "invalid-passphrase");
    refused(
      await keys(home, ["new", "a", "--passphrase-file", temporaryFile("p", "\n")]),
      "invalid-passphrase",
    );
    refused(await keys(home, ["new", "a", "--passphrase-file", join(home, "nowhere")]), "file-error");
    const short = { env: { TAPSTAKE_PASSPHRASE: "sevenLä", TAPSTAKE_NEW_PASSPHRASE: "sevenLä" } };
    const said = refused(await keys(home, ["new", "a"], short), "invalid-passphrase");
    expect(said).toContain("fewer than 8 characters");
    const imported = await keys(home, ["import", "a", "--secret-file", "-"], { ...short, input: secret });
    refused(imported, "invalid-passphrase");
    const other = homeWithKey();
    const changed = { env: { TAPSTAKE_NEW_PASSPHRASE: "sevenLä" } };
    refused(await keys(other, ["passphrase", "validator-1"], changed), "invalid-passphrase");
    expect(existsSync(home)).toBe(false);
  });
});

describe.concurrent("keys new, at a terminal", () => {
  const chosen = [
    ["A passphrase", `${passphrase}\r`],
    ["The same again", `${passphrase}\r`],
  ] as const;
  const wordsIn = (said: string) =>
    [
      ...said
        .split("Write these words down")[1]!
        .split("Word ")[0]!
        .matchAll(/\d+ ([a-z]+)/g),
    ].map(([, word]) => word!);
  const right = (said: string) => {
    const [, place] = [...said.matchAll(/Word (\d+)/g)].at(-1)!;
    return `${wordsIn(said)[Number(place) - 1]}\r`;
  };

  it.skipIf(!hasTerminal)("asks for three of the words, and shows them only before it asks", async () => {
    const home = newHome();
    // A question that was answered is drawn once more.
    const next = /Word (\d+)\b[^]*Word (?!\1\b)\d/;
    const { code, stdout } = await onTerminal(
      ["fp", "keys", "new", "a", "--json"],
      { TAPSTAKE_HOME: home },
      ...chosen,
      [/Word \d/, right],
      [next, right],
      [next, right],
    );
    expect(code).toBe(0);
    const mnemonic = wordsIn(stdout);
    expect(mnemonic).toHaveLength(24);
    expect(new Set(Array.from(stdout.matchAll(/Word (\d+)/g), ([, place]) => place)).size).toBe(3);
    const printed = JSON.parse(/\{[^]*\}/.exec(stdout)![0]) as Key & { mnemonic?: string };
    expect(printed.mnemonic).toBeUndefined();
    expect(printed.publicKey).toBe(hex.encode(publicKeyOf(secretFromMnemonic(mnemonic.join(" ")))));
    expect(readdirSync(join(home, "keys"))).toEqual(["a.json"]);
  });

  it("makes no key after three wrong words", async () => {
    const home = newHome();
    const again = /That is not word \d+\.[^]*Word \d/;
    const { code, stdout } = await onTerminalHere(
      ["fp", "keys", "new", "a"],
      { TAPSTAKE_HOME: home },
      ...chosen,
      [/Word \d/, right],
      [/Word (\d+)\b[^]*Word (?!\1\b)\d/, "guess\r"],
      [again, "guess\r"],
      [again, "guess\r"],
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/cancelled: that is not word \d+, so no key was made/);
    expect(stdout.match(/That is not word/g)).toHaveLength(3);
    expect(readdirSync(join(home, ".."))).toEqual([]);
  });
});

describe.concurrent("a passphrase", () => {
  it("is asked for again when the two inputs differ", async () => {
    const home = newHome();
    const { stdout } = await onTerminalHere(
      ["fp", "keys", "new", "a"],
      { TAPSTAKE_HOME: home },
      ["A passphrase", "correct horse\r"],
      ["The same again", "correct hoarse\r"],
      ["The two differ", "\u0003"],
    );
    expect(stdout).toContain("Type the passphrase again");
    expect(existsSync(home)).toBe(false);
  });

  it("is read from a file or standard input, without the end of its line, before the environment", async () => {
    const home = homeWithKey();
    const env = { TAPSTAKE_PASSPHRASE: "wrong" };
    const file = temporaryFile("passphrase", `${passphrase}\r\nsecond line\n`);
    for (const args of [
      ["--passphrase-file", file],
      ["--passphrase-file", "-"],
    ]) {
      const exported = await keys(home, ["export", "validator-1", "--yes", ...args], {
        env,
        input: `${passphrase}\n`,
      });
      expect(exported.stdout).toBe(`${secret}\n`);
    }
    refused(await keys(home, ["export", "validator-1", "--yes"], { env }), "wrong-passphrase");
  });
});

describe.concurrent("a passphrase's file", () => {
  it.skipIf(process.platform === "win32")("that others can read gives a warning", async () => {
    const home = homeWithKey();
    const file = temporaryFile("passphrase", `${passphrase}\n`);
    const args = ["export", "validator-1", "--yes", "--passphrase-file", file];
    const warning = `tapstake: warning: ${file} holds a secret, and others can reach it. Do: chmod 600 ${file}\n`;
    expect((await keys(home, args)).stderr).not.toContain("warning");
    chmodSync(file, 0o640);
    const { code, stderr } = await keys(home, args);
    expect(code).toBe(0);
    expect(stderr).toContain(warning);
    // As systemd gives them: with an access list, whose mask is the mode's middle.
    const env = { CREDENTIALS_DIRECTORY: join(file, "..") };
    expect((await keys(home, args, { env })).stderr).not.toContain("warning");
  });
});

describe.concurrent("tapstake fp keys import", () => {
  it.skipIf(process.platform === "win32").each([
    ["--mnemonic-file", words],
    ["--secret-file", secret],
  ])("warns of a file that others can read: %s", async (option, content) => {
    const file = temporaryFile("secret", content);
    const imported = () => keys(newHome(), ["import", "key", option, file]);
    expect((await imported()).stderr).toBe("");
    chmodSync(file, 0o604);
    const { code, stderr } = await imported();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `tapstake: warning: ${file} holds a secret, and others can reach it. Do: chmod 600 ${file}\n`,
    });
  });

  it.each([
    [
      "words",
      ["--mnemonic-file", "-"],
      words,
      "bfcb217c058d8bbafd5e186eae936106ca3e943889b0b4a093ae13822fd3170c",
    ],
    [
      "words at another path",
      ["--mnemonic-file", "-", "--path", "m/44'/0'/0'/0/0"],
      `${words}\n`,
      "e77c3de76965ad89997451de97b95bb65ede23a6bf185a55d80363d92ee37c3d",
    ],
    ["a secret", ["--secret-file", "-"], `${secret}\n`, secret],
    ["a secret in capitals", ["--secret-file", "-"], secret.toUpperCase(), secret],
  ])("accepts %s", async (_, args, input, expected) => {
    const home = newHome();
    const outcome = await keys(home, ["import", "key", ...args, "--json"], { input });
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: "" });
    expect(outcome.stdout).not.toContain(expected);
    expect(parsed<Key>(outcome)).toMatchObject({ origin: "imported", derivationVersion: 1 });
    expect(unlocked(home, "key")).toBe(expected);
  });

  it("accepts the passphrase of mnemonic words", async () => {
    const home = newHome();
    const bip39 = temporaryFile("bip39", "TREZOR\n");
    const args = ["import", "key", "--mnemonic-file", "-", "--bip39-passphrase-file", bip39];
    await keys(home, args, { input: words });
    expect(unlocked(home, "key")).toBe(hex.encode(secretFromMnemonic(words, undefined, "TREZOR")));
  });

  it("accepts the output of export, with the version of the derivation", async () => {
    const [home, other] = [homeWithKey(), newHome()];
    const exported = await keys(home, ["export", "validator-1", "--yes", "--json"]);
    expect(parsed(exported)).toMatchObject({
      name: "validator-1",
      publicKey,
      derivationVersion: 1,
      secretKey: secret,
    });
    const imported = await keys(other, ["import", "moved", "--secret-file", "-", "--json"], {
      input: exported.stdout,
    });
    expect(parsed<Key>(imported)).toMatchObject({ name: "moved", publicKey, derivationVersion: 1 });
    expect(unlocked(other, "moved")).toBe(secret);

    const later = exported.stdout.replace(`"derivationVersion": 1`, `"derivationVersion": 2`);
    const unknown = await keys(other, ["import", "later", "--secret-file", "-"], { input: later });
    expect(refused(unknown, "unknown-version")).not.toContain(secret);
    const mixed = exported.stdout.replace(publicKey, hex.encode(publicKeyOf(secretOf("other"))));
    const mismatch = await keys(other, ["import", "mixed", "--secret-file", "-"], { input: mixed });
    expect(refused(mismatch, "key-mismatch")).not.toContain(secret);
    const args = ["import", "two", "--derivation-version", "2", "--secret-file", "-"];
    refused(await keys(other, args, { input: exported.stdout }), "usage");
    refused(await keys(other, args, { input: secret }), "unknown-version");
    expect(readdirSync(join(other, "keys"))).toEqual(["moved.json"]);
  });

  it("accepts only the key of --public-key, and says which other keys the words lead to", async () => {
    const home = newHome();
    const root = hex.encode(publicKeyOf(secretFromMnemonic(words, "m")));
    const args = ["import", "key", "--mnemonic-file", "-", "--public-key", root];
    expect(refused(await keys(home, args, { input: words }), "key-mismatch")).toContain("--path m");
    const elsewhere = [...args.slice(0, -1), publicKey, "--path", "m"];
    const said = refused(await keys(home, elsewhere, { input: words }), "key-mismatch");
    expect(said).toContain("try the default, m/44'/118'/0'/0/0");
    expect(said).not.toContain("--path m");
    expect((await keys(home, [...args, "--path", "m"], { input: words })).code).toBe(0);
  });

  it.each([
    ["invalid-mnemonic", ["--mnemonic-file", "-"], words.replace("fuel", "fool")],
    ["invalid-mnemonic", ["--mnemonic-file", "-"], ""],
    ["invalid-path", ["--mnemonic-file", "-", "--path", "44'"], words],
    ["invalid-hex", ["--secret-file", "-"], secret.slice(1)],
    ["invalid-hex", ["--secret-file", "-"], `${secret}00`],
    ["invalid-hex", ["--secret-file", "-"], secret.replace(/./, "g")],
    ["invalid-secret-key", ["--secret-file", "-"], "00".repeat(32)],
    ["invalid-json", ["--secret-file", "-"], `{ "secretKey": "${secret}" }`],
    ["invalid-json", ["--secret-file", "-"], `{ "secretKey": "${secret}"`],
    ["file-error", ["--secret-file", "/nowhere"], ""],
    ["key-exists", ["--secret-file", "-"], secret],
    ["usage", [], secret],
    ["usage", ["--secret-file", "-", "--mnemonic-file", "-"], secret],
    ["usage", ["--secret-file", "-", "--passphrase-file", "-"], secret],
    ["usage", ["--secret-file", "-", "--path", "m"], secret],
    ["usage", ["--secret", secret], ""],
    ["usage", [`--secret=${secret}`], ""],
    ["usage", ["--mnemonic", words], ""],
    ["usage", [secret], ""],
  ])("refuses invalid input: %s for %j", async (error, args, input) => {
    const home = homeWithKey();
    const stderr = refused(await keys(home, ["import", "key", ...args], { input }), error);
    for (const part of [secret, secret.slice(1, 20), words, "barrel", "fool", "mechanic", passphrase]) {
      expect(stderr).not.toContain(part);
    }
    expect(readdirSync(join(home, "keys"))).toEqual(["validator-1.json"]);
  });

  it("shows the public key on a terminal before anything is stored", async () => {
    const home = newHome();
    const args = [
      "fp",
      "keys",
      "import",
      "a",
      "--mnemonic-file",
      temporaryFile("words", words),
      "--path",
      "m",
    ];
    const { code, stdout } = await onTerminalHere(args, { TAPSTAKE_HOME: home }, ["A passphrase", "\u0003"]);
    expect(code).toBe(130);
    const shown = hex.encode(publicKeyOf(secretFromMnemonic(words, "m")));
    expect(stdout).toMatch(
      new RegExp(`at path m is ${shown}[^]*A passphrase[^]*cancelled: nothing was changed`),
    );
    expect(existsSync(home)).toBe(false);
  });

  it("hides a secret that was typed as a name", async () => {
    const home = newHome();
    for (const args of [
      ["new", secret],
      ["show", secret],
      ["import", words],
      ["export", secret],
      ["delete", words],
    ]) {
      const { code, stdout, stderr } = await keys(
        home,
        [...args, "--yes"].slice(0, args[0] === "export" ? 3 : 2),
      );
      expect({ code: code === 0, stdout }).toEqual({ code: false, stdout: "" });
      expect(stderr).not.toContain(secret);
      expect(stderr).not.toContain("barrel");
    }
  });
});

describe.concurrent("tapstake fp keys list and show", () => {
  it("show the public parts", async () => {
    const home = homeWithKey();
    const env = { TAPSTAKE_PASSPHRASE: "" };
    const list = await keys(home, ["list", "--json"], { env });
    expect(parsed<{ keys: Key[] }>(list).keys).toMatchObject([
      { name: "validator-1", publicKey, origin: "imported" },
    ]);
    expect((await keys(home, ["list"])).stdout).toBe(`validator-1  ${publicKey}  imported\n`);
    for (const name of ["validator-1", publicKey]) {
      expect(parsed<Key>(await keys(home, ["show", name, "--json"], { env }))).toMatchObject({ publicKey });
      expect((await keys(home, ["show", name])).stdout).toContain(publicKey);
    }
  });

  it("prefer --home to the environment", async () => {
    const [home, empty] = [homeWithKey(), newHome()];
    expect((await keys(empty, ["list", "--home", home])).stdout).toContain(publicKey);
    openHome(empty);
    expect((await keys(empty, ["list"])).stdout).toContain("no keys in");
    refused(await keys(empty, ["show", "validator-1"]), "key-not-found");
  });

  it("and every other command that begins nothing: create no home at a mistyped path", async () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    const home = join(folder, "hoem");
    const subject = ["--key", "a", "--chain", "c"];
    const vote = ["vote", ...subject, "--height", "1", "--hash", "00".repeat(32)];
    for (const args of [
      ["keys", "list"],
      ["keys", "show", "a"],
      ["keys", "export", "a", "--yes"],
      ["keys", "delete", "a", "--yes"],
      ["keys", "passphrase", "a"],
      ["chains", "list"],
      ["chains", "remove", "c"],
      ["commit", ...subject, "--start", "1", "--count", "1"],
      ["commitments"],
      ["proof", ...subject, "--height", "1"],
      vote,
      [...vote, "--key", publicKey, "--remote", "127.0.0.1:1"],
      ["protection", "show"],
      ["protection", "check"],
      ["protection", "export"],
      ["protection", "prune", ...subject, "--below", "1", "--yes"],
      ["pop", "make", "--key", "a", "--address", "a"],
      ["unlock", "a"],
    ]) {
      const env = { TAPSTAKE_PASSPHRASE: passphrase };
      for (const path of [home, other]) {
        const outcome = await inProcess(["fp", ...args, "--home", path], { env });
        expect(refused(outcome, "home-not-found")).toContain(path);
      }
    }
    expect([...readdirSync(folder), ...readdirSync(other)]).toEqual([]);
  });

  it("show a damaged key beside the others with its code, and exit with 1", async () => {
    const home = homeWithKey();
    writeFileSync(join(home, "keys/broken.json"), "{", { mode: 0o600 });
    writeFileSync(join(home, "keys/open.json"), "{}");
    chmodSync(join(home, "keys/open.json"), 0o644);
    const { code, stdout, stderr } = await keys(home, ["list"]);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: [
        "broken       damaged  invalid-key-file",
        "open         damaged  insecure-permissions",
        `validator-1  ${publicKey}  imported`,
        "",
      ].join("\n"),
    });
    expect(stderr).toMatch(
      /^tapstake: invalid-key-file: 2 keys cannot be used:\n.*broken.*\n.*chmod 600.*\nDo: .*\nMore: tapstake help invalid-key-file\n$/,
    );
    const asJson = await keys(home, ["list", "--json"]);
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      keys: [{ name: "validator-1", publicKey }],
      damaged: [
        { name: "broken", code: "invalid-key-file" },
        { name: "open", code: "insecure-permissions" },
      ],
    });
    const names = ["broken", "open"];
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: { code: "invalid-key-file", details: { names } },
    });
    expect((await keys(home, ["show", publicKey])).stdout).toContain("validator-1");
  });

  it("refuse a home or a key that others can read, and a damaged key", async () => {
    const home = homeWithKey();
    const file = join(home, "keys/validator-1.json");
    chmodSync(home, 0o755);
    expect(refused(await keys(home, ["list"]), "insecure-permissions")).toContain("chmod 700");
    chmodSync(home, 0o700);
    chmodSync(file, 0o644);
    expect(refused(await keys(home, ["show", "validator-1"]), "insecure-permissions")).toContain("chmod 600");
    chmodSync(file, 0o600);
    writeFileSync(file, readFileSync(file, "utf8").replace(`"imported"`, `"imported" `));
    refused(await keys(home, ["show", "validator-1"]), "invalid-key-file");
  });
});

describe.concurrent("tapstake fp keys export", () => {
  it("prints the secret alone, after a warning, when it is confirmed", async () => {
    const home = homeWithKey();
    const { code, stdout, stderr } = await keys(home, ["export", "validator-1", "--yes"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${secret}\n` });
    expect(stderr).toContain("Never run it in two places");
    expect(stderr).not.toContain(secret);
    refused(await keys(home, ["export", "validator-1"]), "usage");
    refused(await keys(home, ["export", "nobody", "--yes"]), "key-not-found");
  });
});

describe.concurrent("tapstake fp keys passphrase", () => {
  it("encrypts again at a cost that can be raised", async () => {
    const home = homeWithKey();
    const env = { TAPSTAKE_NEW_PASSPHRASE: "next passphrase" };
    const outcome = await keys(home, ["passphrase", "validator-1", "--scrypt-log2", "18", "--json"], { env });
    expect(parsed(outcome)).toMatchObject({ publicKey, scrypt: { n: 262_144, r: 8, p: 1 } });
    expect(unlocked(home, "validator-1", "next passphrase")).toBe(secret);
    refused(await keys(home, ["passphrase", "validator-1"], { env }), "wrong-passphrase");
    refused(await keys(home, ["passphrase", "validator-1"]), "usage");
    refused(await keys(home, ["passphrase", "validator-1", "--scrypt-log2", "16"]), "usage");
    refused(await keys(home, ["passphrase", "validator-1", "--scrypt-log2", "21"]), "usage");
  });

  it("lowers a raised cost only with the option for it", async () => {
    const home = homeWithKey();
    const costAfter = async (...more: string[]) => {
      const env = { TAPSTAKE_NEW_PASSPHRASE: passphrase };
      const outcome = await keys(home, ["passphrase", "validator-1", "--json", ...more], { env });
      return parsed<{ scrypt: { n: number } }>(outcome).scrypt.n;
    };
    expect(await costAfter()).toBe(2 ** 17);
    expect(await costAfter("--scrypt-log2", "18")).toBe(2 ** 18);
    expect(await costAfter()).toBe(2 ** 18);
    expect(await costAfter("--scrypt-log2", "17")).toBe(2 ** 17);
  });
});

describe.concurrent("tapstake fp keys delete", () => {
  it("removes the key, given its passphrase", async () => {
    const home = homeWithKey();
    refused(await keys(home, ["delete", "validator-1"]), "usage");
    const wrong = await keys(home, ["delete", "validator-1", "--yes"], {
      env: { TAPSTAKE_PASSPHRASE: "wrong" },
    });
    refused(wrong, "wrong-passphrase");
    expect(readdirSync(join(home, "keys"))).toEqual(["validator-1.json"]);
    const { code, stdout } = await keys(home, ["delete", "validator-1", "--yes"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `deleted key validator-1 (${publicKey})\n` });
    expect(readdirSync(join(home, "keys"))).toEqual([]);
  });
});

describe.concurrent("secrets", () => {
  it("are in no output of any command except export and new", async () => {
    const home = newHome();
    const run = (args: readonly string[], surroundings = {}, by = inProcess) =>
      keys(home, args, surroundings, by);
    const made = parsed<Key & { mnemonic: string }>(await run(["new", "a", "--json"], {}, tapstake));
    const hidden = [
      passphrase,
      "next passphrase",
      made.mnemonic,
      hex.encode(secretFromMnemonic(made.mnemonic)),
      secret,
    ];
    const next = { TAPSTAKE_NEW_PASSPHRASE: "next passphrase" };
    const [changed, back] = [
      { TAPSTAKE_PASSPHRASE: "next passphrase" },
      { TAPSTAKE_NEW_PASSPHRASE: passphrase },
    ];
    const outcomes = [
      await run(["import", "b", "--secret-file", "-"], { input: secret }, tapstake),
      await run(["list"]),
      await run(["list", "--json"]),
      await run(["show", "a"]),
      await run(["show", "a", "--json"]),
      await run(["passphrase", "a", "--json"], { env: next }),
      await run(["delete", "a", "--yes"]),
      await run(["export", "a", "--yes", "--json"]),
      await run(["passphrase", "a"], { env: { ...changed, ...back } }, tapstake),
      await run(["delete", "b", "--yes", "--json"]),
    ];
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 0, 0]);
    for (const { stdout, stderr } of outcomes) {
      for (const each of hidden) expect(stdout + stderr).not.toContain(each);
    }
    const left = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const entry of left) {
      const content = readFileSync(join(entry.parentPath, entry.name), "utf8");
      for (const each of hidden) expect(content).not.toContain(each);
    }
  });

  it("cannot be given in arguments: every option that names one takes a file or a program", async () => {
    for (const name of COMMANDS) {
      const { stdout } = await inProcess(["fp", "keys", name, "--help"]);
      const options = stdout.match(/^ {2}--[a-z0-9-]+ <[^>]+>/gm) ?? [];
      const secrets = options.filter((option) => /passphrase|secret|mnemonic|words/.test(option));
      expect(secrets.filter((option) => !/-(?:file <file>|command <cmd>)$/.test(option))).toEqual([]);
    }
  });
});

describe.concurrent("a refusal before anything is written", () => {
  it.each([
    ["invalid words", ["import", "a", "--mnemonic-file", "-"], "zoo zoo", "invalid-mnemonic"],
    [
      "words with more around them",
      ["import", "a", "--mnemonic-file", "-"],
      `1 ${words}`,
      "invalid-mnemonic",
    ],
    ["an invalid name", ["new", "Validator_1"], "", "invalid-key-name"],
  ])("%s: leaves no home", async (_what, args, input, code) => {
    const home = join(temporaryFolder(), "home");
    const { stderr } = await inProcess(["fp", "keys", ...args, "--home", home], { input });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${code}: `));
    expect(existsSync(home)).toBe(false);
  });

  it("a file of words: the refusal says that the words must stand alone", async () => {
    const args = ["fp", "keys", "import", "a", "--mnemonic-file", "-", "--home", temporaryFolder()];
    expect((await inProcess(args, { input: `1 ${words}` })).stderr).toContain("nothing else");
  });

  it.each([
    ["Validator_1", 'it has "V" as character 1'],
    ["validator 1", 'it has " " as character 10'],
    ["a".repeat(65), "it has 65 characters"],
  ])("the name %s: the refusal names its fault", async (name, said) => {
    const { stderr } = await inProcess(["fp", "keys", "new", name, "--home", temporaryFolder()]);
    expect(stderr).toContain(said);
  });

  it.skipIf(!hasTerminal)("a question: is one line on a terminal of unknown size", async () => {
    const args = ["fp", "keys", "import", "a", "--home", join(temporaryFolder(), "home")];
    const question = "The words, or the secret in hexadecimal";
    const { stdout } = await onTerminal(args, { COLUMNS: "0" }, [question, "\x03"]);
    expect(stdout).toContain("cancelled");
  });
});
