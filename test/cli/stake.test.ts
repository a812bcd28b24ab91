import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { committee } from "../../regtest/index.js";
import { rateOf } from "../../src/bitcoin/fee.js";
import { parseTransaction, toOutpoint } from "../../src/bitcoin/transaction.js";
import { formatRate } from "../../src/core/amount.js";
import { hex } from "../../src/core/bytes.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { signSlashings } from "../../src/delegation/sign.js";
import { unbondingSpend } from "../../src/delegation/spends.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { tapleafHash } from "../../src/script/taproot.js";
import { keySigner, signLeaf } from "../../src/spending/spend.js";
import { ownedCoin, signedPsbt } from "../support/coins.js";
import { closedAddress, serve } from "../support/server.js";
import { inForce } from "../support/stake.js";
import { inProcess, onTerminalHere } from "./in-process.js";
import { EVIDENCE, hasTerminal, onTerminal, parsed, refusedWith, temporaryFolder } from "./support.js";

const VOTER = EVIDENCE.fp_btc_pk;
const CHANGE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const OTHER = "0b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393";
const COINS = JSON.stringify([
  { txid: "07".repeat(32), vout: 0, value: "2000000", scriptPubKey: `0014${"75".repeat(20)}` },
]);

let folder: string;
let staker: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), "utf8");
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);

const create = (change: Readonly<Record<string, string | undefined>> = {}) => {
  const options = {
    params: "regtest",
    staker,
    fp: VOTER,
    time: "100",
    value: "1000000",
    coins: at("coins.json"),
    change: CHANGE,
    "fee-rate": "2",
    out: at("new.json"),
    psbt: at("new.psbt"),
    ...change,
  };
  const words = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value].filter((word) => word !== ""),
  );
  return inProcess(["stake", "create", ...words]);
};

beforeAll(async () => {
  folder = temporaryFolder();
  staker = (await run("stake key --new", at("staker.key"))).stdout.trim();
  writeFileSync(at("coins.json"), COINS);
  writeFileSync(at("evidence.json"), JSON.stringify(EVIDENCE));
  committee.forEach(({ secretKey }, i) =>
    writeFileSync(at(`member${i}.key`), hex.encode(secretKey), { mode: 0o600 }),
  );
  await create({ out: at("bare.json"), psbt: at("bare.psbt") });
  const bare = delegationFromJson(read("bare.json"));
  const signed = await signSlashings(bare, keySigner(hex.decode(read("staker.key").trim())));
  writeFileSync(at("signed.json"), delegationToJson(signed));
  let ready: Delegation = signed;
  for (const { secretKey } of committee.slice(0, 3)) {
    const signer = covenantSigner(secretKey);
    ready = addCovenantSignatures(ready, await signAsMember(signed, signer, inForce(signed.params)));
  }
  writeFileSync(at("ready.json"), delegationToJson(ready));
});

/** A fresh copy of one of the documents, to write into. */
function copyOf(name: string): string {
  writeFileSync(at("copy.json"), read(name));
  return at("copy.json");
}

describe("tapstake stake key", () => {
  it("makes a key file for its owner only, and shows the public key of one", async () => {
    expect(staker).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(at("staker.key")).mode & 0o777).toBe(0o600);
    const shown = await run("stake key --json --secret-file", at("staker.key"));
    expect(parsed(shown)).toEqual({ publicKey: staker });
  });

  it("never replaces a key file", async () => {
    const before = read("staker.key");
    expect(refusedWith(await run("stake key --new", at("staker.key")))).toBe("file-error");
    expect(read("staker.key")).toBe(before);
  });
});

describe("tapstake stake create", () => {
  it("prints what it made, as text and as data", async () => {
    const [out, psbt] = [at("data.json"), at("data.psbt")];
    const facts = parsed(
      await inProcess(["stake", "create", ...(await wordsOf()), "--out", out, "--psbt", psbt, "--json"]),
    );
    const { staking } = delegationFromJson(read("data.json"));
    expect(facts).toMatchObject({
      delegation: out,
      psbt,
      txid: staking.transaction.getId(),
      satoshi: "1000000",
      paramSet: "regtest",
      version: 0,
      coins: [`${"07".repeat(32)}:0`],
      txidFinal: true,
      reason: "cheapest",
      feeRate: "2",
    });
    expect(BigInt(facts["fee"] as string)).toBe(2n * BigInt(facts["vsize"] as number));
    const { fee, change } = facts as { fee: string; change: string };
    expect(1_000_000n + BigInt(fee) + BigInt(change)).toBe(2_000_000n);
    expect(parsePsbt(read("data.psbt")).txOutputs[0]!.value).toBe(1_000_000n);
  });

  const wordsOf = async () =>
    `--params regtest --staker ${staker} --fp ${VOTER} --time 100 --value 1000000 --coins ${at("coins.json")} --change ${CHANGE} --fee-rate 2`.split(
      " ",
    );

  it("prints the delegation alone for --out -", async () => {
    const { code, stdout } = await create({ out: "-", psbt: at("printed.psbt") });
    expect(code).toBe(0);
    expect(delegationFromJson(stdout).terms.timelock).toBe(100);
  });

  it.each<[string, string, Readonly<Record<string, string | undefined>>]>([
    ["0 satoshi", "staking-value-out-of-range", { value: "0" }],
    ["a negative value", "usage", { value: "-5" }],
    ["no value", "usage", { value: undefined }],
    ["no PSBT", "usage", { psbt: undefined }],
    ["a value beside a signed PSBT", "usage", { signed: "new.psbt" }],
    ["a value with decimals", "usage", { value: "1.5" }],
    ["a value in bitcoin", "usage", { value: "0.01BTC" }],
    ["more than there is", "staking-value-out-of-range", { value: "2100000000000000" }],
    ["more than there can be", "invalid-amount", { value: "2100000000000001" }],
    ["a huge value", "invalid-amount", { value: "9999999999999999999" }],
    ["a number too long to be one", "usage", { value: "9".repeat(40) }],
    ["more than the coins", "insufficient-funds", { value: "1999999" }],
    ["a version that there is not", "unknown-params", { version: "7" }],
    ["a parameter set that there is not", "unknown-params", { params: "moon" }],
    ["a network that is not the parameters'", "wrong-network", { network: "mainnet" }],
    ["a network that there is not", "usage", { network: "moon" }],
    [
      "a change address of another network",
      "invalid-address",
      { change: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" },
    ],
    ["a time that is too short", "staking-time-out-of-range", { time: "9" }],
    ["a time that is no lock", "invalid-timelock", { time: "65536" }],
    ["one key twice, in another case", "duplicate-key", { fp: `${VOTER},${VOTER.toUpperCase()}` }],
    ["a compressed key", "invalid-public-key", { fp: `02${VOTER}` }],
    ["a key that is no point", "invalid-public-key", { fp: "00".repeat(32) }],
    ["no coins", "usage", { coins: undefined }],
    ["coins without change", "usage", { change: undefined }],
    ["coins of two sources", "usage", { "from-address": CHANGE }],
    ["an address and no server", "usage", { coins: undefined, "from-address": CHANGE }],
    ["no fee rate and no server", "usage", { "fee-rate": undefined }],
    ["an absurd fee rate", "fee-rate-too-high", { "fee-rate": "1000.001" }],
    ["a fee rate above its own limit", "fee-rate-too-high", { "fee-rate": "2", "max-fee-rate": "1.9" }],
    ["a fee rate of 0", "invalid-rate", { "fee-rate": "0" }],
    ["a negative fee rate", "invalid-rate", { "fee-rate": "-1" }],
    ["an invalid fee rate", "invalid-rate", { "fee-rate": "fast" }],
    ["a file that is there", "file-error", { out: "coins.json" }],
    ["a folder that is not", "file-error", { psbt: "nowhere/new.psbt" }],
    ["both results to standard output", "usage", { out: "-", psbt: "-" }],
    ["two servers", "usage", { rpc: "http://127.0.0.1:1", esplora: "http://127.0.0.1:1" }],
  ])("refuses %s with %s, and writes nothing", async (_, code, change) => {
    const before = readdirSync(folder).sort();
    const named = { ...change };
    for (const name of ["out", "psbt"])
      if (named[name] && named[name] !== "-") named[name] = at(named[name]!);
    expect(refusedWith(await create(named))).toBe(code);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it("stakes all coins, and returns no change", async () => {
    const words = { value: "all", change: undefined, "fee-rate": "1.5" };
    const { code, stdout } = await create({ ...words, out: at("all.json"), psbt: at("all.psbt") });
    expect(code).toBe(0);
    expect(stdout).toMatch(/chosen +every coin that is worth more than the fee to spend it\n/);
    expect(stdout).toMatch(/fee +\d+ satoshi \(.*\): 1\.5\d* sat\/vB for \d+ vB/);
    expect(stdout).toMatch(/change +none\n/);
    const { outs } = delegationFromJson(read("all.json")).staking.transaction;
    expect(outs).toHaveLength(1);
  });

  it("spends unconfirmed coins, and makes its transaction final, with the options for it", async () => {
    const [coin] = JSON.parse(COINS) as object[];
    writeFileSync(at("waiting.json"), JSON.stringify([{ ...coin, confirmations: 0 }]));
    const waiting = { coins: at("waiting.json"), out: at("waiting.out"), psbt: at("waiting.psbt") };
    const refused = await create(waiting);
    expect(refusedWith(refused)).toBe("insufficient-funds");
    expect(refused.stderr).toContain(
      "; 2000000 sat more are in unconfirmed coins\nDo: Wait for a confirmation, or spend the unconfirmed coins too",
    );
    const { code } = await create({ ...waiting, "allow-unconfirmed": "", "not-replaceable": "" });
    expect(code).toBe(0);
    expect(parsePsbt(read("waiting.psbt")).txInputs[0]!.sequence).toBe(0xffff_ffff);
    expect(parsePsbt(read("bare.psbt")).txInputs[0]!.sequence).toBe(0xffff_fffd);
  });

  describe("of a P2PKH coin, whose txid is final only once it is signed", () => {
    const owned = [ownedCoin("P2PKH", 2_000_000n), ownedCoin("P2SH-P2WPKH", 1_000_000n)];
    const listed = owned.map(({ coin }) => ({
      ...toOutpoint(coin.outpoint),
      value: `${coin.value}`,
      scriptPubKey: hex.encode(coin.script),
      previousTransaction: (coin.previousTransaction as { toHex(): string }).toHex(),
      ...(coin.redeemScript && { redeemScript: hex.encode(coin.redeemScript) }),
    }));
    const terms = () => ["--params", "regtest", "--staker", staker, "--fp", VOTER, "--time", "100"];
    const signed = (...words: string[]) => inProcess(["stake", "create", ...terms(), "--signed", ...words]);

    it("makes no delegation before, and says what to do", async () => {
      writeFileSync(at("legacy.json"), JSON.stringify(listed.slice(0, 1)));
      const refused = await create({ coins: at("legacy.json") });
      expect(refusedWith(refused)).toBe("txid-not-final");
      expect(refused.stderr).toMatch(/Do: leave out --out, sign the PSBT, then run stake create --signed/);
      expect(existsSync(at("new.psbt"))).toBe(false);
    });

    it("writes the PSBT, and makes the delegation from the returned one", async () => {
      writeFileSync(at("legacy.json"), JSON.stringify(listed));
      const made = await create({
        coins: at("legacy.json"),
        value: "2500000",
        out: undefined,
        psbt: at("legacy.psbt"),
      });
      expect(made.code).toBe(0);
      expect(made.stdout).toMatch(/transaction +known once it is signed/);
      expect(made.stdout).not.toMatch(/^delegation /m);
      const wallet = signedPsbt(parsePsbt(read("legacy.psbt")), owned).toBase64();
      writeFileSync(at("legacy.signed"), wallet);
      const out = ["--out", at("legacy.stake")];
      expect(refusedWith(await signed(at("legacy.psbt"), ...out))).toBe("missing-signature");
      expect(refusedWith(await signed(at("legacy.signed"), ...out, "--psbt", at("bare.psbt")))).toBe(
        "psbt-mismatch",
      );
      expect(refusedWith(await signed(at("legacy.signed")))).toBe("usage");
      expect(refusedWith(await signed(at("legacy.signed"), ...out, "--time", "101"))).toBe(
        "output-not-found",
      );
      const compared = ["--psbt", at("legacy.psbt"), "--json"];
      const facts = parsed(await signed(at("legacy.signed"), ...out, ...compared));
      expect(facts).toMatchObject({ satoshi: "2500000", sendable: false, others: [{ address: CHANGE }] });
      const { staking } = delegationFromJson(read("legacy.stake"));
      expect(staking.transaction.ins.map(({ witness }) => witness.length)).toEqual([0, 0]);
      expect(staking.transaction.getId()).toBe(facts["txid"]);
      const broadcast = ["--register-later", "--out", at("legacy.hex"), "--psbt", at("legacy.signed")];
      expect(await run("stake broadcast", at("legacy.stake"), ...broadcast)).toMatchObject({ code: 0 });
      const sent = parseTransaction(hex.decode(read("legacy.hex").trim()));
      expect(sent.getId()).toBe(facts["txid"]);
      expect(BigInt(facts["fee"] as string)).toBeGreaterThanOrEqual(2n * BigInt(sent.virtualSize()));
    });

    it("warns where P2PKH coins alone pay: the delegation has the whole transaction", async () => {
      writeFileSync(at("pure.json"), JSON.stringify(listed.slice(0, 1)));
      await create({ coins: at("pure.json"), out: undefined, psbt: at("pure.psbt") });
      writeFileSync(at("pure.signed"), signedPsbt(parsePsbt(read("pure.psbt")), owned).toBase64());
      const { stdout } = await signed(at("pure.signed"), "--out", at("pure.stake"));
      expect(stdout).toMatch(/beware +only P2PKH coins pay/);
    });

    it("requires the previous transaction", async () => {
      const [{ previousTransaction: _, ...coin }] = listed as [(typeof listed)[number]];
      writeFileSync(at("lacking.json"), JSON.stringify([coin]));
      expect(refusedWith(await create({ coins: at("lacking.json"), out: undefined }))).toBe("invalid-coin");
    });
  });

  it("refuses the staker as finality provider, in another case", async () => {
    expect(refusedWith(await create({ fp: staker.toUpperCase() }))).toBe("duplicate-key");
  });

  it("refuses a server that does not answer, or of another network, and shows no password", async () => {
    const url = (await closedAddress()).replace("//", "//carol:hunter2@");
    const gone = await create({ esplora: url });
    expect(refusedWith(gone)).toBe("node-unreachable");
    expect(gone.stderr).not.toMatch(/carol|hunter2/);
    const mainnet = await serve((_body, _request, response) =>
      response.end("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
    );
    expect(refusedWith(await create({ esplora: mainnet }))).toBe("wrong-network");
    const both = { TAPSTAKE_RPC: mainnet, TAPSTAKE_ESPLORA: mainnet };
    const words = await wordsOf();
    const outcome = await inProcess(
      ["stake", "create", ...words, "--out", at("new.json"), "--psbt", at("new.psbt")],
      { env: both },
    );
    expect(refusedWith(outcome)).toBe("usage");
  });
});

describe("tapstake stake sign", () => {
  it("signs both slashings, and keeps the rest of the file", async () => {
    const path = copyOf("bare.json");
    const { code, stdout } = await run("stake sign", path, "--secret-file", at("staker.key"));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /slashing of the stake +staker +1 of 1 signatures\n +committee +0 of 3 signatures, 3 missing/,
    );
    const [before, after] = [read("bare.json"), read("copy.json")].map(
      (text) => JSON.parse(text) as Record<string, unknown>,
    );
    expect(after).toMatchObject({
      params: before!["params"],
      staking: before!["staking"],
      unbonding: before!["unbonding"],
    });
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("takes the secret from the environment or standard input, and prints for --out -", async () => {
    const TAPSTAKE_SECRET = read("staker.key").trim();
    const piped = await inProcess(["stake", "sign", "-"], {
      input: read("bare.json"),
      env: { TAPSTAKE_SECRET },
    });
    expect(delegationFromJson(piped.stdout).slashing.stakerSignatures).toHaveLength(1);
    const path = copyOf("bare.json");
    const input = read("staker.key");
    const typed = await inProcess(["stake", "sign", path, "--secret-file", "-", "--out", "-"], { input });
    expect(delegationFromJson(typed.stdout).slashing.stakerSignatures).toHaveLength(1);
    expect(read("copy.json")).toBe(read("bare.json"));
  });

  it.runIf(hasTerminal)("asks for the secret at a terminal, and does not show it", async () => {
    const path = copyOf("bare.json");
    const secret = read("staker.key").trim();
    const question = "The secret key of the staker (hexadecimal, WIF, xprv with path, or words)";
    const { code, stdout } = await onTerminal(["stake", "sign", path], {}, [question, `${secret}\r`]);
    expect(code).toBe(0);
    expect(stdout).not.toContain(secret.slice(0, 16));
    expect(delegationFromJson(read("copy.json")).slashing.stakerSignatures).toHaveLength(1);
    const stopped = await onTerminalHere(["stake", "sign", copyOf("bare.json")], {}, [question, "\u0003"]);
    expect(stopped).toMatchObject({
      code: 130,
      stdout: expect.stringContaining("cancelled: nothing was changed"),
    });
    expect(read("copy.json")).toBe(read("bare.json"));
  });

  it("gives wallets the origin of their key, with the option for it", async () => {
    const origin = `[d34db33f/86h/1h/0h/0/5]${staker}`;
    expect(
      await run("stake sign", at("bare.json"), "--export", at("told"), "--origin", origin),
    ).toMatchObject({ code: 0 });
    const psbt = parsePsbt(readFileSync(join(at("told"), "slashing.psbt"), "utf8"));
    expect(psbt.data.inputs[0]!.tapBip32Derivation).toMatchObject([{ path: "m/86'/1'/0'/0/5" }]);
    expect(psbt.data.outputs[1]!.tapBip32Derivation).toHaveLength(1);
    const sign = (...words: string[]) => run("stake sign", at("bare.json"), ...words);
    expect(refusedWith(await sign("--origin", origin, "--secret-file", at("staker.key")))).toBe("usage");
    expect(refusedWith(await sign("--export", at("told2"), "--origin", staker))).toBe(
      "invalid-key-expression",
    );
    const other = `[d34db33f/86h]${OTHER}`;
    expect(refusedWith(await sign("--export", at("told2"), "--origin", other))).toBe("unexpected-signer");
    expect(existsSync(at("told2"))).toBe(false);
  });

  it("writes PSBTs for any wallet, and reads them back in every form", async () => {
    const to = at("to-sign");
    const exported = parsed<{ psbts: { transaction: string; file: string }[] }>(
      await run("stake sign --json", at("bare.json"), "--export", to),
    );
    expect(exported.psbts.map(({ transaction }) => transaction)).toEqual(["slashing", "unbondingSlashing"]);
    expect(refusedWith(await run("stake sign", at("bare.json"), "--export", to))).toBe("file-error");

    expect(refusedWith(await run("stake sign", at("bare.json"), "--export", at("coins.json")))).toBe(
      "file-error",
    );

    const signed = delegationFromJson(read("signed.json"));
    const [first, second] = exported.psbts.map(({ transaction, file }) => {
      const psbt = parsePsbt(readFileSync(file, "utf8"));
      const { publicKey, signature } = signed[transaction as "slashing"].stakerSignatures[0]!;
      const leafHash = delegationLeaf(psbt);
      return psbt.updateInput(0, { tapScriptSig: [{ pubkey: publicKey, leafHash, signature }] });
    });
    writeFileSync(at("1.psbt"), first!.toBuffer());
    writeFileSync(at("2.json"), JSON.stringify({ psbt: second!.toBase64(), complete: false }));
    const path = copyOf("bare.json");
    expect(await run("stake sign", path, "--psbt", at("1.psbt"), at("2.json"))).toMatchObject({ code: 0 });
    expect(read("copy.json")).toBe(read("signed.json"));
  });

  it("refuses a PSBT that is not signed, or altered, or another one", async () => {
    const path = copyOf("bare.json");
    await run("stake sign", path, "--export", at("again"));
    const slashing = join(at("again"), "slashing.psbt");
    expect(refusedWith(await run("stake sign", path, "--psbt", slashing))).toBe("missing-signature");
    expect(refusedWith(await run("stake sign", path, "--psbt", at("bare.psbt")))).toBe("psbt-mismatch");
    expect(refusedWith(await run("stake sign", path, "--psbt", at("coins.json")))).toBe("invalid-psbt");
    const altered = hex
      .encode(parsePsbt(readFileSync(slashing, "utf8")).toBuffer())
      .replace("a086010000000000", "a186010000000000");
    writeFileSync(at("altered.psbt"), altered);
    const outcome = await run("stake sign", path, "--psbt", at("altered.psbt"));
    expect(refusedWith(outcome)).toBe("psbt-mismatch");
    expect(outcome.stderr).toContain("output 0: value 100001, but it must be 100000");
    expect(read("copy.json")).toBe(read("bare.json"));
  });

  it("refuses a signed unbonding unless --unbonding asks for it", async () => {
    const path = copyOf("signed.json");
    const before = delegationFromJson(read("copy.json"));
    const spend = unbondingSpend(before);
    const answer = spendPsbt(spend, [
      await signLeaf(spend, keySigner(hex.decode(read("staker.key").trim()))),
    ]);
    writeFileSync(at("unbonding.answer"), answer.toHex());
    const outcome = await run("stake sign", path, "--psbt", at("unbonding.answer"));
    expect(refusedWith(outcome)).toBe("psbt-mismatch");
    expect(outcome.stderr).toContain("Do: give --unbonding if you want it");
    expect(read("copy.json")).toBe(read("signed.json"));
    expect(refusedWith(await run("stake sign --expansion", path, "--psbt", at("unbonding.answer")))).toBe(
      "not-an-expansion",
    );
    expect(await run("stake sign --unbonding", path, "--psbt", at("unbonding.answer"))).toMatchObject({
      code: 0,
    });
    expect(delegationFromJson(read("copy.json")).unbonding.stakerSignatures).toHaveLength(1);
  });

  it("refuses another secret, and an invalid one, without showing it", async () => {
    const path = copyOf("bare.json");
    expect(refusedWith(await run("stake sign", path, "--secret-file", at("member0.key")))).toBe(
      "unexpected-signer",
    );
    expect(refusedWith(await run("stake sign", path))).toBe("usage");
    for (const [secret, code] of [
      ["00".repeat(32), "invalid-secret-key"],
      ["ab".repeat(31), "invalid-hex"],
      ["hunter2", "invalid-hex"],
    ] as const) {
      const outcome = await inProcess(["stake", "sign", path], { env: { TAPSTAKE_SECRET: secret } });
      expect(refusedWith(outcome)).toBe(code);
      expect(outcome.stderr).not.toContain(secret);
    }
  });

  it("signs only under published parameters of the network, or the user's copy", async () => {
    const json = JSON.parse(read("bare.json")) as { params: { slashing: { script: string } } };
    json.params.slashing.script = "6a0474657374";
    writeFileSync(at("own.json"), JSON.stringify(json));
    const secret = ["--secret-file", at("staker.key")];
    expect(refusedWith(await run("stake sign", at("own.json"), ...secret))).toBe("unknown-params");
    const named = await run("stake sign", at("own.json"), "--params", "regtest", ...secret);
    expect(refusedWith(named)).toBe("params-mismatch");
    expect(refusedWith(await run("stake sign", at("bare.json"), "--params", "mainnet", ...secret))).toBe(
      "wrong-network",
    );
  });

  it("signs nothing that breaks a rule", async () => {
    const json = JSON.parse(read("bare.json")) as { unbondingTime: number };
    writeFileSync(at("late.json"), JSON.stringify({ ...json, unbondingTime: 21 }));
    const outcome = await run("stake sign", at("late.json"), "--secret-file", at("staker.key"));
    expect(refusedWith(outcome)).toBe("unbonding-time-mismatch");
    writeFileSync(at("version.json"), JSON.stringify({ ...json, version: 99 }));
    expect(refusedWith(await run("stake check", at("version.json")))).toBe("unknown-version");
  });

  it("overwrites a file of the same stake only, and keeps every signature in it", async () => {
    const secret = ["--secret-file", at("staker.key")];
    writeFileSync(at("other.json"), read("coins.json"));
    expect(refusedWith(await run("stake sign", at("bare.json"), "--out", at("other.json"), ...secret))).toBe(
      "invalid-json",
    );
    await create({ time: "101", out: at("longer.json"), psbt: at("longer.psbt") });
    const longer = read("longer.json");
    const outcome = await run("stake sign", at("bare.json"), "--out", at("longer.json"), ...secret);
    expect(refusedWith(outcome)).toBe("delegation-mismatch");
    expect(read("longer.json")).toBe(longer);

    const path = copyOf("ready.json");
    expect(await run("stake sign --unbonding", at("signed.json"), "--out", path, ...secret)).toMatchObject({
      code: 0,
    });
    const { unbonding } = delegationFromJson(read("copy.json"));
    expect(unbonding).toMatchObject({ stakerSignatures: [{}], covenantSignatures: [{}, {}, {}] });
  });
});

describe("tapstake stake combine", () => {
  it("merges copies", async () => {
    const path = copyOf("bare.json");
    expect(await run("stake combine", path, at("signed.json"), at("ready.json"))).toMatchObject({ code: 0 });
    expect(read("copy.json")).toBe(read("ready.json"));
  });

  it("refuses a copy of another stake", async () => {
    await create({ time: "102", out: at("another.json"), psbt: at("another.psbt") });
    expect(refusedWith(await run("stake combine", copyOf("bare.json"), at("another.json")))).toBe(
      "delegation-mismatch",
    );
  });
});

describe("tapstake stake check", () => {
  it.each([
    ["bare.json", false, 0, 0],
    ["signed.json", false, 1, 0],
    ["ready.json", true, 1, 3],
  ])("of %s lists the signatures", async (name, ready, stakers, members) => {
    const facts = parsed(await run("stake check --json", at(name)));
    expect(facts).toMatchObject({ ready, paramSet: "regtest", version: 0, satoshi: "1000000" });
    const { transactions } = facts as {
      transactions: { staker: { signed: [] }; covenant: { signed: [] }[] }[];
    };
    expect(transactions.map(({ staker: { signed } }) => signed.length)).toEqual([0, stakers, stakers]);
    expect(transactions.map(({ covenant: [one] }) => one!.signed.length)).toEqual([
      members,
      members,
      members,
    ]);
    const { stdout } = await run("stake check", at(name));
    expect(stdout).toContain(
      ready
        ? "everything is signed. Without a server, tapstake does not know whether the stake was broadcast"
        : "the stake cannot be broadcast yet",
    );
    expect(stdout).not.toContain("can be broadcast");
  });

  it("refuses a signature that does not verify", async () => {
    const text = read("ready.json").replace(
      /("signature": ")(..)/,
      (_, head: string, byte: string) => head + (byte === "00" ? "01" : "00"),
    );
    writeFileSync(at("forged.json"), text);
    expect(refusedWith(await run("stake check", at("forged.json")))).toMatch(
      /^invalid-(covenant|staker)-signature$/,
    );
  });
});

describe("tapstake stake broadcast", () => {
  it("refuses while signatures are missing, and names them", async () => {
    const psbt = ["--psbt", at("bare.psbt")];
    const bare = await run("stake broadcast", at("bare.json"), ...psbt);
    expect(refusedWith(bare)).toBe("missing-signature");
    expect(bare.stderr).toContain(
      "slashing of the stake has 0 of 1 staker signatures. Do: run tapstake stake sign ",
    );
    const outcome = await run("stake broadcast", at("signed.json"), ...psbt);
    expect(refusedWith(outcome)).toBe("missing-signature");
    expect(outcome.stderr).toContain("has 0 of 3 committee signatures");
    // Known to be registered later, the wallet's own signature is what is missing.
    const later = await run("stake broadcast --register-later", at("bare.json"), ...psbt);
    expect(refusedWith(later)).toBe("missing-signature");
    expect(later.stderr).toContain("input 0 of the staking transaction is not signed");
  });

  it("refuses the PSBT of another stake", async () => {
    await create({ time: "103", out: at("third.json"), psbt: at("third.psbt") });
    expect(refusedWith(await run("stake broadcast", at("ready.json"), "--psbt", at("third.psbt")))).toBe(
      "psbt-mismatch",
    );
  });
});

describe("tapstake covenant", () => {
  it("signs once every rule is kept, until there is a quorum", async () => {
    const path = copyOf("signed.json");
    for (const i of [0, 1, 2]) {
      const { code, stdout } = await run(
        "covenant sign --height 100",
        path,
        "--secret-file",
        at(`member${i}.key`),
      );
      expect(code).toBe(0);
      expect(stdout).toContain(`committee  ${i + 1} of 3 signatures`);
    }
    expect(
      refusedWith(await run("covenant sign --height 100", path, "--secret-file", at("member3.key"))),
    ).toBe("quorum-reached");
    expect(await run("covenant check --height 100", path)).toMatchObject({ code: 0 });
  });

  it("refuses a stranger's key, and a delegation without the staker's signatures", async () => {
    expect(
      refusedWith(
        await run("covenant sign --height 100", at("signed.json"), "--secret-file", at("staker.key")),
      ),
    ).toBe("not-a-member");
    expect(refusedWith(await run("covenant check --height 100", at("signed.json"), "--member", OTHER))).toBe(
      "not-a-member",
    );
    expect(refusedWith(await run("covenant check --height 100", at("bare.json")))).toBe(
      "invalid-staker-signature",
    );
    const upper = hex.encode(committee[4]!.publicKey).toUpperCase();
    expect(await run("covenant check --height 100", at("signed.json"), "--member", upper)).toMatchObject({
      code: 0,
    });
  });
});

describe("tapstake unbond", () => {
  it("writes a finished transaction, and refuses without the committee's signatures", async () => {
    const secret = ["--secret-file", at("staker.key")];
    const refused = await run("unbond", at("signed.json"), ...secret);
    expect(refusedWith(refused)).toBe("missing-signature");
    expect(refused.stderr).toContain(
      "Do: ask committee members to run tapstake covenant sign, then join their copies",
    );
    const { code, stdout } = await run("unbond", at("ready.json"), ...secret, "--out", at("unbonding.hex"));
    expect(code).toBe(0);
    expect(stdout).toContain("signed by 3 of 5 committee members");
    const transaction = parseTransaction(hex.decode(read("unbonding.hex").trim()));
    expect(transaction.ins[0]!.witness).toHaveLength(8);
    expect(refusedWith(await run("unbond", at("ready.json"), ...secret, "--out", at("unbonding.hex")))).toBe(
      "file-error",
    );
    const raw = await run("unbond", at("ready.json"), ...secret, "--out", "-");
    expect(raw.stdout.trim()).toMatch(/^[0-9a-f]+$/);
  });
});

describe("tapstake slash", () => {
  it("finishes with the evidence of two votes", async () => {
    const slashing = parsed(await run("slash --json", at("ready.json"), "--votes", at("evidence.json")));
    expect(slashing).toMatchObject({
      spends: [
        {
          role: "slashing",
          from: "staking",
          verified: true,
          presigned: true,
          signedBy: { finalityProviders: [VOTER] },
        },
      ],
    });
    const late = parsed(
      await run("slash --json --from unbonding", at("ready.json"), "--votes", at("evidence.json")),
    );
    expect(late).toMatchObject({ spends: [{ from: "unbonding", presigned: true }] });
  });

  it("refuses another key, and a slashing without the committee's signatures", async () => {
    expect(refusedWith(await run("slash", at("ready.json"), "--secret-file", at("member0.key")))).toBe(
      "unknown-finality-provider",
    );
    expect(refusedWith(await run("slash", at("signed.json"), "--votes", at("evidence.json")))).toBe(
      "missing-signature",
    );
    expect(refusedWith(await run("slash", at("ready.json")))).toBe("usage");
  });
});

describe("tapstake withdraw", () => {
  const withdraw = (...words: string[]) =>
    inProcess(["withdraw", at("ready.json"), "--to", CHANGE, "--fee-rate", "10", ...words]);
  const secret = () => ["--secret-file", at("staker.key")];

  it.each([
    ["staking", 1_000_000n, 100],
    ["unbonding", 999_000n, 20],
    ["refund", 899_000n, 20],
    ["unbonding-refund", 898_100n, 20],
  ])("from %s pays the rate, and prints the fee", async (from, held, sequence) => {
    const facts = parsed<{ transaction: string; spends: unknown; vsize: number; feeRate: string }>(
      await withdraw("--from", from, ...secret(), "--json"),
    );
    const transaction = parseTransaction(hex.decode(facts.transaction));
    expect(transaction.ins[0]!.sequence).toBe(sequence);
    // Reckoned for a signature of 65 bytes, a quarter of a virtual byte more than this one of 64.
    const [fee, vsize] = [held - transaction.outs[0]!.value, transaction.virtualSize()];
    expect([10n * BigInt(vsize), 10n * BigInt(vsize + 1)]).toContain(fee);
    expect(facts).toMatchObject({ vsize, feeRate: formatRate(rateOf(fee, vsize)) });
    expect(facts.spends).toMatchObject([{ role: "withdrawal", verified: true, satoshi: `${held}` }]);
  });

  it("is signed by any wallet, and an altered answer is refused", async () => {
    expect(await withdraw("--from", "staking", "--psbt", at("w.psbt"))).toMatchObject({ code: 0 });
    const { transaction } = parsed<{ transaction: string }>(
      await withdraw("--from", "staking", ...secret(), "--json"),
    );
    const signature = parseTransaction(hex.decode(transaction)).ins[0]!.witness[0]!;
    const psbt = parsePsbt(read("w.psbt"));
    psbt.updateInput(0, {
      tapScriptSig: [{ pubkey: hex.decode(staker), leafHash: delegationLeaf(psbt), signature }],
    });
    writeFileSync(at("w.signed"), psbt.toBase64());
    const back = parsed(await withdraw("--from", "staking", "--signed", at("w.signed"), "--json"));
    expect(back).toMatchObject({ transaction });
    const unsigned = await withdraw("--from", "staking", "--signed", at("w.psbt"));
    expect(refusedWith(unsigned)).toBe("missing-signature");
    expect(unsigned.stderr).toContain("Do: sign with --secret-file, or write the PSBT with --psbt");
    expect(refusedWith(await withdraw("--from", "unbonding", "--signed", at("w.signed")))).toBe(
      "psbt-mismatch",
    );
    const dearer = await withdraw("--from", "staking", "--fee-rate", "11", "--signed", at("w.signed"));
    expect(refusedWith(dearer)).toBe("psbt-mismatch");
  });

  it("gives wallets the origin of their key, with the option for it", async () => {
    const from = ["--from", "staking"];
    const origin = ["--origin", `[d34db33f/86h/1h/0h/0/5]${staker}`];
    const told = await withdraw(...from, ...origin, "--psbt", at("told.psbt"));
    expect(told).toMatchObject({ code: 0, stderr: "" });
    expect(parsePsbt(read("told.psbt")).data.inputs[0]!.tapBip32Derivation).toMatchObject([
      { path: "m/86'/1'/0'/0/5" },
    ]);
    expect(refusedWith(await withdraw(...from, ...origin, ...secret()))).toBe("usage");
    const other = ["--origin", `[d34db33f/86h]${OTHER}`, "--psbt", at("told2.psbt")];
    expect(refusedWith(await withdraw(...from, ...other))).toBe("unexpected-signer");
    expect(existsSync(at("told2.psbt"))).toBe(false);
  });

  it("refuses another key than the staker's, and names the staker's", async () => {
    const refused = await withdraw("--from", "staking", "--secret-file", at("member0.key"));
    expect(refusedWith(refused)).toBe("unexpected-signer");
    const wrong = hex.encode(committee[0]!.publicKey);
    expect(refused.stderr).toContain(`wrong key: ${wrong} (Taproot address bcrt1p`);
    expect(refused.stderr).toContain(
      `is not the staker of this stake. Do: sign with the staker's key, ${staker}\n`,
    );
  });

  it("is signed by two stakers in turn", async () => {
    const second = (await run("stake key --new", at("second.key"))).stdout.trim();
    const both = { staker: `${staker},${second}`, "staker-quorum": "2" };
    await create({ ...both, out: at("two.json"), psbt: at("two.psbt") });
    for (const key of ["staker.key", "second.key"]) {
      expect(await run("stake sign", at("two.json"), "--secret-file", at(key))).toMatchObject({ code: 0 });
    }
    const facts = parsed<{ transactions: { staker: { signed: unknown[] } }[] }>(
      await run("stake check --json", at("two.json")),
    );
    expect(facts.transactions.map(({ staker: { signed } }) => signed.length)).toEqual([0, 2, 2]);

    const unbonding = await run("unbond", at("two.json"), "--secret-file", at("staker.key"));
    expect(refusedWith(unbonding)).toBe("missing-signature");
    expect(unbonding.stderr).toContain(`tapstake stake sign ${at("two.json")} --unbonding, by --secret-file`);

    const words = ["withdraw", at("two.json"), "--to", CHANGE, "--fee-rate", "3", "--from", "staking"];
    const by = (key: string) => ["--secret-file", at(key)];
    expect(refusedWith(await inProcess([...words, ...by("staker.key")]))).toBe("missing-signature");
    const half = parsed(
      await inProcess([...words, ...by("staker.key"), "--psbt", at("half.psbt"), "--json"]),
    );
    expect(half).toMatchObject({ signatures: 1 });
    const signed = ["--signed", at("half.psbt")];
    expect(refusedWith(await inProcess([...words, ...signed]))).toBe("missing-signature");
    expect(refusedWith(await inProcess([...words, ...signed, ...by("staker.key")]))).toBe(
      "missing-signature",
    );
    const whole = await inProcess([...words, ...signed, ...by("second.key"), "--json"]);
    expect(parsed(whole)).toMatchObject({ spends: [{ verified: true, invalid: [] }] });
  });

  it.each<[string, string, string[]]>([
    ["without an output, and without a server", "usage", []],
    [
      "to an address of another network",
      "invalid-address",
      ["--from", "staking", "--to", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
    ],
    ["at an absurd rate", "fee-rate-too-high", ["--from", "staking", "--fee-rate", "10000"]],
    [
      "for more than there is",
      "insufficient-funds",
      ["--from", "staking", "--fee-rate", "10000", "--max-fee-rate", "10000"],
    ],
    ["from what there is not", "usage", ["--from", "moon"]],
    ["with a PSBT and a raw transaction", "usage", ["--from", "staking", "--psbt", "a", "--out", "b"]],
  ])("refuses %s with %s", async (_, code, words) => {
    expect(refusedWith(await withdraw(...words))).toBe(code);
    expect(existsSync("a")).toBe(false);
  });
});

describe("tapstake inspect", () => {
  it("of a delegation shows each spend with its signers and time, what would be slashed, and what is missing", async () => {
    const { code, stdout } = await run("inspect", at("signed.json"));
    expect(code).toBe(0);
    for (const words of [
      "this is a stake of 0.01 BTC",
      "the staker alone, once the output is 100 blocks old",
      '100000 satoshi (0.001 BTC) to OP_RETURN "tapstake": burnt',
      "899000 satoshi (0.00899 BTC) back to the staker, locked 20 blocks",
      "999000 satoshi (0.00999 BTC), locked 20 blocks and still slashable",
      "committee  0 of 3 signatures, 3 missing",
    ]) {
      expect(stdout).toContain(words);
    }
    const facts = parsed(await run("inspect --json", at("ready.json")));
    expect(facts).toMatchObject({
      delegation: { ready: true, slashing: { slashed: "100000", refunded: "899000" } },
    });
  });

  it("of a PSBT is the same for each of its forms", async () => {
    const base64 = read("bare.psbt").trim();
    const bytes = parsePsbt(base64).toBuffer();
    writeFileSync(at("binary.psbt"), bytes);
    writeFileSync(at("answer.json"), JSON.stringify({ psbt: base64 }));
    const terms = ["--staker", staker, "--fp", VOTER, "--time", "100", "--params", "regtest"];
    const forms = [base64, hex.encode(bytes), at("bare.psbt"), at("binary.psbt"), at("answer.json")];
    const answers = await Promise.all(forms.map((form) => run("inspect", form, ...terms)));
    for (const { code, stdout } of answers) {
      expect(code).toBe(0);
      expect(stdout).toBe(answers[0]!.stdout);
    }
    expect(answers[0]!.stdout).toMatch(
      /this is a stake of 0\.01 BTC[^]*0 of 1 input signed; it pays \d+ satoshi/,
    );
    const own = await run("inspect", at("bare.psbt"), "--delegation", at("bare.json"));
    expect(own.stdout).toContain("this is a stake of 0.01 BTC");
  });

  it("of a pre-signed PSBT lists its signers, verified by the amounts in it", async () => {
    await run("stake sign --unbonding", at("ready.json"), "--export", at("unbond"));
    const psbt = join(at("unbond"), "unbonding.psbt");
    const alone = await run("inspect", psbt);
    expect(alone.stdout).toMatch(
      /this unbonds a stake of 0\.01 BTC by .*, signed by 0 of 5 committee members/,
    );
    const within = await run("inspect", psbt, "--delegation", at("ready.json"));
    expect(within.stdout).toContain("yes, by txid the one of the delegation, not signed yet");
  });

  it("refuses a delegation that breaks a rule, and other input", async () => {
    const json = JSON.parse(read("bare.json")) as object;
    writeFileSync(at("late.json"), JSON.stringify({ ...json, unbondingTime: 21 }));
    expect(refusedWith(await run("inspect", at("late.json")))).toBe("unbonding-time-mismatch");
    expect(refusedWith(await run("inspect", at("evidence.json")))).toBe("invalid-json");
    expect(refusedWith(await run("inspect", `${read("bare.psbt").slice(0, 60)}`))).toBe("invalid-psbt");
  });
});

/** The hash of the one leaf that a PSBT of ours opens. */
function delegationLeaf(psbt: ReturnType<typeof parsePsbt>): Uint8Array {
  const { script } = psbt.data.inputs[0]!.tapLeafScript![0]!;
  return tapleafHash(script);
}
