import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import { STAKE_VIEWS, type WatchedStake } from "../../../watch/types.js";
import { openStoreReader } from "../../../watch/watch.js";
import { newCommand } from "../../command.js";
import { lifeText, statusText, viewText } from "../../format/watch.js";
import { jsonOption, parseKey, wholeNumber } from "../../options.js";
import { answer } from "../../output.js";
import { outpointArgument, readOutpoint, storeOption } from "./options.js";

export const status = () =>
  newCommand("status", {
    description: `Shows the newest block of the store, and how many stakes there are in each state, with what they hold.`,
    examples: `
tapstake watch status
tapstake watch status --store watch.db --json
`,
    refused: "a path without a store of a watch",
  })
    .addOption(storeOption())
    .addOption(jsonOption())
    .action(({ store, json }) => {
      const reader = openStoreReader(store);
      try {
        const { network, first, phase1 } = reader.settings;
        const settings = { network, first, phase1: phase1?.name ?? null };
        const facts = { store, ...settings, tip: reader.tip(), seq: reader.seq(), stakes: reader.counts() };
        answer(json === true, facts, statusText);
      } finally {
        reader.close();
      }
    });

/** How many stakes are shown without --limit. */
const SHOWN = 1000;

export const list = () =>
  newCommand("stakes", {
    description: `Lists stakes by their outpoint. The state is that at the newest block of the store: an expired stake can be withdrawn by
its staker alone, and so can an unbonded one.`,
    examples: `
tapstake watch stakes --state active
tapstake watch stakes --staker $(cat staker) --json
`,
    refused: "a path without a store of a watch, or text that is not a key",
  })
    .addOption(storeOption())
    .addOption(new Option("--state <state>", `state: ${STAKE_VIEWS.join(", ")}`).choices(STAKE_VIEWS))
    .addOption(new Option("--staker <key>", "x-only key of a staker"))
    .addOption(new Option("--fp <key>", "x-only key of a finality provider"))
    .addOption(new Option("--after <outpoint>", "only stakes behind this one").argParser(outpointArgument))
    .addOption(new Option("--limit <number>", "the most stakes to show").argParser(atLeastOne).default(SHOWN))
    .addOption(jsonOption())
    .action(({ store, state, staker, fp, after, limit, json }) => {
      const filter = {
        ...(state !== undefined && { view: state }),
        ...(staker !== undefined && { staker: parseKey(staker, "staker") }),
        ...(fp !== undefined && { finalityProvider: parseKey(fp, "finality provider") }),
        ...(after !== undefined && { after }),
        limit,
      };
      const reader = openStoreReader(store);
      try {
        const stakes = reader.stakes(filter);
        answer(json === true, { stakes }, () => stakesText(stakes, limit));
      } finally {
        reader.close();
      }
    });

function atLeastOne(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("It must be 1 or more.");
  return number;
}

function stakesText(stakes: readonly WatchedStake[], limit: number): string {
  if (stakes.length === 0) return "no such stake";
  const lines = stakes.map((stake) => `${stake.outpoint}  ${viewText(stake)}`);
  if (stakes.length === limit) lines.push(`perhaps more: --after ${stakes.at(-1)!.outpoint}`);
  return lines.join("\n");
}

export const show = () =>
  newCommand("show", {
    description: `Shows a stake's life in words: each step with its block, its place in the block and its transaction.`,
    examples: `
tapstake watch show <txid:vout>
`,
    refused: "an outpoint that is the staking output of no stake of the store",
  })
    .argument("<outpoint>", "staking output, as txid:vout")
    .addOption(storeOption())
    .addOption(jsonOption())
    .action((given, { store, json }) => {
      const outpoint = readOutpoint(given);
      const reader = openStoreReader(store);
      try {
        const stake = reader.stake(outpoint);
        if (!stake) {
          const text = `the store ${store} has no stake with the staking output ${outpoint}. Do: compare it with the list of tapstake watch stakes. If the stake has a delegation, add that with tapstake watch add`;
          throw new TapstakeError("not-a-stake", text, { outpoint });
        }
        const events = reader.eventsOf(stake);
        answer(json === true, { stake, events, tip: reader.tip() }, () => lifeText(stake, reader.tip()));
      } finally {
        reader.close();
      }
    });
