import { hex } from "../../../../core/bytes.js";
import { initProtection } from "../../../../finality/protection/protection.js";
import { helpText } from "../../../help.js";
import { type MarkCommand, markCommand } from "../../../mark-command.js";
import { answer } from "../../../output.js";
import { marksText } from "../../../protection-text.js";

const DESCRIPTION = `Begins the protection of a key that has voted before, elsewhere or in a home whose store was lost: from this
height on it may vote here, and never below it.

Where the old history can still be had, import that instead: tapstake fp protection import knows more.

It is also the only way on when the store is missing, empty, damaged or older than its second mark: what is left of
it is set aside, and a new store begins. Every other key and chain that it knew is held then, until it has an init of
its own; the answer says which.

Before: stop every other signer with this key, and make sure that it stays stopped. Look up the last height that the
key voted for, on the chain itself and not in the log of the lost signer, and add to it what may still have been on
its way. A height that was voted for before, and is voted for again, gives the key away and every stake with it.
When in doubt, take a height that is too high: a vote that is missed costs far less than one too many.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
printf '%064d' 7 | tapstake fp keys import moved --secret-file -
tapstake fp protection init --key moved --chain bsn-1 --from-height 5000 --yes
`,
  refused: "a height below the mark that is there, another signer runs, or it was not confirmed",
});

const COMMAND: MarkCommand = {
  description: DESCRIPTION,
  help: HELP,
  makesHome: true,
  flags: "--from-height <height>",
  meaning: "the lowest height that may be voted for",
  warning: ({ key, chain, height }) =>
    `From height ${height} on, ${key} will vote on ${chain} here. If it voted for ${height} or above anywhere before, it loses its stake.`,
  question: "Type the height again to begin there",
};

export const command = () =>
  markCommand("init", COMMAND, ({ home, key, chain, height, asJson }) => {
    const { lowWatermark, highWatermark, setAside, locked } = initProtection(home, {
      key,
      chainId: chain,
      fromHeight: height,
    });
    const held = locked.map(({ chainId, ...rest }) => ({ ...rest, chain: chainId }));
    answer(asJson, { key, chain, lowest: lowWatermark, highest: highWatermark, setAside, held }, (facts) =>
      [
        marksText(facts),
        ...facts.setAside.map((file) => `set aside: ${file}`),
        ...facts.held.map((one) => `held before an init of its own: ${hex.encode(one.key)} on ${one.chain}`),
      ].join("\n"),
    );
  });
