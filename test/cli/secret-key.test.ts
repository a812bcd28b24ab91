import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { committee } from "../../regtest/index.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { stakerPsbts } from "../../src/delegation/psbt.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { unbondingSpend } from "../../src/delegation/spends.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { seedOfMnemonic } from "../../src/script/mnemonic.js";
import { keySigner, signLeaf } from "../../src/spending/spend.js";
import { bip32 } from "../support/bitcoinjs-keys.js";
import { inForce } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { EVIDENCE, parsed, refusedWith, temporaryFolder } from "./support.js";

const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const PATH = "m/86'/1'/0'/0/0";
/** Version bytes of the test networks. */
const TEST = { wif: 0xef, bip32: { public: 0x043587cf, private: 0x04358394 } };
const root = bip32.fromSeed(seedOfMnemonic(WORDS, ""), TEST);
const account = root.derivePath("m/86'/1'/0'");
const own = root.derivePath(PATH);
const secretHex = hex.encode(own.privateKey!);
const key = hex.encode(own.publicKey.slice(1));
const XPUB = `[73c5da0a/86h/1h/0h]${account.neutered().toBase58()}/0/0`;
const XPRV = `[73c5da0a/86h/1h/0h]${account.toBase58()}/0/0`;
const MAINNET_WIF = bip32.fromSeed(seedOfMnemonic(WORDS, "")).derivePath(PATH).toWIF();
const TO = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let folder: string;
const at = (name: string) => join(folder, name);
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);
const file = (content: string | Uint8Array, name = "secret") => {
  writeFileSync(at(name), content, { mode: 0o600 });
  return at(name);
};
const fresh = (name: string) => {
  writeFileSync(at("copy.json"), readFileSync(at(name)));
  return at("copy.json");
};

const create = (staker: string, out: string) =>
  run(
    `stake create --params regtest --fp ${EVIDENCE.fp_btc_pk} --time 100 --value 1000000 --change ${TO} --fee-rate 2`,
    "--staker",
    staker,
    "--coins",
    at("coins.json"),
    "--out",
    at(out),
    "--psbt",
    at(`${out}.psbt`),
  );

beforeAll(async () => {
  folder = temporaryFolder();
  writeFileSync(
    at("coins.json"),
    JSON.stringify([
      { txid: "07".repeat(32), vout: 0, value: "2000000", scriptPubKey: `0014${"75".repeat(20)}` },
    ]),
  );
  const created = await create(key, "bare.json");
  if (created.code !== 0) throw new Error(created.stderr);
  const bare = delegationFromJson(readFileSync(at("bare.json"), "utf8"));
  const signed = await signSlashings(bare, own);
  let ready: Delegation = signed;
  for (const { secretKey } of committee.slice(0, 3)) {
    const member = await signAsMember(signed, covenantSigner(secretKey), inForce(signed.params));
    ready = addCovenantSignatures(ready, member);
  }
  writeFileSync(at("ready.json"), delegationToJson(ready));
});

describe("a secret key for the command line", () => {
  it.each([
    ["hexadecimal", secretHex, []],
    ["hexadecimal with a BOM and CRLF", `\ufeff${secretHex.toUpperCase()}\r\n# my key\r\n`, []],
    ["WIF", `  ${own.toWIF()}\n`, []],
    ["an extended key with an origin", XPRV, []],
    ["a master key with hardened steps", `${root.toBase58()}/86h/1h/0h/0/0`, []],
    ["words with a path", `${WORDS}\r\n`, ["--path", PATH]],
    [
      "words on lines of their own, with h in the path",
      WORDS.replaceAll(" ", "\n"),
      ["--path", "m/86h/1h/0h/0/0"],
    ],
  ])("is read as %s, from a file, the environment and standard input", async (_, secret, more) => {
    const shown = await run("stake key --secret-file", file(secret), ...more);
    expect(shown).toMatchObject({ code: 0, stdout: `${key}\n`, stderr: "" });
    const piped = await inProcess(
      ["stake", "sign", fresh("bare.json"), "--secret-file", "-", "--out", "-", ...more],
      {
        input: secret,
      },
    );
    const signed = delegationFromJson(piped.stdout);
    expect(signed.slashing.stakerSignatures.map(({ publicKey }) => hex.encode(publicKey))).toEqual([key]);
    const env = {
      TAPSTAKE_SECRET: secret
        .replace("\ufeff", "")
        .split(/\r?\n/)
        .join(more.length > 0 ? " " : "\n"),
    };
    if (!secret.includes("#")) {
      expect((await inProcess(["stake", "key", ...more], { env })).stdout).toBe(`${key}\n`);
    }
  });

  it("is read as words with a passphrase, which leads to another key", async () => {
    const words = file(WORDS);
    const secret = [
      "--secret-file",
      words,
      "--path",
      PATH,
      "--bip39-passphrase-file",
      file("25th w\u00f6rd\r\n", "pass"),
    ];
    const other = bip32.fromSeed(seedOfMnemonic(WORDS, "25th wo\u0308rd")).derivePath(PATH).privateKey!;
    expect((await run("stake key", ...secret)).stdout).toBe(`${hex.encode(publicKeyOf(other))}\n`);
    expect(refusedWith(await run("stake sign", fresh("bare.json"), ...secret))).toBe("unexpected-signer");
  });

  it("is shown with its BIP-86 Taproot address where the network is named", async () => {
    const words = ["--secret-file", file(WORDS), "--path", "m/86'/0'/0'/0/0", "--network", "mainnet"];
    const address = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
    const publicKey = "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115";
    expect((await run("stake key", ...words)).stdout).toBe(`${publicKey}\n${address}\n`);
    expect(parsed(await run("stake key --json", ...words))).toEqual({ publicKey, address });
  });

  it.each([
    ["nothing", "", [], "invalid-hex"],
    ["an empty line before the key", `\n${secretHex}`, [], "invalid-hex"],
    ["0", "0".repeat(64), [], "invalid-secret-key"],
    [
      "the order",
      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
      [],
      "invalid-secret-key",
    ],
    ["WIF of mainnet", MAINNET_WIF, [], "wrong-network"],
    ["xprv of mainnet", bip32.fromSeed(seedOfMnemonic(WORDS, "")).toBase58(), [], "wrong-network"],
    [
      "an uncompressed private key",
      "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
      [],
      "invalid-key-expression",
    ],
    ["an extended public key", XPUB, [], "invalid-key-expression"],
    ["another origin", XPRV.replace("1h/0h", "1h/1h"), [], "invalid-key-expression"],
    ["a range", XPRV.replace(/0$/, "*"), [], "invalid-key-expression"],
    ["words without a path", WORDS, [], "usage"],
    ["a path without words", secretHex, ["--path", PATH], "usage"],
    ["words with a wrong checksum", WORDS.replace("about", "abandon"), ["--path", PATH], "invalid-mnemonic"],
    ["13 words", `${WORDS} about`, ["--path", PATH], "invalid-mnemonic"],
    ["words with an invalid path", WORDS, ["--path", "m/86x"], "invalid-path"],
    ["words of another account", WORDS, ["--path", "m/86'/0'/0'/0/0"], "unexpected-signer"],
    ["another key", hex.encode(committee[0]!.secretKey), [], "unexpected-signer"],
  ])("is refused before anything is written: %s", async (_, secret, more, code) => {
    const path = fresh("bare.json");
    const before = readFileSync(path, "utf8");
    const outcome = await run("stake sign", path, "--secret-file", file(secret), ...more);
    expect(refusedWith(outcome)).toBe(code);
    expect(readFileSync(path, "utf8")).toBe(before);
    if (secret.trim().length > 20) expect(outcome.stderr).not.toContain(secret.trim().slice(0, 40));
  });

  it("of another key is refused by every command that signs as a staker, with both keys", async () => {
    const other = hex.encode(publicKeyOf(committee[0]!.secretKey));
    const secret = ["--secret-file", file(hex.encode(committee[0]!.secretKey))];
    for (const line of [
      "stake sign",
      "stake sign --unbonding",
      `unbond --out ${at("none.hex")}`,
      `withdraw --from staking --fee-rate 2 --to ${TO} --out ${at("none.hex")}`,
    ]) {
      const outcome = await run(line, fresh("ready.json"), ...secret);
      expect(refusedWith(outcome)).toBe("unexpected-signer");
      expect(outcome.stderr).toContain(other);
      expect(outcome.stderr).toContain(key);
      expect(outcome.stderr).toContain("bcrt1p");
      expect(existsSync(at("none.hex"))).toBe(false);
    }
  });

  it("of a stake that names the output key of its address is refused with that reason", async () => {
    const address = parsed<{ address: string }>(
      await run("stake key --json --network regtest --secret-file", file(secretHex)),
    ).address;
    const { scriptOfAddress } = await import("../../src/bitcoin/address.js");
    const output = hex.encode(scriptOfAddress(address, "regtest").slice(2));
    await create(output, "output.json");
    const outcome = await run("stake sign", at("output.json"), "--secret-file", file(secretHex));
    expect(refusedWith(outcome)).toBe("unexpected-signer");
    expect(outcome.stderr).toContain("output key");
  });
});

describe("--staker", () => {
  it.each([
    ["x-only", key],
    ["compressed", hex.encode(own.publicKey).toUpperCase()],
    ["extended, with an origin", XPUB],
    ["extended", XPUB.slice(XPUB.indexOf("]") + 1)],
  ])("accepts a key as %s", async (_, staker) => {
    const name = `${_.replaceAll(" ", "")}.json`;
    expect(await create(staker, name)).toMatchObject({ code: 0 });
    const { terms } = delegationFromJson(readFileSync(at(name), "utf8"));
    expect(hex.encode(terms.staker as Uint8Array)).toBe(key);
  });

  it.each([
    ["a private key", own.toWIF(), "invalid-key-expression"],
    ["an extended private key", XPRV, "invalid-key-expression"],
    ["a range", XPUB.replace(/0$/, "*"), "invalid-key-expression"],
    ["half a key", key.slice(32), "invalid-hex"],
    ["no point", `02${"f".repeat(64)}`, "invalid-public-key"],
  ])("refuses %s, and hides a secret", async (_, staker, code) => {
    const outcome = await create(staker, "refused.json");
    expect(refusedWith(outcome)).toBe(code);
    expect(existsSync(at("refused.json"))).toBe(false);
    if (code === "invalid-key-expression") expect(outcome.stderr).not.toContain(staker.slice(-60, -20));
  });
});

describe("tapstake unbond by a wallet", () => {
  const unbonding = () => delegationFromJson(readFileSync(at("ready.json"), "utf8"));

  it("writes a PSBT without the committee's signatures, with origins", async () => {
    const psbtFile = at("unbonding.psbt");
    const facts = parsed(await run("unbond --json", at("ready.json"), "--psbt", psbtFile, "--origin", XPUB));
    expect(facts).toEqual({
      psbt: psbtFile,
      txid: unbonding().unbonding.transaction.getId(),
      signatures: 0,
    });
    const { inputs } = parsePsbt(readFileSync(psbtFile, "utf8")).data;
    expect(inputs[0]!.tapScriptSig).toBeUndefined();
    expect(inputs[0]!.tapBip32Derivation).toHaveLength(1);
    expect(refusedWith(await run("unbond", at("ready.json"), "--psbt", psbtFile))).toBe("file-error");
  });

  it.each(["base64", "hex", "binary"])("accepts its answer: %s", async (form) => {
    const psbt = stakerPsbts(unbonding()).unbonding;
    const spend = unbondingSpend(unbonding());
    const signed = spendPsbt(spend, [await signLeaf(spend, own)]);
    expect(signed.txInputs).toEqual(psbt.txInputs);
    const content = {
      base64: signed.toBase64(),
      hex: signed.toHex().toUpperCase(),
      binary: signed.toBuffer(),
    }[form]!;
    const outcome = await run("unbond", at("ready.json"), "--signed", file(content, "answer"), "--out", "-");
    const transaction = parseTransaction(hex.decode(outcome.stdout.trim()));
    expect(transaction.getId()).toBe(
      psbt.data.globalMap.unsignedTx && unbonding().unbonding.transaction.getId(),
    );
    expect(transaction.ins[0]!.witness).toHaveLength(8);
  });

  it("adds the returned signatures, and the signature by a secret, to the next PSBT", async () => {
    const next = at("next.psbt");
    const secret = ["--secret-file", file(secretHex)];
    expect(await run("unbond", at("ready.json"), "--psbt", next, ...secret)).toMatchObject({ code: 0 });
    const outcome = await run("unbond", at("ready.json"), "--signed", next, "--out", "-");
    expect(outcome.stdout.trim()).toMatch(/^[0-9a-f]+$/);
    const again = at("again.psbt");
    expect(
      parsed(await run("unbond --json", at("ready.json"), "--signed", next, "--psbt", again)),
    ).toMatchObject({
      signatures: 1,
    });
  });

  it("refuses an answer of another transaction, without a signature, and by another key", async () => {
    const { slashing, unbonding: unsigned } = stakerPsbts(unbonding());
    const spend = unbondingSpend(unbonding());
    const member = await signLeaf(spend, keySigner(committee[0]!.secretKey));
    for (const [psbt, code] of [
      [slashing, "psbt-mismatch"],
      [unsigned, "missing-signature"],
      [spendPsbt(spend, [member]), "missing-signature"],
    ] as const) {
      const answer = file(psbt.toBase64(), "answer");
      const outcome = await run("unbond", at("ready.json"), "--signed", answer, "--out", at("none.hex"));
      expect(refusedWith(outcome)).toBe(code);
      expect(existsSync(at("none.hex"))).toBe(false);
    }
    expect(refusedWith(await run("unbond", at("ready.json"), "--origin", XPUB, "--out", "-"))).toBe("usage");
    const both = ["--psbt", at("x.psbt"), "--out", at("x.hex")];
    expect(refusedWith(await run("unbond", at("ready.json"), ...both))).toBe("usage");
  });
});
