import { Argument, Command } from "@commander-js/extra-typings";
import { findHome } from "../../../finality/home.js";
import { TapstakeError } from "../../../core/errors.js";
import { helpText, paragraphs } from "../../help.js";
import { homeOption, jsonOption, parseKey, passphraseOption } from "../../options.js";
import { answer } from "../../output.js";
import { addressOption, hmacKeyOption, openRemote, tlsCaOption } from "../../remote.js";
import { currentPassphrase, withPassphrase } from "../../secrets.js";
import { publicKeyNamed } from "../../signer.js";

const DESCRIPTION = `Opens a key of a signer that is running (tapstake fp serve, or the Go key manager), so that it
can sign. The key stays open until the signer ends.

After a wrong passphrase the signer takes the next one only after a second, then two, four, up to a minute.`;

const HELP = helpText({
  examples: `
tapstake fp unlock 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --remote 127.0.0.1:12582 || echo 'the signer did not open it'
`,
  refused: "no signer there, a wrong passphrase, a key that it does not have",
});

export function command() {
  return new Command("unlock")
    .description(paragraphs(DESCRIPTION))
    .addArgument(new Argument("<key>", "its x-only public key, or its name where the home has it"))
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(addressOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (text, { json, home, passphraseFile, ...remote }) => {
      const key = keyOf(text, home);
      const client = await openRemote(remote);
      try {
        await client.ping();
        await withPassphrase(currentPassphrase(passphraseFile), (passphrase) =>
          client.unlockKey({ key, passphrase: new TextDecoder().decode(passphrase) }),
        );
        answer(json ?? false, { key, unlocked: true }, () => `unlocked at ${client.address}`);
      } finally {
        client.close();
      }
    });
}

/** What is long enough to be a mistyped public key is read as one. */
function keyOf(text: string, home: string | undefined): Uint8Array {
  if (/^[0-9a-fA-F]{40,}$/.test(text)) return parseKey(text, "key");
  try {
    return publicKeyNamed(findHome(home), text);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const hint =
      "Without the key in this home, give its public key, as tapstake fp keys list shows it to the signer";
    throw new TapstakeError(error.code, `${error.message}. ${hint}`, error.details, { cause: error });
  }
}
