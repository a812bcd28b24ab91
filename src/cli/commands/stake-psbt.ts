import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { bip322 } from "../../babylon/bip322.js";
import { scriptOfAddress } from "../../bitcoin/address.js";
import { equalBytes, hex } from "../../core/bytes.js";
import { parseRate } from "../../core/amount.js";
import type { Network } from "../../core/network.js";
import { type Delegation, expandedStake } from "../../delegation/delegation.js";
import { stakeOutputNamed } from "../../delegation/outputs.js";
import { STAKER_STEPS, type StakerStep } from "../../delegation/step.js";
import { coinsOfPsbt } from "../../psbt/read.js";
import { readPublicKey, splitKeyExpression } from "../../script/key-expression.js";
import { stakerKeys } from "../../script/terms.js";
import { buildWithdrawal, type Withdrawal } from "../../stake/withdrawal.js";
import { signOptions } from "../../wallets/sign-options.js";
import {
  type SigningRequest,
  WALLET_KINDS,
  type WalletAccount,
  type WalletKind,
} from "../../wallets/types.js";
import { maxFeeRateOf } from "../chain.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkOneStandardInput, readDelegation, readPsbt } from "../input.js";
import { DELEGATION, jsonOption, maxFeeRateOption, trustedParamsOption } from "../options.js";
import { note, say, toJson } from "../output.js";
import { taprootAddressOf } from "../secret-key.js";
import { trustedParams } from "../terms.js";

/** Each step as the command line writes it, with the command that takes the wallet's answer. */
const STEPS: {
  readonly [S in StakerStep]: { readonly name: string; readonly answer: (of: Asked) => string };
} = {
  funding: {
    name: "funding",
    answer: ({ path, psbt }) => `stake broadcast ${path} --psbt <answer> --unsigned ${inShell(psbt!)}`,
  },
  slashing: { name: "slashing", answer: ({ path }) => `stake sign ${path} --psbt <answer>` },
  unbondingSlashing: {
    name: "unbonding-slashing",
    answer: ({ path }) => `stake sign ${path} --psbt <answer>`,
  },
  unbonding: { name: "unbonding", answer: ({ path }) => `unbond ${path} --signed <answer>` },
  withdrawStaking: { name: "withdraw-staking", answer: withdrawCommand },
  withdrawUnbonding: { name: "withdraw-unbonding", answer: withdrawCommand },
  withdrawRefund: { name: "withdraw-refund", answer: withdrawCommand },
  expansion: {
    name: "expansion",
    answer: ({ path }) =>
      `stake sign ${path} --expansion --psbt <answer>, then tapstake stake broadcast ${path} --psbt <answer>`,
  },
};

const STEP_NAMES = STAKER_STEPS.map((step) => STEPS[step].name);

const PSBT = {
  description: `Prints the PSBT of one step, cut to what the wallet can read. With --json, prints the options of the wallet's own call and
of Babylon's interface too. Signs nothing. The account is the staker's Taproot account by default.

The wallet's answer goes back to the command that standard error names. It may be base64, hexadecimal, finalised or not.`,
  examples: `
tapstake stake psbt stake.json --step slashing --wallet unisat --json
tapstake stake psbt stake.json --step withdraw-staking --wallet okx --hex --fee-rate 2 \\
  --to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
`,
  more: `Step, and the command that takes the answer:
  slashing, unbonding-slashing    stake sign --psbt
  funding                         stake broadcast --psbt --unsigned
  expansion                       stake sign --expansion --psbt, then stake broadcast --psbt
  unbonding                       unbond --signed
  withdraw-staking, withdraw-unbonding, withdraw-refund    withdraw --signed`,
  topics: ["wallets", "delegation", "parameters"],
  refused: "a broken rule, or an account that is not the staker's",
} as const;

export const command = () =>
  newCommand("psbt", PSBT)
    .argument(...DELEGATION)
    .addOption(
      new Option("--step <step>", "step to sign, from the list below")
        .choices(STEP_NAMES)
        .argParser(stepNamed)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--wallet <kind>", `wallet: ${WALLET_KINDS.join(", ")}`)
        .choices(WALLET_KINDS)
        .makeOptionMandatory(),
    )
    .option(
      "--account <key>",
      "public key of the wallet: hex, or [origin]xpub with path (default: the staker's)",
    )
    .option("--address <address>", "address of that key (default: its Taproot address)")
    .option("--psbt <file>", "funding, expansion: PSBT from stake create or expand, for the coins")
    .option("--to <address>", "withdrawals: address for the coins")
    .addOption(
      new Option("--from <output>", "withdraw-refund: which refund (default: refund)").choices(REFUNDS),
    )
    .option("--fee-rate <sat/vB>", "withdrawals: fee rate in sat/vB")
    .addOption(maxFeeRateOption())
    .addOption(trustedParamsOption())
    .option("--hex", "print the PSBT in hexadecimal instead of base64")
    .addOption(jsonOption())
    .action(async (path, { step, wallet, ...options }) => {
      checkOptions(step, options);
      checkOneStandardInput(path, options.psbt, options.params);
      const delegation = await readDelegation(path);
      if (!EXITS.has(step)) await trustedParams(delegation, { params: options.params });
      const account = accountOf(step, delegation, wallet, options);
      const input = {
        ...(options.psbt !== undefined && { coins: coinsOfPsbt(await readPsbt(options.psbt)) }),
        ...(step === "funding" && { maxFeeRate: maxFeeRateOf(options) }),
        ...(isWithdrawal(step) && { withdrawal: withdrawalOf(step, delegation, options) }),
      };
      const request = ask(step, delegation, { wallet, account, ...input });
      answer(request, { path, step, ...options }, wallet);
    });

/** As the command line writes it, or as the library does. */
function stepNamed(text: string): StakerStep {
  const step = STAKER_STEPS.find((each) => each === text || STEPS[each].name === text);
  if (step) return step;
  throw new InvalidArgumentError(`Allowed choices are ${STEP_NAMES.join(", ")}.`);
}

const REFUNDS = ["refund", "unbonding-refund"] as const;

/** What ends a stake needs no parameters that anyone trusts: as unbond and withdraw have it. */
const EXITS: ReadonlySet<StakerStep> = new Set([
  "unbonding",
  "withdrawStaking",
  "withdrawUnbonding",
  "withdrawRefund",
]);

interface Options {
  readonly account?: string | undefined;
  readonly address?: string | undefined;
  readonly psbt?: string | undefined;
  readonly to?: string | undefined;
  readonly from?: (typeof REFUNDS)[number] | undefined;
  readonly feeRate?: string | undefined;
  readonly maxFeeRate: string;
  readonly hex?: true | undefined;
  readonly json?: true | undefined;
}

interface Asked extends Options {
  readonly path: string;
  readonly step: StakerStep;
}

type WithdrawalStep = "withdrawStaking" | "withdrawUnbonding" | "withdrawRefund";

const isWithdrawal = (step: StakerStep): step is WithdrawalStep => step in WITHDRAWN;

const WITHDRAWN = {
  withdrawStaking: "staking",
  withdrawUnbonding: "unbonding",
  withdrawRefund: "refund",
} as const;

/** What an option is for, where it is not for every step. */
function checkOptions(step: StakerStep, { psbt, to, from, feeRate }: Options): void {
  const takesCoins = step === "funding" || step === "expansion";
  if (psbt !== undefined && !takesCoins)
    throw new UsageError("--psbt is for the steps funding and expansion");
  if (step === "funding" && psbt === undefined) {
    throw new UsageError("give --psbt: the PSBT from stake create, which says which coins pay");
  }
  const isOfWithdrawal = isWithdrawal(step);
  if (!isOfWithdrawal && (to ?? feeRate) !== undefined) {
    throw new UsageError("--to and --fee-rate are for the steps that withdraw");
  }
  if (isOfWithdrawal && (to === undefined || feeRate === undefined)) {
    throw new UsageError("give --to and --fee-rate: where the coins go, and what the withdrawal pays");
  }
  if (from !== undefined && step !== "withdrawRefund")
    throw new UsageError("--from is for the step withdraw-refund");
}

const outputOf = (step: WithdrawalStep, { from }: Options) =>
  step === "withdrawRefund" ? (from ?? "refund") : WITHDRAWN[step];

function withdrawalOf(step: WithdrawalStep, delegation: Delegation, options: Options): Withdrawal {
  const { terms, params } = delegation;
  const { from, coin } = stakeOutputNamed(delegation, outputOf(step, options));
  return buildWithdrawal({
    terms,
    params,
    from,
    coin,
    destination: scriptOfAddress(options.to!, params.network),
    feeRate: parseRate(options.feeRate!, 3, "fee rate"),
    maxFeeRate: maxFeeRateOf(options),
  });
}

function withdrawCommand({ path, step, ...options }: Asked): string {
  const from = outputOf(step as WithdrawalStep, options);
  return `withdraw ${path} --from ${from} --to ${options.to} --fee-rate ${options.feeRate} --signed <answer>`;
}

/** The compiler does not know which step it is; `signOptions` checks what the step lacks. */
const ask = (step: StakerStep, delegation: Delegation, of: object): SigningRequest =>
  (signOptions as (step: StakerStep, delegation: Delegation, of: object) => SigningRequest)(
    step,
    delegation,
    of,
  );

/** The account of the wallet, whose key is the staker's unless another one is given. */
function accountOf(
  step: StakerStep,
  delegation: Delegation,
  wallet: WalletKind,
  { account, address }: Options,
): WalletAccount {
  const { network } = delegation.params;
  const { publicKey, origin } =
    account === undefined ? { publicKey: onlyStaker(step, delegation) } : readAccount(account);
  if (wallet === "keystone" && !origin) {
    throw new UsageError("keystone finds its key by the origin: give --account [fingerprint/path]key");
  }
  const known = address ?? taprootAddressOf(publicKey.slice(-32), network);
  return {
    publicKey: address === undefined ? publicKey : withParity(publicKey, address, network),
    address: known,
    network,
    ...(origin && { origin }),
  };
}

function onlyStaker(step: StakerStep, delegation: Delegation): Uint8Array {
  const { terms } = step === "expansion" ? expandedStake(delegation) : delegation;
  const { keys } = stakerKeys(terms.staker);
  if (keys.length === 1) return keys[0]!;
  throw new UsageError(
    `the stake has ${keys.length} stakers: give --account, the key of the one whose wallet signs`,
  );
}

/** A key with its parity where it is written: a P2WPKH address needs it. */
function readAccount(text: string): Pick<WalletAccount, "publicKey" | "origin"> {
  const { publicKey, origin } = readPublicKey(text);
  const { key } = splitKeyExpression(text);
  const whole = /^0[23][0-9a-fA-F]{64}$/.test(key) ? hex.decode(key) : publicKey;
  return {
    publicKey: whole,
    ...(origin && { origin: { fingerprint: origin.fingerprint, path: origin.path } }),
  };
}

/** An x-only key and its P2WPKH address tell the first byte of the whole key. */
function withParity(publicKey: Uint8Array, address: string, network: Network): Uint8Array {
  if (publicKey.length === 33) return publicKey;
  const script = scriptOfAddress(address, network);
  const whole = [2, 3].map((first) => Uint8Array.of(first, ...publicKey));
  return whole.find((key) => equalBytes(bip322.script(key, "p2wpkh"), script)) ?? publicKey;
}

function answer(request: SigningRequest, asked: Asked, wallet: WalletKind): void {
  const { step, psbtHex, psbtBase64, babylon, native } = request;
  const next = `tapstake ${STEPS[step].answer({ ...asked, path: inShell(asked.path) })}`;
  if (asked.json) {
    return say(
      toJson({ step: STEPS[step].name, wallet, psbtHex, psbtBase64, babylon, native: native ?? null, next }),
    );
  }
  say(asked.hex ? psbtHex : psbtBase64);
  note(`Next: ${next}`);
}

/** A path as a shell takes it. */
const inShell = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
