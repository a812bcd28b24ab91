import { Option } from "@commander-js/extra-typings";
import { hex } from "../core/bytes.js";
import { findHome, openHome, type Home } from "../finality/home.js";
import { subjectCommand } from "./fp-options.js";
import { chainHeight, homeOption, jsonOption, yesOption } from "./options.js";
import { mustType } from "./secrets.js";
import { publicKeyNamed } from "./signer.js";

export interface MarkCommand {
  readonly description: string;
  readonly help: string;
  /** Whether there may be no home yet. */
  readonly makesHome?: boolean;
  /** The option that names the height. */
  readonly flags: string;
  readonly meaning: string;
  /** What is at stake, for a key in hexadecimal. */
  readonly warning: (request: { key: string; chain: string; height: bigint }) => string;
  /** Asks for the height once more. */
  readonly question: string;
}

export interface MarkRequest {
  readonly home: Home;
  readonly key: Uint8Array;
  readonly chain: string;
  readonly height: bigint;
  readonly asJson: boolean;
}

/** A command that raises a mark of a key on a chain for good: it runs once the height was typed again. */
export function markCommand(
  name: string,
  { description, help, makesHome, flags, meaning, warning, question }: MarkCommand,
  run: (request: MarkRequest) => void | Promise<void>,
) {
  const option = new Option(flags, meaning).argParser(chainHeight).makeOptionMandatory();
  return subjectCommand(name, description)
    .addOption(option)
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(async ({ chain, yes, json, ...options }) => {
      const height = (options as Record<string, unknown>)[option.attributeName()] as bigint;
      const home = (makesHome ? openHome : findHome)(options.home);
      const key = publicKeyNamed(home, options.key);
      await mustType(`${height}`, {
        warning: warning({ key: hex.encode(key), chain, height }),
        message: question,
        yes: yes === true,
      });
      await run({ home, key, chain, height, asJson: json === true });
    });
}
