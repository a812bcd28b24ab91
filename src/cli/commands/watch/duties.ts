import { Option } from "@commander-js/extra-typings";
import { counted } from "../../../core/text.js";
import { readAlarms } from "../../../watch/alarms/outbox.js";
import { openReader } from "../../../watch/store/open.js";
import { readDuties } from "../../../watch/tower/duties.js";
import { readEvidence } from "../../../watch/tower/evidence.js";
import { newCommand } from "../../command.js";
import { jsonOption } from "../../options.js";
import { answer } from "../../output.js";
import { storeOption } from "./options.js";

export const duties = () =>
  newCommand("duties", {
    description: `Lists the evidence of the watchtower, and for each output of each stake with such a provider what became of its
slashing. Where the node refused it, its reason is there. It shows no key.`,
    examples: `
tapstake watch duties
tapstake watch duties --store watch.db --json
`,
    refused: "a path without a store of a watch",
  })
    .addOption(storeOption())
    .addOption(jsonOption())
    .action(({ store, json }) => {
      const reader = openReader(store);
      try {
        const facts = { evidence: readEvidence(reader.sql), duties: readDuties(reader.sql) };
        answer(json === true, facts, ({ evidence, duties: all }) => {
          if (evidence.length === 0) return "no evidence";
          const leaks = evidence.map(
            ({ finalityProvider, kind, source }) => `${finalityProvider}  ${kind} from ${source}`,
          );
          const lines = all.map((duty) => {
            const { stake, output, state, txid, height, answer: said } = duty;
            const isRefused = txid === null && said !== null && said !== "accepted";
            const more = txid === null ? `refused: ${said}` : `by ${txid} in block ${height}`;
            return [stake, output, state, ...(txid === null && !isRefused ? [] : [more])].join("  ");
          });
          return [...leaks, "", ...(lines.length > 0 ? lines : ["no stake of them is known"])].join("\n");
        });
      } finally {
        reader.close();
      }
    });

export const alarms = () =>
  newCommand("alarms", {
    description: `Lists the alarms that are open, the newest first. docs/watching.md says what each means and what to do.`,
    examples: `
tapstake watch alarms
tapstake watch alarms --all --json
`,
    refused: "a path without a store of a watch",
  })
    .addOption(storeOption())
    .addOption(new Option("--all", "also alarms that were cleared"))
    .addOption(jsonOption())
    .action(({ store, all, json }) => {
      const reader = openReader(store);
      try {
        const found = readAlarms(reader.sql, all === true);
        answer(json === true, { alarms: found }, () => {
          const lines = found.map(({ kind, text, isOpen, raised }) => {
            const time = `${new Date(1000 * raised).toISOString().slice(0, 19)}Z`;
            return `${time}  ${kind}${isOpen ? "" : " (cleared)"}: ${text}`;
          });
          return lines.length === 0 ? counted(0, "alarm") : lines.join("\n");
        });
      } finally {
        reader.close();
      }
    });
