import { bech32, bech32m, createBase58check } from "@scure/base";
import { assertBytes } from "../core/bytes.js";
import { isXOnlyPoint } from "../core/curve/points.js";
import { describeType, TapstakeError } from "../core/errors.js";
import { sha256 } from "../core/hashes.js";
import { assertNetwork, type Network, NETWORKS } from "../core/network.js";
import { show } from "../core/text.js";
import { encodeBech32m } from "./bech32m.js";
import { OP } from "./opcodes.js";
import { keyHashScript, outputKind, taprootScript } from "./output-script.js";

/**
 * The output script of an address: P2PKH, P2SH, P2WPKH, P2WSH or P2TR. Testnet, signet and (in Base58) regtest share
 * their addresses.
 *
 * BIP-350 lets wallets pay to witness versions above 1. This function refuses them: Bitcoin has no rules for them yet,
 * so any miner could take the coins.
 * @throws TapstakeError `invalid-address`, also for an address of another network and for a Taproot address whose key
 * is not a point; `invalid-network`
 */
export function scriptOfAddress(address: string, network: Network): Uint8Array {
  assertNetwork(network);
  if (typeof address !== "string") {
    throw new TapstakeError("invalid-address", `the address must be text, not ${describeType(address)}`);
  }
  const segwit = readSegwit(address);
  if (segwit && segwit.version > 1) {
    throw new TapstakeError("invalid-address", `${show(address)} is an address that anyone could spend from`);
  }
  const script = scriptOn(address, segwit, network);
  if (script) return script;
  const text = `${show(address)} is not an address of ${network}${reasonOf(address, segwit)}`;
  throw new TapstakeError("invalid-address", text);
}

const scriptOn = (address: string, segwit: Segwit | null, network: Network): Uint8Array | null =>
  segwit ? scriptOfSegwit(segwit, network) : scriptOfBase58(address, network);

/** Why the text is not an address, if that can be seen. */
function reasonOf(address: string, segwit: Segwit | null): string {
  const others = NETWORKS.filter((network) => scriptOn(address, segwit, network));
  if (others.length > 0) return `: it is one of ${others.join(", ")}`;
  return hasWrongChecksum(address) ? ": its checksum does not fit, so a character is wrong or missing" : "";
}

/** Whether the text looks like an address, but its checksum does not match. */
function hasWrongChecksum(address: string): boolean {
  const lower = address.toLowerCase();
  if (/^(?:bc|tb|bcrt)1[02-9ac-hj-np-z]{30,80}$/.test(lower)) {
    // BIP-173 refuses mixed case whatever the checksum.
    if (address !== lower && address !== address.toUpperCase()) return false;
    return !bech32.decodeUnsafe(address) && !bech32m.decodeUnsafe(address);
  }
  return /^[123mn][1-9A-HJ-NP-Za-km-z]{24,34}$/.test(address) && !readBase58(address);
}

/** The address of an output script, or null for a kind that {@link scriptOfAddress} does not know. */
export function addressOfScript(script: Uint8Array, network: Network): string | null {
  assertNetwork(network);
  const { hrp, pubKeyHash, scriptHash } = PREFIXES[network];
  switch (outputKind(script)) {
    case "p2pkh":
      return base58check.encode(Uint8Array.of(pubKeyHash, ...script.slice(3, 23)));
    case "p2sh":
      return base58check.encode(Uint8Array.of(scriptHash, ...script.slice(2, 22)));
    case "p2wpkh":
    case "p2wsh":
      return bech32.encode(hrp, [0, ...bech32.toWords(script.slice(2))]);
    case "p2tr":
      return isXOnlyPoint(script.slice(2)) ? taprootAddress(script.slice(2), network) : null;
    default:
      return null;
  }
}

/**
 * The address of a Taproot output key (BIP-350).
 * @throws TapstakeError `invalid-bytes`, `invalid-network`
 */
export function taprootAddress(outputKey: Uint8Array, network: Network): string {
  assertNetwork(network);
  assertBytes(outputKey, "output key", 32);
  return encodeBech32m(PREFIXES[network].hrp, 1, outputKey);
}

const TEST = { hrp: "tb", pubKeyHash: 0x6f, scriptHash: 0xc4 } as const;
const PREFIXES = {
  mainnet: { hrp: "bc", pubKeyHash: 0x00, scriptHash: 0x05 },
  testnet: TEST,
  signet: TEST,
  regtest: { ...TEST, hrp: "bcrt" },
} as const satisfies Record<Network, unknown>;

interface Segwit {
  readonly hrp: string;
  readonly version: number;
  readonly program: Uint8Array;
}

/** Reads a segwit address: version 0 in bech32 (BIP-173), all others in bech32m (BIP-350). Null for any other text. */
function readSegwit(address: string): Segwit | null {
  for (const coder of [bech32, bech32m]) {
    const decoded = coder.decodeUnsafe(address);
    if (!decoded) continue;
    const [version, ...words] = decoded.words;
    const program = coder.fromWordsUnsafe(words);
    const isOfVersion = version !== undefined && (version === 0) === (coder === bech32) && version <= 16;
    return isOfVersion && program ? { hrp: decoded.prefix, version, program } : null;
  }
  return null;
}

function scriptOfSegwit({ hrp, version, program }: Segwit, network: Network): Uint8Array | null {
  if (hrp !== PREFIXES[network].hrp) return null;
  if (version === 0) {
    return program.length === 20 || program.length === 32
      ? Uint8Array.of(0, program.length, ...program)
      : null;
  }
  return program.length === 32 && isXOnlyPoint(program) ? taprootScript(program) : null;
}

const base58check = /* @__PURE__ */ createBase58check(sha256);
/** A version, 20 bytes and a checksum: the decoder's work grows with the square of the length. */
const LONGEST_BASE58 = 35;

function scriptOfBase58(address: string, network: Network): Uint8Array | null {
  const payload = readBase58(address);
  if (payload?.length !== 21) return null;
  const { pubKeyHash, scriptHash } = PREFIXES[network];
  const hash = payload.slice(1);
  if (payload[0] === pubKeyHash) return keyHashScript(hash);
  return payload[0] === scriptHash ? Uint8Array.of(OP.HASH160, 20, ...hash, OP.EQUAL) : null;
}

/** What stands before the checksum, or null if the checksum does not match. */
function readBase58(address: string): Uint8Array | null {
  if (address.length > LONGEST_BASE58) return null;
  try {
    return base58check.decode(address);
  } catch {
    return null;
  }
}
