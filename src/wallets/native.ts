import { Transaction } from "../bitcoin/transaction-class.js";
import type { CheckedAccount } from "./account.js";
import type { SignInput, SignPsbtOptions, WalletKind } from "./types.js";

/** An input that an account signs: a leaf of a stake, or a coin of its own by its key. */
export interface AskedInput {
  readonly index: number;
  readonly by: "leaf" | "p2tr" | "p2wpkh";
}

/** What one step asks of an account. */
export interface Asked {
  readonly account: CheckedAccount;
  readonly inputs: readonly AskedInput[];
  readonly psbtHex: string;
  readonly psbtBase64: string;
  readonly babylon: SignPsbtOptions;
}

/** An input in the form of UniSat, OKX and OneKey. */
export interface ToSignInput {
  index: number;
  publicKey?: string;
  address?: string;
  useTweakedSigner?: boolean;
  disableTweakSigner?: boolean;
  /** The published OKX SDK's name. */
  useTweakSigner?: boolean;
}

interface ToSign {
  autoFinalized: false;
  toSignInputs: ToSignInput[];
}

/** The options of each wallet's own call. Undefined if the call takes only the PSBT. */
export interface NativeOptions {
  /** `signPsbt(psbtHex, native)` */
  readonly babylon: SignPsbtOptions;
  /** `signPsbt(psbtHex, native)` */
  readonly unisat: ToSign;
  /** `signPsbt(psbtHex, native)` */
  readonly okx: ToSign;
  /** `signPsbt(psbtHex, native)` */
  readonly onekey: ToSign & { isBtcWalletProvider: true };
  /** `signPsbt(psbtHex, native)` */
  readonly tomo: Finalised;
  /** `request("dappsSign", …)`, as its `options` */
  readonly bitget: Finalised;
  /** `signPsbt(psbtHex, native)` */
  readonly cactus: Finalised;
  /** `request({ method: "btc_signPsbt", params: [psbtHex, native] })` */
  readonly imtoken: Finalised;
  /** `signPsbt(psbtHex, native)` */
  readonly binance: Finalised;
  /** `signPsbt(psbtHex, native)` */
  readonly utila: SignPsbtOptions;
  /** `request("signPsbt", native)` */
  readonly xverse: { psbt: string; signInputs: Record<string, number[]>; broadcast: false };
  /** `request("signPsbt", native)` */
  readonly leather: { hex: string; signAtIndex: number[]; broadcast: false };
  /** `signPSBT(native)` */
  readonly appkit: { psbt: string; signInputs: SignInput[]; broadcast: false };
  readonly keystone: undefined;
  /** `signPsbt(psbtHex, native)` */
  readonly "ledger-babylon": Pick<SignPsbtOptions, "contracts" | "action">;
  readonly core: undefined;
  readonly generic: undefined;
}

interface Finalised {
  autoFinalized: true;
}

/** The option names of each wallet; docs/wallets.md says how each was found. */
export const NATIVE: { readonly [W in WalletKind]: (asked: Asked) => NativeOptions[W] } = {
  babylon: ({ babylon }) => babylon,
  unisat: (asked) => toSign(asked, (useTweakedSigner) => ({ useTweakedSigner })),
  okx: (asked) => toSign(asked, everyName),
  onekey: (asked) => ({ ...toSign(asked, everyName), isBtcWalletProvider: true }),
  tomo: () => FINALISED,
  bitget: () => FINALISED,
  cactus: () => FINALISED,
  imtoken: () => FINALISED,
  binance: () => FINALISED,
  utila: ({ babylon }) => babylon,
  xverse: ({ account, inputs, psbtBase64 }) => ({
    psbt: psbtBase64,
    signInputs: { [account.address]: indexesOf(inputs) },
    broadcast: false,
  }),
  leather: ({ inputs, psbtHex }) => ({ hex: psbtHex, signAtIndex: indexesOf(inputs), broadcast: false }),
  appkit: ({ account, inputs, psbtBase64 }) => ({
    psbt: psbtBase64,
    signInputs: inputs.map((input) => ({
      ...babylonInput(account, input),
      address: account.address,
      sighashTypes: [input.by === "p2wpkh" ? Transaction.SIGHASH_ALL : Transaction.SIGHASH_DEFAULT],
    })),
    broadcast: false,
  }),
  keystone: () => undefined,
  "ledger-babylon": ({ babylon: { contracts, action } }) => ({ contracts: contracts!, action: action! }),
  core: () => undefined,
  generic: () => undefined,
};

/** An input in the form of Babylon's interface. */
export const babylonInput = (account: CheckedAccount, { index, by }: AskedInput): SignInput => ({
  index,
  ...ownerOf(account),
  useTweakedSigner: by === "p2tr",
  disableTweakSigner: by !== "p2tr",
});

const FINALISED: Finalised = { autoFinalized: true };

function toSign({ account, inputs }: Asked, tweak: (byOutputKey: boolean) => Partial<ToSignInput>): ToSign {
  const toSignInputs = inputs.map(({ index, by }) => ({
    index,
    ...ownerOf(account),
    // A leaf names the account's own key; only the account's Taproot coins are spent by the tweaked key (BIP-86).
    ...tweak(by === "p2tr"),
  }));
  return { autoFinalized: false, toSignInputs };
}

/** Each version of the wallet reads the name that it knows. */
const everyName = (byOutputKey: boolean): Partial<ToSignInput> => ({
  useTweakedSigner: byOutputKey,
  useTweakSigner: byOutputKey,
  disableTweakSigner: !byOutputKey,
});

/**
 * The owner of an input: wallets compare it with the account. They take the key or, without its parity, the address.
 */
const ownerOf = ({ publicKeyHex, address }: CheckedAccount) =>
  publicKeyHex === undefined ? { address } : { publicKey: publicKeyHex };

const indexesOf = (inputs: readonly AskedInput[]): number[] => inputs.map(({ index }) => index);
