import { TapstakeError } from "../../../core/errors.js";
import { counted } from "../../../core/text.js";
import { verifyStore } from "../../../watch/verify.js";
import { openStoreReader } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { esploraOption, jsonOption, rpcAuthOption, rpcOption } from "../../options.js";
import { verifiedText } from "../../format/watch.js";
import { answer } from "../../output.js";
import { blocksOption, noRestOption, openSource, storeOption } from "./options.js";
import { scanProgress } from "./progress.js";

export const verify = () =>
  newCommand("verify", {
    description: `Scans every block of the store again into a second store, with every delegation known from the start, and compares
blocks, events, states and checkpoints. The second store is removed afterwards.`,
    examples: `
tapstake watch verify --rpc http://127.0.0.1:8332 --rpc-auth-file ~/.bitcoin/.cookie
`,
    refused: "any difference: standard error names the first ones",
  })
    .addOption(storeOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(noRestOption())
    .addOption(blocksOption())
    .addOption(jsonOption())
    .action(async ({ store, json, ...options }) => {
      const reader = openStoreReader(store);
      const { settings } = reader;
      reader.close();
      const source = await openSource(options, settings);
      const progress = await scanProgress();
      try {
        const result = await verifyStore(store, source, (at, tip) => progress.update(at, tip));
        progress.stop();
        if (result.differences.length > 0) {
          const shown = result.differences.slice(0, 5).join("; ");
          const text = `${counted(result.differences.length, "difference")} between ${store} and a full rescan: ${shown}`;
          throw new TapstakeError("store-differs", text, { store, differences: result.differences });
        }
        answer(json === true, result, verifiedText);
      } finally {
        progress.stop();
        await source.close?.();
      }
    });
