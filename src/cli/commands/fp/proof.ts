import { Option } from "@commander-js/extra-typings";
import type { MerkleProof } from "../../../crypto/merkle.js";
import { chainConfig } from "../../../finality/chains.js";
import { findHome } from "../../../finality/home.js";
import { type CommittedHeight, proveCommitted, proveIn } from "../../../finality/randomness/commit.js";
import { commitmentFromJson, merkleProofToJson } from "../../../vote/json.js";
import { chainHeight, jsonOption } from "../../arguments.js";
import { checkOut, readText, writeOut } from "../../files.js";
import { constantTimeOption, subjectCommand, warnOfWrong } from "../../fp-options.js";
import { helpText } from "../../help.js";
import { say } from "../../output.js";
import { abortOnSignal, showProgress } from "../../progress.js";
import { checkOneStandardInput, homeOption, passphraseOption } from "../../secrets.js";
import { asSigner, type SignerOptions, unlockFor } from "../../signer.js";

const DESCRIPTION = `Prints the proof that a height's public randomness is in the commitment that covers it: JSON, as verify-vote
takes it.

No proof is kept: it is made from the key whenever it is asked for, which is why the passphrase is needed.

It reads the home's commitments, so it is refused while a signer runs. With --commitment it takes the commitment from
its file instead, opens no store and signs nothing: so it goes by while the daemon runs, and needs the key alone.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100 --out commitment.json
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 --out vote.json \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 |
  tapstake fp verify-vote --commitment commitment.json --vote vote.json --proof -
tapstake fp proof --key validator-1 --chain bsn-1 --height 1002 --commitment commitment.json
`,
  more: `
The file of a commitment is what tapstake fp commit --out writes, also with --remote. With it, all
of its heights are derived again, which takes a second for 50000; from the home it is 256 at most.`,
  refused: "no commitment covers the height, another signer runs, a wrong passphrase",
});

export function command() {
  return subjectCommand("proof", DESCRIPTION)
    .addOption(new Option("--height <height>", "which height").argParser(chainHeight).makeOptionMandatory())
    .option("--commitment <file>", "the commitment (JSON), instead of the home's; - for standard input")
    .addOption(constantTimeOption())
    .option("--out <file>", "write it to a new file instead")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      checkOneStandardInput(options.commitment, options.passphraseFile);
      await checkOut(options.out);
      const { signal, release } = abortOnSignal();
      let proof: MerkleProof;
      try {
        ({ proof } = await prove(options, signal));
      } finally {
        release();
      }
      const text = merkleProofToJson(proof);
      if (options.out === undefined) say(text.trimEnd());
      else {
        const what = `the proof of height ${options.height}`;
        await writeOut(options.out, text, { what, otherwise: "Asked for again, it is the same" });
      }
    });
}

interface Options extends SignerOptions {
  readonly height: bigint;
  readonly commitment?: string | undefined;
  readonly constantTime?: true | undefined;
}

async function prove(options: Options, signal: AbortSignal): Promise<CommittedHeight> {
  const { height, commitment: path, constantTime } = options;
  const asked = { height, constantTime, signal, onReport: warnOfWrong };
  if (path === undefined) return asSigner(options, (signer) => proveCommitted({ ...signer, ...asked }));
  const home = findHome(options.home);
  const chain = chainConfig(home, options.chain);
  const commitment = commitmentFromJson(await readText(path));
  const key = await unlockFor(home, options);
  const progress = await showProgress("deriving heights", commitment.count);
  try {
    return await proveIn(commitment, { key, chain, ...asked, onProgress: progress.update });
  } finally {
    progress.stop();
    key.wipe();
  }
}
