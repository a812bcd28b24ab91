import { Option } from "@commander-js/extra-typings";
import { initStore } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { jsonOption, networkOption, wholeNumber } from "../../options.js";
import { answer, table } from "../../output.js";
import { readParams } from "../../terms.js";
import { storeOption } from "./options.js";

export const init = () =>
  newCommand("init", {
    description: `Makes the store of a watch. The network, the first height and the phase-1 parameters stay as they are from then on:
every row follows from them. The first height is that of the first phase-1 parameters, where the network had a phase 1.`,
    examples: `
tapstake watch init --network mainnet
tapstake watch init --network regtest --from-height 0 --store regtest.db
`,
    refused: "an existing file, an unwritable folder, or parameters not of phase 1",
  })
    .addOption(storeOption())
    .addOption(networkOption().makeOptionMandatory())
    .addOption(new Option("--from-height <height>", "first block to scan").argParser(wholeNumber))
    .addOption(
      new Option("--params <file>", "phase-1 parameters (default: the published ones)").conflicts("phase1"),
    )
    .addOption(new Option("--no-phase1", "look for no phase-1 stakes"))
    .addOption(jsonOption())
    .action(async ({ store, network, fromHeight, params, phase1, json }) => {
      const set = params === undefined ? undefined : await readParams(params, network);
      const settings = initStore(store, {
        network,
        ...(fromHeight !== undefined && { first: fromHeight }),
        ...(phase1 ? set && { phase1: set } : { phase1: null }),
      });
      const facts = { store, network, first: settings.first, phase1: settings.phase1?.name ?? null };
      answer(json === true, facts, () =>
        table([
          ["store", store],
          ["network", network],
          ["first block", String(facts.first)],
          ["phase 1", facts.phase1 ?? "not looked for"],
        ]),
      );
    });
