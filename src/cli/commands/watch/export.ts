import { Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import { openStoreReader } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { wholeNumber, jsonOption } from "../../options.js";
import { sayAll, toJson } from "../../output.js";
import { storeOption } from "./options.js";

export const exportCommand = () =>
  newCommand("export", {
    description: `Prints events, removed events and changed stakes in the order in which the store learnt them, an object a line. Each has
a number, seq. Give the last one to --since, and the next call goes on behind it.`,
    examples: `
tapstake watch export > everything.jsonl
tapstake watch export --since 2
`,
    refused: "a path without a store of a watch, or a number that the store does not have yet",
  })
    .addOption(storeOption())
    .addOption(
      new Option("--since <seq>", "only what comes after this number").argParser(wholeNumber).default(0),
    )
    .addOption(jsonOption())
    .action(async ({ store, since }) => {
      const reader = openStoreReader(store);
      try {
        const newest = reader.seq();
        if (since > newest) {
          const text = `the newest number of the store ${store} is ${newest}, so ${since} is of another store. Do: begin at 0 with a store that was made again`;
          throw new TapstakeError("invalid-number", text, { since, newest });
        }
        await sayAll(lines());
      } finally {
        reader.close();
      }
      function* lines(): Generator<string> {
        let seq = since;
        for (;;) {
          const items = reader.since(seq);
          for (const item of items) yield `${toJson(item, 0)}\n`;
          if (items.length === 0) return;
          seq = items.at(-1)!.seq;
        }
      }
    });
