import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { publicKeyOf } from "../../../src/core/keys.js";
import { scalar } from "../../../src/core/scalar.js";
import type { Home } from "../../../src/finality/home.js";
import { DEFAULT_SCRYPT, type ScryptCost } from "../../../src/finality/keys/keyfile.js";
import {
  changePassphrase,
  createKey,
  deleteKey,
  listKeys,
  type NewKey,
  showKey,
  unlockKey,
  unlockKeyAsync,
} from "../../../src/finality/keys/keystore.js";
import { openProtection } from "../../../src/finality/protection/protection.js";
import { bundled } from "../../support/bundled.js";
import { failure } from "../../support/errors.js";
import { homeOfTest, LIGHT } from "../../support/home.js";
import { lightenScrypt } from "../../support/light-scrypt.mjs";
import { refusal } from "../../support/refusal.js";
import { isLong } from "../../support/runs.js";
import { secretOf } from "../../support/stake.js";

const passphrase = "correct horse battery staple";
const secretKey = secretOf("key");
const publicKey = publicKeyOf(secretKey);
const key: NewKey = { name: "validator-1", passphrase, secretKey, origin: "generated", scrypt: LIGHT };
const fileOf = (home: Home, name = key.name) => join(home.keysFolder, `${name}.json`);
const contentOf = (home: Home) => JSON.parse(readFileSync(fileOf(home), "utf8")) as Record<string, unknown>;
const damageIn = (home: Home) => listKeys(home).damaged.map(({ name, error }) => [name, error.code]);

describe("a key", () => {
  it("is opened with its passphrase, by its name and by its public key", async () => {
    const home = homeOfTest();
    const path = "m/44'/118'/0'/0/0";
    const before = Date.now();
    const info = createKey(home, { ...key, path });
    expect(info).toMatchObject({
      name: key.name,
      publicKey,
      origin: "generated",
      derivationVersion: 1,
      path,
    });
    expect(Date.parse(info.createdAt)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(info.createdAt)).toBeLessThanOrEqual(Date.now());
    expect(showKey(home, key.name)).toEqual(info);
    for (const name of [key.name, hex.encode(publicKey), hex.encode(publicKey).toUpperCase()]) {
      expect(unlockKey(home, name, passphrase).secretKey).toEqual(secretKey);
      expect((await unlockKeyAsync(home, name, passphrase)).secretKey).toEqual(secretKey);
      expect(showKey(home, name)).toEqual(info);
    }
  });

  it("is encrypted at the default cost of new keys, unless a cost is given", () => {
    const home = homeOfTest();
    const { scrypt: _, ...usual } = key;
    createKey(home, usual);
    expect(DEFAULT_SCRYPT).toEqual({ n: 131_072, r: 8, p: 1 });
    expect(contentOf(home)["kdf"]).toMatchObject({ name: "scrypt", ...DEFAULT_SCRYPT });
    expect(unlockKey(home, key.name, passphrase).secretKey).toEqual(secretKey);
  });

  it("has random salt and nonce", () => {
    const [one, two] = [homeOfTest(), homeOfTest()].map((home) => {
      createKey(home, key);
      return contentOf(home) as { kdf: { salt: string }; cipher: { nonce: string; data: string } };
    });
    expect(one!.kdf.salt).not.toBe(two!.kdf.salt);
    expect(one!.cipher.nonce).not.toBe(two!.cipher.nonce);
    expect(one!.cipher.data).not.toBe(two!.cipher.data);
  });

  it("opens with the same passphrase in another Unicode form, and given as bytes", () => {
    const home = homeOfTest();
    createKey(home, { ...key, passphrase: "pa\u00DFw\u00F6rter" });
    expect(unlockKey(home, key.name, "pa\u00DFwo\u0308rter").secretKey).toEqual(secretKey);
    const bytes = new TextEncoder().encode("pa\u00DFw\u00F6rter");
    expect(unlockKey(home, key.name, bytes).secretKey).toEqual(secretKey);
    expect(bytes.some((byte) => byte !== 0)).toBe(true);
  });

  it("does not open with another passphrase", async () => {
    const home = homeOfTest();
    createKey(home, key);
    for (const wrong of ["correct horse battery stapl", "Correct horse battery staple", `${passphrase} `]) {
      refusal("wrong-passphrase", () => unlockKey(home, key.name, wrong));
      await failure(unlockKeyAsync(home, key.name, wrong), "wrong-passphrase");
      refusal("wrong-passphrase", () => deleteKey(home, key.name, wrong));
      refusal("wrong-passphrase", () =>
        changePassphrase(home, key.name, wrong, { passphrase: "another one" }),
      );
    }
    expect(unlockKey(home, key.name, passphrase).secretKey).toEqual(secretKey);
  });

  it("requires 8 characters or more in a new passphrase, as text or as bytes", () => {
    const home = homeOfTest();
    const [short, enough] = ["\u00E4\u{1F600}34567", "\u00E4\u{1F600}345678"];
    const asBytes = (text: string) => new TextEncoder().encode(text);
    for (const one of [short, asBytes(short)]) {
      refusal("invalid-passphrase", () => createKey(home, { ...key, passphrase: one }));
    }
    expect(listKeys(home).keys).toEqual([]);
    createKey(home, { ...key, passphrase: asBytes(enough) });
    refusal("invalid-passphrase", () =>
      changePassphrase(home, key.name, enough, { passphrase: short, scrypt: LIGHT }),
    );
    changePassphrase(home, key.name, enough, { passphrase, scrypt: LIGHT });
    expect(unlockKey(home, key.name, passphrase).secretKey).toEqual(secretKey);
  });

  it("requires a passphrase", async () => {
    const home = homeOfTest();
    for (const none of ["", new Uint8Array(), undefined as never, 5 as never]) {
      refusal("invalid-passphrase", () => createKey(home, { ...key, passphrase: none }));
    }
    expect(listKeys(home).keys).toEqual([]);
    createKey(home, key);
    refusal("invalid-passphrase", () => unlockKey(home, key.name, ""));
    await failure(unlockKeyAsync(home, key.name, ""), "invalid-passphrase");
    refusal("invalid-passphrase", () => changePassphrase(home, key.name, passphrase, { passphrase: "" }));
  });

  it("has permissions for its owner only, and is refused when others can read it", () => {
    const home = homeOfTest();
    createKey(home, key);
    expect(statSync(fileOf(home)).mode & 0o777).toBe(0o600);
    expect(readdirSync(home.keysFolder)).toEqual([`${key.name}.json`]);
    for (const mode of [0o640, 0o604, 0o666]) {
      chmodSync(fileOf(home), mode);
      refusal("insecure-permissions", () => unlockKey(home, key.name, passphrase));
      expect(damageIn(home)).toEqual([[key.name, "insecure-permissions"]]);
    }
  });

  it("is never overwritten", () => {
    const home = homeOfTest();
    createKey(home, key);
    const before = readFileSync(fileOf(home));
    refusal("key-exists", () => createKey(home, { ...key, secretKey: secretOf("other") }));
    expect(readFileSync(fileOf(home))).toEqual(before);
  });

  it("exists once: not under another name, nor as n minus its secret", () => {
    const home = homeOfTest();
    createKey(home, key);
    const negated = scalar.toBytes(scalar.negate(scalar.reduce(secretKey)));
    for (const twin of [secretKey, negated]) {
      const error = refusal("key-exists", () => createKey(home, { ...key, name: "twin", secretKey: twin }));
      expect(error.details).toMatchObject({ name: key.name });
    }
    expect(listKeys(home).keys).toHaveLength(1);
  });

  it("keeps the sign of its secret, as the randomness depends on it", () => {
    const negated = scalar.toBytes(scalar.negate(scalar.reduce(secretKey)));
    for (const secret of [secretKey, negated]) {
      const home = homeOfTest();
      createKey(home, { ...key, secretKey: secret });
      expect(unlockKey(home, key.name, passphrase).secretKey).toEqual(secret);
      expect(showKey(home, key.name).publicKey).toEqual(publicKey);
    }
  });

  it("is refused without a valid scalar, a valid path, and a known derivation", () => {
    const home = homeOfTest();
    refusal("invalid-secret-key", () => createKey(home, { ...key, secretKey: new Uint8Array(32) }));
    refusal("invalid-path", () => createKey(home, { ...key, path: "44'" }));
    refusal("unknown-version", () => createKey(home, { ...key, derivationVersion: 2 }));
    refusal("invalid-number", () => createKey(home, { ...key, scrypt: { n: 3, r: 1, p: 1 } }));
    expect(readdirSync(home.keysFolder)).toEqual([]);
  });

  it("is gone when its file is gone", () => {
    const home = homeOfTest();
    createKey(home, key);
    createKey(home, { ...key, name: "second", secretKey: secretOf("second") });
    expect(deleteKey(home, hex.encode(publicKey), passphrase)).toMatchObject({ name: key.name });
    expect(deleteKey(home, "second", null)).toMatchObject({ name: "second" });
    expect(readdirSync(home.keysFolder)).toEqual([]);
    refusal("key-not-found", () => deleteKey(home, key.name, passphrase));
  });

  it("cannot be deleted while a signer runs, which may have it open", () => {
    const home = homeOfTest();
    createKey(home, key);
    const protection = openProtection(home);
    refusal("signer-running", () => deleteKey(home, key.name, passphrase));
    refusal("signer-running", () => deleteKey(home, key.name, null));
    expect(listKeys(home).keys).toHaveLength(1);
    protection.close();
    deleteKey(home, key.name, passphrase);
    expect(listKeys(home).keys).toEqual([]);
  });

  it("can be encrypted again, and stays the same key", () => {
    const home = homeOfTest();
    const info = createKey(home, { ...key, path: "m" });
    const costlier = { n: 4, r: 2, p: 2 };
    expect(
      changePassphrase(home, key.name, passphrase, { passphrase: "another one", scrypt: costlier }),
    ).toEqual({
      ...info,
      scrypt: costlier,
    });
    refusal("wrong-passphrase", () => unlockKey(home, key.name, passphrase));
    const { secretKey: secret, ...rest } = unlockKey(home, key.name, "another one");
    expect([secret, showKey(home, key.name)]).toEqual([secretKey, info]);
    expect(rest).toMatchObject(info);
    expect(contentOf(home)["kdf"]).toMatchObject(costlier);
  });

  it.each<[string, ScryptCost, ScryptCost | undefined, ScryptCost]>([
    ["stays above the default", { n: 2 ** 18, r: 8, p: 1 }, undefined, { n: 2 ** 18, r: 8, p: 1 }],
    ["stays above the default by its p", { n: 2 ** 17, r: 8, p: 2 }, undefined, { n: 2 ** 17, r: 8, p: 2 }],
    ["rises to the default", LIGHT, undefined, DEFAULT_SCRYPT],
    ["is raised when it is said", LIGHT, { n: 4, r: 1, p: 1 }, { n: 4, r: 1, p: 1 }],
    ["is lowered when it is said", { n: 4, r: 1, p: 1 }, LIGHT, LIGHT],
  ])("has a cost that %s, when its passphrase changes", (_what, before, said, after) => {
    // What the costs are called matters here, and not what they take.
    onTestFinished(lightenScrypt());
    const home = homeOfTest();
    createKey(home, { ...key, scrypt: before });
    const next = { passphrase: "another one", ...(said && { scrypt: said }) };
    expect(changePassphrase(home, key.name, passphrase, next).scrypt).toEqual(after);
    expect(contentOf(home)["kdf"]).toMatchObject(after);
  });
});

describe("the list of keys", () => {
  it("is in order of names, and skips other files", () => {
    const home = homeOfTest();
    for (const name of ["b", "a", "c.json"]) createKey(home, { ...key, name, secretKey: secretOf(name) });
    for (const other of ["notes.txt", ".b.json.1.0123456789ab.tmp", "UPPER.json", `${"a".repeat(64)}.json`]) {
      writeFileSync(join(home.keysFolder, other), "x");
    }
    expect(listKeys(home)).toMatchObject({
      keys: [{ name: "a" }, { name: "b" }, { name: "c.json" }],
      damaged: [],
    });
  });

  it("names a damaged one, and lists the others", () => {
    const home = homeOfTest();
    createKey(home, key);
    writeFileSync(join(home.keysFolder, "broken.json"), "{", { mode: 0o600 });
    createKey(home, { ...key, name: "c", secretKey: secretOf("c") });
    expect(listKeys(home).keys).toMatchObject([{ name: "c" }, { name: key.name }]);
    expect(damageIn(home)).toEqual([["broken", "invalid-key-file"]]);
    for (const each of [key.name, hex.encode(publicKey)]) {
      expect(unlockKey(home, each, passphrase).secretKey).toEqual(secretKey);
    }
    refusal("invalid-key-file", () => showKey(home, "broken"));
    const missing = refusal("key-not-found", () => showKey(home, "ab".repeat(32)));
    expect(missing.message).toContain("broken (invalid-key-file)");
  });

  it("fails with a code when it cannot be read", () => {
    const home = homeOfTest();
    refusal("file-error", () => listKeys({ ...home, keysFolder: join(home.path, "nowhere") }));
  });
});

describe("a key's name", () => {
  it.each(["a", "0", "validator-1", "a.b_c-d", "con", "a..b", "x".repeat(64), "f".repeat(63)])(
    "may be %s",
    (name) => {
      const home = homeOfTest();
      createKey(home, { ...key, name });
      expect(listKeys(home).keys).toMatchObject([{ name }]);
      expect(unlockKey(home, name, passphrase).secretKey).toEqual(secretKey);
    },
  );

  it.each([
    "",
    ".",
    "..",
    "../a",
    "a/b",
    "a\\b",
    "/etc/passwd",
    ".hidden",
    "-a",
    "_a",
    "A",
    "a b",
    "a\n",
    "a\0",
    "%2e%2e",
    "schl\u00FCssel",
    "\u0430dmin",
    "\uFF41",
    "a\u200B",
    "\u{1F511}",
    "x".repeat(65),
    "ab".repeat(32),
    "AB".repeat(32),
    undefined as never,
  ])("is refused: %j, and is not shown", (name) => {
    const home = homeOfTest();
    const error = refusal("invalid-key-name", () => createKey(home, { ...key, name }));
    if (name?.length > 3) expect(error.message).not.toContain(name);
    expect(readdirSync(home.keysFolder)).toEqual([]);
    if (!/^[0-9a-f]{64}$/i.test(name)) refusal("invalid-key-name", () => showKey(home, name));
  });

  it("that is unknown is refused with the known names; an unknown key is not shown", () => {
    const home = homeOfTest();
    expect(refusal("key-not-found", () => showKey(home, "nobody")).message).toContain("there are none");
    createKey(home, key);
    expect(refusal("key-not-found", () => showKey(home, "nobody")).message).toContain(key.name);
    const pasted = hex.encode(secretKey);
    expect(refusal("key-not-found", () => unlockKey(home, pasted, passphrase)).message).not.toContain(pasted);
  });

  it("must be that of its file: a copied or renamed file is refused", () => {
    const home = homeOfTest();
    createKey(home, key);
    copyFileSync(fileOf(home), fileOf(home, "copy"));
    refusal("invalid-key-file", () => unlockKey(home, "copy", passphrase));
    expect(damageIn(home)).toEqual([["copy", "invalid-key-file"]]);
  });
});

describe("an unlocked key", () => {
  it("shows its secret only when the property is named", () => {
    const home = homeOfTest();
    createKey(home, key);
    const unlocked = unlockKey(home, key.name, passphrase);
    const secret = hex.encode(secretKey);
    const bytes = secretKey.slice(0, 8).join(",");
    const shown = [
      JSON.stringify(unlocked),
      String(unlocked),
      inspect(unlocked),
      inspect(unlocked, { showHidden: true, getters: true, depth: null, maxArrayLength: null }),
      JSON.stringify({ ...unlocked }),
      JSON.stringify(structuredClone({ ...unlocked })),
      JSON.stringify(Object.entries(unlocked)),
      JSON.stringify(Object.values(Object.getOwnPropertyDescriptors(unlocked))),
    ].map((text) => text.replace(/\s/g, ""));
    for (const text of shown) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(bytes);
      expect(text).not.toContain("secretKey");
    }
    expect(Object.keys(unlocked)).toEqual(expect.arrayContaining(["name", "publicKey"]));
  });

  it("wipes its secret", () => {
    const home = homeOfTest();
    createKey(home, key);
    const unlocked = unlockKey(home, key.name, passphrase);
    const held = unlocked.secretKey;
    unlocked.wipe();
    expect(held).toEqual(new Uint8Array(32));
    refusal("invalid-secret-key", () => unlocked.secretKey);
    expect(unlocked.publicKey).toEqual(publicKey);
    // The copies of others are unchanged.
    expect(publicKeyOf(secretKey)).toEqual(publicKey);
    expect(unlockKey(home, key.name, passphrase).secretKey).toEqual(secretKey);
  });
});

function run(home: Home, script: string) {
  const built = pathToFileURL(bundled(new URL("../../support/keystore-built.mjs", import.meta.url)));
  const code = `
    import * as keys from ${JSON.stringify(built.href)};
    const { deleteKey, openHome } = keys;
    const home = openHome(${JSON.stringify(home.path)});
    const scrypt = { n: 2, r: 1, p: 1 };
    ${script}`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["pipe", "pipe", "inherit"] });
}

async function outputOf(child: ReturnType<typeof run>): Promise<string> {
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  await once(child, "close");
  return text;
}

/** Has processes make keys at the same moment, of these fields (JavaScript); what became of each. */
async function makeAtOnce(home: Home, keys: readonly string[]): Promise<(string | undefined)[]> {
  const script = (fields: string) => `
    process.stdin.once("data", () => {
      try {
        keys.createKey(home, { origin: "generated", scrypt, ${fields} });
        console.log("made");
      } catch (error) {
        console.log(error.code);
      }
      process.exit();
    });
    console.log("ready");`;
  const children = keys.map((fields) => run(home, script(fields)));
  const outputs = children.map(outputOf);
  await Promise.all(children.map((child) => once(child.stdout, "data")));
  for (const child of children) child.stdin.write("go\n");
  return (await Promise.all(outputs)).map((text) => text.trim().split("\n")[1]);
}

const passphraseOf = (i: number): string => `passphrase ${i}`;

/** How often a writer is killed, and how often several start at once. */
const [KILLS, RACES] = isLong ? [24, 3] : [4, 1];

describe("processes", () => {
  it("killed while they write leave the old state or the new one", async () => {
    const home = homeOfTest();
    createKey(home, { ...key, passphrase: passphraseOf(0) });
    // Each turn encrypts the key anew, and makes and deletes another; after each step it says how far it is.
    const script = (from: number) => `
      const { writeSync } = await import("node:fs");
      const other = { name: "other", passphrase: "passphrase", secretKey: new Uint8Array(32).fill(7), origin: "generated", scrypt };
      for (let i = ${from}; ; i++) {
        keys.changePassphrase(home, "validator-1", "passphrase " + i, { passphrase: "passphrase " + (i + 1), scrypt });
        writeSync(1, (i + 1) + "\\n");
        keys.createKey(home, other);
        writeSync(1, (i + 1) + "\\n");
        deleteKey(home, "other", null);
        writeSync(1, (i + 1) + "\\n");
      }`;
    let said = 0;
    for (let round = 0; round < KILLS; round++) {
      const child = run(home, script(said));
      const output = outputOf(child);
      // Killed after any of its steps: wherever the next one is by then.
      for (let step = Math.floor(Math.random() * 6); step >= 0; step--) await once(child.stdout, "data");
      child.kill("SIGKILL");
      said = Math.max(said, ...(await output).trim().split("\n").map(Number));
      expect(damageIn(home)).toEqual([]);
      const names = listKeys(home).keys.map(({ name }) => name);
      expect(names.filter((name) => name !== "other")).toEqual([key.name]);
      if (names.includes("other")) {
        expect(unlockKey(home, "other", "passphrase").secretKey).toEqual(new Uint8Array(32).fill(7));
        deleteKey(home, "other", null);
      }
      // What was said holds; one more turn may be done without having been said.
      const opens = [said, said + 1].filter((i) => {
        try {
          return unlockKey(home, key.name, passphraseOf(i)).publicKey.length === 32;
        } catch {
          return false;
        }
      });
      expect(opens).toHaveLength(1);
      said = opens[0]!;
    }
    expect(said).toBeGreaterThanOrEqual(KILLS);
    // The next writer of a file takes along what the killed ones left of it.
    changePassphrase(home, key.name, passphraseOf(said), { passphrase: "in the end", scrypt: LIGHT });
    createKey(home, { ...key, name: "other", secretKey: secretOf("other") });
    expect(readdirSync(home.keysFolder).sort()).toEqual(["other.json", `${key.name}.json`]);
  });

  it("that create one name at once: one succeeds, and the file has its key", async () => {
    for (let round = 0; round < RACES; round++) {
      const home = homeOfTest();
      const fields = (fill: number) =>
        `name: "same", passphrase: "${passphraseOf(fill)}", secretKey: new Uint8Array(32).fill(${fill})`;
      const said = await makeAtOnce(home, [1, 2, 3, 4].map(fields));
      const winner = said.indexOf("made");
      expect(said.filter((text) => text === "made")).toHaveLength(1);
      expect(said.filter((text) => text === "key-exists")).toHaveLength(3);
      const unlocked = unlockKey(home, "same", passphraseOf(winner + 1));
      expect(unlocked.secretKey).toEqual(new Uint8Array(32).fill(winner + 1));
    }
  });

  it("that import one key under two names at once: at most one succeeds", async () => {
    for (let round = 0; round < RACES; round++) {
      const home = homeOfTest();
      // So slow that none has written its file before the others have looked.
      const slow = "scrypt: { n: 2 ** 15, r: 8, p: 1 }";
      const fields = `passphrase: "passphrase", secretKey: new Uint8Array(32).fill(7), ${slow}`;
      const said = await makeAtOnce(home, [`name: "a", ${fields}`, `name: "b", ${fields}`]);
      const winners = ["a", "b"].filter((_, i) => said[i] === "made");
      expect(winners.length).toBeLessThan(2);
      expect(said.filter((text) => text === "key-exists")).toHaveLength(2 - winners.length);
      expect(listKeys(home).keys.map(({ name }) => name)).toEqual(winners);
    }
  });
});
