import { parseRate } from "../../core/amount.js";
import { hex, utf8 } from "../../core/bytes.js";
import { COMMISSION_DECIMALS, frozen, type ParamSet, type Phase1Params } from "../types.js";

/** The committee of all versions so far: the same nine keys, in the order of the first publication. */
const committee = [
  "d45c70d28f169e1f0c7f4a78e2bc73497afe585b70aa897955989068f3350aaa",
  "4b15848e495a3a62283daaadb3f458a00859fe48e321f0121ebabbdd6698f9fa",
  "23b29f89b45f4af41588dcaf0ca572ada32872a88224f311373917f1b37d08d1",
  "d3c79b99ac4d265c2f97ac11e3232c07a598b020cf56c6f055472c893c0967ae",
  "8242640732773249312c47ca7bdb50ca79f15f2ecc32b9c83ceebba44fb74df7",
  "e36200aaa8dce9453567bba108bdc51f7f1174b97a65e4dc4402fc5de779d41c",
  "cbdd028cfe32c1c1f2d84bfec71e19f92df509bba7b8ad31ca6c1a134fe09204",
  "f178fcce82f95c524b53b077e6180bd2d779a9057fdff4255a0af95af918cee0",
  "de13fc96ea6899acbdc5db3afaa683f62fe35b60ff6eb723dad28a11d2b12f8c",
].map((key) => hex.decode(key, 32));

/** What the versions of phase 1 share. */
const common = {
  network: "mainnet",
  covenant: { keys: committee, quorum: 6 },
  minValue: 500_000n,
  minTime: 64_000,
  maxTime: 64_000,
  unbondingTime: 1008,
} as const;

const first = {
  ...common,
  version: 0,
  activationHeight: 857_910,
  maxValue: 5_000_000n,
  unbondingFee: 64_000n,
};
const second = {
  ...common,
  version: 1,
  activationHeight: 864_790,
  maxValue: 50_000_000_000n,
  unbondingFee: 32_000n,
};
const third = { ...second, version: 2, activationHeight: 874_088, maxValue: 500_000_000_000n };

const phase1: Phase1Params = { tag: utf8("bbn1"), confirmationDepth: 10 };

/**
 * Phase 1 of Bitcoin mainnet, when coins were locked and could not yet be slashed. There was no chain. From
 * `bbn-1/parameters/global-params.json` of babylonlabs-io/networks, whose last version ended at height 875,087.
 */
export const mainnetPhase1: ParamSet = frozen({
  name: "mainnet-phase1",
  network: "mainnet",
  takenOn: "2025-12-01",
  ended: true,
  versions: [
    { ...first, phase1: { ...phase1, cap: 100_000_000_000n } },
    { ...second, phase1: { ...phase1, capHeight: 864_799 } },
    { ...third, phase1: { ...phase1, capHeight: 875_087 } },
  ],
});

const phase2 = {
  // OP_RETURN "babylon": slashed coins are burnt.
  slashing: { script: hex.decode("6a07626162796c6f6e"), rate: parseRate("0.001"), minFee: 100_000n },
  minCommission: parseRate("0.03", COMMISSION_DECIMALS),
} as const;

const version3 = {
  ...third,
  ...phase2,
  version: 3,
  activationHeight: 891_425,
  // Published with the seventh member last; scripts sort their keys, so nothing depends on it.
  covenant: { keys: [...committee.slice(0, 6), ...committee.slice(7), ...committee.slice(6, 7)], quorum: 6 },
};
const version4 = { ...version3, version: 4, activationHeight: 893_362, unbondingFee: 9_600n };
const version5 = {
  ...version4,
  version: 5,
  activationHeight: 905_634,
  unbondingTime: 301,
  slashing: { ...phase2.slashing, minFee: 150_000n },
};

/**
 * Bitcoin mainnet, whose first three versions take up the stakes of phase 1. From the chain's list as BitGo/BitGoJS
 * keeps it: `modules/utxo-staking/src/babylon/params.mainnet.json` at commit e32592d692.
 */
export const mainnet: ParamSet = frozen({
  name: "mainnet",
  network: "mainnet",
  chainId: "bbn-1",
  takenOn: "2026-05-12",
  versions: [
    { ...first, ...phase2 },
    { ...second, ...phase2 },
    { ...third, ...phase2 },
    version3,
    version4,
    version5,
  ],
});
