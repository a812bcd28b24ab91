import { BIP32Factory, type BIP32Interface } from "bip32";
import { mnemonicToSeedSync } from "@scure/bip39";
import * as tiny from "tiny-secp256k1";
import { bip322, type SigningOutput } from "../../src/babylon/bip322.js";
import { addressOfScript } from "../../src/bitcoin/address.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { outpointOf } from "../../src/bitcoin/transaction.js";
import { utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import {
  createDelegation,
  type Delegation,
  stakeCoin,
  unbondedCoin,
} from "../../src/delegation/delegation.js";
import { signSlashings } from "../../src/delegation/sign.js";
import type { StakerStep } from "../../src/delegation/step.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import type { Coin } from "../../src/funding/coin.js";
import { keySigner } from "../../src/spending/spend.js";
import { buildExpansion } from "../../src/stake/expansion.js";
import { buildStaking } from "../../src/stake/staking.js";
import { buildWithdrawal, type Withdrawable } from "../../src/stake/withdrawal.js";
import type { WalletAccount } from "../../src/wallets/types.js";
import { feeRate } from "./lives.js";
import { makeStake, signedBy, type TestStake } from "./stake.js";

/** The wallet that every specification uses: both of its first keys have an odd y. */
export const root: BIP32Interface = BIP32Factory(tiny).fromSeed(
  mnemonicToSeedSync(`${"abandon ".repeat(11)}about`),
);
const PATHS: Readonly<Record<SigningOutput, string>> = { p2tr: "m/86'/0'/0'/0/0", p2wpkh: "m/84'/0'/0'/0/0" };
export const OUTPUTS = Object.keys(PATHS) as SigningOutput[];

/** A stake of one wallet account, funded by its own coins, and everything that follows: enough for all eight steps. */
export interface WalletLife {
  readonly node: BIP32Interface;
  readonly secretKey: Uint8Array;
  readonly account: WalletAccount;
  readonly stake: TestStake;
  readonly coins: readonly Coin[];
  /** With the committee's signatures, and without the staker's. */
  readonly delegation: Delegation;
  readonly expanded: Delegation;
  readonly withdrawals: Readonly<Record<Withdrawable, ReturnType<typeof buildWithdrawal>>>;
}

const lives = new Map<SigningOutput, Promise<WalletLife>>();

/** The life of a stake by the wallet's P2TR or P2WPKH account; made once. */
export function walletLife(output: SigningOutput): Promise<WalletLife> {
  const known = lives.get(output) ?? makeLife(output);
  lives.set(output, known);
  return known;
}

async function makeLife(output: SigningOutput): Promise<WalletLife> {
  const path = PATHS[output];
  const node = root.derivePath(path);
  const script = bip322.script(node.publicKey, output);
  const address = addressOfScript(script, "regtest")!;
  const origin = { fingerprint: root.fingerprint, path };
  const account: WalletAccount = { publicKey: node.publicKey, address, network: "regtest", origin };
  const secretKey = node.privateKey!;
  const made = makeStake({ seed: `wallet ${output}` });
  const stake = {
    ...made,
    terms: { ...made.terms, staker: publicKeyOf(secretKey) },
    stakerSecrets: [secretKey],
  };
  const { terms, params } = stake;
  const coins = [coinAt(script, 700_000n, 0), coinAt(script, 600_000n, 1)];
  const building = { params, changeScript: script, feeRate: feeRate("2") };
  const staking = buildStaking({ ...building, terms, value: 1_000_000n, coins });
  const created = createDelegation(terms, params, staking);
  const delegation = await cosigned(stake, created);
  const coin = coinAt(script, 500_000n, 2);
  const expansion = buildExpansion({
    ...building,
    previous: delegation,
    terms: { ...terms, timelock: terms.timelock + 100 },
    value: 1_200_000n,
    coin,
  });
  const longer = { ...stake, terms: { ...terms, timelock: terms.timelock + 100 } };
  const next = createDelegation(longer.terms, params, expansion.transaction, expansion);
  const slashed = delegation.slashing.transaction;
  const from = (name: Withdrawable, spent: ReturnType<typeof stakeCoin>) =>
    buildWithdrawal({ terms, params, from: name, coin: spent, destination: script, feeRate: feeRate("2") });
  return {
    node,
    secretKey,
    account,
    stake,
    coins,
    delegation,
    expanded: await cosigned(longer, next),
    withdrawals: {
      staking: from("staking", stakeCoin(delegation)),
      unbonding: from("unbonding", unbondedCoin(delegation)),
      refund: from("refund", { outpoint: outpointOf(slashed, 1), value: slashed.outs[1]!.value }),
    },
  };
}

/** The committee signs what the staker has signed; the staker's own signatures are then left out again. */
async function cosigned(stake: TestStake, delegation: Delegation): Promise<Delegation> {
  const bySecret = await signSlashings(delegation, keySigner(stake.stakerSecrets[0]!));
  const signed = await signedBy(stake, bySecret, [0, 1, 2]);
  const none = { stakerSignatures: [] };
  return {
    ...signed,
    slashing: { ...signed.slashing, ...none },
    unbondingSlashing: { ...signed.unbondingSlashing, ...none },
  };
}

function coinAt(script: Uint8Array, value: bigint, index: number): Coin {
  const previousTransaction = new Transaction();
  previousTransaction.version = 2;
  previousTransaction.addInput(sha256(utf8(`wallet coin ${index}`)), 0);
  previousTransaction.addOutput(script, value);
  return { outpoint: outpointOf(previousTransaction, 0), value, script, previousTransaction };
}

/** What each step takes beside wallet and account, and its delegation. */
export function stepOf(life: WalletLife, step: StakerStep) {
  const { coins, withdrawals, delegation, expanded } = life;
  return {
    delegation: step === "expansion" ? expanded : delegation,
    input: {
      ...(step === "funding" && { coins }),
      ...(step === "withdrawStaking" && { withdrawal: withdrawals.staking }),
      ...(step === "withdrawUnbonding" && { withdrawal: withdrawals.unbonding }),
      ...(step === "withdrawRefund" && { withdrawal: withdrawals.refund }),
    },
  };
}

export const slashed = ({ stake }: WalletLife, delegation: Delegation, from: "staking" | "unbonding") =>
  finishSlashing(delegation, from, stake.providerSecrets[0]!);
