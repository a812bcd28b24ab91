import { TapstakeError } from "../../../core/errors.js";
import { counted } from "../../../core/text.js";
import type { Delegation } from "../../../delegation/delegation.js";
import { addToStore } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { checkOneStandardInput, inFile, readDelegation } from "../../input.js";
import { jsonOption } from "../../options.js";
import { answer } from "../../output.js";
import { storeOption } from "./options.js";

export const add = () =>
  newCommand("add", {
    description: `Adds delegations, or the signatures that a copy has more. What became of their stakes in blocks that are scanned already
is found without another scan. While tapstake watch run runs, put files into its --folder instead.`,
    examples: `
tapstake watch add stake.json
tapstake watch add --store watch.db stake.json larger.json
`,
    refused: "an invalid delegation, another network, or another process that writes",
  })
    .argument("<file...>", "files of delegations; - for standard input")
    .addOption(storeOption())
    .addOption(jsonOption())
    .action(async (files, { store, json }) => {
      checkOneStandardInput(...files);
      const delegations: Delegation[] = [];
      for (const file of files) delegations.push(await readDelegation(file));
      const known = named(files, () => addToStore(store, delegations));
      const facts = known.map(({ outpoint, isNew }) => ({ outpoint, isNew }));
      answer(json === true, { added: facts }, () => {
        const same = delegations.length - known.length;
        const lines = facts.map(
          ({ outpoint, isNew }) => `${outpoint}  ${isNew ? "added" : "has new signatures"}`,
        );
        return [...lines, ...(same > 0 ? [`${counted(same, "delegation")} known already`] : [])].join("\n");
      });
    });

/** What is wrong with one of the delegations is said with the name of its file. */
function named<T>(files: readonly string[], run: () => T): T {
  try {
    return run();
  } catch (error) {
    const index = error instanceof TapstakeError ? error.details["index"] : undefined;
    const file = typeof index === "number" ? files[index] : undefined;
    if (file === undefined) throw error;
    return inFile(file, () => {
      throw error;
    });
  }
}
