import { Option } from "@commander-js/extra-typings";
import { merkleProofToJson } from "../../../finality/json.js";
import { proveCommitted } from "../../../finality/commitments.js";
import { chainHeight } from "../../arguments.js";
import { checkOut, writeOut } from "../../files.js";
import { subjectCommand } from "../../fp-options.js";
import { helpText } from "../../help.js";
import { say } from "../../output.js";
import { abortOnSignal } from "../../progress.js";
import { homeOption, passphraseOption } from "../../secrets.js";
import { asSigner } from "../../signer.js";

const DESCRIPTION = `Prints the proof that a height's public randomness is in the commitment that covers it: JSON, as verify-vote
takes it.

No proof is kept: it is made from the key whenever it is asked for, which is why the passphrase is needed.

It reads the home's commitments, so it is refused while a signer runs: stop the daemon first.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 |
  tapstake fp verify-vote --commitment commitment.json --vote vote.json --proof -
`,
  refused: "no commitment covers the height, another signer runs, a wrong passphrase",
});

export function command() {
  return subjectCommand("proof", DESCRIPTION)
    .addOption(new Option("--height <height>", "which height").argParser(chainHeight).makeOptionMandatory())
    .option("--out <file>", "write it to a new file instead")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      await checkOut(options.out);
      const { proof } = await asSigner(options, async (signer) => {
        const { signal, release } = abortOnSignal();
        try {
          return await proveCommitted({ ...signer, height: options.height, signal });
        } finally {
          release();
        }
      });
      const text = merkleProofToJson(proof);
      if (options.out === undefined) say(text.trimEnd());
      else {
        const what = `the proof of height ${options.height}`;
        await writeOut(options.out, text, { what, otherwise: "Asked for again, it is the same" });
      }
    });
}
