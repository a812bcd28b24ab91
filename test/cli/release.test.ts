import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { paramsObject } from "../../src/params/json.js";
import { paramSet } from "../../src/params/sets.js";
import { expand, larger } from "../support/expansion.js";
import { delegate, inForce, makeStake, secretOf } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const [ONE, TWO, STAKER] = ["provider 1", "provider 2", "staker"].map((name) =>
  hex.encode(publicKeyOf(secretOf(name))),
) as [string, string, string];
const CHANGE = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
const TESTNET_CHANGE = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const { minValue, maxTime } = paramSet("mainnet").versions.at(-1)!;
const COINS = JSON.stringify([
  { txid: "07".repeat(32), vout: 0, value: `${minValue * 2n}`, scriptPubKey: `0014${"75".repeat(20)}` },
]);
const REFUSAL =
  "release v4 does not accept this stake: it has 2 finality providers, and the release permits at most 1";

let folder: string;
let made = 0;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(at("coins.json"), COINS);
});

/** A stake of mainnet's parameters, to one finality provider or to two. */
async function create(fp: string, ...more: string[]) {
  const [out, psbt] = [at(`${++made}.json`), at(`${made}.psbt`)];
  const terms = ["--staker", STAKER, "--fp", fp, "--time", `${maxTime}`, "--value", `${minValue}`];
  const coins = ["--coins", at("coins.json"), "--change", CHANGE, "--fee-rate", "2"];
  const files = ["--out", out, "--psbt", psbt];
  const words = ["--params", "mainnet", ...terms, ...coins, ...files, ...more];
  return { out, psbt, outcome: await inProcess(["stake", "create", ...words]) };
}

describe("a stake of mainnet that its chain does not register", () => {
  it("gives a warning where it is made and where it is checked", async () => {
    const { out, outcome } = await create(`${ONE},${TWO}`);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toContain(`tapstake: warning: ${REFUSAL}; the chain would not`);
    const checked = await inProcess(["stake", "check", out]);
    expect(checked.code).toBe(0);
    expect(checked.stderr).toContain(REFUSAL);
    expect(checked.stdout).toMatch(/release +v4 does not accept such a stake\n/);
    const asData = await inProcess(["stake", "check", out, "--json"]);
    expect(parsed(asData)).toMatchObject({ release: { name: "v4", accepts: false } });
    expect(JSON.parse(asData.stderr)).toMatchObject({
      warning: { code: "unsupported-by-release", release: "v4", rule: "maxFinalityProviders" },
    });
  });

  it("is refused where its release is named, and nothing is written", async () => {
    const { out, outcome } = await create(`${ONE},${TWO}`, "--release", "v4");
    expect(refusedWith(outcome)).toBe("unsupported-by-release");
    expect(() => readFileSync(out)).toThrow("ENOENT");
    const { out: accepted } = await create(`${ONE},${TWO}`);
    expect(refusedWith(await inProcess(["stake", "check", accepted, "--release", "v1"]))).toBe(
      "unsupported-by-release",
    );
  });

  it("gives no warning for a release that accepts it, or for any release", async () => {
    for (const release of ["v3", "any"]) {
      const { out, outcome } = await create(`${ONE},${TWO}`, "--release", release);
      expect(outcome).toMatchObject({ code: 0, stderr: "" });
      const checked = await inProcess(["stake", "check", out, "--release", release]);
      expect(checked).toMatchObject({ code: 0, stderr: "" });
      expect(checked.stdout.includes("v3 accepts such a stake")).toBe(release === "v3");
    }
    const { outcome } = await create(ONE);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    const unknown = await create(ONE, "--release", "v9");
    expect(refusedWith(unknown.outcome)).toBe("usage");
  });

  it("is one of several stakers too, and is not sent", async () => {
    const { out, psbt, outcome } = await create(ONE, "--staker", TWO, "--staker-quorum", "2");
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stderr).toContain("it has 2 stakers, and the release permits at most 1");
    const send = (...more: string[]) => inProcess(["stake", "broadcast", out, "--psbt", psbt, ...more]);
    const refused = await send("--register-later");
    expect(refusedWith(refused)).toBe("unsupported-by-release");
    expect(refused.stderr).toContain("name its release by --release");
    expect(refusedWith(await send("--register-later", "--release", "v4"))).toBe("unsupported-by-release");
    // What is missing then is the wallet's signature.
    for (const release of ["multi-staker", "any"]) {
      expect(refusedWith(await send("--register-later", "--release", release))).toBe("missing-signature");
    }
  });

  it("is an expansion to another finality provider", async () => {
    const stake = makeStake({ seed: "release" });
    const signet = { ...stake, params: { ...stake.params, network: "signet" as const } };
    const terms = { ...stake.terms, finalityProviders: [publicKeyOf(secretOf("provider 1"))] };
    const moved = await expand(signet, { terms });
    writeFileSync(at("moved.json"), delegationToJson(moved));
    writeFileSync(at("params.json"), JSON.stringify(paramsObject(signet.params)));
    const words = [at("moved.json"), "--params", at("params.json")];
    const { code, stderr } = await inProcess(["stake", "check", ...words]);
    expect(code).toBe(0);
    expect(stderr).toContain(
      "release v4 does not accept this stake: an expansion keeps its finality providers",
    );
    expect(refusedWith(await inProcess(["stake", "check", ...words, "--release", "v4"]))).toBe(
      "unsupported-by-release",
    );
    expect(refusedWith(await inProcess(["stake", "broadcast", ...words, "--psbt", at("moved.json")]))).toBe(
      "unsupported-by-release",
    );
  });
});

describe("a stake under a version of the parameters that is not the newest", () => {
  it("gives a warning where it is checked without a height, which decides", async () => {
    const { out, outcome } = await create(ONE, "--version", "4");
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    const checked = await inProcess(["stake", "check", out]);
    expect(checked.code).toBe(0);
    expect(checked.stderr).toContain(
      "tapstake: warning: parameters v4 hold only below height 905634, and v5 is the newest version. Give --height",
    );
    const asData = await inProcess(["stake", "check", out, "--json"]);
    const superseded = { since: 905_634, newest: 5 };
    expect(parsed(asData)).toMatchObject({ version: 4, superseded });
    expect(JSON.parse(asData.stderr)).toMatchObject({
      warning: { code: "params-not-in-force", version: 4, ...superseded },
    });
    const registered = await inProcess(["stake", "check", out, "--height", "905633"]);
    expect(registered).toMatchObject({ code: 0, stderr: "" });
    const late = await inProcess(["stake", "check", out, "--height", "905634"]);
    expect(refusedWith(late)).toBe("params-not-in-force");
  });

  it("gives no warning for the newest version", async () => {
    const { out } = await create(ONE);
    const checked = await inProcess(["stake", "check", out, "--json"]);
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(parsed(checked)).not.toHaveProperty("superseded");
  });
});

describe("a stake of a set that has ended", () => {
  it("is neither made nor sent, unless its coins are locked without a registration", async () => {
    // Of its versions, the first are those of testnet too: it is the set that has ended.
    for (const version of [0, 6].map(String)) {
      const params = paramSet("bbn-test-5").versions[Number(version)]!;
      const ended = ["--params", "bbn-test-5", "--version", version, "--time", `${params.minTime}`];
      const words = [...ended, "--value", `${params.minValue}`, "--change", TESTNET_CHANGE];
      const refused = await create(ONE, ...words);
      expect(refusedWith(refused.outcome)).toBe("params-not-in-force");
      expect(refused.outcome.stderr).toContain("the set bbn-test-5 has ended");
      expect(() => readFileSync(refused.psbt)).toThrow("ENOENT");
      const { out, psbt, outcome } = await create(ONE, ...words, "--release", "any");
      expect(outcome).toMatchObject({ code: 0, stderr: "" });
      const send = ["stake", "broadcast", out, "--psbt", psbt, "--params", "bbn-test-5"];
      expect(refusedWith(await inProcess(send))).toBe("params-not-in-force");
      expect(refusedWith(await inProcess([...send, "--release", "any"]))).toBe("missing-signature");
      const options = ["--value", `${params.minValue}`, "--fee-rate", "2", "--change", TESTNET_CHANGE];
      const files = ["--coins", at("coins.json"), "--out", at("no.json"), "--psbt", at("no.psbt")];
      const expanding = ["expand", out, "--params", "bbn-test-5", "--version", version, ...options, ...files];
      expect(refusedWith(await inProcess(expanding))).toBe("params-not-in-force");
    }
  });
});

describe("a committee member", () => {
  it("checks the expanded stake against the set of the new one, not one that the document names", async () => {
    const [ended, today] = [paramSet("bbn-test-5").versions.at(-1)!, paramSet("testnet").versions.at(-1)!];
    const value = today.minValue * 2n;
    const stake = makeStake({ seed: "ended", params: ended, timelock: today.minTime, value });
    const { covenant } = today;
    const expansion = await expand(
      stake,
      { params: today, terms: { ...larger(stake).terms, covenant } },
      { ...larger(stake), params: today },
    );
    writeFileSync(at("ended.json"), delegationToJson(expansion));
    const heights = ["--height", `${today.activationHeight}`, "--previous-height", "240000"];
    const checked = await inProcess(["covenant", "check", at("ended.json"), ...heights]);
    expect(refusedWith(checked)).toBe("params-not-in-force");
    expect(checked.stderr).toContain(
      "at height 240000, parameters v4 of the set testnet are in force, not v6",
    );
  });

  it("refuses a set that has ended, also where it is named", async () => {
    const { out } = await create(ONE);
    const words = ["covenant", "check", out, "--height", "880000", "--params", "mainnet-phase1"];
    expect(refusedWith(await inProcess(words))).toBe("params-not-in-force");
  });
});

it("a stake of regtest: is checked against no release that is not named", async () => {
  const stake = makeStake({ seed: "regtest release", providers: 2 });
  let delegation: Delegation = await delegate(stake);
  const signed = delegation;
  for (const secret of stake.memberSecrets.slice(0, 3)) {
    const signatures = await signAsMember(signed, covenantSigner(secret), inForce(stake.params), {
      rules: "any",
    });
    delegation = addCovenantSignatures(delegation, signatures);
  }
  writeFileSync(at("regtest.json"), delegationToJson(delegation));
  const checked = await inProcess(["stake", "check", at("regtest.json")]);
  expect(checked).toMatchObject({ code: 0, stderr: "" });
  expect(checked.stdout).not.toContain("release");
  expect(refusedWith(await inProcess(["stake", "check", at("regtest.json"), "--release", "v4"]))).toBe(
    "unsupported-by-release",
  );
});
