import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { taggedHash } from "../../src/core/hashes.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { signedSpend } from "../../src/delegation/spends.js";
import { STAKER_STEPS, STEP_WORDS, type StakerStep } from "../../src/delegation/step.js";
import { parsePsbt, prevoutsOf } from "../../src/psbt/read.js";
import { fundingPsbt, spendPsbt } from "../../src/psbt/write.js";
import { leafSighash, type LeafSpend } from "../../src/spending/spend.js";
import { walletSigner } from "../../src/wallets/provide-signer.js";
import { signOptions } from "../../src/wallets/sign-options.js";
import { type SigningRequest, WALLET_KINDS } from "../../src/wallets/types.js";
import { verdict } from "../support/interpreter.js";
import { OUTPUTS, slashed, stepOf, type WalletLife, walletLife } from "../support/wallet-life.js";
import { keystone, unisat } from "../support/wallet-signers.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, tapstake, temporaryFolder } from "./support.js";

const NAMES: Readonly<Record<StakerStep, string>> = {
  funding: "funding",
  slashing: "slashing",
  unbondingSlashing: "unbonding-slashing",
  unbonding: "unbonding",
  withdrawStaking: "withdraw-staking",
  withdrawUnbonding: "withdraw-unbonding",
  withdrawRefund: "withdraw-refund",
  expansion: "expansion",
};

let folder: string;
const lives = new Map<string, WalletLife>();
const at = (name: string) => join(folder, name);
const words = (line: string) => line.split(" ");
const write = (name: string, content: string) => writeFileSync(at(name), content);

beforeAll(async () => {
  folder = temporaryFolder();
  for (const output of OUTPUTS) {
    const life = await walletLife(output);
    lives.set(output, life);
    write(`${output}.json`, delegationToJson(life.delegation));
    write(`${output}-larger.json`, delegationToJson(life.expanded));
    write(`${output}.psbt`, fundingPsbt(life.delegation.staking.transaction, life.coins).toBase64());
  }
});

const fileOf = (output: string, step: StakerStep) => `${output}${step === "expansion" ? "-larger" : ""}.json`;

/** The arguments that ask for a step of a life, from the delegation's file on. */
function asking(output: string, step: StakerStep, wallet: string, file = fileOf(output, step)): string[] {
  const { account } = lives.get(output)!;
  const { fingerprint, path } = account.origin!;
  const key = `[${hex.encode(fingerprint)}${path.slice(1)}]${hex.encode(account.publicKey)}`;
  return [
    ...words(`stake psbt ${at(file)} --step ${NAMES[step]} --wallet ${wallet}`),
    ...words(`--account ${key} --address ${account.address}`),
    ...(step === "funding" ? ["--psbt", at(`${output}.psbt`)] : []),
    ...(step.startsWith("withdraw") ? ["--to", account.address, "--fee-rate", "2"] : []),
  ];
}

interface Printed extends Omit<SigningRequest<StakerStep, "unisat">, "accept"> {
  readonly next: string;
}

const WALLETS = {
  unisat: (life: WalletLife, { psbtHex, native }: Printed) => unisat(life, psbtHex, native),
  // As it finalises by itself.
  "unisat, asked without options": (life: WalletLife, { psbtHex }: Printed) => unisat(life, psbtHex),
  keystone: (_life: WalletLife, { psbtBase64 }: Printed) => keystone(psbtBase64),
} as const;
type Wallet = keyof typeof WALLETS;

const rowsOf = (output: string, wallets: readonly Wallet[]) =>
  STAKER_STEPS.flatMap((step) => wallets.map((wallet) => [output, step, wallet] as const));
/** Which the built command takes too: a slashing that stake sign reads, and a withdrawal. */
const BUILT = [
  ["p2tr", "slashing", "unisat"],
  ["p2tr", "withdrawStaking", "keystone"],
] as const;
const isBuilt = (row: readonly string[]) => BUILT.some((each) => `${each}` === `${row}`);
const ALL = [
  ...rowsOf("p2tr", ["unisat", "unisat, asked without options", "keystone"]),
  ...rowsOf("p2wpkh", ["unisat", "keystone"]),
];

describe.each([
  ["built", tapstake, BUILT],
  ["in this process", inProcess, ALL.filter((row) => !isBuilt(row))],
] as const)("stake psbt, %s: its answer is read by the command that it names", (_, run, rows) => {
  it.each(rows)("%s account, %s, %s", async (output, step, wallet) => {
    const life = lives.get(output)!;
    // The commands extend the file: each row has its own.
    const name = `${output}-${step}-${wallet.replaceAll(/\W+/g, "-")}`;
    write(`${name}.json`, delegationToJson(stepOf(life, step).delegation));
    const kind = wallet.split(",")[0]!;
    const asked = await run([...asking(output, step, kind, `${name}.json`), "--json"]);
    expect(asked.stderr).toBe("");
    const printed = parsed<Printed>(asked);
    write(`${name}.answer`, WALLETS[wallet](life, printed));
    let said = "";
    for (const line of printed.next.split(", then ")) {
      const typed = line.replace(/^tapstake /, "").replace("<answer>", at(`${name}.answer`));
      // The slashings of this file are not signed.
      const early = typed.includes("broadcast") ? ["--register-later"] : [];
      const { stdout, stderr } = await run([...words(typed), ...early]);
      expect(stderr).toBe("");
      said = stdout;
    }
    const delegation = () => delegationFromJson(readFileSync(at(`${name}.json`), "utf8"));
    const transaction =
      step === "slashing"
        ? slashed(life, delegation(), "staking")
        : step === "unbondingSlashing"
          ? slashed(life, delegation(), "unbonding")
          : parseTransaction(hex.decode(/^not sent +([0-9a-f]+)$/m.exec(said)![1]!));
    const prevouts = prevoutsOf(parsePsbt(printed.psbtHex)).map((each) => each!);
    expect(transaction.ins.map((_each, i) => verdict(transaction, i, prevouts))).toEqual(
      prevouts.map(() => "ok"),
    );
    if (step === "expansion") expect(delegation().expansion!.stakerSignatures).toHaveLength(1);
  });
});

describe("stake psbt", () => {
  const ask = (...more: string[]) => inProcess([...asking("p2tr", "slashing", "okx"), ...more]);

  it.each(WALLET_KINDS)("%s: prints what signOptions gives", async (wallet) => {
    const { account, delegation } = lives.get("p2tr")!;
    const { accept: _, ...request } = signOptions("slashing", delegation, { wallet, account });
    const printed = parsed(await inProcess([...asking("p2tr", "slashing", wallet), "--json"]));
    const { native = null, ...rest } = request;
    expect(printed).toMatchObject({ ...rest, native, wallet });
  });

  it.each(STAKER_STEPS)("%s: takes the step in either spelling, and prints that of --step", async (step) => {
    const printed = await Promise.all(
      [NAMES[step], step].map(async (name) =>
        parsed<Printed>(await inProcess([...asking("p2tr", step, "okx"), "--step", name, "--json"])),
      ),
    );
    expect(printed[0]).toMatchObject({ step: NAMES[step] });
    expect(printed[1]).toEqual(printed[0]);
  });

  it("prints the PSBT alone in base64, or hexadecimal by --hex, and the command for the answer", async () => {
    const [base64, digits] = [await ask(), await ask("--hex")];
    expect(parsePsbt(base64.stdout).toHex()).toBe(digits.stdout.trim());
    expect(digits.stdout).toMatch(/^70736274ff[0-9a-f]+\n$/);
    expect(base64.stderr).toBe(`Next: tapstake stake sign ${at("p2tr.json")} --psbt <answer>\n`);
  });

  it("uses the staker's Taproot account by default, and accepts a P2WPKH address of the x-only key", async () => {
    const own = await inProcess(
      words(`stake psbt ${at("p2tr.json")} --step slashing --wallet unisat --json`),
    );
    const { address } = lives.get("p2tr")!.account;
    expect(parsed(own)).toMatchObject({ native: { toSignInputs: [{ index: 0, address }] } });
    const { account } = lives.get("p2wpkh")!;
    const line = `stake psbt ${at("p2wpkh.json")} --step unbonding --wallet unisat --json`;
    const segwit = await inProcess(words(`${line} --address ${account.address}`));
    const publicKey = hex.encode(account.publicKey);
    expect(parsed(segwit)).toMatchObject({ native: { toSignInputs: [{ index: 0, publicKey }] } });
  });

  it("accepts the answers of Xverse and Leather as JSON", async () => {
    const life = lives.get("p2tr")!;
    const printed = parsed<Printed>(await ask("--json"));
    const psbt = unisat(life, printed.psbtHex, { autoFinalized: false });
    for (const answer of [{ psbt }, { hex: psbt }]) {
      write("copy.json", delegationToJson(life.delegation));
      write("copy.answer", JSON.stringify(answer));
      const { stderr } = await inProcess(["stake", "sign", at("copy.json"), "--psbt", at("copy.answer")]);
      expect(stderr).toBe("");
    }
  });

  it("accepts a whole signed transaction as the answer to the funding, with the coins of the unsigned PSBT", async () => {
    const life = lives.get("p2tr")!;
    const printed = parsed<Printed>(await inProcess([...asking("p2tr", "funding", "unisat"), "--json"]));
    const request = signOptions("funding", life.delegation, {
      wallet: "unisat",
      account: life.account,
      coins: life.coins,
    });
    const transaction = request.accept(unisat(life, printed.psbtHex, printed.native));
    write("whole.hex", transaction.toHex());
    const broadcast = words(`stake broadcast ${at("p2tr.json")} --psbt ${at("whole.hex")} --register-later`);
    const without = await inProcess(broadcast);
    expect(refusedWith(without)).toBe("invalid-psbt");
    expect(without.stderr).toContain("Do: give --unsigned too");
    const { stdout } = await inProcess([...broadcast, "--unsigned", at("p2tr.psbt")]);
    expect(stdout).toContain(transaction.toHex());
    write(
      "others.psbt",
      fundingPsbt(lives.get("p2wpkh")!.delegation.staking.transaction, lives.get("p2wpkh")!.coins).toBase64(),
    );
    expect(refusedWith(await inProcess([...broadcast, "--unsigned", at("others.psbt")]))).toBe(
      "invalid-coin",
    );
  });

  it("names the step of an answer that is given to another step's command", async () => {
    const life = lives.get("p2tr")!;
    const answer = async (step: StakerStep) => {
      const { psbtHex, native } = parsed<Printed>(
        await inProcess([...asking("p2tr", step, "unisat"), "--json"]),
      );
      write("wrong.answer", unisat(life, psbtHex, native));
    };
    const file = at("p2tr.json");
    const to = `--to ${life.account.address} --fee-rate 2`;
    const commands = {
      funding: `stake sign ${file} --psbt`,
      slashing: `unbond ${file} --signed`,
      unbonding: `stake broadcast ${file} --register-later --psbt`,
      unbondingSlashing: `withdraw ${file} --from unbonding ${to} --signed`,
      withdrawStaking: `unbond ${file} --signed`,
    } as const;
    for (const [step, command] of Object.entries(commands) as [keyof typeof commands, string][]) {
      await answer(step);
      const { stderr } = await inProcess(words(`${command} ${at("wrong.answer")} --json`));
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string; details: object } };
      expect(error).toMatchObject({ code: "psbt-mismatch", details: { step } });
      expect(error.message).toContain(`this is the ${STEP_WORDS[step]} of the same stake`);
    }
  });

  it("says which options to ask with after a signature by the wallet's other key", async () => {
    const life = lives.get("p2tr")!;
    const key = life.account.publicKey.slice(1);
    const tweaked = walletSigner(life.secretKey).tweak!(taggedHash("TapTweak", key));
    const signed = async (spend: LeafSpend) =>
      spendPsbt(spend, [{ publicKey: key, signature: await tweaked.signSchnorr(leafSighash(spend)) }]);
    write("tweaked.psbt", (await signed(signedSpend(life.delegation, "slashing"))).toBase64());
    write("withdrawal.psbt", (await signed(life.withdrawals.staking)).toBase64());
    const file = at("p2tr.json");
    const { address } = life.account;
    for (const line of [
      `stake sign ${file} --psbt ${at("tweaked.psbt")}`,
      `withdraw ${file} --from staking --to ${address} --fee-rate 2 --signed ${at("withdrawal.psbt")}`,
    ]) {
      const { stderr } = await inProcess(words(line));
      expect(stderr).toContain("useTweakedSigner false");
      expect(stderr).toContain(
        "Do: Ask the wallet again, with the options that `tapstake stake psbt --json` prints",
      );
    }
  });

  it.each([
    ["an unknown step", ["--step", "voting"], "usage"],
    ["an unknown wallet", ["--wallet", "purse"], "usage"],
    ["coins of a step that spends none", ["--psbt", "any.psbt"], "usage"],
    ["a destination of a step that withdraws nothing", ["--to", "any"], "usage"],
    ["a refund of another step", ["--from", "refund"], "usage"],
    ["funding without its PSBT", ["--step", "funding"], "usage"],
    ["a withdrawal without a fee rate", ["--step", "withdraw-staking", "--to", "any"], "usage"],
    ["Keystone without an origin", ["--wallet", "keystone", "--account", "11".repeat(32)], "usage"],
    ["a key that is not the staker's", ["--account", "22".repeat(32)], "account-mismatch"],
    [
      "an address of another key",
      ["--address", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"],
      "account-mismatch",
    ],
    ["a step of an expansion", ["--step", "expansion"], "not-an-expansion"],
  ])("refuses %s", async (_, more, code) => {
    expect(refusedWith(await ask(...more))).toBe(code);
  });

  it("names the file and the field that it cannot read", async () => {
    const stake = JSON.parse(readFileSync(at("p2tr.json"), "utf8")) as { terms: object };
    write("broken.json", JSON.stringify({ ...stake, terms: { ...stake.terms, timelock: "soon" } }));
    const { stderr } = await inProcess(["stake", "check", at("broken.json"), "--json"]);
    const { error } = JSON.parse(stderr) as { error: { message: string; details: object } };
    expect(error.message).toMatch(new RegExp(`^${at("broken.json")}: .*terms\\.timelock: `));
    expect(error.details).toMatchObject({ file: at("broken.json") });
  });

  it("requires the wallet's key where there are several stakers", async () => {
    const { delegation } = lives.get("p2tr")!;
    const keys = [lives.get("p2wpkh")!.account.publicKey.slice(1), delegation.terms.staker as Uint8Array];
    const terms = { ...delegation.terms, staker: { keys, quorum: 1 } };
    write("several.json", delegationToJson({ ...delegation, terms }));
    const asked = await inProcess(words(`stake psbt ${at("several.json")} --step unbonding --wallet okx`));
    expect(refusedWith(asked)).toBe("usage");
    expect(asked.stderr).toContain("give --account");
  });
});
