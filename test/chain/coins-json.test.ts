import { describe, expect, it } from "vitest";
import { formatOutpoint } from "../../src/bitcoin/transaction.js";
import { refusal } from "../support/refusal.js";
import { coinsFromJson } from "../../src/chain/index.js";
import { hex } from "../../src/core/bytes.js";
import { buildStaking, finishStaking } from "../../src/stake/staking.js";
import { ownedCoin, signedPsbt } from "../support/coins.js";
import { executes } from "../support/interpreter.js";
import { paramsFor, termsOf } from "../support/lives.js";
import { codeOf } from "../support/stake.js";

const coin = { txid: "ab".repeat(32), vout: 1, scriptPubKey: `0014${"11".repeat(20)}` };
const text = (change: object, amount = '"value":"5000"') =>
  `[${JSON.stringify({ ...coin, ...change }).replace(/}$/, amount === "" ? "}" : `,${amount}}`)}]`;

describe("coins from JSON", () => {
  it("have the amounts that bitcoind writes, or satoshi as text", () => {
    const expected = {
      outpoint: { txid: coin.txid, vout: 1 },
      script: hex.decode(coin.scriptPubKey),
    };
    expect(coinsFromJson(text({}))).toEqual([{ ...expected, value: 5000n }]);
    expect(coinsFromJson(text({}, '"value":5000'))).toEqual([{ ...expected, value: 5000n }]);
    expect(coinsFromJson(text({}, '"amount":0.00005000'))).toEqual([{ ...expected, value: 5000n }]);
    expect(coinsFromJson(text({}, '"amount":20999999.97690000'))).toEqual([
      { ...expected, value: 2_099_999_997_690_000n },
    ]);
    expect(coinsFromJson(text({}, '"amount":50'))).toEqual([{ ...expected, value: 5_000_000_000n }]);
  });

  it("have what the wallet knows of their spending: scripts, confirmations, origins of keys", () => {
    const key = `02${"22".repeat(32)}`;
    const xOnly = "33".repeat(32);
    const origin = { fingerprint: hex.decode("d34db33f"), path: "m/84'/1'/0'/0/5" };
    const [given] = coinsFromJson(
      text({
        redeemScript: `0014${"44".repeat(20)}`,
        confirmations: 7,
        previousTransaction: "0102",
        desc: `sh(wpkh([d34db33f/84h/1h/0h/0/5]${key}))#xxxxxxxx`,
      }),
    );
    expect(given).toMatchObject({
      redeemScript: hex.decode(`0014${"44".repeat(20)}`),
      confirmations: 7,
      previousTransaction: Uint8Array.of(1, 2),
      derivations: [{ publicKey: hex.decode(key), ...origin }],
    });
    const multi = `wsh(multi(1,[d34db33f/84'/1'/0'/0/5]${key},${key},[d34db33f/84h/1h/0h/0/5]${key}))`;
    const [several] = coinsFromJson(text({ witnessScript: "51", desc: multi }));
    expect(several).toMatchObject({ witnessScript: Uint8Array.of(0x51), derivations: [origin, origin] });
    const taproot = (desc: string) =>
      coinsFromJson(text({ scriptPubKey: `5120${"11".repeat(32)}`, desc }))[0];
    const own = `[d34db33f/84h/1h/0h/0/5]${xOnly}`;
    for (const desc of [`tr(${own})#xxxxxxxx`, `tr(${own},pk([00000000/1]${xOnly}))`]) {
      expect(taproot(desc)).toMatchObject({
        tapInternalKey: hex.decode(xOnly),
        derivations: [{ publicKey: hex.decode(xOnly), ...origin }],
      });
    }
    expect(taproot(`tr(${xOnly})`)).not.toHaveProperty("derivations");
    expect(taproot(`rawtr(${own})`)).not.toHaveProperty("tapInternalKey");
  });

  it("say how a script-path coin is spent, which no wallet's list does, so that it can be staked", () => {
    const owned = ownedCoin("P2TR 2-of-3", 90_000n);
    const { leaf, script, outpoint } = owned.coin;
    const [txid, vout] = formatOutpoint(outpoint).split(":") as [string, string];
    const given = {
      txid,
      vout: Number(vout),
      scriptPubKey: hex.encode(script),
      value: "90000",
      signatureLength: 64,
      leaf: { script: hex.encode(leaf!.script), controlBlock: hex.encode(leaf!.controlBlock) },
    };
    const coins = coinsFromJson(JSON.stringify([given]));
    expect(coins).toEqual([{ outpoint, value: 90_000n, script, leaf, signatureLength: 64 }]);
    const [terms, feeRate] = [termsOf(), { numerator: 2n, denominator: 1n }];
    const built = buildStaking({ terms, params: paramsFor(terms), value: "all", coins, feeRate });
    const signed = finishStaking(built, signedPsbt(built.psbt, [owned]));
    expect(executes(signed, 0, built.coins)).toBe(true);
    expect(signed.virtualSize()).toBe(built.vsize);
    expect(coinsFromJson(text({ witnessScript: "51", witnessWeight: 300 }))).toMatchObject([
      { witnessScript: Uint8Array.of(0x51), witnessWeight: 300 },
    ]);
  });

  it("may have uncompressed keys, for which no coin is spent", () => {
    const key = `04${"22".repeat(64)}`;
    const [given] = coinsFromJson(text({ desc: `pkh([d34db33f/44h/1h/0h/0/5]${key})#xxxxxxxx` }));
    expect(given!.derivations).toMatchObject([{ publicKey: hex.decode(key) }]);
  });

  it("are those that the wallet can spend", () => {
    expect(coinsFromJson(text({ spendable: false }))).toEqual([]);
    expect(coinsFromJson(text({ spendable: true }))).toHaveLength(1);
  });

  it.each([
    ["no JSON", "[", "invalid-json"],
    ["no list", "{}", "invalid-json"],
    ["no amount", text({}, ""), "invalid-json"],
    ["two amounts", text({}, '"value":"1","amount":0.1'), "invalid-json"],
    ["a negative value", text({}, '"value":"-5"'), "invalid-json"],
    ["satoshi with decimals", text({}, '"value":"5000.5"'), "invalid-json"],
    ["more than all bitcoin", text({}, '"value":"2100000000000001"'), "invalid-amount"],
    ["nine decimals", text({}, '"amount":0.000000001'), "invalid-amount"],
    ["a negative amount", text({}, '"amount":-0.5'), "invalid-amount"],
    ["a short txid", text({ txid: "ab" }), "invalid-hex"],
    ["a negative index", text({ vout: -1 }), "invalid-json"],
    ["an index beyond 32 bits", text({ vout: 2 ** 32 }), "invalid-coin"],
    ["an invalid redeem script", text({ redeemScript: "0" }), "invalid-hex"],
    ["an invalid previous transaction", text({ previousTransaction: "xy" }), "invalid-hex"],
    ["negative confirmations", text({ confirmations: -1 }), "invalid-json"],
    ["an invalid origin", text({ desc: `wpkh([d34d]02${"11".repeat(32)})` }), "invalid-key-expression"],
    ["an invalid path", text({ desc: `wpkh([d34db33f/x]02${"11".repeat(32)})` }), "invalid-path"],
    ["a leaf without proof", text({ leaf: { script: "51" } }), "invalid-json"],
    ["an invalid leaf", text({ leaf: { script: "5", controlBlock: "c0" } }), "invalid-hex"],
    ["an invalid control block", text({ leaf: { script: "51", controlBlock: "c" } }), "invalid-hex"],
    ["a negative weight", text({ witnessWeight: -1 }), "invalid-json"],
    ["a signature length as text", text({ signatureLength: "64" }), "invalid-json"],
    ["an invalid script", text({ scriptPubKey: "zz" }), "invalid-hex"],
  ])("are refused with %s", async (_, json, code) => {
    expect(await codeOf(() => coinsFromJson(json))).toBe(code);
  });

  it("are refused with bitcoin for satoshi, and the message names the other field", () => {
    expect(() => coinsFromJson(text({}, '"value":0.02'))).toThrow(
      expect.objectContaining({
        code: "invalid-json",
        message: 'coins[0].value must be whole satoshi, not "0.02"; bitcoin goes in amount',
      }),
    );
  });

  it("are read from the list itself, and a missing field is named", () => {
    const one = { txid: "07".repeat(32), vout: 1, scriptPubKey: `0014${"75".repeat(20)}` };
    const [read] = coinsFromJson([{ ...one, value: 5000n }]);
    expect(read!.value).toBe(5000n);
    expect(coinsFromJson([{ ...one, amount: 5e-8 }])[0]!.value).toBe(5n);
    expect(coinsFromJson(JSON.stringify([{ ...one, value: 5000 }]))).toEqual([read]);
    // As UniSat has a coin.
    const { message } = refusal("invalid-json", () =>
      coinsFromJson([{ txid: one.txid, vout: 0, satoshis: 1 }]),
    );
    expect(message).toContain("scriptPubKey");
    refusal("invalid-json", () => coinsFromJson(undefined as unknown as string));
  });
});
