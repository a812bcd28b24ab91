/** What each wallet must be asked to sign, and what it may answer. Runs in browsers too. */
export { detectWallets, type DetectedWallet } from "./detect.js";
export type { NativeOptions, ToSignInput } from "./native.js";
export { provideSigner, walletSigner, type ProvidedBy, type WalletSigner } from "./provide-signer.js";
export { signOptions } from "./sign-options.js";
export { signWith, type SigningBy } from "./sign-with.js";
export { STAKER_STEPS, type StakerStep } from "../delegation/step.js";
export {
  WALLET_KINDS,
  type AskedOf,
  type BtcProvider,
  type Contract,
  type MessageKind,
  type SigningRequest,
  type SignInput,
  type SignPsbtOptions,
  type StepAnswer,
  type StepInput,
  type WalletAccount,
  type WalletKind,
} from "./types.js";
