import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hex } from "../../../src/core/bytes.js";
import { type Home, openHome } from "../../../src/finality/home.js";
import { createKey, deleteKey, exportKey, unlockKey } from "../../../src/finality/keys/keystore.js";
import { recordExported, recordImported } from "../../../src/finality/keys/provenance.js";
import { previewImport } from "../../../src/finality/protection/import.js";
import { initProtection, openProtection } from "../../../src/finality/protection/protection.js";
import { key, OTHER_CHAIN, request } from "../../support/broken-homes.js";
import { LIGHT } from "../../support/home.js";
import { refusal } from "../../support/refusal.js";
import { answerOf, CHAIN, inHome, newHome, newSigner, voterOf } from "../../support/signer.js";

const passphrase = "a passphrase";

/** A home in which the key was generated under the name "v". */
function homeWithKey(): Home {
  const home = newHome();
  createKey(home, { name: "v", passphrase, secretKey: key.secretKey, origin: "generated", scrypt: LIGHT });
  return home;
}

const exported = (home: Home) => exportKey(home, "v", passphrase).wipe();

const vote = (home: Home, height: bigint, fill: number, chain = CHAIN): string =>
  inHome(home, (protection) =>
    answerOf(voterOf(protection, unlockKey(home, "v", passphrase), chain), height, fill),
  );

const noteIn = (home: Home) => join(home.path, "arrivals", hex.encode(key.publicKey));

describe("an exported key", () => {
  it("no longer counts as new where it never voted: both homes need protection init", () => {
    const home = homeWithKey();
    const { secretKey } = exportKey(home, "v", passphrase);
    const there = newHome();
    createKey(there, { name: "v", passphrase, secretKey, origin: "imported", scrypt: LIGHT });
    initProtection(there, { ...request, fromHeight: 5n });
    expect(vote(there, 7n, 1)).toBe("new");
    expect(vote(home, 7n, 2)).toBe("protection-uninitialised");
    expect(vote(home, 7n, 2, OTHER_CHAIN)).toBe("protection-uninitialised");
    initProtection(home, { ...request, fromHeight: 8n });
    expect(vote(home, 7n, 2)).toBe("below-watermark");
    expect(vote(home, 8n, 2)).toBe("new");
  });

  it("continues where it has voted, and needs protection init on every other chain", () => {
    const home = homeWithKey();
    expect(vote(home, 7n, 1)).toBe("new");
    exported(home);
    expect(vote(home, 7n, 1)).toBe("same");
    expect(vote(home, 8n, 1)).toBe("new");
    expect(vote(home, 8n, 1, OTHER_CHAIN)).toBe("protection-uninitialised");
    expect(inHome(home, (protection) => protection.keyChains())).toMatchObject([
      { lowWatermark: 0n, locked: false },
    ]);
  });

  it("begins by an import only on request, before the store knows of the export either", () => {
    const home = homeWithKey();
    const { protection } = newSigner();
    protection.init(key.publicKey, CHAIN.id, 3n);
    const interchange = protection.exportInterchange();
    protection.close();
    inHome(home, (here) => {
      here.applyProvenance(key.publicKey);
      expect(previewImport(here, interchange)).toMatchObject([{ begins: false }]);
      recordExported(home, key.publicKey);
      expect(previewImport(here, interchange)).toMatchObject([{ begins: true }]);
      expect(answerOf(voterOf(here), 3n, 1)).toBe("protection-uninitialised");
    });
  });

  it("is not new again in a copy of the store from before the next start", () => {
    const home = homeWithKey();
    inHome(home, (protection) => protection.applyProvenance(key.publicKey));
    exported(home);
    inHome(home, () => {});
    expect(readdirSync(join(home.path, "arrivals"))).toEqual([]);
    expect(vote(home, 5n, 1)).toBe("protection-uninitialised");
  });

  it("stays unexported while a signer runs, which would count it as new until it reads the note", () => {
    const home = homeWithKey();
    const protection = openProtection(home);
    refusal("signer-running", () => exportKey(home, "v", passphrase));
    expect(answerOf(voterOf(protection), 5n, 1)).toBe("new");
    protection.close();
    exported(home);
  });

  it("stays unexported, and new, where the note cannot be written, or for a wrong passphrase", () => {
    const home = homeWithKey();
    refusal("wrong-passphrase", () => exportKey(home, "v", "another"));
    const copy = openHome(join(newHome().path, "copy"));
    cpSync(home.keysFolder, copy.keysFolder, { recursive: true });
    writeFileSync(join(copy.path, "arrivals"), "");
    refusal("file-error", () => exportKey(copy, "v", passphrase));
    expect(vote(home, 5n, 1)).toBe("new");
  });

  it("stays locked where it was absent: that provenance is not replaced", () => {
    const home = homeWithKey();
    expect(vote(home, 7n, 1)).toBe("new");
    recordImported(home, key.publicKey);
    exported(home);
    expect(vote(home, 8n, 1)).toBe("protection-uninitialised");
    expect(inHome(home, (protection) => protection.keyChains())).toMatchObject([
      { lowWatermark: 8n, locked: true },
    ]);
  });

  it("is locked where it is deleted later: that provenance replaces the other", () => {
    const home = homeWithKey();
    expect(vote(home, 7n, 1)).toBe("new");
    exported(home);
    deleteKey(home, "v", passphrase);
    expect(inHome(home, (protection) => protection.keyChains())).toMatchObject([
      { lowWatermark: 8n, locked: true },
    ]);
  });

  it("is locked where its provenance cannot be read", () => {
    const home = homeWithKey();
    expect(vote(home, 7n, 1)).toBe("new");
    mkdirSync(join(home.path, "arrivals"), { recursive: true, mode: 0o700 });
    writeFileSync(noteIn(home), "exporte", { mode: 0o600 });
    expect(vote(home, 8n, 1)).toBe("protection-uninitialised");
  });
});
