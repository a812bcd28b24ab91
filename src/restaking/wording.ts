import type { AttackAnswer, SlackAnswer } from "./attack.js";
import type { BreakEven } from "./break-even.js";
import type { CheckedCoalition } from "./coalition.js";
import type { Fraction } from "./fraction.js";
import type { RestakingGraph } from "./graph.js";
import type { Model } from "./model.js";

/** An amount in the unit that people read: `99.75 bitcoin`. */
export function unitsText(amount: bigint, { id, decimals }: RestakingGraph["assets"][number]): string {
  return `${decimalText(amount, decimals)} ${id}`;
}

function decimalText(amount: bigint, decimals: number): string {
  const size = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const [whole, rest] = [size.slice(0, size.length - decimals), size.slice(size.length - decimals)];
  const fraction = rest.replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}

/** Amounts of a graph as text: of an asset, and of the unit of profits. */
export class Money {
  readonly #assets: ReadonlyMap<string, RestakingGraph["assets"][number]>;
  readonly #single: RestakingGraph["assets"][number] | undefined;
  readonly #scale: bigint;

  constructor({ assets }: RestakingGraph, { scale }: { readonly scale: bigint }) {
    this.#assets = new Map(assets.map((asset) => [asset.id, asset]));
    const [first] = assets;
    this.#single = assets.length === 1 && first?.value === undefined ? first : undefined;
    this.#scale = scale;
  }

  of(amount: bigint, asset: string): string {
    return unitsText(amount, this.#assets.get(asset)!);
  }

  /** Of the model's unit. */
  worth(amount: bigint): string {
    if (this.#single) return unitsText(amount, this.#single);
    const [whole, rest] = [amount / this.#scale, amount % this.#scale];
    return `${rest === 0n ? "" : "about "}${whole} units of profit`;
  }
}

/** A part as percent, with four decimals at most: `0.25 %`, `about 33.3333 %`. */
export function shareText([numerator, denominator]: Fraction): string {
  const scaled = numerator * 1_000_000n;
  const rounded = (2n * scaled + denominator) / (2n * denominator);
  return `${rounded * denominator === scaled ? "" : "about "}${decimalText(rounded, 4)} %`;
}

/** A fraction as it was calculated, with its percent. */
export const exactText = (value: Fraction): string => `${value[0]}/${value[1]} (${shareText(value)})`;

export const slackText = (slack: Fraction | "unlimited" | null): string =>
  slack === null ? "none" : slack === "unlimited" ? "unlimited: no service has a profit" : exactText(slack);

export function slackRange({ class: kind, atLeast, atMost }: SlackAnswer): string {
  if (kind !== "unknown" || atLeast === "unlimited") return `${slackText(atLeast)}, ${kind}`;
  return `unknown, ${atLeast ? `at least ${exactText(atLeast)}, ` : ""}at most ${atMost ? exactText(atMost) : "unlimited"}`;
}

/** A coalition with names in place of numbers. */
export function coalitionFacts(model: Model, found: CheckedCoalition) {
  const { coalition, services, operators, profit, cost, ownCost, isAttack } = found;
  const operator = (number: number) => model.operators[number]!;
  return {
    services: services.map((service) => ({
      service: model.services[service]!.id,
      operators: [...coalition.get(service)!].toSorted((a, b) => a - b).map(operator),
    })),
    operators: operators.map(operator),
    profit,
    cost,
    costToOperators: ownCost,
    costToStakers: cost - ownCost,
    isAttack,
  };
}

export function breakEvenFacts(model: Model, { service, coalition, ...bounds }: BreakEven) {
  const { services, operators } = coalitionFacts(model, coalition);
  return {
    service: model.services[service]!.id,
    class: bounds.class,
    atLeast: bounds.atLeast,
    atMost: bounds.atMost,
    services: services.map((each) => each.service),
    operators,
  };
}

/** What an answer says of attacks, in a sentence. */
export const VERDICTS = {
  certified: "No coalition gains by an attack (certified: exact arithmetic, for all coalitions).",
  proved: "No coalition gains by an attack (proved by a search).",
  "attack-found": "An attack pays. Its coalition is below, checked in whole numbers.",
  unknown: "Unknown: no attack that pays was found, and none is excluded.",
} as const satisfies Record<AttackAnswer["class"], string>;

/** What to do about an answer that needs the solver. */
export const INSTALL = "unknown, install highs: npm install highs";
