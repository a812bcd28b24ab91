// A staker's key in each form in which people hold it: hexadecimal, WIF, an xprv with its path, and words. All forms give
// the same key and the same address. The words are a test vector of BIP-39 and BIP-86, so never use them.
import { Psbt } from "bitcoinjs-lib";
import { ECPairFactory } from "ecpair";
import * as secp256k1 from "tiny-secp256k1";
import {
  acceptProof,
  addressOfScript,
  bip322,
  keySigner,
  proofToSign,
  secretOfExpression,
  secretOfMnemonic,
  type Signer,
} from "tapstake";

const WORDS = `${"abandon ".repeat(11)}about`;
const HEX = "41f41d69260df4cf277826a9b65a3717e4eeddbeedf637f212ca096576479361";
const WIF = "KyRv5iFPHG7iB5E4CqvMzH3WFJVhbfYK4VY7XAedd9Ys69mEsPLQ";
const XPRV =
  "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk/0/0";

/** The signer of a secret key, which is overwritten at once. */
function signerOf(secretKey: Uint8Array): Signer {
  const signer = keySigner(secretKey);
  secretKey.fill(0);
  return signer;
}

// A key of ecpair is a signer unchanged.
const pair = ECPairFactory(secp256k1).fromWIF(WIF);
const signers: Record<string, Signer> = {
  hex: signerOf(secretOfExpression(HEX)),
  "WIF, by ecpair": pair,
  WIF: signerOf(secretOfExpression(WIF, "mainnet")),
  "xprv, path": signerOf(secretOfExpression(XPRV, "mainnet")),
  "words, path": signerOf(secretOfMnemonic(WORDS, "m/86'/0'/0'/0/0")),
};

const addresses = Object.entries(signers).map(([form, { publicKey }]) => {
  const address = addressOfScript(bip322.script(publicKey, "p2tr"), "mainnet")!;
  console.log(`${form.padEnd(15)} ${address}`);
  return address;
});
if (new Set(addresses).size !== 1) throw new Error("the forms are of different keys");

// The account at the P2WPKH address of the same key proves that it has the key: its address hashes all 33 bytes.
const account = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const form = { kind: "bip322", output: "p2wpkh", network: "mainnet", address: account } as const;
const { psbt } = proofToSign(pair.publicKey, form);
const asked = Psbt.fromBuffer(psbt!.toBuffer()).signInput(0, pair);
const proof = acceptProof(pair.publicKey, form, asked.toHex());
console.log(`P2WPKH proof    ${proof.signature.length} bytes`);
