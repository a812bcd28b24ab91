import { Option } from "@commander-js/extra-typings";
import { collateral, optIn } from "../../../restaking/change.js";
import { newCommand } from "../../command.js";
import { exactText, Money, slackText } from "../../../restaking/wording.js";
import { jsonOption } from "../../options.js";
import { answer, type Row, section, table } from "../../output.js";
import { fractionArgument, GRAPH, readGraph } from "./read.js";

export const optInCommand = () =>
  newCommand("opt-in", {
    description: `The operator joins with all of its pools, under their rules of today. A load is the profit that falls on a coin of an
operator's stake: with loads of 1 and less, no attack pays.`,
    examples: `
tapstake risk opt-in restaking.json --operator east --service bridge
`,
    refused: "an invalid file, a name that is not in it, or an operator that is in the service",
  })
    .argument(...GRAPH)
    .addOption(new Option("--operator <name>", "operator that joins").makeOptionMandatory())
    .addOption(new Option("--service <name>", "service that it joins").makeOptionMandatory())
    .addOption(jsonOption())
    .action(async (path, { operator, service, json }) => {
      const graph = await readGraph(path);
      const { graph: _, ...facts } = optIn(graph, operator, service);
      const money = new Money(graph, facts);
      answer(json === true, facts, ({ joining, power, slack, loads, worstLosses }) => {
        const load = (value: (typeof loads)[number]["before"]) =>
          value ? exactText(value) : "without limit";
        const rows: Row[] = [
          ["stake that joins", money.worth(joining)],
          [`stake of ${service}`, `${money.worth(power.before)}, then ${money.worth(power.after)}`],
          ["certified margin", `${slackText(slack.before)}, then ${slackText(slack.after)}`],
        ];
        const assets = new Map(graph.pools.map(({ id, asset }) => [id, asset]));
        const pools = worstLosses.map((each): Row => {
          const asset = assets.get(each.pool)!;
          return [each.pool, `${money.of(each.before, asset)}, then ${money.of(each.after, asset)}`];
        });
        return [
          table(rows),
          section(
            "Loads",
            table(
              loads.map((each): Row => [each.operator, `${load(each.before)}, then ${load(each.after)}`]),
              "  ",
            ),
          ),
          section("Worst losses", table(pools, "  ")),
        ].join("\n\n");
      });
    });

export const collateralCommand = () =>
  newCommand("collateral", {
    description: `Adds stake to operators until each attack costs at least 1 + gamma times what it brings, by the certificate. The new
stake is lost whole with an attack. Also prints how little could suffice.`,
    examples: `
tapstake risk collateral restaking.json --gamma 1/2
`,
    refused: "an invalid file",
  })
    .argument(...GRAPH)
    .addOption(
      new Option("--gamma <fraction>", "margin to reach, such as 1/10")
        .argParser(fractionArgument)
        .makeOptionMandatory(),
    )
    .addOption(jsonOption())
    .action(async (path, { gamma, json }) => {
      const graph = await readGraph(path);
      const facts = collateral(graph, gamma);
      const money = new Money(graph, facts);
      answer(json === true, facts, ({ isEnough, add, total, atLeast }) => {
        if (isEnough) return `The stake is enough for a margin of ${exactText(gamma)} (certified).`;
        if (add === null && atLeast > 0n) {
          return `Unknown where to add stake: the graph is too large. At least ${money.worth(atLeast)} are missing.`;
        }
        if (add === null)
          return "Unknown: profit falls on stake that loses nothing. More stake cannot change that.";
        return table([
          ...add.map(({ operator, amount }): Row => [`add to ${operator}`, money.worth(amount)]),
          ["together", `${money.worth(total)} (certified to suffice)`],
          ["at least", money.worth(atLeast)],
        ]);
      });
    });
