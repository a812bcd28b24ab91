import { bip322, SIGNING_OUTPUTS, type SigningOutput } from "../babylon/bip322.js";
import { scriptOfAddress } from "../bitcoin/address.js";
import { containsBytes, equalBytes, hex, isBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertNetwork, type Network, sharesAddresses } from "../core/network.js";
import { xOnly } from "../spending/spend.js";
import type { WalletAccount, WalletKind } from "./types.js";

/** A checked account: its address belongs to its key. */
export interface CheckedAccount extends WalletAccount {
  readonly xOnlyKey: Uint8Array;
  /** 33 bytes in hexadecimal; undefined if the wallet gave an x-only key. */
  readonly publicKeyHex: string | undefined;
  readonly output: SigningOutput;
  readonly script: Uint8Array;
}

/** What can differ between an account and a stake: `what` in the details of `account-mismatch`. */
type Disagreement = "network" | "address" | "key";

/**
 * Checks that an account's network, address and key agree with each other and with a stake.
 * @param stakers x-only; undefined if the signer need not be a staker
 * @throws TapstakeError `account-mismatch`, with `what` in the details: `network`, `address` or `key`;
 * `invalid-network`, `invalid-public-key`, `invalid-address`
 */
export function checkAccount(
  account: WalletAccount,
  network: Network,
  {
    wallet,
    stakers,
  }: { readonly wallet?: WalletKind; readonly stakers?: readonly Uint8Array[] | undefined } = {},
): CheckedAccount {
  assertNetwork(account.network);
  // OneKey says testnet on signet.
  const agrees =
    wallet === "onekey" ? sharesAddresses(account.network, network) : account.network === network;
  if (!agrees) {
    const text = `the wallet is on ${account.network}, and the stake is on ${network}; switch the wallet's network`;
    throw mismatch("network", text, { expected: network, got: account.network });
  }
  const checked = withAddress(account, network);
  const key = hex.encode(checked.xOnlyKey);
  if (stakers && !containsBytes(stakers, checked.xOnlyKey)) {
    const expected = stakers.map(hex.encode);
    const text = `the wallet's key is ${key}, and the staker's is ${expected.join(" or ")}; choose the account that staked`;
    throw mismatch("key", text, { expected, got: key });
  }
  return checked;
}

function withAddress(account: WalletAccount, network: Network): CheckedAccount {
  const { publicKey, address } = account;
  const script = scriptOfAddress(address, network);
  const isWhole = isBytes(publicKey, 33);
  // A P2WPKH address hashes the key with its parity.
  const outputs = SIGNING_OUTPUTS.filter((each) => each === "p2tr" || isWhole);
  const output = outputs.find((each) => equalBytes(bip322.script(publicKey, each), script));
  const xOnlyKey = xOnly(publicKey);
  if (output) {
    const publicKeyHex = isWhole ? hex.encode(publicKey) : undefined;
    return { ...account, xOnlyKey, publicKeyHex, output, script };
  }
  const tail = isWhole ? "" : "; a P2WPKH address needs the key of 33 bytes";
  const text = `${address} is neither the P2TR nor the P2WPKH address of the wallet's key ${hex.encode(publicKey)}${tail}. Give the internal key of a Taproot account, not its output key`;
  throw mismatch("address", text, { got: address });
}

const mismatch = (what: Disagreement, text: string, details: Record<string, string | string[]>) =>
  new TapstakeError("account-mismatch", text, { what, ...details });
