// How a page connects wallets: each has calls of its own for its account, and signs a PSBT with options of its own.
import { hex, type Network, scriptOfAddress } from "tapstake";
import {
  type BtcProvider,
  type DetectedWallet,
  detectWallets,
  type MessageKind,
  type WalletAccount,
} from "tapstake/wallets";

const KINDS = ["unisat", "okx", "onekey", "babylon"] as const;
type Kind = (typeof KINDS)[number];

/** A wallet that this page can connect. */
export type FoundWallet = DetectedWallet & { readonly kind: Kind };

/** A wallet that the user has connected: what `signOptions` asks for, and the wallet's own calls. */
export interface ConnectedWallet {
  readonly wallet: Kind;
  readonly account: WalletAccount;
  /** Of Babylon's shape: this one signs both slashings at once. */
  readonly babylon?: BtcProvider;
  signPsbt(psbtHex: string, options: object): Promise<string>;
  signMessage(text: string, type: MessageKind): Promise<string>;
}

/** What all four have. */
type Signing = Pick<ConnectedWallet, "signPsbt" | "signMessage">;

interface Unisat extends Signing {
  requestAccounts(): Promise<string[]>;
  getPublicKey(): Promise<string>;
  getChain(): Promise<{ enum: string }>;
}

interface Okx extends Signing {
  connect(): Promise<{ address: string; compressedPublicKey: string }>;
}

/** OneKey's object, and what Babylon's wallet connector calls `IBTCProvider`. */
interface Connector extends Signing {
  connectWallet(): Promise<unknown>;
  getAddress(): Promise<string>;
  getPublicKeyHex(): Promise<string>;
  getNetwork(): Promise<string>;
}

/** The networks by every name that wallets have for them. */
const NETWORKS: Readonly<Record<string, Network>> = {
  BITCOIN_MAINNET: "mainnet",
  BITCOIN_TESTNET: "testnet",
  BITCOIN_SIGNET: "signet",
  mainnet: "mainnet",
  livenet: "mainnet",
  testnet: "testnet",
  signet: "signet",
};

interface Said {
  readonly address: string;
  readonly publicKey: string;
  readonly network: string;
}

const ASK: Readonly<Record<Kind, (found: FoundWallet) => Promise<Said>>> = {
  unisat: askUnisat,
  okx: askOkx,
  onekey: askConnector,
  babylon: askConnector,
};

async function askUnisat({ provider }: FoundWallet): Promise<Said> {
  const unisat = provider as Unisat;
  const [address] = await unisat.requestAccounts();
  const publicKey = await unisat.getPublicKey();
  const { enum: network } = await unisat.getChain();
  return { address: address!, publicKey, network };
}

/** Its `publicKey` is x-only for a Taproot address. Each network has an object of its own. */
async function askOkx({ provider, network = "mainnet" }: FoundWallet): Promise<Said> {
  const { address, compressedPublicKey } = await (provider as Okx).connect();
  return { address, publicKey: compressedPublicKey, network };
}

async function askConnector({ provider }: FoundWallet): Promise<Said> {
  const wallet = provider as Connector;
  await wallet.connectWallet();
  const [address, publicKey] = [await wallet.getAddress(), await wallet.getPublicKeyHex()];
  return { address, publicKey, network: await wallet.getNetwork() };
}

/** The wallets in the page that {@link connect} knows. */
export const findWallets = (page: object): FoundWallet[] =>
  detectWallets(page).filter((found): found is FoundWallet =>
    (KINDS as readonly string[]).includes(found.kind),
  );

/** Opens the wallet's window, in which the user chooses an account. */
export async function connect(found: FoundWallet): Promise<ConnectedWallet> {
  const { address, publicKey, network } = await ASK[found.kind](found);
  const provider = found.provider as Signing & BtcProvider;
  return {
    wallet: found.kind,
    account: { address, publicKey: hex.decode(publicKey), network: networkOf(address, network) },
    ...(found.kind === "babylon" && { babylon: provider }),
    signPsbt: (psbtHex, options) => provider.signPsbt(psbtHex, options),
    signMessage: (text, type) => provider.signMessage(text, type),
  };
}

/** No wallet has a name for regtest, but its addresses begin with bcrt1. */
function networkOf(address: string, said: string): Network {
  const network = address.startsWith("bcrt1") ? "regtest" : NETWORKS[said];
  if (!network) throw new Error(`the wallet is on ${said}; choose Bitcoin in the wallet`);
  return network;
}

/** The output script of the wallet's address. */
export const scriptOf = ({ account }: ConnectedWallet): Uint8Array =>
  scriptOfAddress(account.address, account.network);
