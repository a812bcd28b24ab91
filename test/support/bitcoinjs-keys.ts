import * as tiny from "tiny-secp256k1";
import { BIP32Factory } from "bip32";
import { ECPairFactory } from "ecpair";
import { ECPairFactory as ECPair2Factory } from "ecpair2";

/** The keys of bitcoinjs, on tiny-secp256k1 as their users have it. */
export const ecc = tiny;
export const ECPair = ECPairFactory(tiny);
export const ECPair2 = ECPair2Factory(tiny);
export const bip32 = BIP32Factory(tiny);
