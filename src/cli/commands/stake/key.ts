import { Command, Option } from "@commander-js/extra-typings";
import { hex, utf8 } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { publicKeyOf } from "../../../core/keys.js";
import { hideFromCoreDumps } from "../../../finality/keys/keystore.js";
import { writePrivateFile } from "../../../finality/private-files.js";
import { jsonOption } from "../../arguments.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { secretOption, withSecretKey } from "../../secrets.js";

const DESCRIPTION = `Shows the x-only public key of a secret key, or makes a new one.

A staker's key signs slashings in advance, the unbonding, and the withdrawal. It need not own the coins that are
staked, and whoever has it owns what is staked: keep the file as you would keep the coins.`;

const HELP = helpText({
  examples: `
tapstake stake key --new staker.key
tapstake stake key --secret-file staker.key
`,
  refused: "the file is there already, or holds no secret key",
});

export function command() {
  return new Command("key")
    .description(paragraphs(DESCRIPTION))
    .addOption(
      new Option("--new <file>", "make a new key and write its secret to a new file").conflicts("secretFile"),
    )
    .addOption(secretOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      const publicKey =
        options.new === undefined
          ? await withSecretKey(options.secretFile, "the staker", publicKeyOf)
          : makeKey(options.new);
      answer(options.json === true, { publicKey }, () => hex.encode(publicKey));
    });
}

/** @throws TapstakeError `file-error` */
function makeKey(path: string): Uint8Array {
  hideFromCoreDumps();
  const secretKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const publicKey = publicKeyOf(secretKey);
    if (!writePrivateFile(path, utf8(`${hex.encode(secretKey)}\n`), "create")) {
      const text = `cannot write ${path}: it is there already, and is not replaced`;
      throw new TapstakeError("file-error", text, { path });
    }
    return publicKey;
  } finally {
    secretKey.fill(0);
  }
}
