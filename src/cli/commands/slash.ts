import { Command, Option } from "@commander-js/extra-typings";
import type { ChainAccess } from "../../chain/access.js";
import { stakeOnChain } from "../../chain/stake.js";
import { TapstakeError } from "../../core/errors.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import { evidenceFromJson, extractFromVotes } from "../../extract/evidence.js";
import { finishSlashing } from "../../extract/slashing.js";
import type { Slashable } from "../../stake/slashing.js";
import { jsonOption } from "../arguments.js";
import { esploraOption, openChain, rpcAuthOption, rpcOption, SERVERS } from "../chain.js";
import { MAKE_STAKE, SIGN_STAKE } from "../example-stake.js";
import { readDelegation, readText } from "../files.js";
import { helpText, paragraphs } from "../help.js";
import { checkOneStandardInput, secretOption, withSecretKey } from "../secrets.js";
import { deliver } from "../send.js";
import { answerSpent } from "../spent.js";
import { checkNewFiles, rawOption } from "../stake-options.js";

const DESCRIPTION = `Slashes a stake: finishes the slashing transaction with the leaked key of its finality provider, and sends it.

The key comes from the evidence of two votes (--votes, as of tapstake extract), or from whoever extracted it before.
Whether the stake is slashed, or what is unbonding of it, the server tells, or --from.`;

const HELP = helpText({
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake slash stake.json --secret-file fp.key --out slashing.hex
`,
  more: `${SERVERS}

Parameters can have the slashed coins burnt in an OP_RETURN: bitcoind is told that this is meant;
an Esplora server may have a limit of its own.`,
  refused: "another provider's key, signatures that are missing, nothing left to slash",
});

export function command() {
  return new Command("slash")
    .description(paragraphs(DESCRIPTION))
    .argument("<delegation>", "its file; - for standard input")
    .addOption(
      new Option("--votes <file>", "evidence of two votes at one height; - for standard input").conflicts(
        "secretFile",
      ),
    )
    .addOption(secretOption())
    .addOption(
      new Option(
        "--from <output>",
        "which output to slash: asked of the server unless told, else staking",
      ).choices(["staking", "unbonding"] as const),
    )
    .addOption(rawOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (path, { out, votes, ...options }) => {
      checkOneStandardInput(path, votes, options.secretFile);
      await checkNewFiles(out);
      const delegation = await readDelegation(path);
      checkTransactions(delegation);
      const chain = await openChain(options, delegation.params.network);
      const from = options.from ?? (await slashableNow(delegation, chain));
      const finish = (secretKey: Uint8Array) => finishSlashing(delegation, from, secretKey);
      const transaction =
        votes === undefined
          ? await withSecretKey(options.secretFile, "the finality provider", finish)
          : finish(extractFromVotes(evidenceFromJson(await readText(votes))));
      const delivered = await deliver(transaction, { out, chain });
      answerSpent(options.json === true, delegation, transaction, delivered);
    });
}

/** @throws TapstakeError `not-a-stake` when neither output is unspent */
async function slashableNow(delegation: Delegation, chain: ChainAccess | undefined): Promise<Slashable> {
  if (!chain) return "staking";
  const found = await stakeOnChain(delegation, chain);
  if (found?.name === "staking" || found?.name === "unbonding") return found.name;
  throw new TapstakeError("not-a-stake", `${chain.url} knows no unspent output of this stake to slash`);
}
