/**
 * `npm run bench`: from the terms of a stake to its signed staking, unbonding and two slashing transactions, here and
 * with Babylon's own TypeScript library, in turns. The same keys, the same coin, the same signatures by the same
 * libsecp256k1; tapstake verifies each of them, the peer none.
 */
import { createRequire } from "node:module";
import type * as Peer from "@babylonlabs-io/btc-staking-ts";
import * as secp from "tiny-secp256k1";
import { hash160 } from "../../src/core/hashes.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import {
  addressOfScript,
  buildStaking,
  createDelegation,
  finishStaking,
  formatOutpoint,
  formatRate,
  keySigner,
  paramSet,
  publicKeyOf,
  signSlashings,
  signUnbonding,
} from "../../src/index.js";
import { BitcoinJsPsbt } from "../support/bitcoinjs.js";
import { figure, interleaved, say } from "./support/report.js";

const ROUNDS = 300;
const value = 1_000_000n;
const FEE_RATE = 10;

const secret = (name: string) => sha256(utf8(name));
const staker = secret("staker");
const point = secp.pointFromScalar(staker, true)!;
const params = paramSet("mainnet").versions.at(-1)!;
const finalityProvider = publicKeyOf(secret("finality provider"));
const timelock = params.maxTime;
/** P2WPKH. */
const script = concatBytes(Uint8Array.of(0, 20), hash160(point));
/** A wallet: both libraries hand it a PSBT, and it signs what it is asked to. */
const wallet = {
  publicKey: Buffer.from(point),
  sign: (digest: Uint8Array) => Buffer.from(secp.sign(digest, staker)),
  signSchnorr: (digest: Uint8Array) => Buffer.from(secp.signSchnorr(digest, staker)),
};

/** Another coin each round; the keys stay, as those of a committee do. */
const coinOf = (round: number) => ({
  outpoint: { txid: hex.encode(sha256(utf8(`coin ${round}`))), vout: 0 },
  value: 2_000_000n,
  script,
});

async function ours(round: number): Promise<string> {
  const terms = {
    staker: publicKeyOf(staker),
    finalityProviders: [finalityProvider],
    covenant: params.covenant,
    timelock,
  };
  const feeRate = { numerator: BigInt(FEE_RATE), denominator: 1n };
  const coins = [coinOf(round)];
  const staking = buildStaking({ terms, params, value, coins, changeScript: script, feeRate });
  const fromWallet = BitcoinJsPsbt.fromBuffer(staking.psbt.toBuffer()).signInput(0, wallet);
  const signer = keySigner(staker);
  const delegation = createDelegation(terms, params, finishStaking(staking, fromWallet));
  const signed = await signUnbonding(await signSlashings(delegation, signer), signer);
  return hex.encode(signed.unbondingSlashing.transaction.ins[0]!.hash);
}

const require = createRequire(import.meta.url);
const peer = require("@babylonlabs-io/btc-staking-ts") as typeof Peer;
peer.initBTCCurve();
const network = {
  messagePrefix: "",
  bech32: "bc",
  bip32: { public: 0x0488b21e, private: 0x0488ade4 },
  pubKeyHash: 0,
  scriptHash: 5,
  wif: 128,
};
const peerParams: Peer.StakingParams = {
  covenantNoCoordPks: params.covenant.keys.map(hex.encode),
  covenantQuorum: params.covenant.quorum,
  unbondingTime: params.unbondingTime,
  unbondingFeeSat: Number(params.unbondingFee),
  maxStakingAmountSat: Number(params.maxValue),
  minStakingAmountSat: Number(params.minValue),
  maxStakingTimeBlocks: params.maxTime,
  minStakingTimeBlocks: params.minTime,
  slashing: {
    slashingPkScriptHex: hex.encode(params.slashing!.script),
    slashingRate: Number(formatRate(params.slashing!.rate)),
    minSlashingTxFeeSat: Number(params.slashing!.minFee),
  },
} as Peer.StakingParams;

function theirs(round: number): string {
  const { outpoint, value: worth } = coinOf(round);
  const [txid, vout] = formatOutpoint(outpoint).split(":") as [string, string];
  const utxos = [{ txid, vout: Number(vout), value: Number(worth), scriptPubKey: hex.encode(script) }];
  const address = addressOfScript(script, "mainnet")!;
  const info = { address, publicKeyNoCoordHex: hex.encode(publicKeyOf(staker)) };
  const stake = new peer.Staking(network, info, peerParams, [hex.encode(finalityProvider)], timelock);
  const { transaction } = stake.createStakingTransaction(Number(value), utxos, FEE_RATE);
  const staking = stake.toStakingPsbt(transaction, utxos).signInput(0, wallet).finalizeAllInputs();
  const staked = staking.extractTransaction();
  const unbonding = stake.createUnbondingTransaction(staked).transaction;
  stake.toUnbondingPsbt(unbonding, staked).signInput(0, wallet);
  stake.createStakingOutputSlashingPsbt(staked).psbt.signInput(0, wallet);
  const slashing = stake.createUnbondingOutputSlashingPsbt(unbonding).psbt.signInput(0, wallet);
  return hex.encode(slashing.txInputs[0]!.hash);
}

console.log(
  "From terms to signed staking, unbonding and both slashing transactions, under mainnet's parameters.",
);
const median = await interleaved(ROUNDS, { ours, theirs });
say("\ntapstake", median.ours, "ms");
say("btc-staking-ts", median.theirs, "ms");
figure("as many a second", median.theirs / median.ours, { atLeast: 15 });
