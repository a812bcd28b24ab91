import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { encodeMessage, messageToJson } from "../../src/babylon/messages.js";
import { stageOf } from "../../src/cli/format/way.js";
import { hex } from "../../src/core/bytes.js";
import { signaturesOfMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsObject } from "../../src/params/json.js";
import { lcdDelegation, lcdVersions } from "../support/lcd.js";
import { readVectors } from "../support/vectors.js";
import { delegate, makeStake, signedBy } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { lcdOf } from "./simulated-lcd.js";
import { type Outcome, parsed, refusedWith, temporaryFolder } from "./support.js";

const stake = makeStake();
let folder: string;
let [unsigned, signed]: [Delegation, Delegation] = [] as never;
const at = (name: string) => join(folder, name);
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);

beforeAll(async () => {
  folder = temporaryFolder();
  unsigned = await delegate(stake);
  signed = await signedBy(stake, unsigned, [0, 1, 2]);
});
afterEach(() => void vi.useRealTimers());

const VERSIONS = "babylon/btcstaking/v1/params_versions";
const DELEGATION = "babylon/btcstaking/v1/btc_delegation/";
const versionsOf = (set = mainnet) => ({ params: lcdVersions(set), pagination: { next_key: null } });
const bbn1 = (versions = versionsOf()) => lcdOf("bbn-1", { [VERSIONS]: versions });

describe("tapstake params fetch", () => {
  it("writes what --params reads", async () => {
    const { code, stderr } = await run("params fetch --lcd", await bbn1(), "--out", at("fetched.json"));
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `wrote ${mainnet.versions.length} versions of bbn-1 to ${at("fetched.json")}\n`,
    });
    expect(JSON.parse(readFileSync(at("fetched.json"), "utf8"))).toEqual(mainnet.versions.map(paramsObject));
    const { code: again } = await run("params", at("fetched.json"));
    expect(again).toBe(0);
  });

  it("needs the network of a chain that no shipped set is of", async () => {
    const lcd = await lcdOf("other-1", { [VERSIONS]: versionsOf() });
    expect(refusedWith(await run("params fetch --lcd", lcd))).toBe("invalid-network");
    const { code, stdout } = await run("params fetch --network mainnet --lcd", lcd);
    expect({ code, count: (JSON.parse(stdout) as unknown[]).length }).toEqual({
      code: 0,
      count: mainnet.versions.length,
    });
  });

  it("refuses a list with a hole", async () => {
    const { params } = versionsOf();
    const lcd = await bbn1({ params: params.toSpliced(2, 1), pagination: { next_key: null } });
    expect(refusedWith(await run("params fetch --lcd", lcd))).toBe("invalid-params");
  });
});

describe("tapstake params check", () => {
  it("passes a set that equals the chain's", async () => {
    const outcome = await run("params check --json --lcd", await bbn1());
    expect(parsed(outcome)).toEqual({ set: "mainnet", chainId: "bbn-1", versions: mainnet.versions.length });
  });

  it("names a difference by version and field", async () => {
    const { params } = versionsOf();
    params[5]!.params.unbonding_time_blocks = 302;
    params.push({
      ...params[5]!,
      version: 6,
      params: { ...params[5]!.params, btc_activation_height: 999_999 },
    });
    const lcd = await bbn1({ params, pagination: { next_key: null } });
    const outcome = await run("params check mainnet --lcd", lcd);
    expect(refusedWith(outcome)).toBe("params-mismatch");
    expect(outcome.stderr).toContain(
      "v5 unbondingTime is 301 in the set and 302 on the chain; v6 is missing in the set",
    );
  });
});

describe("a command that stakes", () => {
  const create = (...more: string[]) =>
    run(
      `stake create --params mainnet --height 910000 --time 64000 --value 600000 --fee-rate 2 --staker ${hex.encode(stake.terms.staker as Uint8Array)} --fp ${hex.encode(stake.terms.finalityProviders[0]!)} --change bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 --psbt - --coins`,
      at("coins.json"),
      ...more,
    );
  beforeAll(() => {
    const coin = { txid: "07".repeat(32), vout: 0, value: "2000000" };
    const coins = [{ ...coin, scriptPubKey: "0014751e76e8199196d454941c45d1b3a323f1433bd6" }];
    writeFileSync(at("coins.json"), JSON.stringify(coins));
  });

  it("warns once of a shipped set that is older than a year, and not before", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2027-05-12T12:00:00Z") });
    expect(await create()).toMatchObject({ code: 0, stderr: "" });
    vi.setSystemTime(Date.parse("2027-05-13T12:00:00Z"));
    const { code, stderr } = await create();
    expect(code).toBe(0);
    expect(stderr.match(/warning/g)).toHaveLength(1);
    expect(stderr).toContain("366 days ago, on 2026-05-12");
  });

  it("stake broadcast warns of it too", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2027-05-13T12:00:00Z") });
    const params = mainnet.versions.at(-1)!;
    const old = await delegate(makeStake({ params, value: 600_000n, timelock: 64_000 }));
    writeFileSync(at("old.json"), delegationToJson(old));
    const { code, stderr } = await run("stake broadcast --psbt - --params mainnet", at("old.json"));
    expect(code).toBe(1);
    expect(stderr).toContain("366 days ago, on 2026-05-12");
  });

  it("asks the chain in place of warning", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2029-01-01T00:00:00Z") });
    expect(await create("--lcd", await bbn1())).toMatchObject({ code: 0, stderr: "" });
    const { params } = versionsOf();
    params[5]!.params.unbonding_fee_sat = "9601";
    const changed = await create("--lcd", await bbn1({ params, pagination: { next_key: null } }));
    expect(refusedWith(changed)).toBe("params-mismatch");
    expect(changed.stderr).toContain("unbondingFee of parameters v5");
    const { params: more } = versionsOf();
    more.push({ ...more[5]!, version: 6, params: { ...more[5]!.params, btc_activation_height: 999_999 } });
    const newer = await create("--lcd", await bbn1({ params: more, pagination: { next_key: null } }));
    expect(refusedWith(newer)).toBe("params-mismatch");
    expect(newer.stderr).toContain("parameters v6 from Bitcoin height 999999 on");
  });
});

describe("tapstake stake import", () => {
  const txid = () => signed.staking.transaction.getId();

  it("writes the delegation that the chain has", async () => {
    const lcd = await lcdOf("chain-test", { [DELEGATION]: lcdDelegation(signed) });
    const out = at("imported.json");
    const outcome = await run(
      "stake import",
      txid(),
      "--lcd",
      lcd,
      "--params",
      "regtest",
      "--json",
      "--out",
      out,
    );
    expect(parsed(outcome)).toMatchObject({ txid: txid(), paramSet: "regtest", status: "PENDING" });
    expect(readFileSync(out, "utf8")).toBe(delegationToJson(signed));
    expect(refusedWith(await run("stake import", txid(), "--lcd", lcd, "--out", "-"))).toBe("unknown-params");
  });

  it("refuses what the chain does not have, and what breaks a rule", async () => {
    const none = await lcdOf("chain-test", {});
    const words = ["--params", "regtest", "--out", at("none.json")];
    expect(refusedWith(await run("stake import", txid(), "--lcd", none, ...words))).toBe(
      "stake-not-registered",
    );
    const wrong = lcdDelegation(signed, { staking_time: 101 });
    const lcd = await lcdOf("chain-test", { [DELEGATION]: wrong });
    const outcome = await run("stake import", txid(), "--lcd", lcd, ...words);
    expect(refusedWith(outcome)).toBe("staking-output-mismatch");
    expect(outcome.stderr).toContain("btc_delegation.staking_tx_hex");
  });

  it("makes the delegation of a stake that was made elsewhere", async () => {
    const words = [
      "--transaction",
      signed.staking.transaction.toHex(),
      "--params",
      "regtest",
      "--staker",
      hex.encode(stake.terms.staker as Uint8Array),
      "--fp",
      ...stake.terms.finalityProviders.map((key) => hex.encode(key)),
      "--time",
    ];
    const { stdout } = await run("stake import --out -", ...words, `${stake.terms.timelock}`);
    const made = delegationFromJson(stdout);
    expect(made.unbonding.transaction).toEqual(unsigned.unbonding.transaction);
    expect(made.slashing.transaction).toEqual(unsigned.slashing.transaction);
    expect(refusedWith(await run("stake import --out -", ...words, "99"))).toBe("output-not-found");
    const usage = await run("stake import --out -", "--transaction", "00");
    expect(usage).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("tapstake stake combine", () => {
  beforeAll(() => {
    writeFileSync(at("answer.json"), JSON.stringify(lcdDelegation(signed)));
    const [member] = signed.unbonding.covenantSignatures;
    const signatures = signaturesOfMember(signed, member!.publicKey);
    const signer = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const message = encodeMessage(
      "MsgAddCovenantSigs",
      covenantSignaturesMessage(signed, { signer, signatures }),
    );
    writeFileSync(at("message.json"), messageToJson(message));
    writeFileSync(at("message.bin"), message.value);
  });
  const combined = async (...words: string[]) => {
    writeFileSync(at("stake.json"), delegationToJson(unsigned));
    const outcome = await run("stake combine", at("stake.json"), ...words, "--out", "-");
    return outcome.code === 0 ? delegationFromJson(outcome.stdout) : outcome;
  };

  it("takes the committee's signatures from the chain, from its answer and from messages", async () => {
    const lcd = await lcdOf("chain-test", { [DELEGATION]: lcdDelegation(signed) });
    for (const words of [["--lcd", lcd], [at("answer.json")]]) {
      const { unbonding } = (await combined(...words)) as Delegation;
      expect(unbonding.covenantSignatures).toHaveLength(3);
    }
    for (const file of ["message.json", "message.bin"]) {
      const { slashing } = (await combined(at(file))) as Delegation;
      expect(slashing.covenantSignatures).toHaveLength(1);
    }
  });

  const refused = async (...words: string[]) => refusedWith((await combined(...words)) as Outcome);

  it("refuses nothing to combine, an unregistered stake, and an answer about another", async () => {
    expect(await combined()).toMatchObject({ code: 2 });
    expect(await refused("--lcd", await lcdOf("chain-test", {}))).toBe("stake-not-registered");
    const other = lcdDelegation(await delegate(makeStake({ value: 1_234_567n })));
    const lcd = await lcdOf("chain-test", { [DELEGATION]: other });
    expect(await refused("--lcd", lcd)).toBe("unexpected-answer");
    writeFileSync(at("other.json"), JSON.stringify(other));
    expect(await refused(at("other.json"))).toBe("delegation-mismatch");
  });
});

describe("tapstake inspect", () => {
  it("reads the chain's answer about a stake", async () => {
    writeFileSync(at("active.json"), readVectors("chain/lcd-btc_delegation-testnet5-active.json"));
    const { code, stdout } = await run("inspect", at("active.json"));
    expect(code).toBe(0);
    expect(stdout).toContain("on the staking chain\n  status  ACTIVE");
    const shown = parsed(await run("inspect --json", at("active.json")));
    expect(shown).toMatchObject({ status: "ACTIVE", stake: { paramSet: "bbn-test-5", version: 6 } });
    writeFileSync(at("false.json"), JSON.stringify(lcdDelegation(signed, { staking_time: 101 })));
    const refused = await run("inspect --params regtest", at("false.json"));
    expect(refusedWith(refused)).toBe("staking-output-mismatch");
  });
});

describe("tapstake stake status", () => {
  it("says where a stake is, and what comes next", async () => {
    writeFileSync(at("way.json"), delegationToJson(unsigned));
    const words = ["stake status", at("way.json"), "--params", "regtest"] as const;
    const signedOnly = await run(...words);
    expect(signedOnly.stdout).toContain("next                          register the stake");
    const pending = await lcdOf("chain-test", { [DELEGATION]: lcdDelegation(unsigned) });
    const asked = parsed<Record<string, unknown>>(await run(...words, "--json", "--lcd", pending));
    expect(asked).toMatchObject({
      stage: "registered",
      registered: { status: "PENDING" },
      confirmationDepth: 30,
    });
    const verified = await lcdOf("chain-test", {
      [DELEGATION]: lcdDelegation(signed, { status_desc: "VERIFIED" }),
    });
    const ready = parsed<{ stage: string; next: string }>(await run(...words, "--json", "--lcd", verified));
    expect(ready.stage).toBe("ready");
    expect(ready.next).toContain("tapstake stake combine");
    const none = parsed<object>(await run(...words, "--json", "--lcd", await lcdOf("chain-test", {})));
    expect(none).toMatchObject({ stage: "signed", registered: null });
  });

  const signatures = (ready: boolean, staker = 1) =>
    ({
      ready,
      transactions: [{ transaction: "slashing", staker: { signed: Array(staker), quorum: 1 } }],
    }) as never;
  const output = (name: string, confirmations = 3) => ({ output: { name, confirmations } }) as never;

  it.each([
    ["built", { signatures: signatures(false, 0) }],
    ["signed", { signatures: signatures(false) }],
    ["signed", { signatures: signatures(true), registered: null }],
    ["registered", { signatures: signatures(false), registered: { status: "PENDING" } }],
    ["ready", { signatures: signatures(true) }],
    ["ready", { signatures: signatures(false), registered: { status: "VERIFIED" } }],
    ["broadcast", { signatures: signatures(true), found: output("staking", 0) }],
    ["confirmed", { signatures: signatures(true), found: output("staking") }],
    [
      "confirmed",
      { signatures: signatures(true), found: output("staking"), registered: { status: "VERIFIED" } },
    ],
    ["active", { signatures: signatures(true), found: output("staking"), registered: { status: "ACTIVE" } }],
    ["active", { signatures: signatures(true), registered: { status: "ACTIVE" } }],
    ["expired", { signatures: signatures(true), registered: { status: "EXPIRED" } }],
    ["unbonding", { signatures: signatures(true), registered: { status: "UNBONDED" } }],
    [
      "unbonding",
      { signatures: signatures(true), found: output("unbonding"), registered: { status: "ACTIVE" } },
    ],
    ["slashed", { signatures: signatures(true), found: output("refund") }],
    [
      "over",
      {
        signatures: signatures(true),
        found: { output: null, isSent: true },
        registered: { status: "ACTIVE" },
      },
    ],
    ["gone", { signatures: signatures(true), found: { output: null, isSent: false, hasCoins: false } }],
    ["ready", { signatures: signatures(true), found: { output: null, isSent: false, hasCoins: true } }],
  ] as const)("is %s by %j", (stage, sources) => {
    expect(stageOf({ isExpansion: false, ...sources })).toBe(stage);
  });

  it("is of a stake under regtest's parameters here", () => {
    expect(unsigned.params).toEqual(regtest.versions[0]);
  });
});
