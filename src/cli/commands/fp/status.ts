import { Command } from "@commander-js/extra-typings";
import { DEFAULT_ADDRESS } from "../../../finality/wire.js";
import { openHome } from "../../../finality/home.js";
import { jsonOption } from "../../arguments.js";
import { UsageError } from "../../errors.js";
import { chainOption, keyOption, publicKeyNamed } from "../../fp-options.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { hmacOption, tlsCaOption, withRemote } from "../../remote.js";
import { homeOption } from "../../secrets.js";

const DESCRIPTION = `Asks whether a signer daemon answers; with --key and --chain also whether it knows us, and has the key
unlocked.

The second question is put by asking for the public randomness of one height: nothing is signed.`;

const HELP = helpText({
  examples: `
tapstake fp status --remote 127.0.0.1:12582 || echo 'the signer does not answer'
`,
  refused: "no signer answers, it does not know us, or its key is locked; the code says which",
});

export function command() {
  return new Command("status")
    .description(paragraphs(DESCRIPTION))
    .option("--remote <address>", "host:port of the daemon", DEFAULT_ADDRESS)
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(hmacOption())
    .addOption(tlsCaOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      const { key, chain, remote } = options;
      if ((key === undefined) !== (chain === undefined)) throw new UsageError("--key and --chain go together");
      const publicKey = key === undefined ? undefined : publicKeyNamed(openHome(options.home), key);
      const milliseconds = await withRemote(options, async (signer) => {
        const asked = performance.now();
        await signer.ping();
        const answered = performance.now();
        if (publicKey && chain !== undefined) {
          await signer.createRandomnessPairList({ key: publicKey, chainId: chain, startHeight: 0n, count: 1 });
        }
        return Math.round((answered - asked) * 10) / 10;
      });
      const facts = { address: remote, answers: true, milliseconds, ...(publicKey && { key: publicKey, unlocked: true }) };
      answer(options.json === true, facts, () =>
        table([
          ["signer", remote],
          ["answers", `yes, in ${milliseconds} ms`],
          ["key", publicKey && "unlocked, and ours to use"],
        ]),
      );
    });
}
