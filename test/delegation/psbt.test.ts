import { secp256k1 } from "@noble/curves/secp256k1.js";
import { describe, expect, it } from "vitest";
import { encodeEcdsaSignature } from "../../src/bitcoin/ecdsa-signature.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { parseRate } from "../../src/core/amount.js";
import { compactSize, concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256 } from "../../src/core/hashes.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import { addStakerPsbts, finishStakeFunding, stakerPsbts } from "../../src/delegation/psbt.js";
import { PRESIGNED, type SignedName, signedSpend } from "../../src/delegation/spends.js";
import { signatureStatus } from "../../src/delegation/status.js";
import type { Coin } from "../../src/funding/coin.js";
import { regtest } from "../../src/params/data/regtest.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { spendPsbt } from "../../src/psbt/write.js";
import {
  keySigner,
  leafSighash,
  type LeafSignature,
  type Signer,
  signLeaf,
} from "../../src/spending/spend.js";
import type { KeySet } from "../../src/script/terms.js";
import { shownPsbt } from "../../src/stake/explain-psbt.js";
import { explainSpends } from "../../src/stake/explain.js";
import { buildStaking, finishStaking, transactionFromPsbt } from "../../src/stake/staking.js";
import { inBitcoinJs, asBitcoinJs } from "../support/bitcoinjs.js";
import { ownedCoin, signedPsbt, type Wallet, WALLETS } from "../support/coins.js";
import { expand } from "../support/expansion.js";
import { refusal } from "../support/refusal.js";
import {
  codeOf,
  delegate,
  makeStake,
  nobodysScript,
  refusalOf,
  secretOf,
  signedBy,
} from "../support/stake.js";

const stake = makeStake({ seed: "psbt", stakers: 3, stakerQuorum: 2 });
const bare = await delegate(stake, { unsigned: true });
const [first, second] = stake.stakerSecrets.map(keySigner) as [Signer, Signer, Signer];
const bareWithSlashings = await delegate(stake);
const expansion = await expand(stake);

const psbtOf = (delegation: Delegation, name: SignedName) => stakerPsbts(delegation)[name]!;

/** What a wallet with one staker's key makes of a PSBT. */
async function walletSigns(delegation: Delegation, name: SignedName, signer = first): Promise<string> {
  const psbt = parsePsbt(psbtOf(delegation, name).toBase64());
  const spend = signedSpend(delegation, name);
  const { publicKey, signature } = await signLeaf(spend, signer);
  psbt.updateInput(0, { tapScriptSig: [{ pubkey: publicKey, leafHash: spend.leaf.hash, signature }] });
  return psbt.toBase64();
}

const whoSigned = (delegation: Delegation) =>
  Object.fromEntries(
    signatureStatus(delegation).map(({ transaction, staker }) => [transaction, staker.signed]),
  );

const KINDS: readonly [SignedName, Delegation][] = [
  ...PRESIGNED.map((name): [SignedName, Delegation] => [name, bare]),
  ["expansion", expansion],
];

describe("stakers' PSBTs of a delegation", () => {
  const derivation = {
    publicKey: first.publicKey,
    fingerprint: hex.decode("d34db33f"),
    path: "m/86'/0'/0'/0/5",
  };

  it.each(KINDS)("are of the %s, its leaf and its coin, with derivations", (name, of) => {
    const spend = signedSpend(of, name);
    const psbt = inBitcoinJs(stakerPsbts(of, [derivation])[name]!);
    expect(psbt.data.inputs[0]).toMatchObject({
      witnessUtxo: spend.prevouts[0],
      tapLeafScript: [{ script: spend.leaf.script }],
      tapBip32Derivation: [{ pubkey: first.publicKey, path: derivation.path, leafHashes: [spend.leaf.hash] }],
    });
    expect(equalBytes(psbt.txInputs[0]!.hash, spend.transaction.ins[0]!.hash)).toBe(true);
    const described = psbt.data.outputs.map(({ tapTree }) => tapTree?.leaves.length);
    const expected = { unbonding: [2], slashing: [undefined, 1], unbondingSlashing: [undefined, 1] };
    expect(described).toEqual(name === "expansion" ? [3, undefined] : expected[name]);
  });

  it("have the whole funding transaction of an expansion where it is known, and refuse that of another stake", () => {
    const { transaction } = expansion.expansion!.funding;
    expect(psbtOf(expansion, "expansion").data.inputs[1]!.nonWitnessUtxo).toEqual(transaction!.toBuffer());
    expect(stakerPsbts(bare)).not.toHaveProperty("expansion");
  });

  it("have no signatures of others, which wallets would take for their input's", async () => {
    const ready = await signedBy(stake, await delegate(stake), [0, 1, 2]);
    const signed = await signedBy(stake, expansion, [0, 1, 2]);
    for (const psbt of [...Object.values(stakerPsbts(ready)), psbtOf(signed, "expansion")] as Psbt[]) {
      expect(psbt.data.inputs[0]).not.toHaveProperty("tapScriptSig");
    }
  });

  it.each([
    ["a key", first.publicKey, "32 bytes"],
    ["a key as text", "02".repeat(33), "string"],
    ["nothing", undefined, "undefined"],
  ])("are refused with a derivation that is %s", async (_, given, got) => {
    const { code, message } = await refusalOf(() => stakerPsbts(bare, [given as never]));
    expect(code).toBe("invalid-public-key");
    expect(message).toBe(`derivations[0] must be what parseKeyOrigin returns, not ${got}`);
  });
});

describe("stakers' signatures from returned PSBTs", () => {
  it.each(KINDS)(
    "of the %s are assigned to their transaction, one staker after the other",
    async (name, of) => {
      const one = addStakerPsbts(of, [await walletSigns(of, name)], [], [name]);
      expect(whoSigned(one)[name]).toContainEqual(first.publicKey);
      const both = addStakerPsbts(one, [await walletSigns(one, name, second)], [], [name]);
      expect(whoSigned(both)[name]).toHaveLength(2);
    },
  );

  it("are taken of all transactions at once, in any order, from several wallets", async () => {
    const returned = await Promise.all(
      [first, second].flatMap((signer) => PRESIGNED.map((name) => walletSigns(bare, name, signer))),
    );
    const expected = [first.publicKey, second.publicKey];
    const signed = addStakerPsbts(bare, returned.toReversed(), expected, PRESIGNED);
    for (const name of PRESIGNED) {
      expect(whoSigned(signed)[name]).toEqual(expect.arrayContaining(expected));
    }
    expect(addStakerPsbts(bare, [])).toEqual(bare);
  });

  it.each([
    ["unbonding", bare, "end the stake"],
    ["expansion", expansion, "move the stake"],
  ] as const)("of the %s are added only if it is asked for", async (name, of, danger) => {
    const answer = await walletSigns(of, name);
    const refused = refusal("psbt-mismatch", () => addStakerPsbts(of, [answer]));
    expect(refused.details).toEqual({ what: name, step: name, psbt: 0 });
    expect(refused.message).toContain(`which was not asked for: with it and the committee's signatures`);
    expect(refused.message).toContain(danger);
    expect(refused.message).toContain(`asked: ["${name}"]`);
    const slashing = await walletSigns(of, "slashing");
    const other = refusal("psbt-mismatch", () => addStakerPsbts(of, [slashing], [], [name]));
    expect(other.details).toMatchObject({ step: "slashing" });
    const both = whoSigned(addStakerPsbts(of, [answer, slashing], [], ["slashing", name]));
    for (const signed of [both["slashing"], both[name]]) expect(signed).toContainEqual(first.publicKey);
  });

  it("are refused where the list of what is asked for is empty, no list, or names no transaction", () => {
    for (const asked of [[], "unbonding", ["staking"], ["expansion"]]) {
      refusal("invalid-argument", () => addStakerPsbts(bare, [], [], asked as never));
    }
  });

  it("include no signature of the committee", async () => {
    const ready = await signedBy(stake, bareWithSlashings, [0, 1, 2]);
    const psbt = psbtOf(ready, "unbonding");
    expect(await codeOf(() => addStakerPsbts(ready, [psbt], [], ["unbonding"]))).toBe("missing-signature");
    const added = addStakerPsbts(ready, [await walletSigns(ready, "unbonding")], [], ["unbonding"]);
    expect(added.unbonding.stakerSignatures.map(({ publicKey }) => publicKey)).toEqual([first.publicKey]);
    expect(added.unbonding.covenantSignatures).toEqual(ready.unbonding.covenantSignatures);
  });

  it("of an unsigned PSBT are missing: the error names the stakers, or the expected keys", async () => {
    const all = (stake.terms.staker as KeySet).keys.map(hex.encode);
    for (const [name, of] of KINDS) {
      const unsigned = psbtOf(of, name);
      const { code, details } = await refusalOf(() => addStakerPsbts(of, [unsigned]));
      expect({ code, details }).toEqual({
        code: "missing-signature",
        details: { missing: all, transaction: name, psbt: 0 },
      });
    }
    const refused = await refusalOf(() =>
      addStakerPsbts(bare, [psbtOf(bare, "slashing")], [first.publicKey]),
    );
    const key = hex.encode(first.publicKey);
    expect(refused.details).toEqual({ missing: [key], transaction: "slashing", psbt: 0 });
    expect(refused.message).toBe(`PSBT 1 of 1: the PSBT of the slashing has no signature by ${key}`);
  });

  it("by another key are counted in the error, which names the missing signers", async () => {
    const psbt = psbtOf(bare, "slashing");
    const spend = signedSpend(bare, "slashing");
    const stranger = keySigner(secretOf("stranger"));
    const signature = await stranger.signSchnorr(leafSighash(spend));
    const filed = { pubkey: stranger.publicKey, leafHash: spend.leaf.hash, signature };
    psbt.updateInput(0, { tapScriptSig: [filed] });
    const { code, message, details } = await refusalOf(() => addStakerPsbts(bare, [psbt], [first.publicKey]));
    const key = hex.encode(first.publicKey);
    expect(code).toBe("missing-signature");
    expect(details).toMatchObject({ missing: [key], bySomeoneElse: 1 });
    expect(message).toContain(`has no signature by ${key}; 1 signature by another key`);
  });

  it("are refused with an expected key of another length, with its index and what to do", async () => {
    const compressed = concatBytes(Uint8Array.of(2), first.publicKey);
    const refused = await refusalOf(() => addStakerPsbts(bare, [], [first.publicKey, compressed]));
    expect(refused).toMatchObject({ code: "invalid-public-key" });
    expect(refused.message).toBe(
      "expected[1] must be an x-only key of 32 bytes, not 33 bytes; drop its first byte",
    );
    const text = await refusalOf(() =>
      addStakerPsbts(bare, [], [hex.encode(first.publicKey) as unknown as Uint8Array]),
    );
    expect(text.message).toContain("give bytes, not text");
  });

  it("are refused when the list lacks a PSBT, and the error says so", async () => {
    for (const [missing, got] of [
      [undefined, "undefined"],
      [null, "null"],
      [7, "number"],
    ] as const) {
      const refused = await refusalOf(() => addStakerPsbts(bare, [missing as never]));
      expect([refused.code, refused.message]).toEqual([
        "invalid-psbt",
        `PSBT 1 of 1: not a PSBT: got ${got}`,
      ]);
    }
  });

  it("are refused when an expected key has not signed each returned transaction", async () => {
    const returned = [
      await walletSigns(bare, "slashing"),
      await walletSigns(bare, "slashing", second),
      await walletSigns(bare, "unbondingSlashing"),
    ];
    const refused = await refusalOf(() =>
      addStakerPsbts(bare, returned, [first.publicKey, second.publicKey]),
    );
    expect(refused).toMatchObject({
      code: "missing-signature",
      details: { missing: [hex.encode(second.publicKey)] },
    });
    expect(await codeOf(() => addStakerPsbts(bare, returned, [secretOf("nobody")]))).toBe(
      "unexpected-signer",
    );
  });

  it.each(KINDS)(
    "of the %s are refused where the transaction was altered, and the error names it",
    async (name, of) => {
      const altered = signedSpend(of, name);
      const transaction = altered.transaction.clone();
      const add = () => addStakerPsbts(of, [spendPsbt({ ...altered, transaction })]);
      transaction.outs[0]!.value -= 1n;
      expect(await refusalOf(add)).toMatchObject({
        code: "psbt-mismatch",
        details: { what: "output 0: value", psbt: 0 },
      });
      transaction.outs[0]!.value += 1n;
      transaction.outs[0]!.script = nobodysScript();
      expect(await refusalOf(add)).toMatchObject({
        code: "psbt-mismatch",
        details: { what: "output 0: script" },
      });
    },
  );

  it("are refused from a PSBT of another stake, and the error names the PSBT", async () => {
    const other = await delegate(makeStake({ seed: "another" }), { unsigned: true });
    const returned = [await walletSigns(bare, "slashing"), psbtOf(other, "unbondingSlashing")];
    expect(await refusalOf(() => addStakerPsbts(bare, returned))).toMatchObject({
      code: "psbt-mismatch",
      details: { psbt: 1 },
    });
    expect(await codeOf(() => addStakerPsbts(bare, [psbtOf(expansion, "expansion")]))).toBe("psbt-mismatch");
  });

  it("count under any key and leaf; a stranger's signature, and what is not a PSBT, are refused", async () => {
    const spend = signedSpend(bare, "slashing");
    const { signature } = await signLeaf(spend, first);
    const add = (entry: LeafSignature, leafHash = spend.leaf.hash) => {
      const psbt = psbtOf(bare, "slashing");
      psbt.updateInput(0, {
        tapScriptSig: [{ pubkey: entry.publicKey, leafHash, signature: entry.signature }],
      });
      return codeOf(() => addStakerPsbts(bare, [psbt]));
    };
    const stranger = keySigner(secretOf("stranger"));
    const elsewhere = new Uint8Array(32).fill(1);
    expect(await add({ publicKey: stranger.publicKey, signature })).toBe("passed");
    expect(await add({ publicKey: second.publicKey, signature })).toBe("passed");
    expect(await add({ publicKey: first.publicKey, signature }, elsewhere)).toBe("passed");
    const theirs = await stranger.signSchnorr(leafSighash(spend));
    expect(await add({ publicKey: first.publicKey, signature: theirs })).toBe("missing-signature");
    expect(await codeOf(() => addStakerPsbts(bare, ["AAAA"]))).toBe("invalid-psbt");
    expect(await codeOf(() => addStakerPsbts(bare, "AAAA" as never))).toBe("invalid-psbt");
  });
});

describe("a staker's signature of 65 bytes", () => {
  it.each(["slashing", "unbondingSlashing"] as const)(
    "is refused of the %s at once, as the staking chain requires 64",
    (name) => {
      const { details } = refusal("unsupported-sighash", () => addStakerPsbts(bare, [withHashType(name)]));
      expect(details).toMatchObject({ transaction: name });
    },
  );

  it("is accepted of the unbonding, which only Bitcoin verifies", () => {
    const signed = addStakerPsbts(bare, [withHashType("unbonding")], [], ["unbonding"]);
    expect(whoSigned(signed).unbonding).toHaveLength(1);
  });

  const withHashType = (name: SignedName) => {
    const spend = signedSpend(bare, name);
    const signature = schnorr.sign(stake.stakerSecrets[0]!, leafSighash(spend, 1));
    const entry = { publicKey: first.publicKey, signature: concatBytes(signature, Uint8Array.of(1)) };
    return spendPsbt(spend, [entry]);
  };
});

describe("the staking transaction from its PSBT", () => {
  const funding = (change = nobodysScript()) =>
    buildStaking({
      terms: stake.terms,
      params: stake.params,
      value: 100_000n,
      coins: [
        {
          outpoint: { txid: "03".repeat(32), vout: 0 },
          value: 200_000n,
          script: nobodysScript(),
        },
      ],
      changeScript: change,
      feeRate: parseRate("2"),
    });

  it("makes a delegation under its parameters only: another version is refused, and both are named", async () => {
    const staking = funding();
    const { params } = stake;
    for (const change of [{ version: params.version + 1 }, { unbondingFee: params.unbondingFee + 1n }]) {
      const other = { ...params, ...change };
      const refused = await refusalOf(() => createDelegation(stake.terms, other, staking));
      expect(refused).toMatchObject({
        code: "params-mismatch",
        details: { expected: params.version, got: other.version },
      });
      expect(refused.message).toContain(`built with parameters v${params.version}, and`);
      expect(refused.message).toContain(`made with v${other.version}: `);
      // Of a transaction alone the delegation cannot know.
      const { transaction } = staking;
      expect(createDelegation(stake.terms, other, { transaction, txidFinal: true }).params).toBe(other);
    }
  });

  it("is refused unsigned, altered, or without the coins that it spends", async () => {
    const staking = funding();
    const delegation = createDelegation(stake.terms, stake.params, staking);
    expect(await codeOf(() => finishStakeFunding(delegation, staking.psbt))).toBe("missing-signature");
    const elsewhere = funding(hex.decode(`0014${"12".repeat(20)}`));
    expect(await codeOf(() => finishStakeFunding(delegation, elsewhere.psbt))).toBe("psbt-mismatch");
    const empty = new Psbt(staking.transaction);
    expect(await codeOf(() => finishStakeFunding(delegation, empty))).toBe("invalid-psbt");
    const forged = parsePsbt(staking.psbt.toBase64());
    forged.updateInput(0, { tapKeySig: new Uint8Array(64).fill(1) });
    expect(await codeOf(() => finishStakeFunding(delegation, forged))).toBe("invalid-signature");
  });

  const paidBy = (coin: Coin) =>
    buildStaking({
      terms: stake.terms,
      params: stake.params,
      value: 100_000n,
      coins: [coin],
      changeScript: nobodysScript(),
      feeRate: parseRate("2"),
    });
  /** As it comes back finalised: every other field of the input is given up (BIP-174). */
  const finalised = (psbt: Psbt, { witness, script }: Transaction["ins"][number]) => {
    const answer = Psbt.fromBuffer(psbt.toBuffer());
    const [{ witnessUtxo, nonWitnessUtxo }] = answer.data.inputs as [Psbt["data"]["inputs"][number]];
    const sized = witness.flatMap((element) => [compactSize(element.length), element]);
    answer.data.inputs[0] = {
      ...(witnessUtxo && { witnessUtxo }),
      ...(nonWitnessUtxo && { nonWitnessUtxo }),
      ...(script.length > 0 && { finalScriptSig: script }),
      ...(witness.length > 0 && { finalScriptWitness: concatBytes(compactSize(witness.length), ...sized) }),
    };
    return answer;
  };

  it("is completed with a coin whose script has an unknown kind", () => {
    // A key, and behind it a lock of one block.
    const owned = ownedCoin("P2WSH pk", 200_000n);
    const witnessScript = concatBytes(hex.decode("51b275"), owned.coin.witnessScript!);
    const script = concatBytes(Uint8Array.of(0, 32), sha256(witnessScript));
    const { outpoint, value } = owned.coin;
    const staking = paidBy({ outpoint, value, script, witnessScript, witnessWeight: 200 });
    const delegation = createDelegation(stake.terms, stake.params, staking);
    const digest = asBitcoinJs(staking.transaction).hashForWitnessV0(0, witnessScript, value, 1);
    const { signature } = curve.signEcdsa(digest, owned.secrets[0]!);
    const signed = staking.transaction.clone();
    signed.setWitness(0, [encodeEcdsaSignature(signature, 1), witnessScript]);
    const answer = finalised(staking.psbt, signed.ins[0]!);
    expect(finishStakeFunding(delegation, answer).toHex()).toBe(signed.toHex());
  });

  it("is refused with a script other than the coin's, with any signature", async () => {
    const owned = ownedCoin("P2WSH pk", 200_000n);
    const staking = paidBy(owned.coin);
    const delegation = createDelegation(stake.terms, stake.params, staking);
    const stranger = ownedCoin("P2WSH pk", 200_000n, 1);
    const { value, witnessScript } = stranger.coin;
    const digest = asBitcoinJs(staking.transaction).hashForWitnessV0(0, witnessScript!, value, 1);
    const { signature } = curve.signEcdsa(digest, stranger.secrets[0]!);
    const signed = staking.transaction.clone();
    signed.setWitness(0, [encodeEcdsaSignature(signature, 1), witnessScript!]);
    const answer = finalised(staking.psbt, signed.ins[0]!);
    expect(await codeOf(() => finishStakeFunding(delegation, answer))).toBe("invalid-coin");
  });

  it("is refused when signing changes the txid, as no pre-signed transaction could spend it", async () => {
    const owned = ownedCoin("P2PKH", 200_000n);
    const staking = paidBy(owned.coin);
    // As read from a file, under the assumption that its coins are segwit ones.
    const unsigned = parseTransaction(Uint8Array.from(staking.transaction.toBuffer()));
    const delegation = createDelegation(stake.terms, stake.params, {
      transaction: unsigned,
      txidFinal: true,
    });
    const answer = signedPsbt(staking.psbt, [owned]);
    expect(await codeOf(() => finishStakeFunding(delegation, answer))).toBe("txid-not-final");
    const signed = createDelegation(stake.terms, stake.params, finishStaking(staking, answer));
    expect(finishStakeFunding(signed, answer).getId()).toBe(signed.staking.transaction.getId());
  });
});

describe("the signed transaction of a PSBT alone", () => {
  const funded = (wallets: readonly Wallet[]) => {
    const owned = wallets.map((wallet, i) => ownedCoin(wallet, 60_000n, i));
    const staking = buildStaking({
      terms: stake.terms,
      params: stake.params,
      value: "all",
      coins: owned.map(({ coin }) => coin),
      feeRate: parseRate("2"),
    });
    return { owned, staking, signed: signedPsbt(staking.psbt, owned) };
  };

  it.each(WALLETS)("of a %s coin equals what finishStaking gives, finalised or not", (wallet) => {
    const { staking, signed } = funded([wallet, "P2WPKH"]);
    const expected = finishStaking(staking, signed);
    expect(transactionFromPsbt(signed).toHex()).toBe(expected.toHex());
    const finalised = Psbt.fromBuffer(staking.psbt.toBuffer());
    for (const [i, { script, witness }] of expected.ins.entries()) {
      const { witnessUtxo, nonWitnessUtxo } = finalised.data.inputs[i]!;
      const stack = concatBytes(
        compactSize(witness.length),
        ...witness.flatMap((element) => [compactSize(element.length), element]),
      );
      // A wallet drops the other fields when it finalises.
      finalised.data.inputs[i] = {
        ...(witnessUtxo && { witnessUtxo }),
        ...(nonWitnessUtxo && { nonWitnessUtxo }),
        ...(script.length > 0 && { finalScriptSig: script }),
        ...(witness.length > 0 && { finalScriptWitness: stack }),
      } as (typeof finalised.data.inputs)[number];
    }
    expect(transactionFromPsbt(finalised.toBase64()).toHex()).toBe(expected.toHex());
  });

  it("is the basis of a delegation where P2PKH coins pay; signed again it is another transaction", async () => {
    const { staking, signed } = funded(["P2PKH", "P2WPKH"]);
    const { terms, params } = stake;
    expect(await codeOf(() => createDelegation(terms, params, staking.transaction))).toBe("txid-not-final");
    const transaction = transactionFromPsbt(signed);
    const delegation = createDelegation(terms, params, transaction);
    expect(finishStakeFunding(delegation, signed).toHex()).toBe(transaction.toHex());
    const other = Psbt.fromBuffer(signed.toBuffer());
    const [partial] = other.data.inputs[0]!.partialSig!;
    expect(await codeOf(() => finishStakeFunding(delegation, staking.psbt))).toBe("missing-signature");
    const digest = asBitcoinJs(staking.transaction).hashForSignature(0, staking.coins[0]!.script, 1);
    const secret = ownedCoin("P2PKH", 60_000n, 0).secrets[0]!;
    const again = secp256k1.sign(digest, secret, { prehash: false, lowS: true, extraEntropy: digest });
    partial!.signature = encodeEcdsaSignature(again, 1);
    expect(await codeOf(() => finishStakeFunding(delegation, other))).toBe("txid-not-final");
  });

  it("is refused where it is unsigned, or does not describe its coins", async () => {
    const { staking, signed } = funded(["P2SH-P2WPKH", "P2PKH", "P2WSH pk"]);
    expect(await codeOf(() => transactionFromPsbt(staking.psbt))).toBe("missing-signature");
    const without = (field: "redeemScript" | "nonWitnessUtxo" | "witnessScript") => {
      const psbt = Psbt.fromBuffer(signed.toBuffer());
      for (const input of psbt.data.inputs) delete input[field];
      return codeOf(() => transactionFromPsbt(psbt));
    };
    expect(await without("redeemScript")).toBe("invalid-coin");
    expect(await without("witnessScript")).toBe("invalid-coin");
    expect(await without("nonWitnessUtxo")).toBe("invalid-psbt");
    const forged = Psbt.fromBuffer(signed.toBuffer());
    for (const input of forged.data.inputs) {
      if (input.redeemScript) input.redeemScript = Uint8Array.of(0, 20, ...new Uint8Array(20));
    }
    expect(await codeOf(() => transactionFromPsbt(forged))).toBe("invalid-coin");
  });
});

describe("explaining a PSBT", () => {
  it("shows its signatures, verified over the amounts that it states", async () => {
    const shown = shownPsbt(parsePsbt(await walletSigns(bare, "slashing")));
    expect(shown).toMatchObject({ signedInputs: 0, prevouts: [{ value: 1_000_000n }] });
    expect(shown.inputs).toEqual([{ state: "in-part" }]);
    const [spend] = explainSpends(shown.transaction, [regtest], shown.prevouts);
    expect(spend).toMatchObject({
      role: "slashing",
      from: "staking",
      verified: true,
      signed: { staker: [first!.publicKey], covenant: [] },
      invalid: [],
    });
  });

  it("works on an unsigned PSBT, too", () => {
    const shown = shownPsbt(psbtOf(bare, "unbonding"));
    expect(shown.signedInputs).toBe(0);
    const [spend] = explainSpends(shown.transaction, [regtest], shown.prevouts);
    expect(spend).toMatchObject({ role: "unbonding", verified: true, signed: { staker: [], covenant: [] } });
  });

  it("refuses a PSBT whose fields contradict each other", async () => {
    const psbt = parsePsbt(await walletSigns(bare, "slashing"));
    const wrong = shownPsbt(psbt);
    const [lied] = explainSpends(wrong.transaction, [regtest], [{ ...wrong.prevouts![0]!, value: 2n }]);
    expect(lied).toMatchObject({ verified: true, signed: { staker: [] }, invalid: [first!.publicKey] });
    const [foreign] = explainSpends(
      wrong.transaction,
      [regtest],
      [{ script: nobodysScript(), value: 1_000_000n }],
    );
    expect(foreign).toMatchObject({ verified: false });
    const twoLeaves = parsePsbt(psbtOf(bare, "slashing").toBase64());
    const other = psbtOf(bare, "unbonding").data.inputs[0]!.tapLeafScript!;
    twoLeaves.updateInput(0, { tapLeafScript: other });
    const shown = shownPsbt(twoLeaves);
    expect(shown.transaction.ins[0]!.witness).toEqual([]);
    expect(equalBytes(shown.transaction.getHash(), bare.slashing.transaction.getHash())).toBe(true);
  });
});
