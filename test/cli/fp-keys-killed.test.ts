import {
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { homeAt, openHome } from "../../src/finality/home.js";
import { deleteKey, listKeys, unlockKey } from "../../src/finality/keys/keystore.js";
import { loseMemory } from "../support/broken-homes.js";
import { type Deed, killedAtEachStep } from "../support/killed.js";
import { answerOf, begin, inHome, testKey, voterOf } from "../support/signer.js";
import { expectDone, expectRefused, fp, homeWithNewKey, passphrase, secretKey } from "./fp-support.js";
import { temporaryFile, temporaryFolder } from "./support.js";

const NAME = "validator-1";
const secretFile = temporaryFile("secret", hex.encode(secretKey));
const importing = ["keys", "import", NAME, "--secret-file", secretFile];
const deleting = ["keys", "delete", NAME, "--yes"];
const asDeed = (args: readonly string[]): Deed => ["command", "fp", ...args];
const env = { TAPSTAKE_PASSPHRASE: passphrase };

/** A home whose key was generated there, with what a killed process left that wrote its file. */
function fresh(): string {
  const path = homeWithNewKey();
  const left = join(homeAt(path).keysFolder, `.${NAME}.json.99999999.0123456789ab.tmp`);
  copyFileSync(fileIn(path), left);
  return path;
}

/** The answer to a vote with the key, from what the home remembers of it. */
const vote = (path: string, height: bigint, fill: number): string =>
  inHome(openHome(path), (protection) =>
    answerOf(voterOf(protection, testKey(0, "generated", secretKey)), height, fill),
  );

/** A home whose key was generated there, with a vote for block 1 at height 100. */
function voted(): string {
  const path = homeWithNewKey();
  begin(openHome(path), publicKeyOf(secretKey));
  expect(vote(path, 100n, 1)).toBe("new");
  return path;
}

/** The same, with the key's file removed afterwards. */
function away(): string {
  const path = voted();
  rmSync(fileIn(path));
  return path;
}

const fileIn = (path: string) => join(homeAt(path).keysFolder, `${NAME}.json`);

/** A home that there is not yet. */
const none = () => join(temporaryFolder(), "home");

/** Whether the key is there; then it is whole. */
function isThere(path: string): boolean {
  const { keys, damaged } = listKeys(openHome(path));
  expect(damaged).toEqual([]);
  if (keys.length === 0) return false;
  const key = unlockKey(openHome(path), NAME, passphrase);
  expect(key.secretKey).toEqual(secretKey);
  key.wipe();
  return true;
}

/** Only its owner can reach a home, and no file in it has the secret unencrypted. */
function expectSecret(path: string): void {
  if (!existsSync(path)) return;
  expect(lstatSync(path).mode & 0o777).toBe(0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const within = join(path, entry.name);
    if (entry.isDirectory()) {
      expectSecret(within);
      continue;
    }
    expect(lstatSync(within).mode & 0o777).toBe(0o600);
    const content = readFileSync(within);
    expect(content.indexOf(secretKey)).toBe(-1);
    expect(content.toString("latin1").toLowerCase()).not.toContain(hex.encode(secretKey));
  }
}

/** The key is not taken for one that never voted, not even when all memory of its votes is lost. */
function expectHeld(path: string): void {
  for (const height of [100n, 105n]) expect(vote(path, height, 2)).toBe("protection-uninitialised");
  loseMemory(homeAt(path));
  expect(vote(path, 105n, 2)).toBe("protection-uninitialised");
}

const filesOf = (path: string) => readdirSync(homeAt(path).keysFolder);

describe("keys import that is killed", () => {
  const begins = { "in a home that there was not": none, "in a home where the key had voted before": away };

  it.each(Object.entries(begins))(
    "at every step, %s, leaves the key whole or absent, and can be run again",
    async (_, home) => {
      const found = new Set<boolean>();
      for (const { path } of killedAtEachStep(home, asDeed(importing), env)) {
        expectSecret(path);
        const isWhole = isThere(path);
        found.add(isWhole);
        const again = await fp(path, importing);
        if (isWhole) expectRefused(again, "key-exists");
        else expectDone(again);
        expectHeld(path);
        deleteKey(openHome(path), NAME, null);
        expect(filesOf(path)).toEqual([]);
      }
      expect(found).toEqual(new Set([false, true]));
    },
  );
});

describe("keys delete that is killed", () => {
  const begins = {
    "that had voted": voted,
    "that had not voted, with a copy that a killed write left": fresh,
  };

  it.each(Object.entries(begins))(
    "at every step, of a key %s, leaves it whole or absent, and can be run again",
    async (_, home) => {
      const found = new Set<boolean>();
      let copy = new Uint8Array();
      const beginWithCopy = () => {
        const path = home();
        copy = readFileSync(fileIn(path));
        return path;
      };
      for (const { path } of killedAtEachStep(beginWithCopy, asDeed(deleting), env)) {
        expectSecret(path);
        const isWhole = isThere(path);
        found.add(isWhole);
        if (isWhole && home === voted) {
          expect(["double-vote", "protection-uninitialised"]).toContain(vote(path, 100n, 2));
        }
        const again = await fp(path, deleting);
        if (isWhole) expectDone(again);
        else expectRefused(again, "key-not-found");
        expect(filesOf(path)).toEqual([]);
        writeFileSync(fileIn(path), copy, { mode: 0o600 });
        expect(isThere(path)).toBe(true);
        expectHeld(path);
      }
      expect(found).toEqual(new Set([false, true]));
    },
  );
});
