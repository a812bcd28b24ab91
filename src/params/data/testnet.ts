import { frozen, type ParamSet, type ProtocolParams } from "../types.js";
import { bbnTest5 } from "./bbn-test-5.js";

/** The chain began with the first versions of the testnet before it. */
const inherited = bbnTest5.versions.slice(0, 5);
const { covenant } = inherited.at(-1)!;

const version5: ProtocolParams = {
  ...bbnTest5.versions[5]!,
  activationHeight: 271_923,
  covenant: { keys: covenant.keys.slice(0, 3), quorum: 2 },
  unbondingTime: 301,
};
const version6: ProtocolParams = {
  ...version5,
  version: 6,
  activationHeight: 273_725,
  covenant,
  slashing: { ...version5.slashing!, minFee: 9_000n },
};

/**
 * The public testnet, bbn-test-6, which stakes on Bitcoin's signet. From the chain's list as BitGo/BitGoJS keeps it:
 * `modules/utxo-staking/src/babylon/params.testnet.json` at commit e32592d692.
 */
export const testnet: ParamSet = frozen({
  name: "testnet",
  network: "signet",
  chainId: "bbn-test-6",
  takenOn: "2026-05-12",
  versions: [...inherited, version5, version6],
});
