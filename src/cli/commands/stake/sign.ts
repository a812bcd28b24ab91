import { join } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import type { Psbt } from "../../../psbt/bitcoinjs.js";
import { checkTransactions } from "../../../delegation/check.js";
import { type Delegation, expandedStake } from "../../../delegation/delegation.js";
import { signSlashings, signUnbonding, signExpansion } from "../../../delegation/sign.js";
import { addStakerPsbts, stakerPsbts } from "../../../delegation/psbt.js";
import type { SignedName } from "../../../delegation/spends.js";
import { type Signer, keySigner } from "../../../spending/spend.js";
import { jsonOption, originOption, readOrigins } from "../../arguments.js";
import { SIGNED_WORDS, signatureFacts, signatureText } from "../../delegation-text.js";
import { UsageError } from "../../errors.js";
import { MAKE_STAKE } from "../../example-stake.js";
import { makeFolder, readDelegation, readPsbt, writeDelegation, writeDocument } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { checkOneStandardInput, secretOption, withSecretKey } from "../../secrets.js";
import { checkNewFiles, outOption, trustedParams, trustedParamsOption } from "../../stake-options.js";

const DESCRIPTION = `Adds the staker's signatures to a delegation: of both slashing transactions, or (--unbonding) of the unbonding, or
(--expansion) of the spend of the stake that is expanded.

Before anything is signed, every transaction is built again from the terms and compared, and the parameters are held
against the published ones, or your own copy. Sign with a secret key, or with any wallet: --export writes PSBTs, and
--psbt takes them back. Each of several stakers signs in turn.

Signed slashings cost the staker nothing unless the finality provider votes twice. A signed unbonding lets whoever has
the file end the stake, and a signed expansion lets the stake move over: sign these on the day.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key

# the same by a wallet: it signs the PSBTs in the folder, and --psbt takes them back
tapstake stake sign stake.json --export to-sign
`,
  refused: "a broken rule, parameters of no known network, a PSBT altered or not signed",
});

export function command() {
  return new Command("sign")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .addOption(
      new Option("--unbonding", "the unbonding transaction, not the slashings").conflicts("expansion"),
    )
    .option("--expansion", "the spend of the stake that this one expands, not the slashings")
    .addOption(
      new Option("--psbt <file...>", "take signatures from PSBTs that a wallet signed").conflicts([
        "secretFile",
        "export",
      ]),
    )
    .addOption(
      new Option("--export <folder>", "only write the PSBTs that are to be signed").conflicts("secretFile"),
    )
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(trustedParamsOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, options.secretFile, options.params, ...(options.psbt ?? []));
      const delegation = await readDelegation(path);
      await trustedParams(delegation, options);
      checkTransactions(delegation);
      const { names, sign } = whatToSign(options);
      if (options.expansion) expandedStake(delegation);
      const origins = readOrigins(options.origin);
      if (origins.length > 0 && options.export === undefined) {
        throw new UsageError("--origin goes into PSBTs: give --export too");
      }
      if (options.export !== undefined) {
        const files = await exportPsbts(stakerPsbts(delegation, origins), names, options.export);
        return answer(options.json === true, { psbts: files }, () =>
          table(files.map(({ transaction, file }) => [SIGNED_WORDS[transaction], file])),
        );
      }
      const signed = options.psbt
        ? addStakerPsbts(delegation, await Promise.all(options.psbt.map(readPsbt)))
        : await withSecretKey(options.secretFile, "the staker", (secretKey) =>
            sign(delegation, keySigner(secretKey)),
          );
      await writeDelegation(out, signed);
      if (out === "-") return;
      answer(options.json === true, { delegation: out, ...signatureFacts(signed) }, (facts) =>
        [`signed: ${out}`, signatureText(facts)].join("\n"),
      );
    });
}

interface Signing {
  readonly names: readonly SignedName[];
  sign(delegation: Delegation, staker: Signer): Promise<Delegation>;
}

function whatToSign(options: { readonly unbonding?: true; readonly expansion?: true }): Signing {
  if (options.expansion) return { names: ["expansion"], sign: signExpansion };
  if (options.unbonding) return { names: ["unbonding"], sign: signUnbonding };
  return { names: ["slashing", "unbondingSlashing"], sign: signSlashings };
}

async function exportPsbts(
  psbts: Readonly<Partial<Record<SignedName, Psbt>>>,
  names: readonly SignedName[],
  folder: string,
) {
  await makeFolder(folder);
  const files = names.map((transaction) => ({ transaction, file: join(folder, FILES[transaction]) }));
  await checkNewFiles(...files.map(({ file }) => file));
  for (const { transaction, file } of files) {
    await writeDocument(file, `${psbts[transaction]!.toBase64()}\n`);
  }
  return files;
}

const FILES: Readonly<Record<SignedName, string>> = {
  unbonding: "unbonding.psbt",
  slashing: "slashing.psbt",
  unbondingSlashing: "unbonding-slashing.psbt",
  expansion: "expansion.psbt",
};
