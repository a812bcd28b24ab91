import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HDKey } from "@scure/bip32";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { regtest } from "../../src/params/data/regtest.js";
import { importableDescriptor } from "../../src/script/descriptor-parse.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import { party } from "../support/life.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const [A, B, C] = ["A", "B", "C"].map((name) => party(name).publicKey) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const [a, b, c] = [A, B, C].map((key) => hex.encode(key)) as [string, string, string];
const newest = mainnet.versions.at(-1)!;
const stake = ["--staker", a, "--fp", b, "--time", `${newest.maxTime}`];

interface Output {
  address: string;
  script: string;
  descriptor: string;
  leaves: { kind: string; script: string; controlBlock: string }[];
}

const facts = ({ address, script, descriptor, leaves }: ReturnType<typeof stakingOutput>) => ({
  address,
  script: hex.encode(script),
  descriptor,
  leaves: Object.values(leaves).map((leaf) => ({
    kind: leaf.kind,
    script: hex.encode(leaf.script),
    hash: hex.encode(leaf.hash),
    controlBlock: hex.encode(leaf.controlBlock),
  })),
});

describe.concurrent("tapstake descriptor", () => {
  it("refuses a staking time that the parameters do not allow", async () => {
    const args = ["descriptor", "--staker", a, "--fp", b, "--time", "5", "--params", "mainnet"];
    const { code, stdout, stderr } = await inProcess(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("staking-time-out-of-range: a staking time of ");
    const exact = await inProcess([...args, "--version", "0"]);
    expect(exact.stderr).toContain(
      "a staking time of 5 blocks is not allowed by parameters v0: they demand exactly 64000 blocks",
    );
  });

  it("builds the three outputs under the parameters of a network", async () => {
    const { covenant, unbondingTime, maxTime: timelock } = newest;
    const terms = { staker: A, finalityProviders: [B], covenant, timelock };
    const args = ["descriptor", ...stake, "--params", "mainnet"];
    const printed = parsed<Record<string, Output>>(await inProcess([...args, "--json"]));
    expect(printed).toMatchObject({
      network: "mainnet",
      unbondingTime,
      staking: facts(stakingOutput(terms, "mainnet")),
      unbonding: facts(unbondingOutput(terms, unbondingTime, "mainnet") as never),
      refund: facts(slashingChangeOutput(A, unbondingTime, "mainnet") as never),
    });

    const { code, stdout, stderr } = await inProcess(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const output of ["staking", "unbonding", "refund"]) {
      const { address, script, descriptor, leaves } = printed[output]!;
      const shown = [
        address,
        script,
        descriptor,
        ...leaves.flatMap((leaf) => [leaf.script, leaf.controlBlock]),
      ];
      for (const fact of shown) expect(stdout).toContain(fact);
    }
  });

  it("accepts several stakers, providers and members, in each form of a list", async () => {
    const members = regtest.versions[0]!.covenant.keys.map((key) => hex.encode(key));
    const args = ["--staker-quorum", "2", "--time", "100", "--unbonding-time", "20", "--network", "regtest"];
    const ways = [
      ["--staker", a, b, "--fp", c, "--covenant", ...members, "--quorum", "3"],
      ["--staker", `${a},${b}`, "--fp", c, "--covenant", members.join(","), "--quorum", "3"],
      [
        "--staker",
        b.toUpperCase(),
        "--staker",
        a,
        "--fp",
        c,
        ...members.flatMap((key) => ["--covenant", key]),
        "--quorum",
        "3",
      ],
    ];
    const terms = {
      staker: { keys: [A, B], quorum: 2 },
      finalityProviders: [C],
      covenant: regtest.versions[0]!.covenant,
      timelock: 100,
    };
    for (const way of ways) {
      const { staking } = parsed<Record<string, Output>>(
        await inProcess(["descriptor", ...args, ...way, "--json"]),
      );
      expect(staking!.address).toBe(stakingOutput(terms, "regtest").address);
    }
  });

  it.each([
    [
      ["--staker", a, "--fp", a, "--time", "5"],
      "duplicate-key",
      `key ${a} is in two places of the same stake`,
    ],
    [["--staker", b, "--fp", `02${a}`, "--time", "5"], "invalid-public-key", "drop its first byte (02)"],
    [["--staker", a.slice(2), "--fp", b, "--time", "5"], "invalid-hex", "staker must be 32 bytes, not 31"],
    [["--staker", "f".repeat(64), "--fp", b, "--time", "5"], "invalid-public-key", "is not the x coordinate"],
    [["--staker", a, "--fp", b, "--time", "0"], "invalid-timelock", "must be 1 to 65535 blocks, not 0"],
    [["--staker", a, "--fp", b, "--time", "65536"], "invalid-timelock", "not 65536"],
    [
      [...stake, "--network", "regtest"],
      "wrong-network",
      "--network is regtest, but the parameters of mainnet are for mainnet",
    ],
    [[...stake, "--version", "999"], "unknown-params", `has versions 0 to ${newest.version}, not 999`],
  ])("refuses terms with their code: %j", async (args, error, message) => {
    const { code, stdout, stderr } = await inProcess(["descriptor", "--params", "mainnet", ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^tapstake: ${error}: .*\n(Do: .*\n)?$`));
    expect(stderr).toContain(message);
  });

  it("refuses a quorum above the committee", async () => {
    const committee = ["--covenant", c, "--quorum", "2", "--unbonding-time", "5", "--network", "regtest"];
    const { code, stderr } = await inProcess(["descriptor", ...stake, ...committee, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "invalid-quorum", details: { keys: 1 } } });
  });

  it.each([
    [[], "give --params, or --covenant and --quorum"],
    [["--covenant", c], "--covenant needs a --quorum"],
    [["--covenant", c, "--quorum", "1"], "--covenant needs an --unbonding-time"],
    [["--covenant", c, "--quorum", "1", "--unbonding-time", "9"], "--covenant needs a --network"],
    [["--params", "mainnet", "--quorum", "1"], "cannot be used with"],
    [["--params", "mainnet", "--staker", c], "2 stakers need --staker-quorum"],
  ])("names what is missing: %j", async (args, message) => {
    const { code, stderr } = await inProcess(["descriptor", ...stake, ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  describe("with the keys of a wallet", () => {
    const account = HDKey.fromMasterSeed(new Uint8Array(32).fill(1));
    const expression = `[d34db33f/86h/0h/0h]${account.privateExtendedKey}/0/5`;
    const staker = account.derive("m/0/5").publicKey!.slice(1);
    const asWallet = (expressions: string, ...words: string[]) => {
      const path = join(temporaryFolder(), "wallet-keys");
      writeFileSync(path, expressions, { mode: 0o600 });
      const terms = [
        "--staker",
        hex.encode(staker),
        "--fp",
        b,
        "--time",
        `${newest.maxTime}`,
        "--params",
        "mainnet",
      ];
      return inProcess(["descriptor", ...terms, "--wallet-keys", path, ...words]);
    };

    it("prints the descriptors that this wallet imports", async () => {
      const { covenant, unbondingTime, maxTime: timelock } = newest;
      const terms = { staker, finalityProviders: [B], covenant, timelock };
      const expected = [
        stakingOutput(terms, "mainnet"),
        unbondingOutput(terms, unbondingTime, "mainnet"),
        slashingChangeOutput(staker, unbondingTime, "mainnet"),
      ].map(({ descriptor }) => importableDescriptor(descriptor, [expression]));
      const printed = parsed<Record<string, Output>>(await asWallet(`${expression}\n`, "--json"));
      const { staking, unbonding, refund, importdescriptors } = printed;
      expect([staking, unbonding, refund].map((output) => output!.descriptor)).toEqual(expected);
      expect(importdescriptors).toEqual(expected.map((desc) => ({ desc, timestamp: "now" })));
      const { stdout } = await asWallet(`\n  ${expression}  \r\n\n`);
      expect(stdout).toContain(JSON.stringify(importdescriptors));
    });

    it("refuses an invalid key, and a key that does not belong to a staker", async () => {
      expect(refusedWith(await asWallet("xprv"))).toBe("invalid-key-expression");
      const other = `${account.privateExtendedKey}/0/6`;
      const refused = await asWallet(other);
      expect(refusedWith(refused)).toBe("unexpected-signer");
      expect(refused.stderr).not.toContain(account.privateExtendedKey);
    });
  });
});
