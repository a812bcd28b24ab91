import { cascade } from "../../src/restaking/cascade.js";
import { doubleSign } from "../../src/restaking/double-sign.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { Money, shareText } from "../../src/restaking/wording.js";
import { counted, nameText, namesText } from "./text.js";

/** A step of what follows when an operator signs twice, and what has fallen by then. */
export interface Step {
  readonly text: string;
  readonly pools: ReadonlySet<string>;
  readonly operators: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

/** Of more services and attacks, the commands show all. */
const SHOWN = 50;

/** What follows, step by step: the slashings, what services are left with, and the attacks that pay then. */
export function fallOf(graph: RestakingGraph, operator: string): Step[] {
  const facts = doubleSign(graph, operator);
  const after = cascade(graph, { operators: [operator] });
  const money = new Money(graph, after);
  const fallen = { pools: new Set<string>(), operators: new Set([operator]), services: new Set<string>() };
  const steps: Step[] = [];
  const say = (text: string) =>
    steps.push({
      text,
      pools: new Set(fallen.pools),
      operators: new Set(fallen.operators),
      services: new Set(fallen.services),
    });

  say(`${nameText(operator)} signs twice.`);
  for (const { pool, amount, backingLost } of facts.pools) {
    if (backingLost === amount) fallen.pools.add(pool);
  }
  const stakes = (asset: string) => facts.pools.filter((pool) => pool.asset === asset);
  for (const { asset, backing, loss, locked } of facts.totals) {
    const own = stakes(asset);
    const blocks = own.reduce((most, { lockedBlocks }) => Math.max(most, lockedBlocks), 0);
    const rest = locked > 0n ? `, and cannot move ${money.of(locked, asset)} for ${blocks} blocks` : "";
    const verb = own.length === 1 ? "loses" : "lose";
    say(
      `${counted(own.length, "stake")} of ${nameText(asset)} ${verb} ${money.of(loss, asset)}${rest}. ` +
        `The services lose ${money.of(backing, asset)} of backing.`,
    );
  }
  if (facts.pools.length === 0) say("No stake stands behind it.");
  for (const { service, before, after: left, left: share, fallsBelow } of facts.services.slice(0, SHOWN)) {
    if (fallsBelow) fallen.services.add(service);
    const below = fallsBelow ? `, below ${fallsBelow.join("/")} of before` : "";
    say(
      `${nameText(service)} keeps ${money.worth(left)} of ${money.worth(before)}, ${shareText(share)}${below}.`,
    );
  }
  if (facts.services.length > SHOWN) {
    for (const { service, fallsBelow } of facts.services) if (fallsBelow) fallen.services.add(service);
    say(
      `${counted(facts.services.length - SHOWN, "further service")} keep less than before: see tapstake risk double-sign.`,
    );
  }
  for (const { services, operators, profit, cost } of after.steps.slice(0, SHOWN)) {
    for (const each of operators) fallen.operators.add(each);
    for (const each of services) fallen.services.add(each);
    say(
      `Now an attack on ${namesText(services)} by ${namesText(operators)} pays: it gains ${money.worth(profit)} ` +
        `and loses ${money.worth(cost)}.`,
    );
  }
  if (after.steps.length > SHOWN) {
    say(`${counted(after.steps.length - SHOWN, "further attack")} then pay: see tapstake risk cascade.`);
  }
  say(
    after.end === "unknown"
      ? "Whether a further attack pays is unknown here: the command tapstake risk cascade, with the package highs, can search on."
      : `No further attack pays (${after.end}).`,
  );
  return steps;
}
