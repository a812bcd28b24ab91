import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hash160 } from "../../src/core/hashes.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { spends, txidOf } from "../../src/bitcoin/transaction.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256, taggedHash } from "../../src/core/hashes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { type Coin, coinKind } from "../../src/funding/coin.js";
import { Psbt } from "../../src/psbt/psbt.js";
import { tapleafHash, taproot } from "../../src/script/taproot.js";
import { buildStaking, type Staking, type StakingRequest } from "../../src/stake/staking.js";
import { inBitcoinJs, asBitcoinJs } from "./bitcoinjs.js";
import { feeRate, paramsFor, termsOf } from "./lives.js";

/** How the coins of a wallet are held and spent: each kind that can fund a stake, each script of a known size. */
export const WALLETS = [
  "P2PKH",
  "P2SH-P2WPKH",
  "P2WPKH",
  "P2WSH pk",
  "P2WSH pkh",
  "P2WSH 2-of-3",
  "P2TR key",
  "P2TR pk",
  "P2TR pkh",
  "P2TR 2-of-3",
] as const;
export type Wallet = (typeof WALLETS)[number];

/** A coin, and the secrets that spend it. */
export interface OwnedCoin {
  readonly coin: Coin;
  readonly secrets: readonly Uint8Array[];
  /** Those of the secrets that sign, in the order in which they do. */
  readonly signing: readonly Uint8Array[];
}

/** The secrets of a coin, whose x-only keys do not start with a zero byte: bitcore-lib reads such keys wrongly. */
function secretOf(name: string): Uint8Array {
  const secret = sha256(utf8(name));
  return publicKeyOf(secret)[0] === 0 ? secretOf(`${name}'`) : secret;
}

const compressed = (secret: Uint8Array) => secp256k1.getPublicKey(secret, true);
export const keyHashScript = (key: Uint8Array) =>
  concatBytes(hex.decode("76a914"), hash160(key), hex.decode("88ac"));
export const push = (data: Uint8Array) => concatBytes(Uint8Array.of(data.length), data);

/** A coin of a wallet, in a previous transaction of its own. */
export function ownedCoin(wallet: Wallet, value: bigint, index = 0): OwnedCoin {
  const { secrets, script, ...fields } = holding(wallet, index);
  const previousTransaction = new Transaction();
  previousTransaction.version = 2;
  previousTransaction.addInput(sha256(utf8(`before ${wallet} coin ${index}`)), 0);
  previousTransaction.addOutput(hex.decode("6a0100"), 0n);
  previousTransaction.addOutput(script, value);
  const outpoint = { txid: previousTransaction.getId(), vout: 1 };
  const signing = wallet.endsWith("2-of-3") ? [secrets[2]!, secrets[0]!] : [secrets[0]!];
  return { coin: { outpoint, value, script, previousTransaction, ...fields }, secrets, signing };
}

const terms = termsOf();
const params = paramsFor(terms);

/** A stake of the whole value of some coins by default. */
export const stakeFrom = (owned: readonly OwnedCoin[], changes: Partial<StakingRequest> = {}): Staking =>
  buildStaking({
    terms,
    params,
    value: "all",
    coins: owned.map(({ coin }) => coin),
    feeRate: feeRate("2"),
    ...changes,
  });

/** A coin of M of N keys, of whom the last M sign; in a leaf of P2TR, or in P2WSH. */
export function multisigCoin(of: "P2WSH" | "P2TR leaf", quorum: number, keys: number): OwnedCoin {
  const secrets = Array.from({ length: keys }, (_, i) => secretOf(`owner ${i} of ${keys}`));
  const small = (n: number) => Uint8Array.of(0x50 + n);
  const held =
    of === "P2WSH"
      ? inWitnessScript(
          concatBytes(small(quorum), ...secrets.map(compressed).map(push), small(keys), Uint8Array.of(0xae)),
        )
      : inLeaf(multiA(quorum, secrets.map(publicKeyOf)), publicKeyOf(secretOf("another owner")));
  const outpoint = { txid: txidOf(sha256(utf8(`${of} ${quorum} of ${keys}`))), vout: 0 };
  return { coin: { outpoint, value: 100_000n, ...held }, secrets, signing: secrets.slice(-quorum) };
}

type Holding = Pick<Coin, "script"> & Partial<Coin> & Pick<OwnedCoin, "secrets">;
/** Made once each: property tests ask for the same ones thousands of times. */
const holdings = new Map<string, Holding>();

function holding(wallet: Wallet, index: number): Holding {
  const name = `${wallet} coin ${index}`;
  const known = holdings.get(name);
  if (known) return known;
  const secrets = [0, 1, 2].map((i) => secretOf(`owner ${i} of ${name}`));
  const made = { ...described(wallet, secrets), secrets };
  holdings.set(name, made);
  return made;
}

function described(wallet: Wallet, secrets: readonly Uint8Array[]): Pick<Coin, "script"> & Partial<Coin> {
  const [key, ...others] = secrets.map(compressed) as [Uint8Array, ...Uint8Array[]];
  const xOnly = secrets.map(publicKeyOf) as [Uint8Array, ...Uint8Array[]];
  const keyHash = concatBytes(Uint8Array.of(0, 20), hash160(key));
  switch (wallet) {
    case "P2PKH":
      return { script: keyHashScript(key) };
    case "P2SH-P2WPKH":
      return {
        script: concatBytes(hex.decode("a914"), hash160(keyHash), hex.decode("87")),
        redeemScript: keyHash,
      };
    case "P2WPKH":
      return { script: keyHash };
    case "P2WSH pk":
      return inWitnessScript(concatBytes(push(key), CHECKSIG));
    case "P2WSH pkh":
      return inWitnessScript(keyHashScript(key));
    case "P2WSH 2-of-3":
      return inWitnessScript(
        concatBytes(hex.decode("52"), ...[key, ...others].map(push), hex.decode("53"), hex.decode("ae")),
      );
    case "P2TR key": {
      const { xOnlyPubkey } = curve.xOnlyPointAddTweak(xOnly[0], taggedHash("TapTweak", xOnly[0]))!;
      return { script: concatBytes(Uint8Array.of(0x51, 32), xOnlyPubkey), tapInternalKey: xOnly[0] };
    }
    case "P2TR pk":
      return inLeaf(concatBytes(push(xOnly[0]), CHECKSIG), xOnly[2]!);
    case "P2TR pkh":
      return inLeaf(keyHashScript(xOnly[0]), xOnly[2]!);
    case "P2TR 2-of-3":
      return inLeaf(multiA(2, xOnly), xOnly[2]!);
  }
}

const CHECKSIG = Uint8Array.of(0xac);
const CHECKSIGADD = Uint8Array.of(0xba);

const inWitnessScript = (witnessScript: Uint8Array) => ({
  script: concatBytes(Uint8Array.of(0, 32), sha256(witnessScript)),
  witnessScript,
});

/** In a tree of two leaves; the other leaf is one key's. */
function inLeaf(script: Uint8Array, other: Uint8Array) {
  const { outputKey, paths } = taproot([script, concatBytes(push(other), CHECKSIG)]);
  const { controlBlock } = paths[0]!;
  return { script: concatBytes(Uint8Array.of(0x51, 32), outputKey), leaf: { script, controlBlock } };
}

function multiA(quorum: number, [first, ...others]: readonly Uint8Array[]): Uint8Array {
  const added = others.flatMap((key) => [push(key), CHECKSIGADD]);
  return concatBytes(push(first!), CHECKSIG, ...added, Uint8Array.of(0x50 + quorum, 0x9c));
}

/** How owners sign otherwise than usual. */
export interface Signing {
  /** Schnorr signatures have their hash type behind: 65 bytes. */
  readonly explicit?: boolean;
  /** The hash type, SIGHASH_ALL by default. */
  readonly hashType?: number;
  /** Bytes of ECDSA signatures, hash type included, which are tried until they come out so; of any length by default. */
  readonly ecdsaLength?: number;
}

/**
 * The PSBT as it comes back when each owner has signed, not finalised. ECDSA is bitcoinjs' work: it finds in the PSBT
 * whatever it needs, or fails.
 */
export function signedPsbt(psbt: Psbt, owned: readonly OwnedCoin[], signing: Signing = {}): Psbt {
  const answer = Psbt.fromBuffer(psbt.toBuffer());
  for (const i of answer.txInputs.keys()) signInput(answer, i, owned, signing);
  return answer;
}

/** Signs one input of a PSBT with the keys of the coin that it spends. */
export function signInput(psbt: Psbt, i: number, owned: readonly OwnedCoin[], signing: Signing = {}): void {
  const spent = unsignedOf(psbt).ins.map((input) => owned.find(({ coin }) => spends(input, coin.outpoint))!);
  const { signing: signers, coin } = spent[i]!;
  const { explicit = false, hashType = explicit ? 1 : 0 } = signing;
  if (coinKind(coin) !== "p2tr") {
    const type = signing.hashType ?? 1;
    const theirs = inBitcoinJs(psbt);
    // The library asks for it; a wallet that signs as it likes does not tell.
    if (type !== 1) theirs.updateInput(i, { sighashType: type });
    for (const secret of signers) {
      const sign = (digest: Uint8Array) => ecdsa(digest, secret, signing.ecdsaLength);
      theirs.signInput(i, { publicKey: compressed(secret), sign }, [type]);
    }
    psbt.data.inputs[i]!.partialSig = theirs.data.inputs[i]!.partialSig!;
    return;
  }
  const transaction = unsignedOf(psbt);
  const digest = asBitcoinJs(transaction).hashForWitnessV1(
    i,
    spent.map((each) => each.coin.script),
    spent.map((each) => each.coin.value),
    hashType,
    coin.leaf && tapleafHash(coin.leaf.script),
  );
  const sign = (secret: Uint8Array) => {
    const signature = schnorr.sign(secret, digest);
    return hashType === 0 ? signature : Uint8Array.of(...signature, hashType);
  };
  if (!coin.leaf) {
    const { d, publicKey } = evenSecret(signers[0]!);
    const tweak = scalar.reduce(taggedHash("TapTweak", publicKey));
    psbt.updateInput(i, { tapKeySig: sign(scalar.toBytes(scalar.add(d, tweak))) });
    return;
  }
  const leafHash = tapleafHash(coin.leaf.script);
  const tapScriptSig = signers.map((secret) => ({
    pubkey: publicKeyOf(secret),
    leafHash,
    signature: sign(secret),
  }));
  psbt.updateInput(i, { tapScriptSig });
}

/** A signature of 64 bytes, which with its hash type gets the given length in DER. */
function ecdsa(digest: Uint8Array, secret: Uint8Array, length?: number): Uint8Array {
  const extraEntropy = new Uint8Array(32);
  for (;;) {
    const options = { prehash: false, lowS: true, ...(length !== undefined && { extraEntropy }) };
    const signature = secp256k1.sign(digest, secret, options);
    if (length === undefined || derLength(signature) + 1 === length) return signature;
    extraEntropy[0]!++;
  }
}

const derLength = (signature: Uint8Array): number =>
  secp256k1.Signature.fromBytes(signature).toBytes("der").length;

/** The transaction of a PSBT. */
export function unsignedOf(psbt: Psbt): Transaction {
  return Transaction.fromBuffer(psbt.data.globalMap.unsignedTx.toBuffer());
}
