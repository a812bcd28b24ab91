import { Option } from "@commander-js/extra-typings";
import { join } from "node:path";
import { hex } from "../../../core/bytes.js";
import { findHome, type Home, openHome } from "../../../finality/home.js";
import { initProtection } from "../../../finality/protection/protection.js";
import { assertChainId } from "../../../vote/chain.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { heightText, keyChainsText, watermarksText, withNames } from "../../format/protection.js";
import { chainHeight, chainOption, homeOption, jsonOption, keyOption, yesOption } from "../../options.js";
import { answer } from "../../output.js";
import { mustType } from "../../secrets.js";
import { publicKeyNamed, withOperations } from "../../signer.js";

const interchange = () => import("./interchange.js");

const COMMANDS: LazyCommands = {
  show: { summary: "Show the watermarks of every key and chain", load: () => show },
  check: { summary: "Check that the vote history can be trusted", load: () => check },
  init: { summary: "Set the height from which a key may vote", load: () => init },
  export: {
    summary: "Export all votes as an interchange file",
    load: async () => (await interchange()).exportInterchange,
  },
  import: {
    summary: "Import the votes of an interchange file",
    load: async () => (await interchange()).importInterchange,
  },
  backup: { summary: "Copy all votes into the home's backups", load: () => backup },
  prune: { summary: "Forget old votes, and sign nothing there again", load: () => prune },
};

const GROUP = {
  description: `The home keeps every vote, and two watermarks per key and chain. Nothing below the low watermark is signed. The high
watermark is the highest signed height. A watermark log shows a store that was lost or restored from a copy.
init and import need the daemon stopped; the others ask it.

Danger: no check detects a copy of the whole home, or the same words on another machine. Run one signer per key.`,
  examples: `
tapstake fp protection show
tapstake fp protection check
`,
  topics: ["home", "interchange"],
} as const;

/** The slashing protection: show it, begin it, move it (interchange.ts), and prune it. */
export const command = (args: readonly string[]) => groupCommand("protection", GROUP, COMMANDS, args);

const SHOW = {
  description: `Shows how many votes the home keeps, and the watermarks. With --height, shows the SHA-256 of the message that was signed at
that height, when it was recorded and by which process. While the daemon runs, it answers.`,
  examples: `
tapstake fp protection show
tapstake fp protection show --key validator-1 --chain bbn-1 --height 1002 --json
`,
  topics: ["home"],
  refused: "another signer runs, or the vote history cannot be trusted",
} as const;

const show = () =>
  newCommand("show", SHOW)
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(new Option("--height <height>", "height to show").argParser(chainHeight))
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(({ key: name, chain, height, json: asJson = false, ...options }) => {
      const given = [name, chain, height].filter((each) => each !== undefined).length;
      if (given % 3 !== 0)
        throw new UsageError("--key, --chain and --height go together: give all three, or leave all out");
      const home = findHome(options.home);
      if (name === undefined || chain === undefined || height === undefined) {
        return withOperations(home, async (operations) =>
          answer(asJson, { subjects: withNames(home, await operations.show()) }, keyChainsText),
        );
      }
      const key = publicKeyNamed(home, name);
      assertChainId(chain);
      return withOperations(home, async (operations) =>
        answer(asJson, await operations.vote(key, chain, height), heightText),
      );
    });

const CHECK = {
  description: `Checks that the store is whole, and no older than the watermark log. Every signer does this before it signs. The check does not
detect a copy of the whole home, or another machine with the same key.

While the daemon runs, it reads every vote again and compares the log on the disk with its memory. Votes go on meanwhile.`,
  examples: `
tapstake fp protection check
`,
  topics: ["home"],
  refused: "the store is missing, empty, damaged, or older than the watermark log",
} as const;

const check = () =>
  newCommand("check", CHECK)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const home = findHome(options.home);
      return withOperations(home, async (operations) => {
        const facts = { good: true, subjects: withNames(home, await operations.check()) };
        answer(
          options.json === true,
          facts,
          () => `good: whole, and no older than the watermark log\n\n${keyChainsText(facts)}`,
        );
      });
    });

const INIT = {
  description: `Danger: if the key votes again at a height where it voted before, it reveals its secret and every stake with it can be
slashed. In doubt, choose a higher height: a missed vote costs far less than a second one.

For a key that voted elsewhere, or whose store was lost. If you have an interchange file, import it first. A file alone is
not enough: it does not know the votes after its export.`,
  examples: `
tapstake fp protection init --key moved --chain bbn-1 --from-height 5000
`,
  more: `
Before you run it:
  1. Stop every other signer with this key, for good.
  2. Wait a minute, and run the script in docs/emergency.md: it asks the chain for the last vote.
  3. Give the height that it prints. If the answer is would-lower-mark, this home knows higher
     votes: take the higher of both heights, plus 20.

If the store is missing, empty, damaged or older than the watermark log, init sets aside what is
left and begins a new store. Every other key and chain that the store knew is then locked until it
has an init of its own; the answer lists them. The new store has no commitments: commit again.`,
  topics: ["home"],
  refused: "a height below the low watermark, a signer runs, or not confirmed",
} as const;

const init = () =>
  watermarkCommand(
    "init",
    INIT,
    {
      flags: "--from-height <height>",
      meaning: "lowest height that the key may vote for",
      home: openHome,
      warning: ({ key, chain, height }) =>
        `From height ${height} on, ${hex.encode(key)} will vote on ${chain} here. If it voted for ${height} or above anywhere before, it loses its stake.`,
      question: "Type the height again to begin there",
    },
    ({ home, key, chain, height, asJson }) => {
      const request = { key, chainId: chain, fromHeight: height };
      const { lowWatermark, highWatermark, locked, ...report } = initProtection(home, request);
      const held = locked.map(({ chainId, ...rest }) => ({ ...rest, chain: chainId }));
      answer(asJson, { key, chain, lowest: lowWatermark, highest: highWatermark, ...report, held }, (facts) =>
        [
          watermarksText(facts),
          ...facts.setAside.map((file) => `set aside: ${file}`),
          ...(facts.commitmentsLost ? [COMMITMENTS_LOST] : []),
          ...facts.held.map(
            (one) => `locked until an init of its own: ${hex.encode(one.key)} on ${one.chain}`,
          ),
        ].join("\n"),
      );
    },
  );

const COMMITMENTS_LOST =
  "commitments: the new store has no commitments. Commit to the same heights again (tapstake fp commit gives the same roots), or import an export (tapstake fp protection import)";

const BACKUP = {
  description: `Writes all votes as an interchange file into the folder backups of the home, and keeps the ten latest. The daemon may run: votes
go on meanwhile. The file holds no secret. It is too old after the next vote, so do not start another signer from it.`,
  examples: `
tapstake fp protection backup
`,
  topics: ["interchange", "home"],
  refused: "a nearly full disk, another copy under way, or an untrusted vote history",
} as const;

const backup = () =>
  newCommand("backup", BACKUP)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const home = findHome(options.home);
      return withOperations(home, async (operations) => {
        const path = join(home.path, "backups", await operations.backup());
        answer(options.json === true, { path }, () => `wrote all votes to ${path}`);
      });
    });

const PRUNE = {
  description: `Danger: you cannot undo this. The low watermark rises to the height, and tapstake signs nothing below it again, not even a vote
that it signed there before. Only a store of millions of votes needs this. While the daemon runs, it does this between votes.`,
  examples: `
tapstake fp protection prune --key validator-1 --chain bbn-1 --below 1000 --yes
`,
  topics: ["home"],
  refused: "a height below the low watermark or above the last vote, or not confirmed",
} as const;

const prune = () =>
  watermarkCommand(
    "prune",
    PRUNE,
    {
      flags: "--below <height>",
      meaning: "height below which to forget votes",
      home: findHome,
      warning: ({ key, chain, height }) =>
        `The votes of ${hex.encode(key)} on ${chain} below ${height} will be forgotten. Nothing below it will be signed again.`,
      question: "Type the height again to forget what is below it",
    },
    ({ home, key, chain, height, asJson }) =>
      withOperations(home, async (operations) =>
        answer(asJson, await operations.prune(key, chain, height), watermarksText),
      ),
  );

interface Watermark {
  readonly home: Home;
  readonly key: Uint8Array;
  readonly chain: string;
  readonly height: bigint;
  readonly asJson: boolean;
}

interface WatermarkAsked {
  /** The option that names the height. */
  readonly flags: string;
  readonly meaning: string;
  readonly home: (path: string | undefined) => Home;
  /** Says what is at risk. */
  readonly warning: (watermark: Watermark) => string;
  /** Asks for the height once more. */
  readonly question: string;
}

/**
 * A command that raises the low watermark of a key on a chain for good. It runs only after the user has typed the
 * height again.
 */
function watermarkCommand(
  name: string,
  about: Described,
  { flags, meaning, home: homeOf, warning, question }: WatermarkAsked,
  run: (watermark: Watermark) => void | Promise<void>,
) {
  const option = new Option(flags, meaning).argParser(chainHeight).makeOptionMandatory();
  return newCommand(name, about)
    .addOption(keyOption().makeOptionMandatory())
    .addOption(chainOption().makeOptionMandatory())
    .addOption(option)
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ chain, yes = false, json: asJson = false, ...options }) => {
      const height = (options as Record<string, unknown>)[option.attributeName()] as bigint;
      const home = homeOf(options.home);
      assertChainId(chain);
      const watermark = { home, key: publicKeyNamed(home, options.key), chain, height, asJson };
      await mustType(`${height}`, { warning: warning(watermark), message: question, yes });
      await run(watermark);
    });
}
