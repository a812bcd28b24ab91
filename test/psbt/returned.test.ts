import { createRequire } from "node:module";
import type * as WasmUtxo from "@bitgo/wasm-utxo";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { concatBytes, equalBytes, hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { finishExpansion, signExpansion } from "../../src/delegation/sign.js";
import { expansionSpend } from "../../src/delegation/spends.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { signaturesFromPsbt, signaturesFromPsbts } from "../../src/psbt/signatures.js";
import { spendPsbt } from "../../src/psbt/write.js";
import type { KeyOrigin } from "../../src/script/key-origin.js";
import { stakingOutput } from "../../src/script/outputs.js";
import { merkleRootOf, NUMS_KEY, taproot, type Tree } from "../../src/script/taproot.js";
import { stakerKeys } from "../../src/script/terms.js";
import { finishSpend, keySigner, type LeafSpend } from "../../src/spending/spend.js";
import { buildExpansion } from "../../src/stake/expansion.js";
import { buildSlashing } from "../../src/stake/slashing.js";
import { buildStaking, finishStaking } from "../../src/stake/staking.js";
import { buildUnbonding } from "../../src/stake/unbonding.js";
import { buildWithdrawal } from "../../src/stake/withdrawal.js";
import { inBitcoinJs } from "../support/bitcoinjs.js";
import { ownedCoin, signedPsbt, type Wallet } from "../support/coins.js";
import { expand, walletSigned } from "../support/expansion.js";
import { verdict } from "../support/interpreter.js";
import {
  anyLife,
  COIN,
  feeRate,
  keyOf,
  lifeOf,
  P2TR,
  P2WPKH,
  paramsFor,
  PATHS,
  sign,
  signEnough,
  termsOf,
} from "../support/lives.js";
import { refusal } from "../support/refusal.js";
import { runs } from "../support/runs.js";
import { makeStake, signedBy } from "../support/stake.js";

/** rust-bitcoin and rust-miniscript: they have never heard of staking. */
const wasm = createRequire(import.meta.url)("@bitgo/wasm-utxo") as typeof WasmUtxo;

const terms = termsOf({ stakers: 3, stakerQuorum: 2, providers: 2 });
const params = paramsFor(terms);
const life = lifeOf(terms, params);
const spend = life["staking unbonding"];
const stakers = stakerKeys(terms.staker).keys;
const [alice, bob, carol] = stakers as [Uint8Array, Uint8Array, Uint8Array];
const members = terms.covenant.keys.slice(0, terms.covenant.quorum);

type Input = Psbt["data"]["inputs"][number];

/** The PSBT of the spend as it came back: signed, and with its input changed. */
function returned(change: (input: Input) => void, by: readonly Uint8Array[] = [alice], of = spend): Psbt {
  const psbt = Psbt.fromBuffer(
    spendPsbt(
      of,
      by.map((key) => sign(of, key)),
    ).toBuffer(),
  );
  change(psbt.data.inputs[0]!);
  return psbt;
}

describe("the input fields of a returned PSBT", () => {
  const { leaf } = spend;
  const others = Object.values(life).map((each) => each.leaf);
  const tapLeaf = (script: Uint8Array, controlBlock: Uint8Array, leafVersion = 0xc0) => ({
    leafVersion,
    script,
    controlBlock,
  });
  const flipped = (bytes: Uint8Array, at: number) => bytes.with(at, bytes[at]! ^ 1);
  const previous = (value: bigint, script = spend.prevouts[0]!.script) => {
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32), 0);
    transaction.addOutput(P2WPKH, 1n);
    transaction.addOutput(script, value);
    return transaction;
  };

  it.each<[string, (input: Input) => void]>([
    ["value of its coin", (input) => (input.witnessUtxo = { ...input.witnessUtxo!, value: 1n })],
    ["script of its coin", (input) => (input.witnessUtxo = { ...input.witnessUtxo!, script: P2TR })],
    ["whole previous transaction", (input) => (input.nonWitnessUtxo = previous(COIN.value).toBuffer())],
    ["whole previous transaction", (input) => (input.nonWitnessUtxo = Uint8Array.of(1, 2, 3))],
    ["sighash type", (input) => (input.sighashType = 2)],
    ["sighash type", (input) => (input.sighashType = 3)],
    ["sighash type", (input) => (input.sighashType = 0x81)],
    ["input script", (input) => (input.finalScriptSig = Uint8Array.of(0x51))],
    ["internal key", (input) => (input.tapInternalKey = alice)],
    ["Merkle root", (input) => (input.tapMerkleRoot = new Uint8Array(32))],
    [
      "leaf script",
      (input) => (input.tapLeafScript = [tapLeaf(flipped(leaf.script, 40), leaf.controlBlock)]),
    ],
    [
      "leaf script",
      (input) => (input.tapLeafScript = [tapLeaf(leaf.script, flipped(leaf.controlBlock, 50))]),
    ],
    ["leaf script", (input) => (input.tapLeafScript = [tapLeaf(leaf.script, leaf.controlBlock, 0xc2)])],
    [
      "leaf script",
      (input) => input.tapLeafScript!.push(tapLeaf(others.at(-1)!.script, others.at(-1)!.controlBlock)),
    ],
    [
      "leaf script",
      (input) =>
        (input.tapLeafScript = [
          tapLeaf(life["staking slashing"].leaf.script, life["staking slashing"].leaf.controlBlock),
        ]),
    ],
  ])(
    "are named where they were altered and no signature counts, and are ignored where one does: %s",
    (what, change) => {
      expect(signaturesFromPsbt(spend, returned(change), [alice])).toHaveLength(1);
      const altered = returned((input) => {
        change(input);
        const [signed] = input.tapScriptSig!;
        input.tapScriptSig = [{ ...signed!, signature: flipped(signed!.signature, 3) }];
      });
      const error = refusal("psbt-mismatch", () => signaturesFromPsbt(spend, altered));
      expect(error.details).toMatchObject({ what: `input 0: ${what}`, input: 0 });
      expect(error.message).toContain(`input 0: ${what}`);
      expect(error.details.expected).not.toEqual(error.details.got);
    },
  );

  it.each<[string, (input: Input) => void]>([
    [
      "says nothing but the signatures",
      (input) => {
        for (const field of ["witnessUtxo", "tapInternalKey", "tapMerkleRoot", "tapLeafScript"] as const)
          delete input[field];
      },
    ],
    [
      "has the other leaves of the output too",
      (input) => {
        for (const path of ["staking timelock", "staking slashing"] as const) {
          input.tapLeafScript!.push(tapLeaf(life[path].leaf.script, life[path].leaf.controlBlock));
        }
      },
    ],
    ["asks for SIGHASH_ALL", (input) => (input.sighashType = 1)],
    ["asks for SIGHASH_DEFAULT", (input) => (input.sighashType = 0)],
    [
      "has a signature of another leaf, which is not used",
      (input) => {
        const { leaf: other } = life["staking slashing"];
        const { signature } = sign({ ...spend, leaf: other }, alice);
        input.tapScriptSig!.push({ pubkey: alice, leafHash: other.hash, signature });
      },
    ],
    [
      "has a signature of the unspendable key path",
      (input) => (input.tapKeySig = new Uint8Array(64).fill(1)),
    ],
    [
      "has unknown fields",
      (input) => {
        input.unknownKeyVals = [
          { key: hex.decode("fc0774617073746b6500"), value: new Uint8Array(300) },
          { key: hex.decode("7f01"), value: new Uint8Array(0) },
        ];
      },
    ],
  ])("are accepted in a PSBT that %s", (_, change) => {
    const psbt = returned(change);
    psbt.addUnknownKeyValToGlobal({ key: hex.decode("fc0774617073746b6500"), value: new Uint8Array(5) });
    psbt.data.outputs[0]!.unknownKeyVals = [
      { key: hex.decode("fc0774617073746b6501"), value: new Uint8Array(5) },
    ];
    const signatures = signaturesFromPsbt(spend, psbt.toBase64(), [alice]);
    expect(signatures.map(({ publicKey }) => publicKey)).toEqual([alice]);
  });
});

describe("a wallet's coin in a returned PSBT: a wrong field is refused by name", () => {
  const finish = (wallet: Wallet, change: (input: Input) => void) => {
    const owned = ownedCoin(wallet, 900_000n);
    const request = { terms, params, value: "all" as const, coins: [owned.coin], feeRate: feeRate("2") };
    const staking = buildStaking(request);
    const psbt = signedPsbt(staking.psbt, [owned]);
    change(psbt.data.inputs[0]!);
    return () => finishStaking(staking, psbt);
  };
  const script = Uint8Array.of(0, 20, ...new Uint8Array(20));
  const another = (input: Input, change: (script: Uint8Array) => Uint8Array) => {
    const [leaf] = input.tapLeafScript!;
    input.tapLeafScript = [{ ...leaf!, script: change(leaf!.script) }];
  };
  /** The other leaf of the outputs that {@link ownedCoin} makes. */
  const sibling = (wallet: Wallet) => {
    const { coin, secrets } = ownedCoin(wallet, 900_000n);
    const other = concatBytes(Uint8Array.of(32), publicKeyOf(secrets[2]!), Uint8Array.of(0xac));
    const { paths } = taproot([coin.leaf!.script, other]);
    return { leafVersion: 0xc0, script: other, controlBlock: paths[1]!.controlBlock };
  };

  it.each<[Wallet, string, string, (input: Input) => void]>([
    ["P2SH-P2WPKH", "redeem script", "altered", (input) => (input.redeemScript = script)],
    ["P2SH-P2WPKH", "redeem script", "removed", (input) => delete input.redeemScript],
    ["P2WPKH", "redeem script", "added", (input) => (input.redeemScript = script)],
    ["P2WSH 2-of-3", "witness script", "altered", (input) => (input.witnessScript = script)],
    ["P2WSH pk", "witness script", "removed", (input) => delete input.witnessScript],
    ["P2WPKH", "witness script", "added", (input) => (input.witnessScript = script)],
    ["P2TR key", "internal key", "altered", (input) => (input.tapInternalKey = alice)],
    ["P2TR key", "internal key", "removed", (input) => delete input.tapInternalKey],
    ["P2TR pk", "internal key", "altered", (input) => (input.tapInternalKey = alice)],
    ["P2TR pk", "Merkle root", "altered", (input) => (input.tapMerkleRoot = new Uint8Array(32))],
    ["P2TR pk", "leaf script", "altered", (input) => another(input, (leaf) => leaf.with(5, leaf[5]! ^ 1))],
    ["P2TR 2-of-3", "leaf script", "removed", (input) => delete input.tapLeafScript],
    ["P2TR 2-of-3", "leaf script", "replaced", (input) => (input.tapLeafScript = [sibling("P2TR 2-of-3")])],
    ["P2TR key", "leaf script", "added", (input) => (input.tapLeafScript = [sibling("P2TR pk")])],
  ])("%s: %s %s", (wallet, what, _, change) => {
    const error = refusal("psbt-mismatch", finish(wallet, change));
    expect(error.details).toMatchObject({ what: `input 0: ${what}`, input: 0 });
    expect(error.details.expected).not.toEqual(error.details.got);
  });

  it.each<[Wallet, string, (input: Input) => void]>([
    ["P2TR pk", "a sibling of its leaf", (input) => input.tapLeafScript!.push(sibling("P2TR pk"))],
    ["P2TR pk", "the right Merkle root", (input) => (input.tapMerkleRoot = rootOf(input))],
    ["P2WSH pk", "nothing but a final witness, as wallets leave it that finalise", finalise],
    ["P2TR pk", "nothing but a final witness", finalise],
    ["P2TR key", "nothing but a final witness", finalise],
  ])("%s: is accepted with %s", (wallet, _, change) => {
    expect(finish(wallet, change)().ins[0]!.witness.length).toBeGreaterThan(0);
  });

  const rootOf = ({ tapLeafScript }: Input) =>
    merkleRootOf(tapLeafScript![0]!.script, tapLeafScript![0]!.controlBlock)!;

  it("of an expansion's coin, too", async () => {
    const before = makeStake({ seed: "returned" });
    const signed = await signExpansion(
      await signedBy(before, await expand(before), [0, 1, 2]),
      keySigner(before.stakerSecrets[0]!),
    );
    const psbt = walletSigned(expansionSpend(signed));
    expect(finishExpansion(signed, psbt).ins[1]!.witness).toHaveLength(2);
    psbt.data.inputs[1]!.witnessScript = script;
    const { details } = refusal("psbt-mismatch", () => finishExpansion(signed, psbt));
    expect(details).toMatchObject({ what: "input 1: witness script", input: 1 });
  });
});

/** As BIP-174 has it: of an input that is finalised only the coin and the final fields stay. */
function finalise(input: Input): void {
  const { witnessScript, tapKeySig, tapLeafScript, tapScriptSig, partialSig } = input;
  const [leaf] = tapLeafScript ?? [];
  const signature = tapKeySig ?? (tapScriptSig ?? partialSig)?.[0]?.signature;
  const stack = [signature, witnessScript, leaf?.script, leaf?.controlBlock].filter(
    (each) => each !== undefined,
  );
  for (const field of Object.keys(input) as (keyof Input)[]) {
    if (field !== "witnessUtxo") Reflect.deleteProperty(input, field);
  }
  input.finalScriptWitness = concatBytes(
    Uint8Array.of(stack.length),
    ...stack.flatMap((each) => [Uint8Array.of(each.length), each]),
  );
}

describe("the error for a missing signature", () => {
  it("names the signers who were asked", () => {
    const psbt = returned(() => {}, [alice]);
    expect(signaturesFromPsbt(spend, psbt, [alice])).toHaveLength(1);
    const { details, message } = refusal("missing-signature", () =>
      signaturesFromPsbt(spend, psbt, [alice, bob, carol]),
    );
    expect(details).toEqual({ missing: [hex.encode(bob), hex.encode(carol)] });
    expect(message).toContain(hex.encode(bob));
  });

  it("says that a PSBT came back unchanged", () => {
    refusal("missing-signature", () => signaturesFromPsbt(spend, spendPsbt(spend), [alice]));
  });

  it("names the missing key of a finished transaction", () => {
    const { details, message } = refusal("missing-signature", () =>
      finishSpend(spend, [sign(spend, alice), ...members.map((key) => sign(spend, key))]),
    );
    expect(details).toMatchObject({ needed: 2, got: 1 });
    for (const key of [bob, carol]) expect(message).toContain(hex.encode(key));
    expect(message).not.toContain(hex.encode(alice));
  });

  it("refuses an expected key that the leaf does not name", () => {
    const psbt = returned(() => {});
    refusal("unexpected-signer", () => signaturesFromPsbt(spend, psbt, [keyOf(-3)]));
    refusal("invalid-public-key", () => signaturesFromPsbt(spend, psbt, ["alice"] as never));
    refusal("invalid-argument", () => signaturesFromPsbt(spend, psbt, 5 as never));
  });
});

describe("the PSBTs of several signers who signed apart", () => {
  const alone = (key: Uint8Array, hashType = 0, of: LeafSpend = spend) =>
    spendPsbt(of, [sign(of, key, hashType)]).toBase64();

  it("make one transaction, in any order, with signatures of 64 and of 65 bytes", () => {
    const psbts = [...members.map((key, i) => alone(key, i % 2)), alone(carol, 1), alone(alice)];
    for (const order of [psbts, psbts.toReversed()]) {
      const signatures = signaturesFromPsbts(spend, order, [alice, carol, ...members]);
      expect(new Set(signatures.map(({ signature }) => signature.length))).toEqual(new Set([64, 65]));
      expect(verdict(finishSpend(spend, signatures), 0, spend.prevouts)).toBe("ok");
    }
  });

  it("may include the signatures of earlier signers", () => {
    const passedOn = [sign(spend, alice), sign(spend, carol), ...members.map((key) => sign(spend, key))];
    const psbts = passedOn.map((_, i) => spendPsbt(spend, passedOn.slice(0, i + 1)));
    expect(signaturesFromPsbts(spend, psbts)).toHaveLength(passedOn.length);
  });

  it("may have two signatures of one key, and the first counts", () => {
    const [first, ...more] = signaturesFromPsbts(spend, [alone(alice), alone(alice, 1)]);
    expect(more).toEqual([]);
    expect(first!.signature).toHaveLength(64);
  });

  it("may be an empty list, or one finalised PSBT", () => {
    expect(signaturesFromPsbts(spend, [])).toEqual([]);
    refusal("missing-signature", () => signaturesFromPsbts(spend, [], [alice]));
    const each = life["staking timelock"];
    const finalised = wasm.Psbt.deserialize(
      spendPsbt(each, [sign(each, alice), sign(each, carol)]).toBuffer(),
    );
    finalised.finalize();
    expect(signaturesFromPsbts(each, [alone(bob, 0, each), finalised.serialize()], stakers)).toHaveLength(3);
  });

  it("are refused when one is altered, with its index", () => {
    const altered = returned(
      (input) => {
        input.witnessUtxo = { ...input.witnessUtxo!, value: 1n };
        input.tapScriptSig![0]!.signature = new Uint8Array(64);
      },
      [bob],
    );
    const error = refusal("psbt-mismatch", () => signaturesFromPsbts(spend, [alone(alice), altered]));
    expect(error.details).toMatchObject({ psbt: 1, what: "input 0: value of its coin", input: 0 });
    expect(error.message).toMatch(/^PSBT 2 of 2: /);
    const garbled = refusal("invalid-psbt", () => signaturesFromPsbts(spend, ["garbage", alone(alice)]));
    expect(garbled.details).toMatchObject({ psbt: 0 });
    refusal("invalid-psbt", () => signaturesFromPsbts(spend, alone(alice) as never));
  });

  it("complete every path of any stake, verified by another implementation", () => {
    fc.assert(
      fc.property(anyLife, fc.constantFrom(...PATHS), fc.infiniteStream(fc.boolean()), (any, path, dice) => {
        const each = lifeOf(any.terms, any.params)[path];
        const psbts = signEnough(each).map(({ publicKey }) =>
          alone(publicKey, dice.next().value ? 1 : 0, each),
        );
        const finished = finishSpend(each, signaturesFromPsbts(each, psbts));
        expect(verdict(finished, 0, each.prevouts)).toBe("ok");
      }),
      { numRuns: runs(20) },
    );
  });
});

describe("derivations in a PSBT", () => {
  const fingerprint = hex.decode("d34db33f");
  const derivations: KeyOrigin[] = [
    { publicKey: alice, fingerprint, path: "m/86'/1'/0'/0/5" },
    { publicKey: Uint8Array.of(3, ...bob), fingerprint: hex.decode("00000001"), path: "48h/0" },
    { publicKey: carol, fingerprint, path: "m" },
  ];

  const expansionWith = (origins: readonly KeyOrigin[]) => {
    const { timelock } = terms;
    const transaction = new Transaction();
    transaction.addInput(new Uint8Array(32), 0);
    transaction.addOutput(stakingOutput(terms, params.network).script, COIN.value);
    return buildExpansion({
      previous: { terms, params, staking: { transaction, outputIndex: 0 } },
      terms: { ...terms, timelock: timelock - 1 },
      params,
      value: COIN.value,
      coin: ownedCoin("P2WPKH", 100_000n).coin,
      changeScript: P2WPKH,
      feeRate: feeRate("2"),
      derivations: origins,
    });
  };

  it("are in the PSBT of every builder, for the leaf that is spent", () => {
    const refund = buildSlashing(terms, params, "staking", COIN, derivations);
    const withdrawal = (from: "staking" | "unbonding" | "refund") =>
      buildWithdrawal({
        terms,
        params,
        from,
        coin: COIN,
        destination: P2WPKH,
        feeRate: feeRate("2"),
        derivations,
      });
    const built = [
      expansionWith(derivations),
      buildUnbonding(terms, params, COIN, derivations),
      refund,
      buildSlashing(terms, params, "unbonding", COIN, derivations),
      withdrawal("staking"),
      withdrawal("unbonding"),
      withdrawal("refund"),
    ];
    for (const { psbt, leaf } of built) {
      const [input] = inBitcoinJs(psbt).data.inputs;
      const read = input!.tapBip32Derivation!;
      const of = (key: Uint8Array) => read.find(({ pubkey }) => equalBytes(pubkey, key));
      const leafHashes = [leaf.hash];
      expect(read).toHaveLength(3);
      expect(of(alice)).toMatchObject({
        masterFingerprint: fingerprint,
        path: "m/86'/1'/0'/0/5",
        leafHashes,
      });
      expect(of(bob)).toMatchObject({
        masterFingerprint: hex.decode("00000001"),
        path: "m/48'/0",
        leafHashes,
      });
      expect(of(carol)).toMatchObject({ masterFingerprint: fingerprint, path: "m", leafHashes });
    }
  });

  it("are given for the outputs that stay the owner's, with the tree of each output", () => {
    const slashing = buildSlashing(terms, params, "staking", COIN, derivations);
    const unbonding = buildUnbonding(terms, params, COIN, derivations);
    const expansion = expansionWith(derivations);
    for (const [{ psbt }, index, leaves] of [
      [expansion, 0, expansion.output.leaves],
      [slashing, 1, slashing.refund.leaves],
      [unbonding, 0, unbonding.output.leaves],
    ] as const) {
      const read = inBitcoinJs(psbt);
      const { tapInternalKey, tapTree, tapBip32Derivation } = read.data.outputs[index]!;
      expect(tapInternalKey).toEqual(NUMS_KEY);
      const { outputKey } = taproot(treeOf(tapTree!.leaves));
      expect(read.txOutputs[index]!.script.slice(2)).toEqual(outputKey);
      expect(tapBip32Derivation).toHaveLength(3);
      const all = new Set(Object.values(leaves).map(({ hash }) => hex.encode(hash)));
      for (const { leafHashes } of tapBip32Derivation!)
        expect(new Set(leafHashes.map(hex.encode))).toEqual(all);
      expect(() => wasm.Psbt.deserialize(psbt.toBuffer())).not.toThrow();
    }
    const [provider] = terms.finalityProviders;
    const origin = { publicKey: provider!, fingerprint, path: "m/0" };
    const { psbt } = buildSlashing(terms, params, "staking", COIN, [origin]);
    expect(psbt.data.outputs[1]).not.toHaveProperty("tapBip32Derivation");
  });

  it("are read by rust-bitcoin as given, and may be returned", () => {
    const bytes = spendPsbt(spend, [sign(spend, alice)], derivations).toBuffer();
    const [input] = wasm.Psbt.deserialize(bytes).getInputs();
    expect(input!.tapBip32Derivation.map(({ path }) => path).toSorted()).toEqual(
      ["m", "m/48'/0", "m/86'/1'/0'/0/5"].map((path) => expect.stringContaining(path.slice(2)) as string),
    );
    expect(signaturesFromPsbt(spend, bytes, [alice])).toHaveLength(1);
  });

  it("may be of another key that signs the leaf", () => {
    const [provider] = terms.finalityProviders;
    const origin = { publicKey: provider!, fingerprint, path: "m/0" };
    expect(buildSlashing(terms, params, "staking", COIN, [origin]).psbt.data.inputs[0]).toMatchObject({
      tapBip32Derivation: [{ pubkey: provider }],
    });
    refusal("unexpected-signer", () => buildUnbonding(terms, params, COIN, [origin]));
  });

  it.each<[Parameters<typeof refusal>[0], string, unknown]>([
    ["invalid-argument", "no list", "m/86'"],
    ["invalid-argument", "one alone", derivations[0]],
    ["invalid-public-key", "nothing", [null]],
    ["invalid-public-key", "no key", [{ fingerprint, path: "m" }]],
    ["invalid-public-key", "a key of 31 bytes", [{ publicKey: alice.slice(1), fingerprint, path: "m" }]],
    ["unexpected-signer", "a stranger's key", [{ publicKey: keyOf(-3), fingerprint, path: "m" }]],
    ["duplicate-key", "a key twice", [derivations[0], { ...derivations[0], path: "m/0" }]],
    ["invalid-bytes", "a fingerprint of 5 bytes", [{ ...derivations[0], fingerprint: new Uint8Array(5) }]],
    ["invalid-bytes", "a fingerprint in hexadecimal", [{ ...derivations[0], fingerprint: "d34db33f" }]],
    ["invalid-path", "an invalid path", [{ ...derivations[0], path: "m/x" }]],
    ["invalid-path", "no path", [{ ...derivations[0], path: undefined }]],
  ])("are refused with %s when they are %s", (code, _, given) => {
    refusal(code, () => spendPsbt(spend, [], given as KeyOrigin[]));
  });
});

/** The tree of leaves that are listed with their depths, from left to right (BIP-371). */
function treeOf(
  leaves: readonly { readonly depth: number; readonly script: Uint8Array }[],
): Tree<Uint8Array> {
  const stack: { depth: number; tree: Tree<Uint8Array> }[] = [];
  for (const { depth, script } of leaves) {
    stack.push({ depth, tree: script });
    while (stack.length > 1 && stack.at(-1)!.depth === stack.at(-2)!.depth) {
      const [left, right] = stack.splice(-2) as [(typeof stack)[0], (typeof stack)[0]];
      stack.push({ depth: left.depth - 1, tree: [left.tree, right.tree] });
    }
  }
  expect(stack).toHaveLength(1);
  return stack[0]!.tree;
}

describe("signatures given beside a PSBT are refused", () => {
  const { publicKey, signature } = sign(spend, alice);
  it.each<
    [Parameters<typeof refusal>[0], string, readonly { publicKey: Uint8Array; signature: Uint8Array }[]]
  >([
    ["unexpected-signer", "by a stranger", [{ publicKey: keyOf(-3), signature }]],
    ["unexpected-signer", "twice by one key", [sign(spend, alice), sign(spend, alice, 1)]],
    ["invalid-signature", "of 66 bytes", [{ publicKey, signature: new Uint8Array(66) }]],
    ["invalid-bytes", "by a key of 33 bytes", [{ publicKey: Uint8Array.of(2, ...publicKey), signature }]],
  ])("with %s: %s", (code, _, signatures) => {
    refusal(code, () => spendPsbt(spend, signatures));
  });
});
