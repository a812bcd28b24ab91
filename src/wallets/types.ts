import type { Network } from "../core/network.js";
import type { Coin } from "../funding/coin.js";
import type { PsbtLike } from "../psbt/read.js";
import type { KeyOrigin } from "../script/key-origin.js";
import type { Transaction } from "../bitcoin/bitcoinjs.js";
import type { LeafSignature } from "../spending/spend.js";
import type { Withdrawal } from "../stake/withdrawal.js";
import type { NativeOptions } from "./native.js";

/** What a staker's wallet signs in the life of a stake. */
export const STAKER_STEPS = [
  "funding",
  "slashing",
  "unbondingSlashing",
  "unbonding",
  "withdrawStaking",
  "withdrawUnbonding",
  "withdrawRefund",
  "expansion",
] as const;
/** The name of one of {@link STAKER_STEPS}. */
export type StakerStep = (typeof STAKER_STEPS)[number];

/**
 * The wallets whose ways are known. `babylon` is any object of Babylon's shape, such as `window.btcwallet`; `core` is
 * Bitcoin Core; `generic` any other signer of PSBTs.
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
 * fit it as they are.
 */
export interface BtcProvider {
  signPsbt(psbtHex: string, options?: SignPsbtOptions): Promise<string>;
  /** Several PSBTs by one confirmation, where the wallet offers it. */
  signPsbts?(psbtsHexes: string[], options?: SignPsbtOptions[]): Promise<string[]>;
  /** @returns base64 */
  signMessage(message: string, type: MessageKind): Promise<string>;
  getTransactionHex?(txid: string): Promise<string>;
}

/** How a wallet signs a text. */
export type MessageKind = "ecdsa" | "bip322-simple";

/** What Babylon's interface says of a PSBT beside it. */
export interface SignPsbtOptions {
  autoFinalized?: boolean;
  contracts?: Contract[];
  action?: { name: string };
  signInputs?: SignInput[];
  displayMessage?: string;
}

/** What a PSBT is about, for wallets that show it, and for Ledger's app, which does not sign without. */
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

/** The account of a wallet that signs. */
export interface WalletAccount {
  /** 33 bytes as wallets give it; x-only (32 bytes) is enough where the address is P2TR. Never the output key. */
  readonly publicKey: Uint8Array;
  /** P2TR with the key of BIP-86, or P2WPKH: of this key. */
  readonly address: string;
  /** The network that the wallet says it is on. */
  readonly network: Network;
  /** Where the key comes from: Keystone and Bitcoin Core find their keys by it. */
  readonly origin?: Omit<KeyOrigin, "publicKey">;
}

/** Who is asked. */
export interface AskedOf<W extends WalletKind = WalletKind> {
  readonly wallet: W;
  readonly account: WalletAccount;
}

/** What a step needs to know beside who is asked: coins of their own, or the withdrawal. */
export interface StepInput {
  readonly funding: {
    /** Those of the staking transaction, in any order: the `coins` of `buildStaking`'s result. */
    readonly coins: readonly Coin[];
  };
  readonly slashing: object;
  readonly unbondingSlashing: object;
  readonly unbonding: object;
  readonly withdrawStaking: WithdrawalInput;
  readonly withdrawUnbonding: WithdrawalInput;
  readonly withdrawRefund: WithdrawalInput;
  readonly expansion: {
    /** The funding coin, where it is the account's and what the delegation says of it is not enough for the wallet. */
    readonly coins?: readonly Coin[];
  };
}

interface WithdrawalInput {
  /** What `buildWithdrawal` made: it says where the coins go, and at which fee rate. */
  readonly withdrawal: Withdrawal;
}

/** What a step's answer gives: the signed transaction where a wallet signs all of it, else verified signatures. */
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

/** One step, put as one wallet can answer it. */
export interface SigningRequest<S extends StakerStep = StakerStep, W extends WalletKind = WalletKind> {
  readonly step: S;
  readonly psbtHex: string;
  readonly psbtBase64: string;
  /** For a wallet in Babylon's shape: the second argument of its `signPsbt`. */
  readonly babylon: SignPsbtOptions;
  /** What this wallet's own call takes beside the PSBT, or with it. */
  readonly native: NativeOptions[W];
  /**
   * What came back, verified: in hexadecimal, base64 or bytes, finalised or not, or as a whole transaction.
   * @throws TapstakeError the codes of `signaturesFromPsbt`, for `funding` those of `finishStaking` and
   * `txid-not-final`; `unsupported-sighash` at a slashing signature of 65 bytes
   */
  accept(returned: PsbtLike): StepAnswer[S];
}
