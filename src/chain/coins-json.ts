import * as v from "valibot";
import { toOutpoint } from "../bitcoin/transaction.js";
import { assertSatoshi, parseBtc } from "../core/amount.js";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { decimalNumber, parseExactJson, readJson } from "../core/json.js";
import { show } from "../core/text.js";
import { type Coin, coinKind } from "../funding/coin.js";
import { splitKeyExpression } from "../script/key-expression.js";

/**
 * Coins from JSON: a list, as `bitcoin-cli listunspent` writes it; the list itself too. Of each coin `txid`, `vout` and `scriptPubKey`
 * are read, and what it holds: `amount` in bitcoin, or `value` in whole satoshi. Numbers are read exactly, however they are spelt. Where they are there, also
 * `redeemScript`, `witnessScript`, `confirmations`, and of `desc` where the keys come from. What no wallet's list says
 * can be written beside: `previousTransaction`, the raw transaction that made the coin; for P2TR spent by a script
 * `leaf`, with `script` and `controlBlock`; `witnessWeight` and `signatureLength`, as a {@link Coin} has them. Coins that
 * the wallet says cannot be spent are left out.
 * @throws TapstakeError `invalid-json`, `invalid-hex`, `invalid-amount`, `invalid-coin`; `invalid-key-expression`,
 * `invalid-path` at a descriptor whose origins are none
 */
export function coinsFromJson(list: string | readonly object[]): Coin[] {
  const text = typeof list === "string" ? list : JSON.stringify(list, bigintAsText);
  return readJson(v.array(form), parseExactJson(text, "coins"), "coins").flatMap((one, i) =>
    one.spendable === false ? [] : [coinOf(one, `coins[${i}]`)],
  );
}

const bigintAsText = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);

function coinOf(one: v.InferOutput<typeof form>, name: string): Coin {
  const { txid, vout, amount, value, confirmations, desc, leaf, witnessWeight, signatureLength } = one;
  if ((amount === undefined) === (value === undefined)) {
    throw new TapstakeError(
      "invalid-json",
      `${name} must have either amount (in bitcoin) or value (in satoshi)`,
      { path: name },
    );
  }
  const satoshi = value === undefined ? parseBtc(amount!, `${name}.amount`) : wholeSatoshi(value, name);
  assertSatoshi(satoshi, `${name}.value`);
  const bytes = (field: "scriptPubKey" | "redeemScript" | "witnessScript" | "previousTransaction") =>
    hex.decode(one[field]!, undefined, `${name}.${field}`);
  const coin: Coin = {
    outpoint: toOutpoint({ txid, vout }),
    value: satoshi,
    script: bytes("scriptPubKey"),
    ...(one.redeemScript !== undefined && { redeemScript: bytes("redeemScript") }),
    ...(one.witnessScript !== undefined && { witnessScript: bytes("witnessScript") }),
    ...(one.previousTransaction !== undefined && { previousTransaction: bytes("previousTransaction") }),
    ...(leaf && {
      leaf: {
        script: hex.decode(leaf.script, undefined, `${name}.leaf.script`),
        controlBlock: hex.decode(leaf.controlBlock, undefined, `${name}.leaf.controlBlock`),
      },
    }),
    ...(witnessWeight !== undefined && { witnessWeight }),
    ...(signatureLength !== undefined && { signatureLength }),
    ...(confirmations !== undefined && { confirmations }),
  };
  return desc === undefined ? coin : { ...coin, ...originsOf(coin, desc) };
}

/** Wallets write satoshi as a JSON number, or as text. */
function wholeSatoshi(value: string, name: string): bigint {
  if (/^(0|[1-9]\d{0,19})$/.test(value)) return BigInt(value);
  const path = `${name}.value`;
  const remedy = /^\d+\.\d+$/.test(value) ? "; bitcoin goes in amount" : "";
  throw new TapstakeError("invalid-json", `${path} must be whole satoshi, not ${show(value)}${remedy}`, {
    path,
  });
}

/**
 * The keys of a coin's descriptor that say where they come from. In Taproot only the internal key: which leaves name
 * another one, and so which a signer would have to look for, the text alone does not tell.
 */
function originsOf(coin: Coin, desc: string): Pick<Coin, "derivations" | "tapInternalKey"> {
  const isTaproot = coinKind(coin) === "p2tr";
  const keys = [...desc.matchAll(isTaproot ? INTERNAL_KEY : FULL_KEYS)].map(([written]) =>
    splitKeyExpression(written),
  );
  const derivations = keys.flatMap(({ key, origin }) =>
    origin ? [{ publicKey: hex.decode(key), ...origin }] : [],
  );
  return {
    ...(isTaproot && keys[0] && { tapInternalKey: hex.decode(keys[0].key) }),
    ...(derivations.length > 0 && { derivations }),
  };
}

/** Keys as the wallet writes those of a coin (BIP-380): in hexadecimal, behind their origin where it knows it. */
const FULL_KEYS = /(?:\[[^\]]*\])?(?:0[23][0-9a-f]{64}|04[0-9a-f]{128})(?=[,)])/g;
const INTERNAL_KEY = /(?<=^tr\()(?:\[[^\]]*\])?[0-9a-f]{64}(?=[,)])/g;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const form = v.object({
  txid: v.string(),
  vout: count,
  scriptPubKey: v.string(),
  amount: v.optional(decimalNumber),
  value: v.optional(decimalNumber),
  spendable: v.optional(v.boolean()),
  redeemScript: v.optional(v.string()),
  witnessScript: v.optional(v.string()),
  previousTransaction: v.optional(v.string()),
  leaf: v.optional(v.object({ script: v.string(), controlBlock: v.string() })),
  witnessWeight: v.optional(count),
  signatureLength: v.optional(count),
  confirmations: v.optional(count),
  desc: v.optional(v.string()),
});
