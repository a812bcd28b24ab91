import type { Transaction } from "../bitcoin/transaction-class.js";
import { assertFeeRate } from "../bitcoin/fee.js";
import { formatOutpoint, spends, spentBy } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertObject } from "../core/objects.js";
import { assertChoice } from "../core/text.js";
import { checkTransactions } from "../delegation/check.js";
import { assertDelegation, type Delegation, expandedStake, outputsIn } from "../delegation/delegation.js";
import { assertAcceptable, finishStakeFunding, stakerPsbts } from "../delegation/psbt.js";
import { type SignedName, signedSpend } from "../delegation/spends.js";
import { namingStep, STAKER_STEPS, type StakerStep } from "../delegation/step.js";
import { signedVsize } from "../funding/coin-cost.js";
import { assertCoins, type Coin } from "../funding/coin.js";
import type { Psbt } from "../psbt/psbt.js";
import type { PsbtLike } from "../psbt/read.js";
import { signaturesFromPsbt } from "../psbt/signatures.js";
import { fieldsOf, fundingPsbt, spendPsbt } from "../psbt/write.js";
import type { KeyOrigin } from "../script/key-origin.js";
import { stakerKeys } from "../script/terms.js";
import type { LeafSignature, LeafSpend } from "../spending/spend.js";
import { FUNDING_INPUT, fundingWitness } from "../stake/funding-coin.js";
import { coinsSpentBy } from "../stake/staking.js";
import type { Withdrawable, Withdrawal } from "../stake/withdrawal.js";
import { type CheckedAccount, checkAccount } from "./account.js";
import { describeStep } from "./contracts.js";
import { type AskedInput, babylonInput, NATIVE } from "./native.js";
import {
  type AskedOf,
  type SigningRequest,
  type SignPsbtOptions,
  type StepAnswer,
  type StepInput,
  WALLET_KINDS,
  type WalletKind,
} from "./types.js";

/**
 * One step of a stake's life as one wallet can answer it: the PSBT with only the fields that the wallet accepts, the
 * options of its own call and of Babylon's interface, and `accept` for the answer. The delegation and the account are
 * checked before anything is returned.
 *
 * Some steps need more than wallet and account.
 * - `funding` takes the `coins` of the staking transaction.
 * - `expansion` takes `coins` if the funding coin is the account's and needs more than the delegation says of it.
 * - The three withdrawals take the built `withdrawal`, which says where the coins go and at which fee rate.
 * @throws TapstakeError `account-mismatch` if the account is not a staker's, or its network, address and key disagree;
 * the codes of `checkTransactions`; `invalid-coin` for coins that are not the transaction's,
 * or hold less than it pays out; `fee-rate-too-high`; `not-an-expansion`;
 * `psbt-mismatch` for a withdrawal of another stake or from another output; `invalid-argument`
 * @example
 * ```ts
 * const request = signOptions("slashing", delegation, { wallet: "unisat", account });
 * const signatures = request.accept(await unisat.signPsbt(request.psbtHex, request.native));
 * ```
 */
export function signOptions<S extends StakerStep, W extends WalletKind>(
  step: S,
  delegation: Delegation,
  of: AskedOf<W> & StepInput[S],
): SigningRequest<S, W> {
  assertChoice(step, "step", STAKER_STEPS);
  assertDelegation(delegation);
  assertObject(of, "the third argument", "give { wallet, account }");
  assertObject(of.account, "account", "give { publicKey, address, network }");
  assertChoice(of.wallet, "wallet", WALLET_KINDS);
  const account = accountFor(step, delegation, of);
  const bearsOrigins = (BEARS_ORIGINS as readonly WalletKind[]).includes(of.wallet);
  const { psbt, inputs, accept } = ASKS[step]({
    delegation,
    of: of as StepInput[S],
    account,
    origins: bearsOrigins ? originsOf(account) : [],
    bearsOrigins,
  });
  const [psbtHex, psbtBase64] = [psbt.toHex(), psbt.toBase64()];
  const babylon: SignPsbtOptions = {
    autoFinalized: false,
    ...describeStep(step, delegation, account.xOnlyKey),
    signInputs: inputs.map((input) => babylonInput(account, input)),
  };
  const asked = { account, inputs, psbtHex, psbtBase64, babylon };
  return {
    step,
    psbtHex,
    psbtBase64,
    babylon,
    native: NATIVE[of.wallet](asked),
    accept: (returned) => namingStep(delegation, step, returned, accept),
  };
}

/**
 * The wallets that find their keys by origin, and read what an output is. All others get the PSBT that btc-staking-ts
 * makes, which they sign: coin, internal key and leaf.
 */
const BEARS_ORIGINS = ["keystone", "core", "generic"] as const satisfies readonly WalletKind[];

/** Any wallet with coins can fund a stake; the stakers sign everything else. */
function accountFor(step: StakerStep, delegation: Delegation, { wallet, account }: AskedOf): CheckedAccount {
  const { terms, params } = delegation;
  const { staker } = step === "expansion" ? expandedStake(delegation).terms : terms;
  const stakers = step === "funding" ? undefined : stakerKeys(staker).keys;
  return checkAccount(account, params.network, { wallet, stakers });
}

const originsOf = ({ origin, publicKey }: CheckedAccount): KeyOrigin[] =>
  origin ? [{ ...origin, publicKey }] : [];

interface Step<Input> {
  readonly delegation: Delegation;
  readonly of: Input;
  readonly account: CheckedAccount;
  readonly origins: readonly KeyOrigin[];
  readonly bearsOrigins: boolean;
}

interface Ask<Answer> {
  readonly psbt: Psbt;
  readonly inputs: readonly AskedInput[];
  accept(returned: PsbtLike): Answer;
}

const ASKS: { readonly [S in StakerStep]: (step: Step<StepInput[S]>) => Ask<StepAnswer[S]> } = {
  funding,
  slashing: (step) => presigned("slashing", step),
  unbondingSlashing: (step) => presigned("unbondingSlashing", step),
  unbonding: (step) => presigned("unbonding", step),
  withdrawStaking: (step) => withdrawal("staking", step),
  withdrawUnbonding: (step) => withdrawal("unbonding", step),
  withdrawRefund: (step) => withdrawal("refund", step),
  expansion,
};

const LEAF_INPUT: AskedInput = { index: 0, by: "leaf" };

function presigned(
  name: Exclude<SignedName, "expansion">,
  { delegation, account, origins, bearsOrigins }: Step<object>,
): Ask<readonly LeafSignature[]> {
  // This call checks every transaction of the delegation first.
  const psbt = stakerPsbts(delegation, origins)[name];
  if (!bearsOrigins) forgetOutputs(psbt);
  const spend = signedSpend(delegation, name);
  return {
    psbt,
    inputs: [LEAF_INPUT],
    accept: (returned) => {
      const signatures = ownSignatures(spend, returned, account);
      for (const signature of signatures) assertAcceptable(name, signature);
      return signatures;
    },
  };
}

function withdrawal(
  from: Withdrawable,
  { delegation, of, account, origins }: Step<StepInput["withdrawStaking"]>,
): Ask<readonly LeafSignature[]> {
  const { withdrawal: spend } = of;
  checkTransactions(delegation);
  assertFrom(from, delegation, spend);
  return {
    psbt: spendPsbt(spend, [], origins),
    inputs: [LEAF_INPUT],
    accept: (returned) => ownSignatures(spend, returned, account),
  };
}

function assertFrom(from: Withdrawable, delegation: Delegation, spend: Withdrawal): void {
  const { leaf, prevouts } = spend ?? {};
  if (!leaf || !prevouts) {
    const text = `withdrawal must be the result of buildWithdrawal with from: "${from}"`;
    throw new TapstakeError("invalid-argument", text);
  }
  const { script, leaves } = outputsIn(delegation)[from];
  const isOurs = equalBytes(leaf.hash, leaves.timelock.hash) && equalBytes(prevouts[0]!.script, script);
  if (isOurs) return;
  const text = `the withdrawal does not spend the ${from} output of this stake; build it with from: "${from}" and this stake's terms`;
  throw new TapstakeError("psbt-mismatch", text, { what: "input 0: leaf" });
}

function funding({ delegation, of, account, bearsOrigins }: Step<StepInput["funding"]>): Ask<Transaction> {
  const { transaction } = delegation.staking;
  if (delegation.expansion) {
    const text = `the staking transaction expands another stake: ask for the step "expansion"`;
    throw new TapstakeError("invalid-argument", text);
  }
  checkTransactions(delegation);
  if (of.coins === undefined) {
    throw new TapstakeError("invalid-argument", "the funding needs its coins; give coins: staking.coins");
  }
  const coins = coinsSpentBy(transaction, of.coins).map((coin) => asHeld(coin, account, bearsOrigins));
  assertPays(transaction, coins, of);
  const inputs = coins.flatMap((coin, index) => ownInput(coin, index, account));
  if (inputs.length === 0 && !bearsOrigins) {
    const text = `no coin that pays for this stake is held by ${account.address}; choose the account that has the coins`;
    throw new TapstakeError("account-mismatch", text, { what: "address", got: account.address });
  }
  return {
    psbt: fundingPsbt(transaction, coins),
    inputs,
    accept: (returned) => finishStakeFunding(delegation, returned, coins),
  };
}

/**
 * An answer repeats the values that the wallet was given, and its signatures commit to them: without this check, only the
 * nodes would find a false one.
 */
function assertPays(
  transaction: Transaction,
  coins: readonly Coin[],
  { maxFeeRate }: StepInput["funding"],
): void {
  const [held, paid] = [total(coins), total(transaction.outs)];
  if (held <= paid) {
    const text = `the coins given hold ${held} sat, and the staking transaction pays out ${paid} sat: the value of a coin is wrong; give coins: staking.coins, as buildStaking chose them`;
    throw new TapstakeError("invalid-coin", text, { held, paid });
  }
  const feeRate = { numerator: held - paid, denominator: BigInt(signedVsize(transaction, coins)) };
  // A low rate is no sign of a false value: of some coins, only the most that they may weigh is known.
  assertFeeRate(feeRate, {
    minFeeRate: { numerator: 0n, denominator: 1n },
    ...(maxFeeRate && { maxFeeRate }),
  });
}

const total = (outputs: readonly { readonly value: bigint }[]): bigint =>
  outputs.reduce((sum, { value }) => sum + value, 0n);

function expansion({
  delegation,
  of,
  account,
  origins,
  bearsOrigins,
}: Step<StepInput["expansion"]>): Ask<readonly LeafSignature[]> {
  const spend = signedSpend(delegation, "expansion");
  const psbt = stakerPsbts(delegation, origins).expansion!;
  if (!bearsOrigins) forgetOutputs(psbt);
  const coin = asHeld(fundingCoin(delegation, of.coins), account, bearsOrigins);
  Object.assign(psbt.data.inputs[FUNDING_INPUT]!, fieldsOf(coin));
  const own = ownInput(coin, FUNDING_INPUT, account);
  return {
    psbt,
    inputs: [LEAF_INPUT, ...own],
    accept: (returned) => {
      const signatures = ownSignatures(spend, returned, account);
      // The funding coin's witness is verified while the wallet is at hand; `finishExpansion` takes it from the same
      // answer.
      if (own.length > 0) fundingWitness(spend, returned);
      return signatures;
    },
  };
}

/** The funding coin of the expansion: the given one, or what the delegation records of it. */
function fundingCoin(delegation: Delegation, coins: readonly Coin[] = []): Coin {
  const { funding: output } = expandedStake(delegation);
  const input = delegation.staking.transaction.ins[FUNDING_INPUT]!;
  const { script, value, transaction } = output;
  const known: Coin = {
    outpoint: spentBy(input),
    script,
    value,
    ...(transaction && { previousTransaction: transaction }),
  };
  assertCoins(coins);
  const given = coins.find(({ outpoint }) => spends(input, outpoint));
  if (!given && coins.length === 0) return known;
  if (given && given.value === value && equalBytes(given.script, script)) return { ...known, ...given };
  const outpoint = formatOutpoint(known.outpoint);
  const text = `the expansion is funded by ${outpoint} of ${value} sat, which is not the coin given`;
  throw new TapstakeError("invalid-coin", text, { outpoint });
}

/**
 * A coin with what the account knows of it: its internal key, without which some wallets do not sign, and its origin.
 */
function asHeld(coin: Coin, account: CheckedAccount, bearsOrigins: boolean): Coin {
  const { derivations, ...plain } = coin;
  const isOwn = equalBytes(coin.script, account.script);
  const isTaproot = isOwn && account.output === "p2tr" && !coin.leaf;
  const key = isTaproot ? account.xOnlyKey : account.publicKey;
  const own = isOwn && account.origin ? [{ ...account.origin, publicKey: key }] : undefined;
  const origins = derivations ?? own;
  return {
    ...plain,
    ...(isTaproot && { tapInternalKey: account.xOnlyKey }),
    ...(bearsOrigins && origins && { derivations: origins }),
  };
}

function ownInput(coin: Coin, index: number, account: CheckedAccount): AskedInput[] {
  return equalBytes(coin.script, account.script) ? [{ index, by: account.output }] : [];
}

/** The account's signatures of a leaf; signatures of others in the answer are ignored. */
function ownSignatures(spend: LeafSpend, returned: PsbtLike, { xOnlyKey }: CheckedAccount): LeafSignature[] {
  return signaturesFromPsbt(spend, returned, [xOnlyKey]).filter(({ publicKey }) =>
    equalBytes(publicKey, xOnlyKey),
  );
}

/** All wallets of Babylon's list accept a PSBT that says nothing of outputs. */
function forgetOutputs(psbt: Psbt): void {
  for (const output of psbt.data.outputs) {
    for (const field of Object.keys(output)) delete output[field as keyof typeof output];
  }
}
