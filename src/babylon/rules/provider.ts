import type { Rate } from "../../core/amount.js";
import { assertSecretKey } from "../../core/keys.js";
import { COMMISSION_DECIMALS } from "../../params/types.js";
import type { MessageOf } from "../schema.js";
import {
  accountRule,
  descriptionRules,
  finality,
  keyRule,
  possessionRules,
  providerAccount,
  providerKnown,
  providerSlashed,
  refusedBy,
  releasesWhere,
  staking,
} from "./shared.js";
import type { ChainState, Finding, Rule, RuleOf } from "./types.js";

type Create = MessageOf<"MsgCreateFinalityProvider">;
type Edit = MessageOf<"MsgEditFinalityProvider">;

const ONE = 10n ** BigInt(COMMISSION_DECIMALS);

/** A decimal of the chain in units of 10^-18; null for another text. */
const unitsIn = (text: string): bigint | null => (/^(0|[1-9]\d{0,39})$/.test(text) ? BigInt(text) : null);

const unitsOf = ({ numerator, denominator }: Rate): bigint => (numerator * ONE) / denominator;
const percent = (units: bigint): string => `${Number(units) / 1e16} %`;

/** The chain compares with its newest parameters. */
const leastCommission = ({ params }: ChainState): bigint => {
  const least = params!.versions.at(-1)!.minCommission;
  return least ? unitsOf(least) : 0n;
};

const tooLow = (rate: bigint, state: ChainState): Finding => {
  const least = leastCommission(state);
  return rate < least
    ? { reason: `the commission is ${percent(rate)}; the chain asks for at least ${percent(least)}` }
    : undefined;
};

const ratesOf = ({ commission }: Create) => ({
  rate: unitsIn(commission.rate)!,
  most: unitsIn(commission.maxRate)!,
  step: unitsIn(commission.maxChangeRate)!,
});

export const CREATE_PROVIDER: readonly RuleOf<"MsgCreateFinalityProvider">[] = [
  accountRule(({ addr }) => addr),
  {
    rule: "commission-form",
    check: ({ commission }) =>
      commission && Object.values(commission).every((each) => unitsIn(each) !== null)
        ? undefined
        : { reason: "a commission is not a number of 10^-18, or negative" },
  },
  {
    rule: "commission-maximum",
    check: (message) =>
      ratesOf(message).most > ONE ? { reason: "the highest commission is above 1" } : undefined,
  },
  {
    rule: "commission-change",
    check(message) {
      const { most, step } = ratesOf(message);
      return step > most ? { reason: "the largest change is above the highest commission" } : undefined;
    },
  },
  ...descriptionRules,
  keyRule(({ btcPk }) => btcPk),
  ...possessionRules<Create>("fp_pop", ({ addr, btcPk }) => ({ address: addr, publicKey: btcPk })),
  {
    rule: "account-free",
    error: staking(1103),
    releases: releasesWhere(({ manyProvidersPerAccount }) => !manyProvidersPerAccount),
    needs: ["accountHasProvider"],
    check: (_, { accountHasProvider }) =>
      accountHasProvider ? { reason: "the account has a finality provider already" } : undefined,
  },
  {
    rule: "commission-minimum",
    error: staking(1111),
    needs: ["params"],
    check: (message, state) => tooLow(ratesOf(message).rate, state),
  },
  {
    rule: "commission-above-maximum",
    error: staking(1112),
    check(message) {
      const { rate, most } = ratesOf(message);
      return rate > most ? { reason: "the commission is above its maximum" } : undefined;
    },
  },
  {
    rule: "provider-unknown",
    error: staking(1103),
    needs: ["provider"],
    check: (_, { provider }) =>
      provider ? { reason: "the finality provider is registered already" } : undefined,
  },
];

const DAY = 24 * 60 * 60 * 1000;

/** A rule of a commission that is to change. */
const ofChange = (
  each: Omit<Rule<Edit>, "check"> & { readonly check: (rate: bigint, state: ChainState) => Finding },
): Rule<Edit> => ({
  ...each,
  when: ({ commission }) => commission !== undefined && commission !== "",
  check: ({ commission }, state) => each.check(unitsIn(commission!)!, state),
});

const change = (releases: Rule<Edit>["releases"] & object, isTooFar: (by: bigint, most: bigint) => boolean) =>
  ofChange({
    rule: "commission-step",
    releases,
    needs: ["provider.commission", "provider.maxCommissionChange"],
    check(rate, { provider }) {
      if (!provider) return undefined;
      const most = unitsOf(provider.maxCommissionChange!);
      return isTooFar(rate - unitsOf(provider.commission!), most)
        ? { reason: `the commission may change by ${percent(most)} at once` }
        : undefined;
    },
  });

export const EDIT_PROVIDER: readonly RuleOf<"MsgEditFinalityProvider">[] = [
  accountRule(({ addr }) => addr),
  {
    rule: "commission-form",
    when: ({ commission }) => commission !== undefined && commission !== "",
    check: ({ commission }) =>
      unitsIn(commission!) === null
        ? { reason: "the commission is not a number of 10^-18, or negative" }
        : undefined,
  },
  ofChange({
    rule: "commission-maximum",
    error: staking(1112),
    check: (rate) => (rate > ONE ? { reason: "the commission is above 1" } : undefined),
  }),
  ...descriptionRules,
  keyRule(({ btcPk }) => btcPk),
  providerKnown(),
  providerAccount(({ addr }) => addr),
  ofChange({
    rule: "commission-pause",
    needs: ["provider.commissionChangedAt", "chainTime"],
    check(_, { provider, chainTime }) {
      const time = new Date((provider?.commissionChangedAt?.getTime() ?? -DAY) + DAY);
      if (time <= chainTime!) return undefined;
      return { reason: "the commission was changed within 24 hours", until: { kind: "time", time } };
    },
  }),
  ofChange({ rule: "commission-minimum", error: staking(1111), needs: ["params"], check: tooLow }),
  ofChange({
    rule: "commission-above-maximum",
    needs: ["provider.maxCommission"],
    check(rate, { provider }) {
      const most = provider && unitsOf(provider.maxCommission!);
      return most != null && rate > most
        ? { reason: `the provider's highest commission is ${percent(most)}` }
        : undefined;
    },
  }),
  change(
    releasesWhere(({ commissionFallsFreely }) => !commissionFallsFreely),
    (by, most) => (by < 0n ? -by : by) > most,
  ),
  change(
    releasesWhere(({ commissionFallsFreely }) => commissionFallsFreely),
    (by, most) => by > most,
  ),
];

export const SELECTIVE_SLASHING: readonly RuleOf<"MsgSelectiveSlashingEvidence">[] = [
  accountRule(({ signer }) => signer),
  {
    rule: "secret-key",
    check: ({ recoveredFpBtcSk }) => refusedBy(() => assertSecretKey(recoveredFpBtcSk)),
  },
  providerKnown(),
  providerSlashed(),
];

export const UNJAIL: readonly RuleOf<"MsgUnjailFinalityProvider">[] = [
  accountRule(({ signer }) => signer),
  keyRule(({ fpBtcPk }) => fpBtcPk),
  providerKnown(),
  providerAccount(({ signer }) => signer),
  providerSlashed(),
  {
    rule: "provider-jailed",
    error: staking(1122),
    needs: ["provider.jailed"],
    check: (_, { provider }) =>
      provider?.jailed === false ? { reason: "the finality provider is not jailed" } : undefined,
  },
  {
    rule: "jail-time",
    error: finality(1112),
    needs: ["provider.jailedUntil", "chainTime"],
    check(_, { provider, chainTime }) {
      const end = provider?.jailedUntil;
      if (!end || chainTime! > end) return undefined;
      const time = new Date(end.getTime() + 1);
      return { reason: "the time in jail is not over", until: { kind: "time", time } };
    },
  },
];
