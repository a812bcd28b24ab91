import { loadChains } from "../../../../finality/chains.js";
import { chainText } from "../../../format/chain.js";
import { homeCommand } from "../../../fp-options.js";
import { helpText } from "../../../help.js";
import { answer } from "../../../output.js";

const DESCRIPTION = `Lists the chains that are configured. Others can be voted on too: they have no contexts and no least
commitment.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home
tapstake fp chains set bbn-1 --min-count 8192
tapstake fp chains list
tapstake fp chains list --json
`,
  refused: "chains.json is damaged, or open to others",
});

export const command = () =>
  homeCommand("list", { description: DESCRIPTION, help: HELP }, (home, asJson) => {
    const chains = [...loadChains(home).values()];
    answer(asJson, { chains }, () =>
      chains.length === 0 ? "no chain is configured" : chains.map((chain) => chainText(chain)).join("\n\n"),
    );
  });
