import { parseRate, SATOSHI_PER_BTC } from "../../core/amount.js";
import { hex } from "../../core/bytes.js";
import { COMMISSION_DECIMALS, frozen, type ParamSet } from "../types.js";

/**
 * For tests only: the secret of member i is SHA256("tapstake regtest covenant member <i>"), i from 1 to 5, so anyone
 * can sign for this committee. Never use it where coins have value.
 */
const committee = [
  "3becbba47b0de6c18f7fb48e6e82cfd9858dd5b372228d32006362d84c844203",
  "c2e4612d288bf81b66291d6f4ede1a7342d3d112ee96dd09ffbcf61661adf1c1",
  "3643986eb64b386acba3d8436e692040d87064700dd92b6e91e3d1bd534a1f2d",
  "103237470f5779aef827d03751d4a3e560b8674c5f96fa7b0d8fa88644bb1063",
  "4e64b39c5832cd5de5892fec407e390910244875e52a4011b694cce8087390c9",
].map((key) => hex.decode(key, 32));

/** A private chain: one version from the first block, with locks short enough to mine through. */
export const regtest: ParamSet = frozen({
  name: "regtest",
  network: "regtest",
  versions: [
    {
      version: 0,
      network: "regtest",
      activationHeight: 0,
      covenant: { keys: committee, quorum: 3 },
      minValue: 50_000n,
      maxValue: 100n * SATOSHI_PER_BTC,
      // Below the unbonding time: no staking chain has these parameters, and a test waits for the lock alone.
      minTime: 10,
      maxTime: 65_535,
      unbondingTime: 20,
      unbondingFee: 1_000n,
      // OP_RETURN "tapstake": slashed coins are burnt.
      slashing: { script: hex.decode("6a087461707374616b65"), rate: parseRate("0.1"), minFee: 1_000n },
      minCommission: parseRate("0.03", COMMISSION_DECIMALS),
    },
  ],
});
