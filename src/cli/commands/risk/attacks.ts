import { Option } from "@commander-js/extra-typings";
import { findAttack } from "../../../restaking/attack.js";
import { breakEvens } from "../../../restaking/break-even.js";
import { cascade, worstCascade } from "../../../restaking/cascade.js";
import { modelOf } from "../../../restaking/model.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import {
  breakEvenFacts,
  coalitionFacts,
  exactText,
  INSTALL,
  Money,
  slackRange,
  VERDICTS,
} from "../../../restaking/wording.js";
import { jsonOption } from "../../options.js";
import { answer, type Row, section, table } from "../../output.js";
import { fractionArgument, GRAPH, readGraph, secondsOption, solverIfThere } from "./read.js";

export const attack = () =>
  newCommand("attack", {
    description: `Compares what corrupting services brings with the stake that the operators lose. The margin is how much more each
attack costs than it brings. For a service without a known profit, prints the profit from which on an attack pays.

Searches that need the package highs say so where it is not installed.`,
    examples: `
tapstake risk attack restaking.json
`,
    refused: "an invalid file",
  })
    .argument(...GRAPH)
    .addOption(secondsOption())
    .addOption(jsonOption())
    .action(async (path, { seconds, json }) => {
      const graph = await readGraph(path);
      const model = modelOf(graph);
      const options = { solver: await solverIfThere(), seconds };
      const found = findAttack(model, options);
      const { coalition, certificate } = found;
      const unknown = [...model.services.keys()].filter((i) => model.services[i]!.profit === null);
      const facts = {
        class: found.class,
        ...(found.isSecure !== undefined && { isSecure: found.isSecure }),
        ...(found.needs && { needs: found.needs }),
        scale: model.scale,
        mostGain: found.mostGain,
        ...(found.tolerance !== undefined && { tolerance: found.tolerance }),
        margin: found.slack,
        ...(coalition && { coalition: coalitionFacts(model, coalition) }),
        free: certificate.free.map((service) => model.services[service]!.id),
        loads: model.operators.map((operator, i) => ({ operator, load: certificate.loads[i]! })),
        breakEven: breakEvens(model, unknown, options).map((each) => breakEvenFacts(model, each)),
        costsAreLeast: model.costsAreLeast,
      };
      const money = new Money(graph, model);
      answer(json === true, facts, () => {
        const parts: string[] = [VERDICTS[found.class]];
        if (unknown.length > 0) parts.push(LEFT_OUT);
        const rows: Row[] = [
          ["margin", slackRange(found.slack)],
          ["most that an attack gains", money.worth(found.mostGain)],
          ["solver's tolerance", found.tolerance === undefined ? undefined : money.worth(found.tolerance)],
          ["missing", found.needs && INSTALL],
        ];
        parts.push(table(rows, "  "));
        if (facts.coalition) {
          const { services, profit, cost, costToOperators, isAttack } = facts.coalition;
          const by = services.map(({ service, operators }): Row => [service, `by ${operators.join(", ")}`]);
          const title = isAttack ? "The attack" : "The coalition that comes nearest";
          parts.push(
            section(
              title,
              table(
                [
                  ...by,
                  ["gains", money.worth(profit)],
                  ["loses", `${money.worth(cost)}, ${money.worth(costToOperators)} of it the operators' own`],
                ],
                "  ",
              ),
            ),
          );
        }
        if (facts.free.length > 0) {
          parts.push(`Without any stake, so free to attack: ${facts.free.join(", ")}`);
        }
        if (facts.breakEven.length > 0) {
          const lines = facts.breakEven.slice(0, SHOWN).map((each): Row => {
            const [low, high] = [money.worth(each.atLeast), money.worth(each.atMost)];
            const from = each.class === "unknown" ? `between ${low} and ${high}` : `above ${high}`;
            const others = each.services.filter((name) => name !== each.service);
            const together = others.length > 0 ? `, together with ${others.join(", ")}` : "";
            return [each.service, `${from} (${each.class}), by ${each.operators.join(", ")}${together}`];
          });
          parts.push(section("An attack pays from this profit on", table(lines, "  ")));
          const left = facts.breakEven.length - SHOWN;
          if (left > 0) parts.push(`${left} further services: see --json`);
        }
        return parts.join("\n\n");
      });
    });

/** Of more services, the text shows the first. --json shows all. */
const SHOWN = 50;

const LEFT_OUT =
  "Services without a known profit count as worth nothing here: the last lines say from which profit on that is wrong.";

export const cascadeCommand = () =>
  newCommand("cascade", {
    description: `A first loss makes attacks cheaper: their operators lose stake too, and so on. With --operator or --pool, follows the
loss of that stake, step by step. With --shock, finds the worst loss of such a share of all stake.`,
    examples: `
tapstake risk cascade restaking.json --operator north
tapstake risk cascade restaking.json --shock 1/10
`,
    refused: "an invalid file, or a name that is not in it",
  })
    .argument(...GRAPH)
    .addOption(new Option("--operator <name...>", "operators whose stake is lost at first"))
    .addOption(new Option("--pool <name...>", "pools that are lost at first"))
    .addOption(
      new Option("--shock <fraction>", "share of all stake, such as 1/10: the worst case")
        .argParser(fractionArgument)
        .conflicts(["operator", "pool"]),
    )
    .addOption(secondsOption())
    .addOption(jsonOption())
    .action(async (path, { operator, pool, shock, seconds, json }) => {
      if (operator === undefined && pool === undefined && shock === undefined) {
        throw new UsageError("name what is lost at first: --operator, --pool or --shock");
      }
      const graph = await readGraph(path);
      const options = { solver: await solverIfThere(), seconds };
      if (shock !== undefined) return sayWorst(json === true, worstCascade(graph, shock, options));
      const facts = cascade(graph, { operators: operator ?? [], pools: pool ?? [] }, options);
      const money = new Money(graph, facts);
      answer(json === true, facts, () => {
        const steps = facts.steps.map(({ services, operators, profit, cost }, i): Row => {
          const gain = `gains ${money.worth(profit)}, loses ${money.worth(cost)}`;
          return [`step ${i + 1}`, `${operators.join(", ")} attack ${services.join(", ")}: ${gain}`];
        });
        const lost = `${money.worth(facts.lost)} of ${money.worth(facts.total)}, ${exactText(facts.lostShare)}`;
        const rows: Row[] = [
          ["lost at first", money.worth(facts.shock)],
          ...steps,
          ["lost in the end", lost],
          ["left without stake", facts.emptied.length > 0 ? facts.emptied.join(", ") : undefined],
          [
            "no further attack pays",
            facts.end === "unknown" ? (facts.needs ? INSTALL : "unknown") : facts.end,
          ],
          ["any such loss ends below", facts.lessThan ? exactText(facts.lessThan) : "no bound"],
        ];
        return table(rows);
      });
    });

type Worst = ReturnType<typeof worstCascade>;

const MISSING = {
  highs: INSTALL,
  "plain-graph": "unknown: it can be calculated where each operator's stake is lost whole",
} as const;

const sayWorst = (json: boolean, facts: Worst): void =>
  answer(json, facts, ({ share, shock, operators, services, lessThan, needs }) =>
    table([
      ["lost at first, at most", exactText(facts.psi)],
      ["worst loss in the end", share ? `${exactText(share)}, proved` : needs ? MISSING[needs] : "unknown"],
      ["the first loss", share && shock.length > 0 ? shock.join(", ") : undefined],
      ["then attack", operators.length > 0 ? `${operators.join(", ")}: ${services.join(", ")}` : undefined],
      ["any such loss ends below", lessThan ? exactText(lessThan) : "no bound"],
    ]),
  );
