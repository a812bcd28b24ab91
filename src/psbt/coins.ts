import type { Psbt } from "./bitcoinjs.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { pushesOf } from "../bitcoin/opcodes.js";
import { tapleafHash } from "../script/taproot.js";
import {
  assertCoins,
  type Coin,
  type CoinLeaf,
  coinKind,
  MOST_WITNESS_WEIGHT,
  walletScriptOf,
} from "../funding/coin.js";
import { prevoutsOf, readWitnessStack } from "./psbt.js";
import type { Prevout } from "../bitcoin/transaction.js";
import { withoutAnnex } from "../spending/witness.js";

type Input = Psbt["data"]["inputs"][number];

/**
 * The coins that a signed PSBT spends, as it describes them itself. Scripts lead to the outputs that hold the coins;
 * whether these are what is on chain, only the chain tells.
 * @throws TapstakeError `invalid-psbt` when it does not say what it spends; `psbt-mismatch` as `prevoutsOf`;
 * `invalid-coin` where what it says does not fit together, or is not enough to spend a coin
 */
export function coinsOfPsbt(psbt: Psbt): Coin[] {
  const coins = prevoutsOf(psbt).map((prevout, i): Coin => {
    if (!prevout) throw new TapstakeError("invalid-psbt", `input ${i} does not say what it spends`);
    return coinOfPsbt(psbt, i, prevout);
  });
  assertCoins(coins);
  return coins;
}

/** One of {@link coinsOfPsbt}, not checked. @throws TapstakeError `invalid-psbt`, `invalid-coin` */
export function coinOfPsbt(psbt: Psbt, index: number, prevout: Prevout): Coin {
  const { hash, index: output } = psbt.txInputs[index]!;
  return described({ ...prevout, outpoint: { hash, index: output } }, psbt.data.inputs[index]!);
}

function described(plain: Coin, input: Input): Coin {
  const previousTransaction = input.nonWitnessUtxo;
  const coin = { ...plain, ...(previousTransaction && { previousTransaction }), ...scriptsOf(plain, input) };
  const isUnknown = (coin.leaf ?? coin.witnessScript) && walletScriptOf(coin) === null;
  // What its owner said when the fee was reckoned is not in a PSBT: what came back is what is paid for.
  return isUnknown ? { ...coin, witnessWeight: MOST_WITNESS_WEIGHT } : coin;
}

/** Wallets that finalise an input drop what its witness and its input script show as well (BIP-174). */
function scriptsOf(coin: Coin, input: Input): Pick<Coin, "redeemScript" | "witnessScript" | "leaf"> {
  const witness = input.finalScriptWitness && readWitnessStack(input.finalScriptWitness);
  switch (coinKind(coin)) {
    case "p2sh-p2wpkh": {
      const redeemScript = input.redeemScript ?? pushesOf(input.finalScriptSig ?? new Uint8Array(0))?.at(-1);
      return redeemScript ? { redeemScript } : {};
    }
    case "p2wsh": {
      const witnessScript = input.witnessScript ?? witness?.at(-1);
      return witnessScript ? { witnessScript } : {};
    }
    case "p2tr": {
      const leaf = witness ? shownLeaf(witness) : signedLeaf(input);
      return leaf ? { leaf } : {};
    }
    default:
      return {};
  }
}

/** A witness of one element is a signature by the output's key. */
function shownLeaf(witness: readonly Uint8Array[]): CoinLeaf | undefined {
  const [script, controlBlock] = withoutAnnex(witness).slice(-2);
  return controlBlock && { script: script!, controlBlock };
}

function signedLeaf({ tapKeySig, tapLeafScript = [], tapScriptSig = [] }: Input): CoinLeaf | undefined {
  if (tapKeySig) return undefined;
  return tapLeafScript.find(({ script }) =>
    tapScriptSig.some(({ leafHash }) => equalBytes(leafHash, tapleafHash(script))),
  );
}
