import { parseRate } from "../../core/amount.js";
import { hex } from "../../core/bytes.js";
import type { KeySet } from "../../script/terms.js";
import { COMMISSION_DECIMALS, frozen, type ParamSet, type ProtocolParams } from "../types.js";

/** The members that stayed through all versions. */
const lasting = [
  "17921cf156ccb4e73d428f996ed11b245313e37e27c978ac4d2cc21eca4672e4",
  "113c3a32a9d320b72190a04a020a0db3976ef36972673258e9a38a364f3dc3b0",
  "79a71ffd71c503ef2e2f91bccfc8fcda7946f4653cef0d9f3dde20795ef3b9f0",
  "3bb93dfc8b61887d771f3630e9a63e97cbafcfcc78556a474df83a31a0ef899c",
  "d21faf78c6751a0d38e6bd8028b907ff07e9a869a43fc837d6b3f8dff6119a36",
  "40afaf47c4ffa56de86410d8e47baa2bb6f04b604f4ea24323737ddc3fe092df",
  "f5199efae3f28bb82476163a7e458c7ad445d9bffb0682d10d3bdb2cb41f8e8e",
];

const committee = (...changing: readonly string[]): KeySet => ({
  keys: [...changing, ...lasting].map((key) => hex.decode(key, 32)),
  quorum: 6,
});

const committeeOfVersion0 = committee(
  "49766ccd9e3cd94343e2040474a77fb37cdfd30530d05f9f1e96ae1e2102c86e",
  "76d1ae01f8fb6bf30108731c884cddcf57ef6eef2d9d9559e130894e0e40c62c",
);
const committeeOfVersion1 = committee(
  "09585ab55a971a231c945790a0a81df754e5a07263a5c20829931cc24683bbb7",
  "76d1ae01f8fb6bf30108731c884cddcf57ef6eef2d9d9559e130894e0e40c62c",
);
const committeeSinceVersion2 = committee(
  "fa9d882d45f4060bdb8042183828cd87544f1ea997380e586cab77d5fd698737",
  "0aee0509b16db71c999238a4827db945526859b13c95487ab46725357c9a9f25",
);

const version0: ProtocolParams = {
  version: 0,
  network: "signet",
  activationHeight: 197_535,
  covenant: committeeOfVersion0,
  minValue: 50_000n,
  maxValue: 5_000_000n,
  minTime: 64_000,
  maxTime: 64_000,
  unbondingTime: 1008,
  unbondingFee: 2_000n,
  slashing: {
    // P2PKH to a hash of twenty 0x01. No known key has it.
    script: hex.decode("76a914010101010101010101010101010101010101010188ac"),
    rate: parseRate("0.1"),
    minFee: 1_000n,
  },
  minCommission: parseRate("0.03", COMMISSION_DECIMALS),
};
const version1: ProtocolParams = {
  ...version0,
  version: 1,
  activationHeight: 198_665,
  covenant: committeeOfVersion1,
  unbondingFee: 10_000n,
};
const version2: ProtocolParams = {
  ...version1,
  version: 2,
  activationHeight: 200_665,
  covenant: committeeSinceVersion2,
};
const version3: ProtocolParams = {
  ...version2,
  version: 3,
  activationHeight: 215_968,
  maxValue: 50_000_000n,
  unbondingFee: 5_000n,
};
const version4: ProtocolParams = { ...version3, version: 4, activationHeight: 220_637 };
const version5: ProtocolParams = {
  ...version4,
  version: 5,
  activationHeight: 227_174,
  maxValue: 35_000_000_000n,
  minTime: 10_000,
  unbondingFee: 2_000n,
  slashing: {
    // A P2WPKH output.
    script: hex.decode("00145be12624d08a2b424095d7c07221c33450d14bf1"),
    rate: parseRate("0.05"),
    minFee: 5_000n,
  },
};

const version6: ProtocolParams = {
  ...version5,
  version: 6,
  activationHeight: 235_952,
  slashing: { ...version5.slashing!, minFee: 6_000n },
};

/**
 * The public testnet before today's: it staked on Bitcoin's signet, and was shut down. The list was taken after that,
 * so it is complete.
 */
export const bbnTest5: ParamSet = frozen({
  name: "bbn-test-5",
  network: "signet",
  chainId: "bbn-test-5",
  takenOn: "2026-11-29",
  ended: true,
  versions: [version0, version1, version2, version3, version4, version5, version6],
});
