import type { Rate } from "../core/amount.js";
import type { Network } from "../core/network.js";
import type { Coin } from "../funding/coin.js";
import type { StakerStep } from "../delegation/step.js";
import type { PsbtLike } from "../psbt/read.js";
import type { KeyOrigin } from "../script/key-origin.js";
import type { Transaction } from "../bitcoin/transaction-class.js";
import type { LeafSignature } from "../spending/spend.js";
import type { Withdrawal } from "../stake/withdrawal.js";
import type { NativeOptions } from "./native.js";

/**
 * The known wallets. `babylon` is any object in Babylon's shape, such as `window.btcwallet`; `core` is Bitcoin Core;
 * `generic` is any other signer of PSBTs.
 */
export const WALLET_KINDS = [
  "babylon",
  "unisat",
  "okx",
  "onekey",
  "tomo",
  "bitget",
  "cactus",
  "imtoken",
  "binance",
  "utila",
  "xverse",
  "leather",
  "appkit",
  "keystone",
  "ledger-babylon",
  "core",
  "generic",
] as const;
/** The name of one of {@link WALLET_KINDS}. */
export type WalletKind = (typeof WALLET_KINDS)[number];

/**
 * A wallet in Babylon's shape: the `BtcProvider` of btc-staking-ts and the `IBTCProvider` of Babylon's wallet connector
 * fit it.
 */
export interface BtcProvider {
  signPsbt(psbtHex: string, options?: SignPsbtOptions): Promise<string>;
  /** Signs several PSBTs with one confirmation, if the wallet offers it. */
  signPsbts?(psbtsHexes: string[], options?: SignPsbtOptions[]): Promise<string[]>;
  /** @returns base64 */
  signMessage(message: string, type: MessageKind): Promise<string>;
  getTransactionHex?(txid: string): Promise<string>;
}

/** How a wallet signs a text. */
export type MessageKind = "ecdsa" | "bip322-simple";

/** What Babylon's interface says of a PSBT, beside it. */
export interface SignPsbtOptions {
  autoFinalized?: boolean;
  contracts?: Contract[];
  action?: { name: string };
  signInputs?: SignInput[];
  displayMessage?: string;
}

/** What a PSBT is for: wallets show it, and Ledger's app does not sign without it. */
export interface Contract {
  id: string;
  params: Record<string, string | number | string[] | number[]>;
}

/** An input that the wallet is asked to sign. */
export interface SignInput {
  index: number;
  address?: string;
  publicKey?: string;
  sighashTypes?: number[];
  useTweakedSigner?: boolean;
  disableTweakSigner?: boolean;
}

/** The wallet's account that signs. */
export interface WalletAccount {
  /** 33 bytes as wallets give it; x-only (32 bytes) is enough for a P2TR address. Never the output key. */
  readonly publicKey: Uint8Array;
  /** The address of this key: P2TR as in BIP-86, or P2WPKH. */
  readonly address: string;
  /** The network that the wallet says it is on. */
  readonly network: Network;
  /** The origin of the key: Keystone and Bitcoin Core find their keys by it. */
  readonly origin?: Omit<KeyOrigin, "publicKey">;
}

/** The wallet and the account that sign. */
export interface AskedOf<W extends WalletKind = WalletKind> {
  readonly wallet: W;
  readonly account: WalletAccount;
}

/** What a step needs beside wallet and account: its coins, or the withdrawal. */
export interface StepInput {
  readonly funding: {
    /** The coins of the staking transaction, in any order: `coins` in the result of `buildStaking`. */
    readonly coins: readonly Coin[];
    /** As in `buildStaking`: 1000 sat/vB by default. */
    readonly maxFeeRate?: Rate;
  };
  readonly slashing: object;
  readonly unbondingSlashing: object;
  readonly unbonding: object;
  readonly withdrawStaking: WithdrawalInput;
  readonly withdrawUnbonding: WithdrawalInput;
  readonly withdrawRefund: WithdrawalInput;
  readonly expansion: {
    /** The funding coin, if it is the account's and the wallet needs more of it than the delegation says. */
    readonly coins?: readonly Coin[];
  };
}

interface WithdrawalInput {
  /** The result of `buildWithdrawal`: it says where the coins go, and at which fee rate. */
  readonly withdrawal: Withdrawal;
}

/** The result of a step: the signed transaction if a wallet signs all of it, else verified signatures. */
export interface StepAnswer {
  readonly funding: Transaction;
  readonly slashing: readonly LeafSignature[];
  readonly unbondingSlashing: readonly LeafSignature[];
  readonly unbonding: readonly LeafSignature[];
  readonly withdrawStaking: readonly LeafSignature[];
  readonly withdrawUnbonding: readonly LeafSignature[];
  readonly withdrawRefund: readonly LeafSignature[];
  readonly expansion: readonly LeafSignature[];
}

/** One step, in the form that one wallet can answer. */
export interface SigningRequest<S extends StakerStep = StakerStep, W extends WalletKind = WalletKind> {
  readonly step: S;
  readonly psbtHex: string;
  readonly psbtBase64: string;
  /** For a wallet in Babylon's shape: the second argument of its `signPsbt`. */
  readonly babylon: SignPsbtOptions;
  /** The options of this wallet's own call, beside the PSBT or with it. */
  readonly native: NativeOptions[W];
  /**
   * Verifies the answer, and returns its result. The answer may be in hexadecimal, base64 or bytes, finalised or not,
   * or as a whole transaction.
   * @throws TapstakeError the codes of `signaturesFromPsbt`, for `funding` those of `finishStaking` and
   * `txid-not-final`; `unsupported-sighash` at a slashing signature of 65 bytes
   */
  accept(returned: PsbtLike): StepAnswer[S];
}
