import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../../src/core/bytes.js";
import { TapstakeError } from "../../../src/core/errors.js";
import { publicKeyOf } from "../../../src/core/keys.js";
import { type KeyFile, openKey, parseKeyFile } from "../../../src/finality/keys/keyfile.js";
import { LIGHT } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { header, sealed, secretKey } from "../../support/sealed-key.js";

const open = (content: Uint8Array) => openKey(parseKeyFile(content, "key.json"), "pass");

/** The file with changes, in the form that the software writes. */
function changed(change: (file: KeyFile) => unknown): Uint8Array {
  const file = JSON.parse(new TextDecoder().decode(sealed)) as KeyFile;
  change(file);
  return utf8(`${JSON.stringify(file, null, 2)}\n`);
}

describe("a key file", () => {
  it("contains the secret encrypted under the passphrase, and shows nothing of it otherwise", () => {
    expect(open(sealed)).toEqual(secretKey);
    expect(parseKeyFile(sealed, "key.json")).toMatchObject({ version: 1, ...header, kdf: LIGHT });
    expect(new TextDecoder().decode(sealed)).not.toContain(hex.encode(secretKey));
  });

  it("of an earlier release opens: its form is fixed", () => {
    const content = readFileSync(new URL("../../fixtures/key-v1.json", import.meta.url));
    const file = parseKeyFile(content, "key.json");
    expect(file).toMatchObject({ name: "fixture", kdf: { name: "scrypt", n: 131_072, r: 8, p: 1 } });
    expect(hex.encode(openKey(file, "fixture passphrase"))).toBe("07".repeat(32));
  });

  it("is refused with any one byte changed", () => {
    const codes = new Set<string>();
    for (let position = 0; position < sealed.length; position++) {
      const byte = sealed[position]!;
      // A bit of each weight, another digit, another letter case, another white space.
      for (const other of [
        byte ^ 1,
        byte ^ 2,
        byte ^ 8,
        byte ^ 0x20,
        byte ^ 0x80,
        0x30,
        0x31,
        0x39,
        0x61,
        0x0a,
      ]) {
        if (other === byte) continue;
        const copy = sealed.slice();
        copy[position] = other;
        let code = "opened";
        try {
          open(copy);
        } catch (error) {
          code = error instanceof TapstakeError ? error.code : String(error);
        }
        if (!["invalid-key-file", "wrong-passphrase", "unknown-version"].includes(code)) {
          expect.fail(`byte ${position}: ${byte} to ${other} gave ${code}`);
        }
        codes.add(code);
      }
    }
    expect([...codes].sort()).toEqual(["invalid-key-file", "unknown-version", "wrong-passphrase"]);
  });

  it("is refused with a byte more or less", () => {
    for (let length = 0; length < sealed.length; length++) {
      refusal("invalid-key-file", () => parseKeyFile(sealed.slice(0, length), "key.json"));
    }
    for (const end of ["\n", " ", "x", "\0"]) {
      const longer = new Uint8Array([...sealed, ...utf8(end)]);
      refusal("invalid-key-file", () => parseKeyFile(longer, "key.json"));
    }
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...sealed]);
    refusal("invalid-key-file", () => parseKeyFile(marked, "key.json"));
  });

  it.each<[string, (file: KeyFile) => unknown]>([
    ["name", (file) => (file.name = "validator-2")],
    ["public key", (file) => (file.publicKey = "00".repeat(32))],
    ["origin", (file) => (file.origin = "generated")],
    ["time", (file) => (file.createdAt = "2026-01-31T12:00:00.001Z")],
    ["path", (file) => (file.path = "m")],
    ["absent path", (file) => delete file.path],
    ["salt", (file) => (file.kdf.salt = "00".repeat(32))],
    ["cost", (file) => (file.kdf.p = 2)],
    ["nonce", (file) => (file.cipher.nonce = "00".repeat(12))],
    ["tag", (file) => (file.cipher.tag = "00".repeat(16))],
    ["data", (file) => (file.cipher.data = "00".repeat(32))],
  ])("does not open with another valid %s", (_, change) => {
    refusal("wrong-passphrase", () => open(changed(change)));
  });

  it.each<[string, (file: Record<string, unknown>) => unknown]>([
    ["an unknown field", (file) => (file["more"] = 1)],
    ["a missing field", (file) => delete file["origin"]],
    ["another cipher", (file) => Object.assign(file["cipher"] as object, { name: "aes-128-gcm" })],
    ["a short tag", (file) => Object.assign(file["cipher"] as object, { tag: "00".repeat(4) })],
    ["another derivation of keys", (file) => Object.assign(file["kdf"] as object, { name: "pbkdf2" })],
    ["its version as text", (file) => (file["version"] = "1")],
    ["its derivation version as text", (file) => (file["derivationVersion"] = "1")],
    ["fields in another order", (file) => [file["name"], delete file["name"], (file["name"] = header.name)]],
  ])("is refused with %s", (_, change) => {
    refusal("invalid-key-file", () =>
      parseKeyFile(
        changed((file) => change(file as never)),
        "key.json",
      ),
    );
  });

  it.each(["null", "[]", "1", '"text"', "{}"])("is refused when it is %s", (text) => {
    refusal("invalid-key-file", () => parseKeyFile(utf8(text), "key.json"));
  });

  it("of a later release is refused with its version", () => {
    const later = changed((file) => Object.assign(file, { version: 2 }));
    expect(refusal("unknown-version", () => parseKeyFile(later, "key.json")).message).toContain(
      "must be 1, not 2",
    );
    const derived = changed((file) => Object.assign(file, { derivationVersion: 2 }));
    expect(refusal("unknown-version", () => parseKeyFile(derived, "key.json")).message).toContain(
      "derivation",
    );
  });

  it.each([
    { n: 2 ** 21, r: 8, p: 1 },
    { n: 2 ** 20, r: 32, p: 1 },
    { n: 2 ** 30, r: 1, p: 1 },
    { n: 2 ** 40, r: 1, p: 1 },
    { n: 2 ** 17, r: 2 ** 20, p: 1 },
    { n: 2 ** 17, r: 8, p: 2 ** 20 },
    { n: 2 ** 20, r: 8, p: 8 },
    { n: 131_071, r: 8, p: 1 },
    { n: 0, r: 8, p: 1 },
    { n: 1, r: 8, p: 1 },
    { n: -2, r: 8, p: 1 },
    { n: 2, r: 0, p: 1 },
    { n: 2, r: 1, p: 0 },
    { n: 2.5, r: 1, p: 1 },
    { n: 1e300, r: 1, p: 1 },
  ])("has limits on the work of its reader: %j", (cost) => {
    const bomb = changed((file) => Object.assign(file.kdf, cost));
    refusal("invalid-key-file", () => parseKeyFile(bomb, "key.json"));
  });

  it("shows no part of its content when it is refused", () => {
    const content = utf8(`{ "secretKey": "${hex.encode(secretKey)}" `);
    const error = refusal("invalid-key-file", () => parseKeyFile(content, "key.json"));
    expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain(
      hex.encode(secretKey),
    );
  });

  it("leaves the caller's secret and passphrase unchanged", () => {
    const passphrase = utf8("pass");
    openKey(parseKeyFile(sealed, "key.json"), passphrase);
    expect(passphrase).toEqual(utf8("pass"));
    expect(publicKeyOf(secretKey)).toEqual(hex.decode(header.publicKey));
  });
});
