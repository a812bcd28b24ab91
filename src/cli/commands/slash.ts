import { Command, Option } from "@commander-js/extra-typings";
import type { ChainAccess } from "../../chain/access.js";
import { stakeOnChain } from "../../chain/stake.js";
import { TapstakeError } from "../../core/errors.js";
import { checkTransactions } from "../../delegation/check.js";
import type { Delegation } from "../../delegation/delegation.js";
import { evidenceFromJson } from "../../extract/json.js";
import { finishSlashing } from "../../extract/slashing.js";
import { extractFromVotes } from "../../extract/votes.js";
import type { Slashable } from "../../stake/slashing.js";
import { deliver, openChain } from "../chain.js";
import { checkNewFiles } from "../files.js";
import { answerSpent } from "../format/spend.js";
import { helpText, MAKE_STAKE, paragraphs, SERVERS, SIGN_STAKE } from "../help.js";
import { checkOneStandardInput, readDelegation, readText } from "../input.js";
import {
  DELEGATION,
  esploraOption,
  jsonOption,
  rawOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  votesOption,
} from "../options.js";
import { withSecretKey } from "../secrets.js";

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
    .argument(...DELEGATION)
    .addOption(votesOption().conflicts("secretFile"))
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
