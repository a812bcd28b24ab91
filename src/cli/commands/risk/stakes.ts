import { Option } from "@commander-js/extra-typings";
import { type Concentration, concentrations } from "../../../restaking/concentration.js";
import { assertName, doubleSign } from "../../../restaking/double-sign.js";
import { countOverlaps, exposures, overlaps } from "../../../restaking/exposure.js";
import { modelOf } from "../../../restaking/model.js";
import { newCommand } from "../../command.js";
import { exactText, Money, shareText } from "../../../restaking/wording.js";
import { jsonOption } from "../../options.js";
import { answer, type Row, section, table } from "../../output.js";
import { GRAPH, readGraph } from "./read.js";

const REFUSED = "an invalid file, or a name that is not in it";

/** Of more pools, the text shows those with the largest losses. --json shows all. */
const SHOWN = 50;

/** More pairs of services take minutes to count, and more memory than there is. */
const MOST_PAIRS = 5_000_000;

export const report = () =>
  newCommand("report", {
    description: `For each pool: its services and operators, and the loss if all services slash all of its operators. Then, how much of
the stake of two services is the same.`,
    examples: `
tapstake risk report restaking.json
tapstake risk report restaking.json --pool my-stake
`,
    refused: REFUSED,
  })
    .argument(...GRAPH)
    .addOption(new Option("--pool <name>", "only this pool"))
    .addOption(jsonOption())
    .action(async (path, { pool, json }) => {
      const graph = await readGraph(path);
      if (pool !== undefined) assertName(graph, "pools", pool);
      const pools = exposures(graph).filter((each) => pool === undefined || each.pool === pool);
      const isPaired = pool === undefined && countOverlaps(graph) <= MOST_PAIRS;
      const facts = { pools, ...(isPaired && overlaps(graph)) };
      const money = new Money(graph, modelOf(graph));
      answer(json === true, facts, () => {
        const sorted = pools.toSorted((a, b) => {
          const difference = b.worstShare[0] * a.worstShare[1] - a.worstShare[0] * b.worstShare[1];
          return difference < 0n ? -1 : difference > 0n ? 1 : 0;
        });
        const sections = sorted.slice(0, SHOWN).map((each) => {
          const rows = each.to.map(({ service, operator, loss, veto }): Row => {
            const vetoed = veto ? ", can be vetoed" : "";
            return [`${service} by ${operator}`, `a slashing takes ${money.of(loss, each.asset)}${vetoed}`];
          });
          const worst = `${money.of(each.worstLoss, each.asset)}, ${shareText(each.worstShare)}`;
          const owner = each.owner === undefined ? "" : `, own stake of ${each.owner}`;
          const title = `${each.pool}: ${money.of(each.amount, each.asset)}${owner}`;
          const layers: Row[] =
            each.byLayers === undefined ? [] : [["in other layers", money.of(each.byLayers, each.asset)]];
          return section(title, table([...rows, ...layers, ["worst case", worst]], "  "));
        });
        if (sorted.length > SHOWN) sections.push(`${sorted.length - SHOWN} further pools: see --json`);
        if (sections.length === 0) sections.push("No stake is behind a service.");
        if (!isPaired && pool === undefined) {
          sections.push(`The stake that two services share is left out: more than ${MOST_PAIRS} pairs`);
        }
        const shared = facts.overlaps ?? [];
        if (shared.length > 0) {
          const rows = shared.slice(0, SHOWN).map(({ services: [a, b], shared: amount, shares }): Row => {
            return [
              `${a} and ${b}`,
              `${money.worth(amount)}: ${shareText(shares[0])} of ${a}, ${shareText(shares[1])} of ${b}`,
            ];
          });
          sections.push(section("The same stake", table(rows, "  ")));
          if (shared.length > SHOWN) sections.push(`${shared.length - SHOWN} further pairs: see --json`);
        }
        return sections.join("\n\n");
      });
    });

export const doubleSignCommand = () =>
  newCommand("double-sign", {
    description: `For each pool of the operator, three numbers: the backing that its services lose, what its holder loses, and the coins
that stay locked. Then the stake that each service keeps.`,
    examples: `
tapstake risk double-sign restaking.json --operator north
`,
    refused: REFUSED,
  })
    .argument(...GRAPH)
    .addOption(new Option("--operator <name>", "operator that signs twice").makeOptionMandatory())
    .addOption(new Option("--service <name>", "only at this service (default: at all of its services)"))
    .addOption(jsonOption())
    .action(async (path, { operator, service, json }) => {
      const graph = await readGraph(path);
      const facts = doubleSign(graph, operator, service);
      const money = new Money(graph, modelOf(graph));
      answer(json === true, facts, () => {
        const losses = facts.pools.slice(0, SHOWN).map((each) => {
          const { asset } = each;
          const blocks = each.lockedBlocks > 0 ? ` for ${each.lockedBlocks} blocks` : "";
          return section(
            `${each.pool}: ${money.of(each.amount, asset)}`,
            table(
              [
                ["backing lost", money.of(each.backingLost, asset)],
                [
                  each.isOwn ? "operator loses" : "staker loses",
                  `${money.of(each.loss, asset)}, ${shareText(each.lossShare)}`,
                ],
                ["coins locked", `${money.of(each.locked, asset)}${each.locked > 0n ? blocks : ""}`],
              ],
              "  ",
            ),
          );
        });
        if (facts.pools.length > SHOWN)
          losses.push(`${facts.pools.length - SHOWN} further pools: see --json`);
        const services = facts.services.map((each): Row => {
          const below = each.fallsBelow ? `, below ${each.fallsBelow.join("/")} of before` : "";
          const left = `${money.worth(each.after)} of ${money.worth(each.before)} left, ${shareText(each.left)}`;
          return [each.service, `${left}${below}`];
        });
        return [...losses, section("Services", table(services, "  "))].join("\n\n");
      });
    });

export const concentration = () =>
  newCommand("concentration", {
    description: `For all stake and for each service: how few operators have more than 1/3, 1/2 and 2/3 (Nakamoto coefficients), the
Herfindahl index and the Gini coefficient. By operator, and by group: operators of one legal person count as one.`,
    examples: `
tapstake risk concentration restaking.json
`,
    refused: REFUSED,
  })
    .argument(...GRAPH)
    .addOption(jsonOption())
    .action(async (path, { json }) => {
      const graph = await readGraph(path);
      const facts = concentrations(graph);
      const text = (by: Concentration) => {
        const { third, half, twoThirds } = by.nakamoto;
        return table(
          [
            ["holders", `${by.holders}`],
            ["more than 1/3, 1/2, 2/3", `${third}, ${half}, ${twoThirds}`],
            ["Herfindahl index", exactText(by.herfindahl)],
            ["Gini coefficient", exactText(by.gini)],
            ["largest", by.largest ? `${by.largest.id}, ${shareText(by.largest.share)}` : undefined],
          ],
          "  ",
        );
      };
      answer(json === true, facts, ({ all, services }) =>
        [{ service: undefined, ...all }, ...services]
          .flatMap(({ service, byOperator, byGroup }) => {
            const what = service === undefined ? "All stake" : service;
            return [
              section(`${what}, by operator`, text(byOperator)),
              section(`${what}, by group`, text(byGroup)),
            ];
          })
          .join("\n\n"),
      );
    });
