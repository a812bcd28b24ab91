import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { committee, party } from "../../regtest/index.js";
import { hex } from "../../src/core/bytes.js";
import { checkDelegation } from "../../src/delegation/check.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { expansionSpend } from "../../src/delegation/spends.js";
import { paramsObject } from "../../src/params/json.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { spendPsbt } from "../../src/psbt/write.js";
import { keySigner, signLeaf } from "../../src/spending/spend.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const [staker, provider, other] = [party("staker"), party("provider"), party("another provider")];
const CHANGE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const coin = (txid: string, value: string, script = `0014${"75".repeat(20)}`) => ({
  txid: txid.repeat(32),
  vout: 0,
  value,
  scriptPubKey: script,
});

let folder: string;
const at = (name: string) => join(folder, name);
const read = (name: string) => delegationFromJson(readFileSync(at(name), "utf8"));
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);
const key = (name: string, secret: Uint8Array) =>
  writeFileSync(at(name), hex.encode(secret), { mode: 0o600 });

let made = 0;
type Change = Readonly<Record<string, string | undefined>>;
const expand = (change: Change = {}, from = at("stake.json"), ...more: string[]) => {
  const name = `expanded${made++}`;
  const options = {
    value: "1500000",
    time: "200",
    coins: at("coins.json"),
    change: CHANGE,
    "fee-rate": "2",
    out: at(`${name}.json`),
    psbt: at(`${name}.psbt`),
    ...change,
  };
  const words = Object.entries(options).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, value],
  );
  return inProcess(["expand", from, ...more, ...words]);
};
const expanded = async (change?: Change) => parsed(await expand(change, undefined, "--json"));

beforeAll(async () => {
  folder = temporaryFolder();
  key("staker.key", staker.secretKey);
  committee.forEach(({ secretKey }, i) => key(`${i}.key`, secretKey));
  writeFileSync(
    at("coins.json"),
    JSON.stringify([coin("09", "9000000"), coin("08", "600000"), coin("07", "500001")]),
  );
  writeFileSync(at("stake-coins.json"), JSON.stringify([coin("06", "2000000")]));
  const words = `--staker ${hex.encode(staker.publicKey)} --fp ${hex.encode(provider.publicKey)} --time 100`;
  const files = ["--coins", at("stake-coins.json"), "--out", at("stake.json"), "--psbt", at("stake.psbt")];
  const created = await run(
    `stake create --params regtest ${words} --value 1000000 --change ${CHANGE} --fee-rate 2`,
    ...files,
  );
  if (created.code !== 0) throw new Error(created.stderr);
});

describe("tapstake expand", () => {
  it("makes a larger and longer stake, with the smallest of the cheapest coins", async () => {
    const facts = await expanded();
    expect(facts).toMatchObject({
      satoshi: "1500000",
      timelock: 200,
      paramSet: "regtest",
      coin: `${"08".repeat(32)}:0`,
      expands: `${read("stake.json").staking.transaction.getId()}:0`,
    });
    const delegation = delegationFromJson(readFileSync(String(facts["delegation"]), "utf8"));
    expect(delegation.expansion!.staking.transaction.getId()).toBe(
      read("stake.json").staking.transaction.getId(),
    );
    expect(delegation.expansion!.funding.value).toBe(600_000n);
    const psbt = parsePsbt(readFileSync(String(facts["psbt"]), "utf8").trim());
    expect(psbt.inputCount).toBe(2);
    expect(BigInt(String(facts["fee"])) + BigInt(String(facts["change"]))).toBe(100_000n);
  });

  it("prints the real cost, also where the rest is too small to return", async () => {
    expect(await expanded()).toMatchObject({ feeRate: "2", reason: "cheapest" });
    writeFileSync(at("short.json"), JSON.stringify([coin("04", "500850")]));
    const facts = await expanded({ coins: at("short.json") });
    const vsize = Number(facts["vsize"]);
    expect(facts).toMatchObject({ fee: "850", change: "0", reason: "changeless" });
    expect(facts["feeRate"]).toBe(`${Math.floor(850_000 / vsize) / 1000}`);
    const { stdout } = await expand({ coins: at("short.json") });
    expect(stdout).toContain(
      `850 satoshi (0.0000085 BTC): ${facts["feeRate"]} sat/vB for ${vsize} vB, asked for 2`,
    );
    expect(stdout).toMatch(/chosen +the coin that costs least; it needs no change/);
  });

  it("takes an unconfirmed coin with the option for it", async () => {
    writeFileSync(at("waiting.json"), JSON.stringify([{ ...coin("03", "700000"), confirmations: 0 }]));
    const coins = at("waiting.json");
    expect(refusedWith(await expand({ coins }))).toBe("insufficient-funds");
    const facts = parsed(await expand({ coins }, undefined, "--json", "--allow-unconfirmed"));
    expect(facts).toMatchObject({ coin: `${"03".repeat(32)}:0` });
  });

  it("keeps what no option changes", async () => {
    const facts = await expanded({ value: undefined, time: undefined });
    expect(facts).toMatchObject({
      satoshi: "1000000",
      timelock: 100,
      finalityProviders: [hex.encode(provider.publicKey)],
      coin: `${"07".repeat(32)}:0`,
    });
  });

  it("changes the provider, unless the named release keeps them", async () => {
    const fp = hex.encode(other.publicKey);
    expect(await expanded({ fp })).toMatchObject({ finalityProviders: [fp] });
    expect(refusedWith(await expand({ fp, release: "v4" }))).toBe("unsupported-by-release");
    expect(await expanded({ release: "v4" })).toMatchObject({ timelock: 200 });
  });

  it("gives wallets the origin of their key, with the option for it", async () => {
    const own = hex.encode(staker.publicKey);
    const facts = await expanded({ origin: `[d34db33f/86h/1h/0h/0/5]${own}` });
    const { data } = parsePsbt(readFileSync(String(facts["psbt"]), "utf8").trim());
    for (const told of [data.inputs[0]!, data.outputs[0]!]) {
      expect(told.tapBip32Derivation).toMatchObject([{ path: "m/86'/1'/0'/0/5" }]);
    }
    const another = hex.encode(other.publicKey);
    expect(refusedWith(await expand({ origin: `[d34db33f/86h]${another}` }))).toBe("unexpected-signer");
    expect(refusedWith(await expand({ origin: own }))).toBe("invalid-key-expression");
  });

  it.each([
    ["a smaller value", { value: "999999" }, "expansion-value-too-low"],
    ["coins that are not enough", { value: "9999999" }, "insufficient-funds"],
    ["a time out of range", { time: "1" }, "staking-time-out-of-range"],
    ["a rate below the relay minimum", { "fee-rate": "0.5" }, "fee-rate-too-low"],
    [
      "a change address of another network",
      { change: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" },
      "invalid-address",
    ],
    ["no coins", { coins: undefined }, "usage"],
    ["two sources of coins", { "from-address": CHANGE }, "usage"],
    ["parameters of another network", { params: "mainnet" }, "wrong-network"],
    ["an unknown release", { release: "v9" }, "usage"],
    ["both to standard output", { out: "-", psbt: "-" }, "usage"],
  ])("refuses %s", async (_what, change, code) => {
    const outcome = await expand(change);
    expect(refusedWith(outcome)).toBe(code);
  });

  it("refuses a stake under unpublished parameters, and one that breaks a rule", async () => {
    const stake = read("stake.json");
    const params = { ...stake.params, unbondingFee: stake.params.unbondingFee + 1n };
    writeFileSync(at("own.json"), delegationToJson({ ...stake, params }));
    expect(refusedWith(await expand({}, at("own.json")))).toBe("unknown-params");
    writeFileSync(at("broken.json"), delegationToJson({ ...stake, unbondingTime: 21 }));
    expect(refusedWith(await expand({}, at("broken.json")))).toBe("unbonding-time-mismatch");
  });

  it("refuses a coin that the stake's own transaction spends", async () => {
    const refused = await expand({ coins: at("stake-coins.json") });
    expect(refusedWith(refused)).toBe("invalid-coin");
    expect(refused.stderr).toContain("the transaction of the previous stake spends it already");
  });

  it("refuses an invalid funding coin, and never replaces a file", async () => {
    writeFileSync(at("p2pkh.json"), JSON.stringify([coin("05", "900000", `76a914${"75".repeat(20)}88ac`)]));
    expect(refusedWith(await expand({ coins: at("p2pkh.json") }))).toBe("insufficient-funds");
    expect(refusedWith(await expand({ out: at("stake.json") }))).toBe("file-error");
  });
});

describe("the signatures of an expansion", () => {
  beforeAll(async () => {
    await expand({ out: at("larger.json"), psbt: at("larger.psbt") });
    await run("stake sign --secret-file", at("staker.key"), at("larger.json"));
  });

  it("include the committee's of the spend, checked against its own copy of both versions", async () => {
    const spent = read("larger.json").expansion!;
    for (const i of [0, 1, 2]) {
      const { stderr } = await run(
        "covenant sign --height 100 --previous-height 100 --params regtest --secret-file",
        at(`${i}.key`),
        at("larger.json"),
      );
      expect(stderr).toBe("");
    }
    expect(read("larger.json").expansion!.covenantSignatures).toHaveLength(3);
    expect(spent.covenantSignatures).toHaveLength(0);
    checkDelegation(read("larger.json"));
  });

  it("are refused where the previous parameters are not the member's, or the release keeps providers", async () => {
    const delegation = read("larger.json");
    const expansion = delegation.expansion!;
    const params = { ...expansion.params, unbondingFee: expansion.params.unbondingFee + 1n };
    writeFileSync(at("own.json"), delegationToJson({ ...delegation, expansion: { ...expansion, params } }));
    for (const command of [
      "covenant check --height 100 --previous-height 100",
      "stake check",
      "stake sign",
    ]) {
      // A member asks no document which set its previous parameters are of.
      const code = command.startsWith("covenant") ? "params-mismatch" : "unknown-params";
      expect(refusedWith(await run(command, at("own.json")))).toBe(code);
      expect(refusedWith(await run(`${command} --params regtest`, at("own.json")))).toBe("params-mismatch");
    }
    await expand({ fp: hex.encode(other.publicKey), out: at("moved.json"), psbt: at("moved.psbt") });
    await run("stake sign --secret-file", at("staker.key"), at("moved.json"));
    const heights = "--height 100 --previous-height 100";
    for (const line of [
      `covenant check ${heights}`,
      `covenant sign ${heights} --secret-file ${at("0.key")}`,
    ]) {
      for (const release of ["", " --release v4"]) {
        const refused = refusedWith(await run(`${line}${release}`, at("moved.json")));
        expect(refused).toBe("unsupported-by-release");
      }
    }
    expect(read("moved.json").unbonding.covenantSignatures).toEqual([]);
    expect((await run(`covenant check ${heights} --release any`, at("moved.json"))).code).toBe(0);
  });

  it("require both heights, or the member's bitcoind: an Esplora server chooses no version", async () => {
    for (const command of ["covenant check", `covenant sign --secret-file ${at("3.key")}`]) {
      const env = { TAPSTAKE_ESPLORA: "http://127.0.0.1:1" };
      const asked = await inProcess([...command.split(" "), at("larger.json")], { env });
      expect(refusedWith(asked)).toBe("usage");
      expect(asked.stderr).toContain("or your own bitcoind by --rpc. An Esplora server does not count");
      const named = await run(`${command} --height 100 --esplora http://127.0.0.1:1`, at("larger.json"));
      expect(refusedWith(named)).toBe("usage");
      expect(named.stderr).toContain("give --height, or your own bitcoind by --rpc");
      const neither = await run(command, at("larger.json"));
      expect(refusedWith(neither)).toBe("usage");
      expect(neither.stderr).toContain("give --height, the Bitcoin height at which the stake is registered");
      const one = await run(`${command} --height 100`, at("larger.json"));
      expect(refusedWith(one)).toBe("usage");
      expect(one.stderr).toContain("give --previous-height");
    }
  });

  it("are refused from a key that is no staker's, and for a stake that expands nothing", async () => {
    const sign = (file: string, secret: string) =>
      run("stake sign --expansion --secret-file", at(secret), at(file));
    expect(refusedWith(await sign("larger.json", "0.key"))).toBe("unexpected-signer");
    expect(refusedWith(await sign("stake.json", "staker.key"))).toBe("not-an-expansion");
    expect(refusedWith(await run("stake sign --expansion --unbonding", at("larger.json")))).toBe("usage");
  });

  it("are made by any wallet: a PSBT out, and back", async () => {
    const to = at("to-sign");
    const { stdout } = await run("stake sign --expansion --json --export", to, at("larger.json"));
    expect(JSON.parse(stdout)).toEqual({
      psbts: [{ transaction: "expansion", file: join(to, "expansion.psbt") }],
    });
    const delegation = read("larger.json");
    const spend = expansionSpend(delegation);
    const unsigned = join(to, "expansion.psbt");
    expect(refusedWith(await run("stake sign --expansion --psbt", unsigned, "--", at("larger.json")))).toBe(
      "missing-signature",
    );
    const signed = spendPsbt(spend, [await signLeaf(spend, keySigner(staker.secretKey))]);
    writeFileSync(at("signed.psbt"), signed.toBase64());
    writeFileSync(at("by-wallet.json"), delegationToJson(delegation));
    const unasked = await run("stake sign --psbt", at("signed.psbt"), "--", at("by-wallet.json"));
    expect(refusedWith(unasked)).toBe("psbt-mismatch");
    expect(unasked.stderr).toContain("Do: give --expansion if you want it");
    expect(
      (await run("stake sign --expansion --psbt", at("signed.psbt"), "--", at("by-wallet.json"))).code,
    ).toBe(0);
    expect(read("by-wallet.json").expansion!.stakerSignatures).toHaveLength(1);
  });

  it("are returned to the command that wrote the PSBT, which then makes the delegation", async () => {
    await expand({ out: at("asked.json"), psbt: at("asked.psbt") });
    const spend = expansionSpend(read("asked.json"));
    const answer = spendPsbt(spend, [await signLeaf(spend, keySigner(staker.secretKey))]);
    writeFileSync(at("answer.psbt"), answer.toHex());
    const taken = { out: at("taken.json"), psbt: undefined, signed: at("answer.psbt") };
    expect((await expand(taken)).code).toBe(0);
    const { expansion, staking } = read("taken.json");
    expect(expansion!.stakerSignatures.map(({ publicKey }) => publicKey)).toEqual([staker.publicKey]);
    expect(staking.transaction.getId()).toBe(spend.transaction.getId());
    const otherwise = { ...taken, out: at("other.json") };
    expect(refusedWith(await expand({ ...otherwise, "fee-rate": "3" }))).toBe("psbt-mismatch");
    expect(refusedWith(await expand({ ...otherwise, signed: at("asked.psbt") }))).toBe("missing-signature");
    expect(refusedWith(await expand({ ...otherwise, signed: undefined }))).toBe("usage");
    expect(existsSync(at("other.json"))).toBe(false);
  });

  it("are missing until the coin's owner has signed", async () => {
    await run("stake sign --expansion --secret-file", at("staker.key"), at("larger.json"));
    const outcome = await run("stake broadcast --psbt", at("larger.psbt"), at("larger.json"));
    expect(refusedWith(outcome)).toBe("missing-signature");
    expect(outcome.stderr).toContain("its funding coin, is not signed");
  });

  it("are accepted with the user's own copy of unpublished parameters", async () => {
    const { params } = read("stake.json");
    const own = { ...paramsObject(params), unbondingTime: 30 };
    writeFileSync(at("own-params.json"), JSON.stringify(own));
    expect(refusedWith(await expand({ params: at("own-params.json") }))).toBe("params-mismatch");
  });
});
