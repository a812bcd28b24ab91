import { Argument, Command } from "@commander-js/extra-typings";
import { jsonOption, parseKey } from "../../arguments.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { hmacKeyOption, openRemote, remoteOption, tlsCaOption } from "../../remote.js";
import { currentPassphrase, passphraseOption, readPassphrase } from "../../secrets.js";

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
    .addArgument(new Argument("<key>", "the x-only public key: tapstake fp keys list shows it"))
    .addOption(passphraseOption())
    .addOption(remoteOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (text, { json, passphraseFile, ...remote }) => {
      const key = parseKey(text, "key");
      const client = await openRemote(remote);
      try {
        await client.ping();
        const passphrase = await readPassphrase(currentPassphrase(passphraseFile));
        try {
          await client.unlockKey({ key, passphrase: new TextDecoder().decode(passphrase) });
        } finally {
          passphrase.fill(0);
        }
        answer(json ?? false, { key, unlocked: true }, () => `unlocked at ${client.address}`);
      } finally {
        client.close();
      }
    });
}
