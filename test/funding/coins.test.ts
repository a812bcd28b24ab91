import { secp256k1 } from "@noble/curves/secp256k1.js";
import { describe, expect, it } from "vitest";
import { toOutpoint, txidOf } from "../../src/bitcoin/transaction.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { createDelegation } from "../../src/delegation/delegation.js";
import { type Coin, coinKind } from "../../src/funding/coin.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { taproot } from "../../src/script/taproot.js";
import { finishStaking } from "../../src/stake/staking.js";
import {
  keyHashScript,
  type OwnedCoin,
  ownedCoin,
  push,
  signedPsbt,
  signInput,
  stakeFrom,
  type Wallet,
  WALLETS,
} from "../support/coins.js";
import { inBitcoinJs, asBitcoinJs } from "../support/bitcoinjs.js";
import { executes } from "../support/interpreter.js";
import { feeRate, P2WPKH, paramsFor, termsOf } from "../support/lives.js";
import { refusal } from "../support/refusal.js";

const terms = termsOf();
const params = paramsFor(terms);

const oneOf = (wallet: Wallet, value = 100_000n) => [ownedCoin(wallet, value)];
const everyKind = WALLETS.map((wallet, i) => ownedCoin(wallet, 20_000n + BigInt(i), i));

describe("a stake funded by coins of every kind", () => {
  const built = stakeFrom(everyKind);
  const answer = signedPsbt(built.psbt, everyKind);
  const signed = finishStaking(built, answer.toBase64());

  it("is signed by the wallets of their owners, and every input satisfies Bitcoin's rules", () => {
    expect(built.coins).toHaveLength(WALLETS.length);
    for (const i of built.coins.keys()) expect(executes(signed, i, built.coins)).toBe(true);
  });

  // bitcoinjs finalises no leaf with a key by its hash, and drops the empty slot of who did not sign.
  const finalisable = WALLETS.filter((wallet) => wallet !== "P2TR pkh" && wallet !== "P2TR 2-of-3");
  it.each(finalisable)("can be finalised by bitcoinjs: %s", (wallet) => {
    const owned = oneOf(wallet);
    const one = stakeFrom(owned);
    const psbt = signedPsbt(one.psbt, owned);
    const ours = finishStaking(one, psbt);
    const finalised = inBitcoinJs(psbt).finalizeAllInputs();
    expect(executes(finishStaking(one, finalised), 0, one.coins)).toBe(true);
    expect(finishStaking(one, finalised).ins[0]!.script).toEqual(ours.ins[0]!.script);
  });

  it("keeps its txid when it is signed unless a coin is P2PKH", () => {
    for (const wallet of WALLETS) {
      const owned = oneOf(wallet);
      const one = stakeFrom(owned);
      const finished = finishStaking(one, signedPsbt(one.psbt, owned));
      expect(finished.getId() === one.transaction.getId()).toBe(one.txidFinal);
      expect(one.txidFinal).toBe(wallet !== "P2PKH");
    }
  });

  it("can be spent before it is signed only when its txid stays", () => {
    refusal("txid-not-final", () => createDelegation(terms, params, built));
    refusal("txid-not-final", () => createDelegation(terms, params, built.transaction));
    refusal("txid-not-final", () => createDelegation(terms, params, built.transaction.clone()));
    expect(createDelegation(terms, params, signed).staking.outputIndex).toBe(0);
    const nested = stakeFrom(oneOf("P2SH-P2WPKH"));
    expect(createDelegation(terms, params, nested.transaction).staking.outputIndex).toBe(0);
    const segwit = stakeFrom(oneOf("P2WPKH"));
    expect(createDelegation(terms, params, segwit).staking.outputIndex).toBe(0);
    // A bare transaction does not name the kind of its coins.
    refusal("txid-not-final", () => createDelegation(terms, params, segwit.transaction));
  });
});

describe("the PSBT of a stake", () => {
  const built = stakeFrom(everyKind);
  const inputOf = (wallet: Wallet) => {
    const { coin } = everyKind[WALLETS.indexOf(wallet)]!;
    return { coin, input: inBitcoinJs(built.psbt).data.inputs[built.coins.indexOf(coin)]! };
  };

  it("has the whole previous transaction where the coin gives it, the output too for segwit only", () => {
    for (const wallet of WALLETS) {
      const { coin, input } = inputOf(wallet);
      expect(hex.encode(input.nonWitnessUtxo!)).toBe((coin.previousTransaction as Transaction).toHex());
      expect(input.witnessUtxo?.value).toBe(wallet === "P2PKH" ? undefined : coin.value);
    }
    const { previousTransaction: _, ...bare } = ownedCoin("P2WPKH", 50_000n).coin;
    expect(stakeFrom([{ ...oneOf("P2WPKH")[0]!, coin: bare }]).psbt.data.inputs[0]!.nonWitnessUtxo).toBe(
      undefined,
    );
  });

  it("has the redeem and witness scripts of each kind", () => {
    expect(inputOf("P2SH-P2WPKH").input.redeemScript).toEqual(inputOf("P2SH-P2WPKH").coin.redeemScript);
    expect(inputOf("P2WSH pk").input.witnessScript).toEqual(inputOf("P2WSH pk").coin.witnessScript);
    expect(inputOf("P2TR key").input.tapInternalKey).toEqual(inputOf("P2TR key").coin.tapInternalKey);
    const { coin, input } = inputOf("P2TR pk");
    expect(input.tapLeafScript).toEqual([{ leafVersion: 0xc0, ...coin.leaf }]);
    expect(input.tapInternalKey).toEqual(coin.leaf!.controlBlock.slice(1, 33));
  });

  it("has the origins of the keys that the caller gives", () => {
    const fingerprint = hex.decode("d34db33f");
    const leafHashes = [sha256(utf8("leaf"))];
    const key = hex.decode(`02${hex.encode(terms.finalityProviders[0]!)}`);
    const plain = { publicKey: key, fingerprint, path: "m/84h/0'/0'/0/7" };
    const inTaproot = { publicKey: key.slice(1), fingerprint, path: "m/86'/0'/0'/1/0", leafHashes };
    const [one] = stakeFrom([
      { ...oneOf("P2WPKH")[0]!, coin: { ...oneOf("P2WPKH")[0]!.coin, derivations: [plain] } },
    ]).psbt.data.inputs;
    expect(one!.bip32Derivation).toEqual([
      { pubkey: key, masterFingerprint: fingerprint, path: "m/84'/0'/0'/0/7" },
    ]);
    const coin = { ...oneOf("P2TR key")[0]!.coin, derivations: [inTaproot] };
    const psbt = stakeFrom([{ ...oneOf("P2TR key")[0]!, coin }]).psbt;
    expect(inBitcoinJs(psbt).data.inputs[0]!.tapBip32Derivation).toEqual([
      { pubkey: key.slice(1), masterFingerprint: fingerprint, path: "m/86'/0'/0'/1/0", leafHashes },
    ]);
  });

  it("signals replaceability as asked", () => {
    const sequence = (replaceable?: boolean) =>
      stakeFrom(oneOf("P2WPKH"), replaceable === undefined ? {} : { replaceable }).transaction.ins[0]!
        .sequence;
    expect([sequence(), sequence(true), sequence(false)]).toEqual([0xffff_fffd, 0xffff_fffd, 0xffff_ffff]);
  });
});

describe("a coin whose description is wrong", () => {
  const other = ownedCoin("P2WPKH", 100_000n, 77).coin;
  const change = (coin: Coin, edit: (previous: Transaction) => void) => {
    const previousTransaction = (coin.previousTransaction as Transaction).clone();
    edit(previousTransaction);
    return { previousTransaction, outpoint: { txid: previousTransaction.getId(), vout: 1 } };
  };
  const hashLock = concatBytes(hex.decode("a820"), sha256(utf8("preimage")), hex.decode("87"));
  it.each<[string, Wallet, ErrorCode, (coin: Coin) => Record<string, unknown>]>([
    ["no previous transaction", "P2PKH", "invalid-coin", () => ({ previousTransaction: undefined })],
    [
      "another previous transaction",
      "P2PKH",
      "invalid-coin",
      () => ({ previousTransaction: other.previousTransaction }),
    ],
    [
      "an invalid previous transaction",
      "P2WPKH",
      "invalid-transaction",
      () => ({ previousTransaction: new Uint8Array(9) }),
    ],
    ["one of text", "P2WPKH", "invalid-bytes", () => ({ previousTransaction: { toBuffer: () => "00" } })],
    [
      "one without that output",
      "P2PKH",
      "invalid-coin",
      ({ outpoint }) => ({ outpoint: { ...toOutpoint(outpoint), vout: 2 } }),
    ],
    [
      "one of another value",
      "P2PKH",
      "invalid-coin",
      (coin) => change(coin, (tx) => (tx.outs[1]!.value = 99_999n)),
    ],
    [
      "one of another script",
      "P2PKH",
      "invalid-coin",
      (coin) => change(coin, (tx) => (tx.outs[1]!.script = P2WPKH)),
    ],
    ["no redeem script", "P2SH-P2WPKH", "invalid-coin", () => ({ redeemScript: undefined })],
    ["another redeem script", "P2SH-P2WPKH", "invalid-coin", () => ({ redeemScript: P2WPKH })],
    ["a redeem script that is no P2WPKH", "P2SH-P2WPKH", "invalid-coin", () => ({ redeemScript: hashLock })],
    ["a redeem script", "P2WPKH", "invalid-coin", () => ({ redeemScript: P2WPKH })],
    ["no witness script", "P2WSH pk", "invalid-coin", () => ({ witnessScript: undefined })],
    ["another witness script", "P2WSH pk", "invalid-coin", () => ({ witnessScript: hashLock })],
    ["a witness script", "P2TR key", "invalid-coin", () => ({ witnessScript: hashLock })],
    ["an internal key", "P2WSH pk", "invalid-coin", () => ({ tapInternalKey: terms.covenant.keys[0] })],
    [
      "a leaf",
      "P2WPKH",
      "invalid-coin",
      () => ({ leaf: { script: hashLock, controlBlock: new Uint8Array(33) } }),
    ],
    ["another leaf", "P2TR pk", "invalid-coin", ({ leaf }) => ({ leaf: { ...leaf, script: hashLock } })],
    [
      "a control block cut short",
      "P2TR pk",
      "invalid-coin",
      ({ leaf }) => ({ leaf: { ...leaf, controlBlock: leaf!.controlBlock.slice(1) } }),
    ],
    [
      "a control block of text",
      "P2TR pk",
      "invalid-bytes",
      ({ leaf }) => ({ leaf: { ...leaf, controlBlock: "c0" } }),
    ],
    [
      "an internal key beside its leaf's",
      "P2TR pk",
      "invalid-coin",
      () => ({ tapInternalKey: terms.covenant.keys[0] }),
    ],
    ["a stated size where it is known", "P2WSH 2-of-3", "invalid-coin", () => ({ witnessWeight: 300 })],
    ["negative confirmations", "P2WPKH", "invalid-number", () => ({ confirmations: -1 })],
    ["one that is no object", "P2WPKH", "invalid-bytes", () => ({ previousTransaction: "00" })],
    ["one of nothing", "P2PKH", "invalid-bytes", () => ({ previousTransaction: null })],
    ["origins that are no list", "P2WPKH", "invalid-coin", () => ({ derivations: {} })],
    ["an origin of nothing", "P2WPKH", "invalid-bytes", () => ({ derivations: [null] })],
    [
      "leaf hashes that are no list",
      "P2TR key",
      "invalid-coin",
      () => ({
        derivations: [
          {
            publicKey: terms.covenant.keys[0],
            fingerprint: new Uint8Array(4),
            path: "m/0",
            leafHashes: 1,
          },
        ],
      }),
    ],
    [
      "leaf hashes outside of Taproot",
      "P2WPKH",
      "invalid-coin",
      () => ({
        derivations: [
          { publicKey: new Uint8Array(33), fingerprint: new Uint8Array(4), path: "m/0", leafHashes: [] },
        ],
      }),
    ],
    ["a leaf of nothing", "P2TR key", "invalid-bytes", () => ({ leaf: null })],
    [
      "an origin without key",
      "P2WPKH",
      "invalid-bytes",
      () => ({ derivations: [{ path: "m/0", fingerprint: new Uint8Array(4) }] }),
    ],
    [
      "an origin without fingerprint",
      "P2TR key",
      "invalid-bytes",
      () => ({ derivations: [{ publicKey: terms.covenant.keys[0], path: "m/0" }] }),
    ],
    [
      "an x-only key's origin",
      "P2WPKH",
      "invalid-bytes",
      () => ({
        derivations: [{ publicKey: terms.covenant.keys[0], fingerprint: new Uint8Array(4), path: "m/0" }],
      }),
    ],
    ...["", "m/2147483648", "m/x", 7].map(
      (path): [string, Wallet, ErrorCode, (coin: Coin) => Record<string, unknown>] => [
        `an origin by path ${path}`,
        "P2TR key",
        "invalid-path",
        () => ({
          derivations: [{ publicKey: terms.covenant.keys[0], fingerprint: new Uint8Array(4), path }],
        }),
      ],
    ),
  ])("is refused with %s: %s", (_, wallet, code, changes) => {
    const { coin } = ownedCoin(wallet, 100_000n);
    const wrong = { ...coin, ...changes(coin) } as Coin;
    refusal(code, () => stakeFrom([{ ...oneOf(wallet)[0]!, coin: wrong }]));
  });

  it("is refused when it is given twice, also among the coins that must be spent", () => {
    const owned = oneOf("P2WPKH");
    refusal("invalid-coin", () => stakeFrom([...owned, ...owned]));
    refusal("invalid-coin", () => stakeFrom(owned, { mustSpend: [owned[0]!.coin] }));
    refusal("invalid-coin", () => stakeFrom(owned, { mustSpend: {} as Coin[] }));
  });

  it("is reported with its kind", () => {
    const kinds = WALLETS.map((wallet) => coinKind(ownedCoin(wallet, 1n).coin));
    expect(new Set(kinds)).toEqual(new Set(["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2wsh", "p2tr"]));
  });
});

describe("the coin of an uncompressed key", () => {
  const [secret] = ownedCoin("P2PKH", 100_000n).secrets as [Uint8Array];
  const key = secp256k1.getPublicKey(secret, false);
  const script = keyHashScript(key);
  const previousTransaction = new Transaction();
  previousTransaction.addInput(sha256(utf8("uncompressed")), 0);
  previousTransaction.addOutput(script, 100_000n);
  const outpoint = { txid: previousTransaction.getId(), vout: 0 };
  const coin: Coin = { outpoint, value: 100_000n, script, previousTransaction };
  const owned: OwnedCoin = { coin, secrets: [secret], signing: [secret] };

  it("is refused before signing when the origin of its key shows it", () => {
    const derivations = [{ publicKey: key, fingerprint: new Uint8Array(4), path: "m/0" }];
    const error = refusal("invalid-coin", () => stakeFrom([{ ...owned, coin: { ...coin, derivations } }]));
    expect(error.message).toContain("its key is uncompressed");
  });

  it("is refused for that reason when its signature shows it", () => {
    const built = stakeFrom([owned]);
    const digest = asBitcoinJs(built.transaction).hashForSignature(0, script, 1);
    const der = secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: "der" });
    const psbt = Psbt.fromBuffer(built.psbt.toBuffer());
    psbt.updateInput(0, { finalScriptSig: concatBytes(push(Uint8Array.of(...der, 1)), push(key)) });
    const { message, details } = refusal("invalid-coin", () => finishStaking(built, psbt));
    expect([message, details]).toEqual([expect.stringContaining("its key is uncompressed"), { input: 0 }]);
  });
});

describe("a funding PSBT that a wallet returns", () => {
  /** Finalised inputs with something altered. */
  const finalised = (wallet: Wallet) => {
    const owned = oneOf(wallet);
    const built = stakeFrom(owned);
    const spent = finishStaking(built, signedPsbt(built.psbt, owned)).ins[0]!;
    const stack = (elements: readonly Uint8Array[]) =>
      concatBytes(Uint8Array.of(elements.length), ...elements.map(push));
    const finish = (edit: { script?: Uint8Array; witness?: readonly Uint8Array[] }) => {
      const psbt = Psbt.fromBuffer(built.psbt.toBuffer());
      const { script, witness } = { ...spent, ...edit };
      if (script.length > 0) psbt.updateInput(0, { finalScriptSig: script });
      if (witness.length > 0) psbt.updateInput(0, { finalScriptWitness: stack(witness) });
      return finishStaking(built, psbt);
    };
    return { script: spent.script, witness: spent.witness, finish };
  };
  const flipped = (bytes: Uint8Array, at = 10) => bytes.with(at, bytes[at]! ^ 1);

  it.each(WALLETS)(
    "is refused when a signature is missing, by another key, or of another hash type: %s",
    (wallet) => {
      const owned = oneOf(wallet);
      const built = stakeFrom(owned);
      expect(refusal("missing-signature", () => finishStaking(built, built.psbt)).details).toEqual({
        input: 0,
      });
      const loose = signedPsbt(built.psbt, owned, { hashType: 0x81 });
      refusal("unsupported-sighash", () => finishStaking(built, loose));
      loose.data.inputs[0]!.sighashType = 0x81;
      refusal("psbt-mismatch", () => finishStaking(built, loose));
      const dearer = stakeFrom(owned, { feeRate: feeRate("3") });
      const elsewhere = signedPsbt(dearer.psbt, owned).data.inputs[0]!;
      const psbt = Psbt.fromBuffer(built.psbt.toBuffer());
      const { partialSig, tapKeySig, tapScriptSig } = elsewhere;
      psbt.updateInput(0, {
        ...(partialSig && { partialSig }),
        ...(tapKeySig && { tapKeySig }),
        ...(tapScriptSig && { tapScriptSig }),
      });
      const error = refusal("invalid-signature", () => finishStaking(built, psbt));
      expect(error.details).toEqual({ input: 0 });
    },
  );

  it.each(["P2WSH 2-of-3", "P2TR 2-of-3"] as const)("is refused with one signature of two: %s", (wallet) => {
    const owned = oneOf(wallet);
    const built = stakeFrom(owned);
    const psbt = signedPsbt(built.psbt, owned);
    const input = psbt.data.inputs[0]!;
    if (input.partialSig) input.partialSig = input.partialSig.slice(1);
    if (input.tapScriptSig) input.tapScriptSig = input.tapScriptSig.slice(1);
    refusal("missing-signature", () => finishStaking(built, psbt));
  });

  it("must have exactly the redeem script in the input script of a P2SH coin", () => {
    const { script, finish } = finalised("P2SH-P2WPKH");
    expect(finish({}).ins[0]!.script).toEqual(script);
    for (const other of [new Uint8Array(0), concatBytes(Uint8Array.of(0x51), script), script.slice(1)]) {
      const error = refusal("psbt-mismatch", () => finish({ script: other }));
      expect(error.details).toEqual({ input: 0, what: "input 0: input script" });
    }
  });

  it("must have exactly a signature and the key in the input script of a P2PKH coin, and no witness", () => {
    const { script, finish } = finalised("P2PKH");
    expect(finish({}).ins[0]!.script).toEqual(script);
    const length = script[0]!;
    const [signature, key] = [script.slice(1, 1 + length), script.slice(2 + length)];
    refusal("psbt-mismatch", () => finish({ witness: [signature, key] }));
    for (const other of [
      concatBytes(push(signature), push(flipped(key))),
      concatBytes(push(flipped(signature)), push(key)),
      concatBytes(Uint8Array.of(0x51), script),
      concatBytes(Uint8Array.of(0x4c), script),
      script.slice(0, -1),
      push(key),
    ]) {
      refusal("invalid-signature", () => finish({ script: other }));
    }
  });

  it.each(["P2WSH pk", "P2WSH pkh", "P2WSH 2-of-3", "P2TR pk", "P2TR pkh", "P2TR 2-of-3"] as const)(
    "must have exactly the script of the coin, and what satisfies it: %s",
    (wallet) => {
      const { witness, finish } = finalised(wallet);
      expect(finish({}).ins[0]!.witness).toEqual(witness);
      const shown = wallet.startsWith("P2TR") ? 2 : 1;
      for (let i = witness.length - shown; i < witness.length; i++) {
        refusal("witness-mismatch", () => finish({ witness: witness.with(i, flipped(witness[i]!)) }));
      }
      refusal("witness-mismatch", () => finish({ witness: [...witness, Uint8Array.of(0x50)] }));
      refusal("witness-mismatch", () => finish({ witness: witness.slice(-1) && [new Uint8Array(1)] }));
      refusal("invalid-signature", () => finish({ witness: [new Uint8Array(0), ...witness] }));
      refusal("invalid-signature", () => finish({ witness: witness.slice(1) }));
      const at = witness.findIndex(({ length }) => length > 60);
      refusal("invalid-signature", () => finish({ witness: witness.with(at, flipped(witness[at]!, 40)) }));
    },
  );

  it("has the signatures of a multisig in the order of its keys", () => {
    const { witness, finish } = finalised("P2WSH 2-of-3");
    const [dummy, first, second, script] = witness as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    refusal("invalid-signature", () => finish({ witness: [dummy, second, first, script] }));
    refusal("invalid-signature", () => finish({ witness: [dummy, first, first, script] }));
    refusal("invalid-signature", () => finish({ witness: [Uint8Array.of(1), first, second, script] }));
  });

  it("reports the signatures of other keys, where the coin has one key", () => {
    const owned = oneOf("P2WPKH");
    const built = stakeFrom(owned);
    const psbt = Psbt.fromBuffer(built.psbt.toBuffer());
    const { signature } = signedPsbt(built.psbt, owned).data.inputs[0]!.partialSig![0]!;
    const pubkey = secp256k1.getPublicKey(new Uint8Array(32).fill(77), true);
    psbt.data.inputs[0]!.partialSig = [{ pubkey, signature }];
    const { message, details } = refusal("missing-signature", () => finishStaking(built, psbt));
    expect(details).toEqual({ input: 0, bySomeoneElse: 1 });
    expect(message).toContain("not signed by the key of its coin; it has a signature by another key");
  });

  it("is refused with the index of the input", () => {
    const built = stakeFrom(everyKind);
    for (const i of built.coins.keys()) {
      const psbt = Psbt.fromBuffer(built.psbt.toBuffer());
      for (const j of built.coins.keys()) if (j !== i) signInput(psbt, j, everyKind);
      expect(refusal("missing-signature", () => finishStaking(built, psbt)).details).toEqual({ input: i });
    }
  });
});

describe("a coin with a script of unknown witness size", () => {
  const owner = ownedCoin("P2WPKH", 100_000n, 5);
  const key = owner.secrets[0]!;
  const preimage = utf8("preimage of thirty-two bytes: 32");
  const lock = concatBytes(hex.decode("a820"), sha256(preimage), hex.decode("88"));
  /** A hash lock and a key, in P2WSH and in a leaf. */
  const locked = (inLeaf: boolean): Coin => {
    const pk = ownedCoin(inLeaf ? "P2TR pk" : "P2WSH pk", 100_000n, 5).coin;
    const script = concatBytes(lock, pk.leaf?.script ?? pk.witnessScript!);
    const outpoint = { txid: txidOf(sha256(utf8("locked"))), vout: 0 };
    if (!inLeaf) {
      const program = concatBytes(Uint8Array.of(0, 32), sha256(script));
      return { outpoint, value: 100_000n, script: program, witnessScript: script };
    }
    const { outputKey, paths } = taproot(script);
    const leaf = { script, controlBlock: paths[0]!.controlBlock };
    return { outpoint, value: 100_000n, script: concatBytes(Uint8Array.of(0x51, 32), outputKey), leaf };
  };
  const sized = (inLeaf: boolean, more = 0): Coin => {
    const coin = locked(inLeaf);
    const script = coin.leaf?.script ?? coin.witnessScript!;
    const proof = coin.leaf ? 1 + coin.leaf.controlBlock.length : 0;
    const witnessWeight = 1 + (inLeaf ? 66 : 73) + 33 + 1 + script.length + proof + more;
    return { ...coin, witnessWeight };
  };
  /** The wallet that knows the preimage signs and finalises. */
  const finish = (coin: Coin, edit = (witness: Uint8Array[]) => witness) => {
    const name = coin.leaf ? "P2TR pk" : "P2WSH pk";
    const owned = { ...ownedCoin(name, 100_000n, 5), coin };
    const built = stakeFrom([owned]);
    const psbt = signedPsbt(built.psbt, [owned]);
    const { partialSig, tapScriptSig } = psbt.data.inputs[0]!;
    const signature = (partialSig ?? tapScriptSig)![0]!.signature;
    const shown = coin.leaf ? [coin.leaf.script, coin.leaf.controlBlock] : [coin.witnessScript!];
    const stack = edit([signature, preimage, ...shown]);
    const answer = Psbt.fromBuffer(built.psbt.toBuffer());
    answer.updateInput(0, {
      finalScriptWitness: concatBytes(Uint8Array.of(stack.length), ...stack.map(push)),
    });
    return { built, signed: () => finishStaking(built, answer), bare: psbt };
  };

  it("is refused until the caller gives its largest size", () => {
    for (const inLeaf of [false, true]) {
      const error = refusal("invalid-coin", () => stakeFrom([{ ...owner, coin: locked(inLeaf) }]));
      expect(error.message).toContain("give it as witnessWeight");
      for (const witnessWeight of [0, 400_001, 1.5]) {
        refusal("invalid-number", () =>
          stakeFrom([{ ...owner, coin: { ...locked(inLeaf), witnessWeight } }]),
        );
      }
    }
    expect(key).toHaveLength(32);
  });

  it("is refused with a signature length beside that size", () => {
    refusal("invalid-coin", () => stakeFrom([{ ...owner, coin: { ...sized(false), signatureLength: 71 } }]));
  });

  it("is spent with its owner's final witness, which fits the size", () => {
    for (const inLeaf of [false, true]) {
      const { built, signed } = finish(sized(inLeaf));
      expect(executes(signed(), 0, built.coins)).toBe(true);
      expect(built.vsize - signed().virtualSize()).toBeLessThanOrEqual(1);
      expect(built.vsize - signed().virtualSize()).toBeGreaterThanOrEqual(0);
    }
  });

  it("is refused when it is larger than that size, unsigned, signed by a stranger, or not finalised", () => {
    for (const inLeaf of [false, true]) {
      refusal("witness-mismatch", () => finish(sized(inLeaf, -5)).signed());
      refusal("invalid-signature", () =>
        finish(sized(inLeaf), ([, ...rest]) => [new Uint8Array(0), ...rest]).signed(),
      );
      refusal("invalid-signature", () =>
        finish(sized(inLeaf), ([signature, ...rest]) => [flipped(signature!), ...rest]).signed(),
      );
      const { built, bare } = finish(sized(inLeaf));
      refusal("missing-signature", () => finishStaking(built, bare));
    }
  });

  const flipped = (bytes: Uint8Array) => bytes.with(20, bytes[20]! ^ 1);
});
