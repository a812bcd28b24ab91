import { describeType, TapstakeError } from "../core/errors.js";
import { assertList, assertObject } from "../core/objects.js";
import { assertChoice } from "../core/text.js";
import type { Delegation } from "../delegation/delegation.js";
import { addStakerPsbts } from "../delegation/psbt.js";
import { signedNames, type SignedName } from "../delegation/spends.js";
import { xOnly } from "../spending/spend.js";
import { signOptions } from "./sign-options.js";
import type { AskedOf, BtcProvider, SigningRequest, WalletAccount, WalletKind } from "./types.js";

/** The account that a wallet signs with, and what it signs. */
export interface SigningBy {
  readonly account: WalletAccount;
  /** The wallet behind the interface, if known: Keystone needs origins in its PSBTs. */
  readonly wallet?: WalletKind;
  /**
   * What to sign of the delegation: both slashings by default. `expansion` signs the spend of the previous stake. It
   * does not return the funding coin's witness, which is not part of a delegation: a wallet that signs both needs the
   * PSBT of `signOptions("expansion", …)`.
   */
  readonly steps?: readonly SignedName[];
}

/**
 * The delegation with the staker's signatures by a wallet in Babylon's shape: `BtcProvider` of btc-staking-ts,
 * `IBTCProvider` of Babylon's wallet connector, or a page's `window.btcwallet`. If it signs several PSBTs at once, the
 * user confirms once. Every answer is verified as `addStakerPsbts` does.
 * @throws TapstakeError `signer-failed` if the wallet throws, or answers with too few PSBTs; the codes of
 * {@link signOptions} and of `addStakerPsbts`
 */
export async function signWith(
  provider: BtcProvider,
  delegation: Delegation,
  by: SigningBy,
): Promise<Delegation> {
  if (typeof provider?.signPsbt !== "function") {
    const text = `the provider must have signPsbt, and is ${describeType(provider)}; give the wallet's object of Babylon's shape`;
    throw new TapstakeError("invalid-argument", text);
  }
  assertObject(by, "the third argument", "give { account }");
  const { account, wallet = "babylon", steps = SLASHINGS } = by;
  assertObject(account, "account", "give { publicKey, address, network }");
  assertList(steps, "steps");
  const known = signedNames(delegation);
  for (const step of steps) assertChoice(step, "step", known);
  const of: AskedOf = { wallet, account };
  const requests = steps.map((step) => signOptions(step, delegation, of));
  const returned = await answers(provider, requests);
  requests.forEach((request, i) => request.accept(returned[i]!));
  return addStakerPsbts(delegation, returned, [xOnly(account.publicKey)], steps);
}

const SLASHINGS: readonly SignedName[] = ["slashing", "unbondingSlashing"];

async function answers(provider: BtcProvider, requests: readonly SigningRequest[]): Promise<string[]> {
  const psbts = requests.map(({ psbtHex }) => psbtHex);
  const options = requests.map(({ babylon }) => babylon);
  try {
    if (provider.signPsbts && psbts.length > 1)
      return asMany(await provider.signPsbts(psbts, options), psbts);
    const signed: string[] = [];
    // One after the other: each opens a window of the wallet, which the user confirms.
    for (const [i, psbt] of psbts.entries()) signed.push(await provider.signPsbt(psbt, options[i]!));
    return signed;
  } catch (cause) {
    if (cause instanceof TapstakeError) throw cause;
    throw new TapstakeError("signer-failed", `the wallet did not sign: ${reasonOf(cause)}`, {}, { cause });
  }
}

/** Many wallets throw an object with a code and a message that is no Error: 4001 when the user says no. */
function reasonOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  const { message } = (thrown ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : describeType(thrown);
}

function asMany(signed: unknown, { length }: readonly string[]): string[] {
  if (Array.isArray(signed) && signed.length === length) return signed as string[];
  const got = Array.isArray(signed) ? `${signed.length}` : describeType(signed);
  throw new TapstakeError(
    "signer-failed",
    `the wallet was asked for ${length} PSBTs and answered with ${got}`,
  );
}
