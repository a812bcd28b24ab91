import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hash160, Psbt, Transaction } from "../../src/core/bitcoin.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { sha256, taggedHash } from "../../src/core/hashes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { tapleafHash, taproot } from "../../src/script/taproot.js";
import type { Coin } from "../../src/tx/coin.js";
import { spends } from "../../src/tx/transaction.js";

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
  readonly wallet: Wallet;
  readonly coin: Coin;
  readonly secrets: readonly Uint8Array[];
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
  const outpoint = { hash: previousTransaction.getHash(), index: 1 };
  return { wallet, coin: { outpoint, value, script, previousTransaction, ...fields }, secrets };
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
  const checksig = Uint8Array.of(0xac);
  const witness = (witnessScript: Uint8Array) => ({
    script: concatBytes(Uint8Array.of(0, 32), sha256(witnessScript)),
    witnessScript,
  });
  const inLeaf = (script: Uint8Array) => {
    const { outputKey, paths } = taproot([script, concatBytes(push(xOnly[2]!), checksig)]);
    const { controlBlock } = paths[0]!;
    return { script: concatBytes(Uint8Array.of(0x51, 32), outputKey), leaf: { script, controlBlock } };
  };
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
      return witness(concatBytes(push(key), checksig));
    case "P2WSH pkh":
      return witness(keyHashScript(key));
    case "P2WSH 2-of-3":
      return witness(
        concatBytes(hex.decode("52"), ...[key, ...others].map(push), hex.decode("53"), hex.decode("ae")),
      );
    case "P2TR key": {
      const { xOnlyPubkey } = curve.xOnlyPointAddTweak(xOnly[0], taggedHash("TapTweak", xOnly[0]))!;
      return { script: concatBytes(Uint8Array.of(0x51, 32), xOnlyPubkey), tapInternalKey: xOnly[0] };
    }
    case "P2TR pk":
      return inLeaf(concatBytes(push(xOnly[0]), checksig));
    case "P2TR pkh":
      return inLeaf(keyHashScript(xOnly[0]));
    case "P2TR 2-of-3": {
      const added = xOnly.slice(1).flatMap((each) => [push(each), Uint8Array.of(0xba)]);
      return inLeaf(concatBytes(push(xOnly[0]), checksig, ...added, hex.decode("529c")));
    }
  }
}

/** How owners sign otherwise than usual. */
export interface Signing {
  /** Schnorr signatures have their hash type behind: 65 bytes. */
  readonly explicit?: boolean;
  /** The hash type, SIGHASH_ALL unless told. */
  readonly hashType?: number;
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
  const { wallet, secrets, coin } = spent[i]!;
  const signers = wallet.endsWith("2-of-3") ? [secrets[2]!, secrets[0]!] : [secrets[0]!];
  const { explicit = false, hashType = explicit ? 1 : 0 } = signing;
  if (!wallet.startsWith("P2TR")) {
    const type = signing.hashType ?? 1;
    if (type !== 1) psbt.updateInput(i, { sighashType: type });
    for (const secret of signers) {
      const sign = (digest: Uint8Array) => secp256k1.sign(digest, secret, { prehash: false, lowS: true });
      psbt.signInput(i, { publicKey: compressed(secret), sign }, [type]);
    }
    // The library asks for it; a wallet that signs as it likes does not tell.
    delete psbt.data.inputs[i]!.sighashType;
    return;
  }
  const transaction = unsignedOf(psbt);
  const digest = transaction.hashForWitnessV1(
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

/** The transaction of a PSBT. */
export function unsignedOf(psbt: Psbt): Transaction {
  return Transaction.fromBuffer(psbt.data.getTransaction());
}
