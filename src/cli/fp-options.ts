import { Command } from "@commander-js/extra-typings";
import { mistrust, type MultiplesReport } from "../derivation/multiples.js";
import { findHome, type Home } from "../finality/home.js";
import { paragraphs } from "./help.js";
import { chainOption, homeOption, jsonOption, keyOption, passphraseOption, yesOption } from "./options.js";
import { warn } from "./output.js";

/** Tells whoever runs the machine that it computed wrongly, if it did. */
export function warnOfWrong(report: MultiplesReport): void {
  const message = mistrust(report);
  if (message !== undefined) warn({ code: "self-check-failed", message });
}

/** A command about one key on one chain. */
export const subjectCommand = (name: string, description: string) =>
  new Command(name)
    .description(paragraphs(description))
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory());

/** A command that takes nothing but the home, and tells of it. */
export const homeCommand = (
  name: string,
  { description, help }: { readonly description: string; readonly help: string },
  run: (home: Home, asJson: boolean) => void | Promise<void>,
) =>
  new Command(name)
    .description(paragraphs(description))
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(({ home, json }) => run(findHome(home), json === true));

/** A command about one key of the home, which somebody with its passphrase has to agree to. */
export const agreedKeyCommand = (name: string, description: string) =>
  new Command(name)
    .description(paragraphs(description))
    .argument("<key>", "its name, or its public key")
    .addOption(passphraseOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption());
