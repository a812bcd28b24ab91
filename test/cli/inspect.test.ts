import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { stakerPsbts } from "../../src/delegation/psbt.js";
import { finishExpansion, signExpansion } from "../../src/delegation/sign.js";
import { expansionSpend } from "../../src/delegation/spends.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsObject } from "../../src/params/json.js";
import { keySigner } from "../../src/spending/spend.js";
import { ownedCoin, stakeFrom } from "../support/coins.js";
import { expand, walletSigned } from "../support/expansion.js";
import { type Life, provider, signers, staker, wholeLife } from "../support/life.js";
import { paramsFor, termsOf } from "../support/lives.js";
import { delegate, makeStake, signedBy, signedPsbt } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { observed, parsed, reportOf, tapstake, temporaryFile } from "./support.js";

const STAKE = observed["mainnet-300.004BTC"].hex;
const STAKER = "0b93d2d388a2b89c2ba2ef28e99c0cfc20735b693cb8b2350fe8aceca2d0f393";
const PROVIDER = "db9160428e401753dc1a9952ffd4fa3386c7609cf8411d2b6d79c42323ca9923";
const HEADLINE =
  "this is a stake of 300.004 BTC by 0b93d2…, to finality provider db9160…, locked 64000 blocks, parameters v1";

interface Inspected {
  headline: string;
  txid: string;
  stake?: Record<string, unknown> & { alsoFits: unknown; slashing: Record<string, unknown> };
  spends?: (Record<string, unknown> & { signedBy: Record<string, string[]>; outputs: object[] })[];
}

let life: Life;
let terms: string[];
beforeAll(async () => {
  life = await wholeLife();
  terms = [
    "--time",
    "1000",
    "--fp",
    hex.encode(provider.publicKey),
    "--staker",
    hex.encode(staker.publicKey),
  ];
});

describe.concurrent("a stake of mainnet", () => {
  it("is summarised in a headline, then shown in full", async () => {
    const { code, stdout, stderr } = await inProcess(["inspect", STAKE]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toBe(HEADLINE);
    for (const fact of [
      STAKER,
      PROVIDER,
      ...observed["mainnet-300.004BTC"].covenant,
      "7d90210b21aad480cd88fd8399aa6d47e6b3f2ecea2f9f9cfdd79598430e3003",
      "bc1pstunan5nv657dqx32tdup3y8uxq6eja6z3d4kukspjpq23gxf4zqdce4hn",
      "6 of 9 committee",
      "takes 1008 blocks and costs 32000 satoshi (0.00032 BTC)",
      '30000400 satoshi (0.300004 BTC), 0.1 %, to OP_RETURN "babylon": burnt',
      "the staker alone, once the output is 64000 blocks old",
    ]) {
      expect(stdout).toContain(fact);
    }
    // Versions that the chain takes later may fit too.
    expect(stdout).toMatch(/mainnet v2, v3(, v\d+)*; mainnet-phase1 v1, v2 /);
  });

  it("is the same as data", async () => {
    const outcome = await inProcess(["inspect", STAKE, "--json"]);
    const { headline, stake } = parsed<Inspected>(outcome);
    expect(headline).toBe(HEADLINE);
    expect(stake).toMatchObject({
      network: "mainnet",
      paramSet: "mainnet",
      version: 1,
      satoshi: "30000400000",
      staker: { keys: [STAKER], quorum: 1 },
      finalityProviders: [PROVIDER],
      covenant: { keys: observed["mainnet-300.004BTC"].covenant, quorum: 6 },
      timelock: 64000,
      outputIndex: 0,
      unbonding: { time: 1008, fee: "32000" },
      slashing: { slashed: "30000400", fee: "100000", refunded: "29970299600", refundLock: 1008 },
    });
  });

  it("is read in either letter case, from a file, and from standard input", async () => {
    const expected = (await inProcess(["inspect", STAKE])).stdout;
    const file = temporaryFile("stake.hex", `${STAKE.slice(0, 100)}\n${STAKE.slice(100)}\n`);
    const answers = [
      await inProcess(["inspect", STAKE.toUpperCase()]),
      await inProcess(["inspect", file]),
      await inProcess(["inspect", "-"], { input: `${STAKE}\n` }),
    ];
    for (const { stdout } of answers) expect(stdout).toBe(expected);
  });

  it("is shown under the version in force at its block's height when that is given", async () => {
    const { stake } = parsed<Inspected>(await inProcess(["inspect", STAKE, "--height", "874088", "--json"]));
    expect(stake).toMatchObject({ paramSet: "mainnet", version: 2 });
    expect(stake!.alsoFits).toEqual([{ paramSet: "mainnet-phase1", versions: [2] }]);
  });

  it("can only be locked, not slashed, under the parameters of phase 1", async () => {
    const { stdout } = await inProcess(["inspect", STAKE, "--params", "mainnet-phase1"]);
    expect(stdout).toContain("never: under these parameters coins are only locked");
  });

  it("is refused with the rule that it breaks under other parameters", async () => {
    // Version 0 admits at most 0.05 BTC.
    const { code, stderr } = await inProcess(["inspect", STAKE, "--height", "857910"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tapstake: staking-value-out-of-range: a stake of \d+ sat is outside 500000 to 5000000 sat/,
    );
  });
});

describe.concurrent("a stake of the test network", () => {
  it("is found without the network", async () => {
    const { hex: transaction, covenant } = observed["signet-tag-bbt4"];
    const { stake } = parsed<Inspected>(await inProcess(["inspect", transaction, "--json"]));
    expect(stake).toMatchObject({ network: "signet", paramSet: "testnet", version: 2 });
    expect(stake).toMatchObject({ covenant: { keys: covenant } });
    expect(stake!.alsoFits).toContainEqual({ paramSet: "bbn-test-5", versions: [2, 3, 4, 5, 6] });
  });

  it("is not found as a stake of mainnet", async () => {
    const { code, stdout, stderr } = await inProcess([
      "inspect",
      observed["signet-tag-bbt4"].hex,
      "--network",
      "mainnet",
      "--json",
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; details: object } };
    expect(error.code).toBe("not-a-stake");
    expect(error.message).toContain("announces a stake (staker 363c51c11532a48aa765f5e7d4225db68dcc530f37");
    expect(error.details).toMatchObject({ announced: true, sets: ["mainnet", "mainnet-phase1"] });
  });
});

describe.concurrent("a stake without OP_RETURN", () => {
  it("is found by the given terms", async () => {
    const { code, stdout } = await inProcess(["inspect", life.staking.toHex(), ...terms]);
    expect(code).toBe(0);
    expect(stdout).toContain("this is a stake of 0.01 BTC by ");
    expect(stdout).toContain("v0 of the set regtest");
  });

  it("is found under parameters from a file", async () => {
    const file = temporaryFile("params.json", JSON.stringify(paramsObject(regtest.versions[0]!)));
    const { stake } = parsed<Inspected>(
      await inProcess(["inspect", life.staking.toHex(), ...terms, "--params", file, "--json"]),
    );
    expect(stake).toMatchObject({ paramSet: file, version: 0, network: "regtest" });
  });

  it("is refused without its terms", async () => {
    const { code, stderr } = await inProcess(["inspect", life.staking.toHex()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tapstake: not-a-stake: .*Do: give .*--delegation, or the terms by --staker, --fp and --time\n$/,
    );
  });

  it("is not found by other terms", async () => {
    const other = terms.map((each) => (each === "1000" ? "1001" : each));
    const { code, stderr } = await inProcess(["inspect", life.staking.toHex(), ...other]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tapstake: not-a-stake: no output is the stake of the given terms/);
  });
});

describe.concurrent("a spend of a stake", () => {
  const inspect = async (transaction: { toHex(): string }, ...options: string[]) =>
    parsed<Inspected>(await inProcess(["inspect", transaction.toHex(), "--json", ...options]));

  it("by unbonding names the committee members who signed", async () => {
    const { headline, spends } = await inspect(life.unbonding);
    expect(headline).toMatch(
      /^this unbonds a stake by .{7}, with signatures for 3 of 5 committee members, not verified$/,
    );
    expect(spends).toHaveLength(1);
    expect(spends![0]).toMatchObject({ role: "unbonding", from: "staking" });
    expect(spends![0]!.signedBy["covenant"]).toEqual(
      signers.map(({ publicKey }) => hex.encode(publicKey)).toSorted(),
    );
    expect(spends![0]!["versions"]).toEqual([{ paramSet: "regtest", version: 0 }]);
  });

  it("by slashing shows what is burnt and what is refunded", async () => {
    const { headline, spends } = await inspect(life.slashing);
    expect(headline).toMatch(
      /^this slashes 0.001 BTC of a stake by .*, with a signature for finality provider .{7}, not verified$/,
    );
    expect(spends![0]).toMatchObject({ verified: false, unverified: "the spent amount is not known" });
    expect(spends![0]).toMatchObject({
      role: "slashing",
      from: "staking",
      outputs: [
        { satoshi: "100000", is: "slashed", opReturn: "tapstake" },
        { satoshi: "899000", is: "refund", timelock: 20 },
      ],
    });
    expect(spends![0]!.signedBy["finalityProviders"]).toEqual([hex.encode(provider.publicKey)]);
  });

  it("by slashing while unbonding is distinguished from slashing the stake", async () => {
    const { spends } = await inspect(life.unbondingSlashing);
    expect(spends![0]).toMatchObject({ role: "slashing", from: "unbonding" });
  });

  it.each([
    ["staking", 1000],
    ["unbonding", 20],
    ["refund", 20],
  ] as const)("by withdrawing the %s output shows its time lock", async (from, timelock) => {
    const { headline, spends } = await inspect(life.withdrawals[from]);
    expect(headline).toContain(`possible after ${timelock} blocks`);
    expect(spends![0]).toMatchObject({ role: "withdrawal", from, timelock, sequence: timelock });
  });

  it("is the same as data and as text", async () => {
    const { code, stdout } = await inProcess(["inspect", life.slashing.toHex()]);
    expect(code).toBe(0);
    expect(stdout).toContain('100000 satoshi (0.001 BTC) to OP_RETURN "tapstake": burnt');
    expect(stdout).toContain("the refund, locked 20 blocks");
    expect(stdout.match(/ {2}signature, not verified$/gm)).toHaveLength(5);
    expect(stdout).toContain("not verified: the spent amount is not known");
  });

  it("with too many witness slots is refused", async () => {
    const broken = life.unbonding.clone();
    broken.setWitness(0, [new Uint8Array(0), ...broken.ins[0]!.witness]);
    const { code, stderr } = await inProcess(["inspect", broken.toHex()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tapstake: witness-mismatch: /);
  });
});

describe.concurrent("an expansion", async () => {
  const stake = makeStake({ seed: "inspect" });
  const before = await delegate(stake);
  const members = await signedBy(stake, await expand(stake), [0, 1, 2]);
  const owner = keySigner(stake.stakerSecrets[0]!);
  const signed = await signExpansion(members, owner);
  const file = (delegation: Delegation) => temporaryFile("delegation.json", delegationToJson(delegation));
  const headline = /^this is a stake of 0\.015 BTC by .*, locked 200 blocks, .*, expanding one of 0\.01 BTC$/;

  it("lists in its delegation what it expands, what pays for it, and who has signed that", async () => {
    const { code, stdout } = await inProcess(["inspect", file(members)]);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toMatch(headline);
    for (const words of [
      "a stake of     1000000 satoshi (0.01 BTC), locked 100 blocks, parameters v0",
      `${before.staking.transaction.getId()}:0`,
      "this one without unbonding: 500000 satoshi (0.005 BTC) are added, locked 200 blocks anew",
      "paid by        600000 satoshi (0.006 BTC) of bcrt1q",
      "satoshi (0.00054321 BTC) return",
      "spend of the expanded stake  staker     0 of 1 signatures, 1 missing (given last)",
      "all but the expansion is signed: the staker signs it (stake sign --expansion). Without a server, ",
    ]) {
      expect(stdout).toContain(words);
    }
    const facts = parsed<{ delegation: object }>(await inProcess(["inspect", file(signed), "--json"]));
    expect(facts.delegation).toMatchObject({
      ready: true,
      expands: { satoshi: "1000000", added: "500000", funding: { satoshi: "600000" }, fee: "45679" },
    });
    const half = await signedBy(stake, await expand(stake), [0, 1]);
    expect((await inProcess(["inspect", file(half)])).stdout).toContain("cannot be broadcast yet");
  });

  it("is, with its delegation, the new stake and the verified spend of the old one", async () => {
    const finished = finishExpansion(signed, walletSigned(expansionSpend(signed)));
    const { code, stdout } = await inProcess(["inspect", finished.toHex(), "--delegation", file(members)]);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toMatch(headline);
    expect(stdout).toMatch(/^this expands a stake of 0\.01 BTC by .*, signed by 3 of 5 committee members$/m);
    expect(stdout).toMatch(/fee +45679 satoshi/);
    expect(stdout).toContain(", the new stake");
    const { spends } = parsed<Inspected>(
      await inProcess(["inspect", finished.toHex(), "--delegation", file(members), "--json"]),
    );
    expect(spends).toMatchObject([{ role: "expansion", verified: true, invalid: [], satoshi: "1000000" }]);
  });

  it("is the same as a PSBT, with its signatures so far", async () => {
    const expansion = signedPsbt(members, "expansion");
    const within = await inProcess(["inspect", expansion.toBase64(), "--delegation", file(members)]);
    expect(within.stdout.split("\n")[0]).toMatch(headline);
    expect(within.stdout).toMatch(/^this expands a stake .*, signed by 3 of 5 committee members$/m);
    for (const words of [
      "0 of 1 signatures by the staker, 1 missing",
      "3 of 3 signatures by the committee",
      "0 of 2 inputs signed; it pays 45679 satoshi",
      "not signed      input 1\n",
      "signed in part  input 0\n",
    ]) {
      expect(within.stdout).toContain(words);
    }
    const alone = await inProcess(["inspect", expansion.toBase64()]);
    expect(alone.stdout).toMatch(
      /^this spends a stake of 0\.01 BTC by .* together with other coins, signed by 3 of 5 .*: an expansion$/m,
    );
    const unsigned = await inProcess(["inspect", stakerPsbts(await expand(stake)).expansion!.toBase64()]);
    expect(unsigned.stdout).toContain("signed by 0 of 5 committee members: an expansion");
  });

  it("is, with the delegation of the old stake, a spend without advance signatures", async () => {
    const { expansion } = stakerPsbts(signed);
    const { stdout } = await inProcess(["inspect", expansion!.toBase64(), "--delegation", file(before)]);
    expect(stdout).toMatch(/^this spends a stake of 0\.01 BTC .*: an expansion$/m);
    expect(stdout).not.toContain("pre-signed");
  });
});

describe.concurrent("a PSBT", () => {
  const stake = makeStake({ seed: "counted", stakers: 3, stakerQuorum: 2 });
  const delegated = delegate(stake);

  it("of a spend names what it spends although it is unsigned", async () => {
    const { unbonding, slashing, unbondingSlashing } = stakerPsbts(await delegate(makeStake()));
    const headlines = [unbonding, slashing, unbondingSlashing].map(async (psbt) => {
      const file = temporaryFile("spend.psbt", psbt!.toBase64());
      return (await inProcess(["inspect", file])).stdout.split("\n")[0];
    });
    expect(await Promise.all(headlines)).toEqual([
      expect.stringMatching(/^this unbonds a stake of 0\.01 BTC by .*, signed by 0 of 5 committee members$/),
      expect.stringMatching(/^this slashes 0\.001 BTC of a stake of 0\.01 BTC by /),
      expect.stringMatching(/^this slashes .* of an unbonding stake of /),
    ]);
  });

  it("of stake create names --delegation as the source of its terms", async () => {
    const staking = stakeFrom([ownedCoin("P2WPKH", 2_000_000n)]);
    const psbt = temporaryFile("stake.psbt", staking.psbt.toBase64());
    const says = (source: string) =>
      `tapstake: not-a-stake: this PSBT does not say whose stake it is. Do: tapstake inspect ${source} --delegation stake.json\n`;
    expect(await inProcess(["inspect", psbt])).toEqual({ code: 1, stdout: "", stderr: says(psbt) });
    const { stderr } = await inProcess(["inspect", staking.psbt.toBase64()]);
    expect(stderr).toBe(says("<psbt>"));
    const own = termsOf();
    const delegation = delegationToJson(createDelegation(own, paramsFor(own), staking));
    const { stdout } = await inProcess([
      "inspect",
      psbt,
      "--delegation",
      temporaryFile("stake.json", delegation),
    ]);
    expect(stdout).toMatch(/^this is a stake of /);
    expect(stdout).toContain("0 of 1 input signed");
  });

  it("counts the signatures of each quorum, and names the missing ones", async () => {
    const members = await signedBy(stake, await delegated, [0, 1, 2]);
    const unbonding = signedPsbt(members, "unbonding");
    const slashing = signedPsbt(members, "slashing");
    const shown = async (psbt: { toBase64(): string }) =>
      (await inProcess(["inspect", psbt.toBase64()])).stdout;
    for (const words of [
      "signatures         0 of 2 signatures by stakers, 2 missing\n",
      "3 of 3 signatures by the committee\n",
      "0 of 1 input signed; it pays 1000 satoshi",
    ]) {
      expect(await shown(unbonding)).toContain(words);
    }
    const file = temporaryFile("delegation.json", delegationToJson(members));
    const within = await inProcess(["inspect", unbonding.toBase64(), "--delegation", file]);
    expect(within.stdout).toContain(
      "in part: by txid the one of the delegation, and not signed by all who must yet",
    );
    for (const words of [
      "2 of 2 signatures by stakers\n",
      "0 of 1 signatures by a finality provider, 1 missing\n",
      "0 of 3 signatures by the committee, 3 missing\n",
      "signed in part  input 0",
    ]) {
      expect(await shown(slashing)).toContain(words);
    }
    const { psbt } = parsed<{ psbt: object }>(await inProcess(["inspect", slashing.toBase64(), "--json"]));
    expect(psbt).toEqual({
      inputs: 1,
      signed: 0,
      notSigned: [{ input: 0, state: "in-part" }],
      fee: "1000",
    });
  });

  it("names a signature that does not verify, also where the PSBT states another coin", async () => {
    const delegation = await delegated;
    const slashing = signedPsbt(delegation, "slashing");
    const [first, second] = slashing.data.inputs[0]!.tapScriptSig!;
    first!.signature = new Uint8Array(64).fill(1);
    const forged = (await inProcess(["inspect", slashing.toBase64()])).stdout;
    expect(forged).toContain("1 of 2 signatures by stakers, 1 missing\n");
    expect(forged).toContain("  1 that does not verify\n");
    expect(forged).toContain(`${hex.encode(first!.pubkey)}  does not verify\n`);
    expect(forged).toContain(`${hex.encode(second!.pubkey)}  signed\n`);
    expect(forged).toContain("not valid  input 0: a signature does not verify");

    const lying = signedPsbt(delegation, "slashing");
    lying.data.inputs[0]!.witnessUtxo!.value += 1n;
    const file = temporaryFile("delegation.json", delegationToJson(delegation));
    const [alone, within] = await Promise.all([
      inProcess(["inspect", lying.toBase64()]),
      inProcess(["inspect", lying.toBase64(), "--delegation", file]),
    ]);
    expect(alone!.stdout).toContain("2 that do not verify");
    expect(within!.stdout).toContain("2 of 2 signatures by stakers\n");
    expect(within!.stdout).toContain("it pays 1000 satoshi");
  });
});

describe.concurrent("a transaction of a delegation", () => {
  const inspect = (transaction: { toHex(): string }, ...options: string[]) => {
    const file = temporaryFile("delegation.json", delegationToJson(life.delegation));
    return inProcess(["inspect", transaction.toHex(), "--delegation", file, ...options]);
  };

  it("is recognised as its stake", async () => {
    const { stake } = parsed<Inspected>(await inspect(life.staking, "--json"));
    expect(stake).toMatchObject({ satoshi: "1000000", timelock: 1000, version: 0 });
    expect((await inspect(life.staking)).stdout).toContain("v0 of the set regtest");
  });

  it("is refused with a forged document", async () => {
    const forged = { ...life.delegation, terms: { ...life.delegation.terms, timelock: 1 } };
    const file = temporaryFile("delegation.json", delegationToJson(forged));
    const outcome = await inProcess(["inspect", life.staking.toHex(), "--delegation", file]);
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code: 1, stdout: "" });
    expect(outcome.stderr).toMatch(/^tapstake: staking-/);
  });

  it("has a note when the parameters are unpublished: only the document has them", async () => {
    // Under its number, but with a range that regtest does not have.
    const params = { ...life.delegation.params, maxTime: life.delegation.params.maxTime - 1 };
    const file = temporaryFile("delegation.json", delegationToJson({ ...life.delegation, params }));
    const own = (transaction: { toHex(): string }, ...options: string[]) =>
      inProcess(["inspect", transaction.toHex(), "--delegation", file, ...options]);
    for (const transaction of [life.staking, life.slashing, life.withdrawals.refund]) {
      expect((await own(transaction)).stdout).toContain("of the delegation itself, of no known network");
    }
    const { stake } = parsed<Inspected>(await own(life.staking, "--json"));
    expect(stake).not.toHaveProperty("paramSet");
    const { spends } = parsed<Inspected>(await own(life.slashing, "--json"));
    expect(spends).toMatchObject([{ versions: [] }]);
    expect((await inspect(life.slashing)).stdout).toContain("regtest v0");
  });

  it("names no signer for signatures that do not verify", async () => {
    const forged = life.delegation.slashing.transaction.clone();
    forged.setWitness(
      0,
      life.slashing.ins[0]!.witness.map((slot) => (slot.length === 64 ? new Uint8Array(64).fill(1) : slot)),
    );
    const { stdout } = await inspect(forged);
    expect(stdout.split("\n")[0]).not.toContain("finality provider");
    expect(stdout.match(/ {2}does not verify$/gm)).toHaveLength(5);
    expect(stdout).not.toMatch(/ {2}signed$/m);
    expect(stdout).toContain("by txid the one of the delegation, but not with valid signatures");
    const { spends } = parsed<Inspected>(await inspect(forged, "--json"));
    expect(spends).toMatchObject([
      { presigned: false, sameTxid: true, verified: true, signedBy: { finalityProviders: [], covenant: [] } },
    ]);
  });

  it("names the signers when the signatures verify", async () => {
    const { stdout } = await inspect(life.slashing);
    expect(stdout.split("\n")[0]).toContain(", with the key of finality provider ");
    expect(stdout.match(/ {2}signed$/gm)).toHaveLength(5);
  });

  it("is not verified with an annex", async () => {
    const annexed = life.withdrawals.staking.clone();
    annexed.setWitness(0, [...annexed.ins[0]!.witness, Uint8Array.of(0x50)]);
    const { stdout } = await inspect(annexed);
    expect(stdout).toContain("not verified: the witness has an annex");
  });

  it("is recognised before it is signed, with amount and fee", async () => {
    const { spends } = parsed<Inspected>(await inspect(life.delegation.unbonding.transaction, "--json"));
    expect(spends).toMatchObject([
      { role: "unbonding", satoshi: "1000000", fee: "1000", presigned: true, signedBy: { covenant: [] } },
    ]);
  });

  it.each(["slashing", "unbondingSlashing"] as const)("is recognised as its %s", async (name) => {
    const { spends } = parsed<Inspected>(await inspect(life[name], "--json"));
    const from = name === "slashing" ? "staking" : "unbonding";
    expect(spends).toMatchObject([{ role: "slashing", from, presigned: true, fee: "1000" }]);
  });

  it.each(["staking", "unbonding", "refund"] as const)("is recognised as a withdrawal: %s", async (from) => {
    const { stdout } = await inspect(life.withdrawals[from]);
    expect(stdout).toMatch(/^this withdraws /);
    const { spends } = parsed<Inspected>(await inspect(life.withdrawals[from], "--json"));
    expect(spends).toMatchObject([{ role: "withdrawal", from, presigned: false }]);
  });

  it("is refused when the delegation does not have it", async () => {
    const file = temporaryFile("delegation.json", delegationToJson(life.delegation));
    const { code, stderr } = await inProcess(["inspect", STAKE, "--delegation", file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tapstake: not-a-stake: 7d90210b.* is no transaction of this delegation\nDo: .*\n$/,
    );
  });
});

describe.concurrent("the input of inspect", () => {
  const tooLarge = (name: string) => reportOf("file-error", `cannot read ${name}: larger than 16 MB`);

  it.runIf(existsSync("/dev/zero"))("from a device is read up to a limit", async () => {
    const outcome = await tapstake(["inspect", "/dev/zero"]);
    expect(outcome).toEqual({ code: 1, stdout: "", stderr: tooLarge("/dev/zero") });
  });

  it("from standard input or a file is read up to a limit", async () => {
    const text = "0".repeat(16 * 1024 * 1024 + 1);
    const piped = await tapstake(["inspect", "-"], { input: text });
    expect(piped).toEqual({ code: 1, stdout: "", stderr: tooLarge("standard input") });
    const file = temporaryFile("large.hex", text);
    expect((await tapstake(["inspect", file])).stderr).toBe(tooLarge(file));
    expect((await tapstake(["inspect", STAKE, "--delegation", file])).stderr).toBe(tooLarge(file));
  });

  it("is accepted as a transaction after a byte order mark", async () => {
    const file = temporaryFile("stake.hex", `\ufeff${STAKE}`);
    expect((await inProcess(["inspect", file])).stdout).toContain(HEADLINE);
    expect((await inProcess(["inspect", "-"], { input: `\ufeff${STAKE}` })).stdout).toContain(HEADLINE);
  });

  it.each([
    ["zz", "file-error", "neither hexadecimal, a PSBT nor a file. Do: give a raw transaction"],
    [
      "f".repeat(64),
      "invalid-transaction",
      "of a transaction id, not of a transaction. Do: give the whole transaction",
    ],
    ["00", "invalid-transaction", "(1 byte) is not one whole transaction"],
    ["0200", "invalid-transaction", "is not one whole transaction"],
    ["020", "invalid-hex", "odd number of digits"],
    [`${"0".repeat(300)}g0`, "invalid-hex", "not a hexadecimal digit at position 300"],
    ["/", "file-error", "it is a folder"],
    ["-", "file-error", "standard input is empty"],
  ])("is refused: %s", async (source, error, message) => {
    const { code, stdout, stderr } = await inProcess(["inspect", source]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: `));
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^.*\n(Do: .*\n)?$/);
  });
});
