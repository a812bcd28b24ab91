import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { parseTransaction, toOutpoint } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsObject } from "../../src/params/json.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { ownedCoin, signedPsbt } from "../support/coins.js";
import { secretOf } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const [STAKER, FP, OTHER] = ["staker", "provider", "other"].map((name) =>
  hex.encode(publicKeyOf(secretOf(`phase 1 ${name}`))),
) as [string, string, string];
const CHANGE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const owned = ownedCoin("P2WPKH", 2_000_000n);

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = temporaryFolder();
  const { slashing: _, ...params } = regtest.versions[0]!;
  const phase1 = { tag: hex.decode("74657374"), cap: 100_000_000n, confirmationDepth: 10 };
  writeFileSync(at("phase1.json"), JSON.stringify(paramsObject({ ...params, phase1 })));
  writeFileSync(at("coins.json"), JSON.stringify([listed(owned.coin)]));
});

function listed({ outpoint, value, script }: (typeof owned)["coin"]) {
  return { ...toOutpoint(outpoint), value: `${value}`, scriptPubKey: hex.encode(script) };
}

const terms = (change: Readonly<Record<string, string>> = {}) =>
  Object.entries({ params: at("phase1.json"), staker: STAKER, fp: FP, time: "100", ...change }).flatMap(
    ([name, value]) => [`--${name}`, value],
  );
const create = (psbt: string, ...more: string[]) => {
  const coins = ["--coins", at("coins.json"), "--change", CHANGE, "--fee-rate", "2", "--value", "1000000"];
  return inProcess(["stake", "create", ...terms(), ...coins, "--psbt", psbt, ...more]);
};
const broadcast = (psbt: string, ...words: string[]) =>
  inProcess(["stake", "broadcast", "--psbt", psbt, ...words]);

describe("a stake of phase 1", () => {
  it("is written as a PSBT, with the next command", async () => {
    const { code, stdout, stderr } = await create(at("stake.psbt"));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /for the wallet that has the coins; send it by stake broadcast, with the same parameters and terms\n/,
    );
    expect(stdout).not.toContain("--signed");
    const wallet = signedPsbt(parsePsbt(readFileSync(at("stake.psbt"), "utf8")), [owned]);
    writeFileSync(at("stake.signed"), wallet.toBase64());
  });

  it("has no delegation, and no file of one is written", async () => {
    const refused = await create(at("none.psbt"), "--out", at("none.json"));
    expect(refusedWith(refused)).toBe("unsupported-params");
    expect(refused.stderr).toContain("sign the PSBT, then run stake broadcast");
    expect([at("none.psbt"), at("none.json")].filter(existsSync)).toEqual([]);
    const signed = ["--signed", at("stake.signed"), "--out", at("none.json")];
    expect(refusedWith(await inProcess(["stake", "create", ...terms(), ...signed]))).toBe(
      "unsupported-params",
    );
  });

  it("is sent once its wallet has signed, when it matches the terms", async () => {
    const sent = await broadcast(at("stake.signed"), ...terms(), "--out", at("stake.hex"), "--json");
    expect(parsed(sent)).toMatchObject({ satoshi: "1000000", file: at("stake.hex") });
    const { outs, ins } = parseTransaction(hex.decode(readFileSync(at("stake.hex"), "utf8").trim()));
    expect([outs[0]!.value, ins[0]!.witness.length]).toEqual([1_000_000n, 2]);
    expect(hex.encode(outs[1]!.script)).toContain(STAKER + FP);
  });

  it.each<[string, string, Record<string, string>]>([
    ["another staker", "invalid-op-return", { staker: OTHER }],
    ["another finality provider", "invalid-op-return", { fp: OTHER }],
    ["another time", "invalid-op-return", { time: "101" }],
    ["a version that there is not", "unknown-params", { version: "7" }],
    ["a release that knows no phase 1", "unsupported-by-release", { release: "v4" }],
    ["parameters of a later phase", "unsupported-params", { params: "regtest" }],
    ["parameters of another network", "wrong-network", { network: "mainnet" }],
  ])("is refused as one of %s", async (_, code, change) => {
    expect(refusedWith(await broadcast(at("stake.signed"), ...terms(change)))).toBe(code);
  });

  it("is refused unsigned, altered, or without its terms", async () => {
    expect(refusedWith(await broadcast(at("stake.psbt"), ...terms()))).toBe("missing-signature");
    const forged = Psbt.fromBase64(readFileSync(at("stake.signed"), "utf8"));
    forged.data.inputs[0]!.witnessUtxo!.value += 1n;
    delete (forged.data.inputs[0] as { nonWitnessUtxo?: unknown }).nonWitnessUtxo;
    writeFileSync(at("forged.psbt"), forged.toBase64());
    expect(refusedWith(await broadcast(at("forged.psbt"), ...terms()))).toBe("invalid-signature");
    expect(refusedWith(await broadcast(at("stake.signed")))).toBe("usage");
    expect(refusedWith(await broadcast(at("stake.signed"), ...terms().slice(2)))).toBe("usage");
    expect(refusedWith(await broadcast(at("stake.signed"), ...terms().slice(0, 4)))).toBe("usage");
    const both = ["stake", "broadcast", at("coins.json"), "--psbt", at("stake.signed"), "--time", "100"];
    expect(refusedWith(await inProcess(both))).toBe("usage");
  });

  it("of mainnet, whose phase 1 has ended, is made and sent with --release any only", async () => {
    const ended = ["--params", "mainnet-phase1", "--staker", STAKER, "--fp", FP, "--time", "64000"];
    const params = [...ended, "--release", "any"];
    const change = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    const coins = ["--coins", at("coins.json"), "--change", change, "--fee-rate", "2", "--value", "600000"];
    const made = await inProcess(["stake", "create", ...params, ...coins, "--psbt", at("mainnet.psbt")]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toContain("send it by stake broadcast, with the same parameters and terms");
    for (const release of [[], ["--release", "phase1"]]) {
      const words = [...ended, ...release, ...coins, "--psbt", at("ended.psbt")];
      const refused = await inProcess(["stake", "create", ...words]);
      expect(refusedWith(refused)).toBe("params-not-in-force");
      expect(refused.stderr).toContain("the set mainnet-phase1 has ended");
      expect(refused.stderr).toContain("give --release any\n");
      expect(existsSync(at("ended.psbt"))).toBe(false);
    }
    const wallet = signedPsbt(parsePsbt(readFileSync(at("mainnet.psbt"), "utf8")), [owned]);
    writeFileSync(at("mainnet.signed"), wallet.toBase64());
    const sent = await broadcast(at("mainnet.signed"), ...params, "--out", at("mainnet.hex"));
    expect(sent).toMatchObject({ code: 0, stderr: "" });
    const refused = await broadcast(at("mainnet.signed"), ...ended, "--out", at("ended.hex"));
    expect(refusedWith(refused)).toBe("params-not-in-force");
  });
});

describe("on a node", () => {
  let node: RegtestNode;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node?.stop());

  it("is mined from a wallet's PSBT", async () => {
    const address = await node.rpc.getnewaddress();
    await node.rpc.call("sendtoaddress", address, 0.02);
    await node.mine(1);
    const { url, username, password, cookieFile } = node.connection;
    const [user, secret] = cookieFile
      ? readFileSync(cookieFile, "utf8").trim().split(":")
      : [username, password];
    const rpc = Object.assign(new URL(url), { username: user, password: secret }).href;
    const coins = ["--from-address", address, "--value", "all", "--fee-rate", "2"];
    const files = ["--psbt", at("mined.psbt")];
    const env = { TAPSTAKE_RPC: rpc };
    const made = await inProcess(["stake", "create", ...terms(), ...coins, ...files], { env });
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const { psbt } = await node.rpc.call<{ psbt: string }>(
      "walletprocesspsbt",
      readFileSync(at("mined.psbt"), "utf8").trim(),
    );
    writeFileSync(at("mined.signed"), psbt);
    const sent = await inProcess(["stake", "broadcast", "--psbt", at("mined.signed"), ...terms(), "--json"], {
      env,
    });
    const { txid } = parsed<{ txid: string }>(sent);
    await node.mine(1);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });
});
