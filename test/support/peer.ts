import { createRequire } from "node:module";
import type * as Peer from "@babylonlabs-io/btc-staking-ts";
import * as tiny from "tiny-secp256k1";
import type { StakeTerms } from "../../src/script/terms.js";

const require = createRequire(import.meta.url);

/** The peer: Babylon's own TypeScript library. It knows no M-of-N stakers. */
export const peer = require("@babylonlabs-io/btc-staking-ts") as typeof Peer;

// The same libsecp256k1 that the peer brings in JavaScript, as WebAssembly: cases cost a fifteenth.
const { initEccLib } = createRequire(require.resolve("@babylonlabs-io/btc-staking-ts"))("bitcoinjs-lib") as {
  initEccLib(library: typeof tiny): void;
};
initEccLib(tiny);

export type PeerPsbt = Peer.PsbtResult["psbt"];
type PeerNetwork = Parameters<typeof peer.unbondingTransaction>[3];

/** What the peer reads of a network: mostly how addresses start. */
export const peerNetworks = {
  mainnet: {
    messagePrefix: "",
    bech32: "bc",
    bip32: { public: 0x0488b21e, private: 0x0488ade4 },
    pubKeyHash: 0,
    scriptHash: 5,
    wif: 128,
  },
  signet: {
    messagePrefix: "",
    bech32: "tb",
    bip32: { public: 0x043587cf, private: 0x04358394 },
    pubKeyHash: 0x6f,
    scriptHash: 0xc4,
    wif: 0xef,
  },
  regtest: {
    messagePrefix: "",
    bech32: "bcrt",
    bip32: { public: 0x043587cf, private: 0x04358394 },
    pubKeyHash: 0x6f,
    scriptHash: 0xc4,
    wif: 0xef,
  },
} as const satisfies Record<string, PeerNetwork>;

const buffers = (keys: readonly Uint8Array[]): Buffer[] => keys.map((key) => Buffer.from(key));

/** What the peer makes its scripts of. */
const scriptArguments = ({ staker, finalityProviders, covenant, timelock }: StakeTerms) =>
  [
    Buffer.from(staker as Uint8Array),
    buffers(finalityProviders),
    buffers(covenant.keys),
    covenant.quorum,
    timelock,
  ] as const;

/** The peer's scripts of a stake of one staker. */
export const peerScripts = (terms: StakeTerms, unbondingTime: number) =>
  new peer.StakingScriptData(...scriptArguments(terms), unbondingTime).buildScripts();

/** The peer's phase-1 OP_RETURN, whose terms have one staker and one finality provider. */
export const peerOpReturn = (terms: StakeTerms, unbondingTime: number, tag: Uint8Array): Uint8Array =>
  new peer.ObservableStakingScriptData(
    ...scriptArguments(terms),
    unbondingTime,
    Buffer.from(tag),
  ).buildScripts().dataEmbedScript;
