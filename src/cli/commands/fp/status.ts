import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome } from "../../../finality/home.js";
import { UsageError } from "../../errors.js";
import { helpText, paragraphs } from "../../help.js";
import { chainOption, homeOption, jsonOption, keyOption } from "../../options.js";
import { answer, table } from "../../output.js";
import { addressOption, hmacKeyOption, openRemote, tlsCaOption } from "../../remote.js";
import { isPublicKey, publicKeyNamed } from "../../signer.js";

const DESCRIPTION = `Asks whether a signer daemon answers, and says that it serves; with --key and --chain also whether it knows
us, and has the key unlocked.

The health is that of grpc.health.v1.Health, which the Go key manager does not have: of that one, only whether it
answers is known. The last question is put by asking for the public randomness of one height: nothing is signed.`;

const HELP = helpText({
  examples: `
tapstake fp status --remote 127.0.0.1:12582 || echo 'the signer does not answer'
`,
  refused: "no signer answers, its store has failed, it does not know us, or its key is locked",
});

export function command() {
  return new Command("status")
    .description(paragraphs(DESCRIPTION))
    .addOption(addressOption())
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      const { key, chain } = options;
      if ((key === undefined) !== (chain === undefined))
        throw new UsageError("--key and --chain go together");
      const publicKey = key === undefined ? undefined : keyOf(key, options.home);
      const signer = await openRemote(options);
      const { address } = signer;
      let milliseconds: number;
      let health: Awaited<ReturnType<typeof signer.health>>;
      try {
        const asked = performance.now();
        await signer.ping();
        milliseconds = Math.round((performance.now() - asked) * 10) / 10;
        health = await signer.health();
        if (health === "not-serving") throw unhealthy(address);
        if (publicKey && chain !== undefined) {
          await signer.createRandomnessPairList({
            key: publicKey,
            chainId: chain,
            startHeight: 0n,
            count: 1,
          });
        }
      } finally {
        signer.close();
      }
      const facts = {
        address,
        answers: true,
        milliseconds,
        ...(health && { health }),
        ...(publicKey && { key: publicKey, unlocked: true }),
      };
      answer(options.json === true, facts, () =>
        table([
          ["signer", address],
          ["answers", `yes, in ${milliseconds} ms`],
          ["health", health],
          ["key", publicKey && "unlocked, and ours to use"],
        ]),
      );
    });
}

/** Only for its name a home is needed. */
const keyOf = (text: string, home: string | undefined): Uint8Array =>
  isPublicKey(text) ? hex.decode(text) : publicKeyNamed(findHome(home), text);

const unhealthy = (address: string) =>
  new TapstakeError(
    "signer-unhealthy",
    `the signer at ${address} answers and signs nothing: it is stopping, or its store has failed. Its log says ` +
      "which, and /healthz on its metrics address; after a failure of the store, end it, mend what the log names " +
      "and start it again",
    { address },
  );
