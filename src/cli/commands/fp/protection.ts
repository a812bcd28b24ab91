import { Option } from "@commander-js/extra-typings";
import { max } from "../../../core/amount.js";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome, type Home, openHome } from "../../../finality/home.js";
import { floorOf } from "../../../finality/protection/decide.js";
import { interchangeText } from "../../../finality/protection/export.js";
import { type ImportPreview, previewImport } from "../../../finality/protection/import.js";
import type { ReadInterchange } from "../../../finality/protection/interchange.js";
import { initProtection, type StoredKeyChain } from "../../../finality/protection/protection.js";
import { readInterchange } from "../../../finality/protection/stream.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import {
  heightText,
  importFacts,
  importText,
  watermarksText,
  previewText,
  keyChainsFacts,
  keyChainsText,
  watermarkFacts,
} from "../../format/protection.js";
import { counted } from "../../format/text.js";
import { readChunks } from "../../input.js";
import { chainHeight, chainOption, homeOption, jsonOption, keyOption, yesOption } from "../../options.js";
import { answer, note, sayAll, tell } from "../../output.js";
import { isWatched, mustType } from "../../secrets.js";
import { publicKeyNamed, withProtection } from "../../signer.js";

const COMMANDS: LazyCommands = {
  show: { summary: "the watermarks of every key and chain", load: () => show },
  check: { summary: "whether what is remembered can be trusted", load: () => check },
  init: { summary: "begin with a key that has signed before", load: () => init },
  export: { summary: "an interchange file of all votes, to take elsewhere", load: () => exportInterchange },
  import: { summary: "merge an interchange file from elsewhere", load: () => importInterchange },
  prune: { summary: "forget old votes, and never sign there again", load: () => prune },
};

const GROUP = {
  description: `Looks after what keeps a key from voting twice at one height.

For each key and chain the home remembers every vote and two watermarks: the low one, below which nothing is signed,
and the high one, the highest height that was signed. A watermark log beside the store has both too, so the signer
notices a store that was lost, or restored from a copy, and refuses it. No check sees a copy of the whole home, or the
same words on another machine. Run one signer a key.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection show
tapstake fp protection check
`,
};

/** What keeps a key from voting twice at one height: looked at, begun, moved, and made shorter. */
export const command = (args: readonly string[]) => groupCommand("protection", GROUP, COMMANDS, args);

const SHOW = {
  description: `Shows, for every key and chain, how many votes are remembered and between which watermarks; or with --height,
what is remembered of one height.

It opens the store, so it is refused while a signer runs: the signer's metrics show its last height; for
the rest stop the daemon first.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection show
tapstake fp protection show --key validator-1 --chain bsn-1 --height 1002 --json
`,
  more: `
Of one height it says the SHA-256 of the message that was signed there (the height, the app hash and
the context, if the chain has one), when it was recorded and by which process, as a refusal with
double-vote names it.`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
};

const show = () =>
  newCommand("show", SHOW)
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(new Option("--height <height>", "the one height to show").argParser(chainHeight))
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(({ key: name, chain, height, json: asJson = false, ...options }) => {
      const given = [name, chain, height].filter((each) => each !== undefined).length;
      if (given % 3 !== 0) throw new UsageError("--key, --chain and --height go together");
      const home = findHome(options.home);
      if (name === undefined || chain === undefined || height === undefined) {
        return withProtection(home, (protection) =>
          answer(asJson, { subjects: keyChainsFacts(home, protection) }, keyChainsText),
        );
      }
      const key = publicKeyNamed(home, name);
      return withProtection(home, (protection) => {
        const lowest = protection.watermarks(key, chain)?.lowWatermark ?? null;
        const record = protection.record(key, chain, height);
        const vote = record && { digest: record.digest, at: record.at, instance: record.instance };
        answer(asJson, { key, chain, height, lowest, vote }, heightText);
      });
    });

const CHECK = {
  description: `Checks that what the home remembers of votes is whole, and that the store is no older than the watermark log.

Every signer does this before it signs; the command does nothing else. No check sees a copy of the whole home, or
another machine with the same key.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection check
`,
  refused: "the store is missing, empty, damaged, or older than the watermark log",
};

const check = () =>
  newCommand("check", CHECK)
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const home = findHome(options.home);
      return withProtection(home, (protection) => {
        const facts = { good: true, subjects: keyChainsFacts(home, protection) };
        answer(
          options.json === true,
          facts,
          () => `good: whole, and no older than the watermark log\n\n${keyChainsText(facts)}`,
        );
      });
    });

const INIT = {
  description: `Begins the protection of a key that has voted before, elsewhere or in a home whose store was lost: from this
height on it may vote here, and never below it.

Where the former signer can still export an interchange file, import that instead: it knows more.

It is also the only way on when the store is missing, empty, damaged or older than the watermark log: it sets aside
what is left, and begins a new store. Every other key and chain that the store knew is locked then, until it has an
init of its own; the answer says which.

Before: stop every other signer with this key, and make sure that it stays stopped. Look up the last height that the
key voted for, on the chain itself and not in the log of the lost signer, and add to it what may still have been on
its way. A height that was voted for before, and is voted for again, gives the key away and every stake with it.
When in doubt, take a height that is too high: a vote that is missed costs far less than one too many.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
printf '%064d' 7 | tapstake fp keys import moved --secret-file -
tapstake fp protection init --key moved --chain bsn-1 --from-height 5000 --yes
`,
  refused: "a height below the low watermark, another signer runs, or it was not confirmed",
};

const init = () =>
  watermarkCommand(
    "init",
    INIT,
    {
      flags: "--from-height <height>",
      meaning: "the lowest height that may be voted for",
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
  "commitments: the new store has none of the old one. Commit to the same heights again, which gives the same roots (tapstake fp commit), or import an export (tapstake fp protection import)";

const PRUNE = {
  description: `Forgets the votes below a height, and raises the low watermark to it: nothing below it is ever signed again, not
even what was signed there already.

A store of millions of votes needs it now and then; nothing else does. The watermark cannot be lowered afterwards.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp commit --key validator-1 --chain bsn-1 --start 1000 --count 100
tapstake fp vote --key validator-1 --chain bsn-1 --height 1002 \\
  --hash d3a2b263b23169056f06d5439c0cf9e201ed645ed6f10412a4091c99fb001bd8
tapstake fp protection prune --key validator-1 --chain bsn-1 --below 1000 --yes
`,
  refused: "a height below the low watermark or beyond the last vote, or it was not confirmed",
};

const prune = () =>
  watermarkCommand(
    "prune",
    PRUNE,
    {
      flags: "--below <height>",
      meaning: "forget what is below, and sign nothing there",
      home: findHome,
      warning: ({ key, chain, height }) =>
        `The votes of ${hex.encode(key)} on ${chain} below ${height} will be forgotten, and nothing signed there.`,
      question: "Type the height again to forget what is below it",
    },
    ({ home, key, chain, height, asJson }) =>
      withProtection(home, (protection) => {
        const forgotten = protection.prune(key, chain, height);
        const watermarks = protection.watermarks(key, chain)!;
        answer(asJson, { key, chain, forgotten, ...watermarkFacts(watermarks) }, watermarksText);
      }),
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
  /** What is at stake. */
  readonly warning: (watermark: Watermark) => string;
  /** Asks for the height once more. */
  readonly question: string;
}

/** A command that raises the low watermark of a key on a chain for good: it runs once the height was typed again. */
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
      const watermark = { home, key: publicKeyNamed(home, options.key), chain, height, asJson };
      await mustType(`${height}`, { warning: warning(watermark), message: question, yes });
      await run(watermark);
    });
}

const EXPORT = {
  description: `Prints all votes of the home as an interchange file (JSON), for tapstake fp protection import on another machine.

It holds no secret. It is true only as long as nothing is signed here afterwards: stop the signer for good, then
export, then import, then start the other one. docs/operators.md goes through the whole move.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp protection export --out interchange.json
tapstake fp protection import interchange.json --home ./other
`,
  refused: "another signer runs, or what the home remembers cannot be trusted",
};

const exportInterchange = () =>
  newCommand("export", EXPORT)
    .option("--out <file>", "write it to a new file instead")
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ out, home }) => {
      await checkOut(out);
      await withProtection(findHome(home), async (store) => {
        const text = interchangeText(store);
        if (out === undefined) await sayAll(text);
        else await writeOut(out, text, { what: votesOf(store.keyChains()), otherwise: "Export again" });
      });
      if (process.stderr.isTTY)
        note("Sign nothing here from now on: what is signed later is not in this file.");
    });

/** For whoever compares it with what the key has voted for. */
function votesOf(keyChains: readonly StoredKeyChain[]): string {
  const votes = keyChains.reduce((sum, one) => sum + one.votes, 0);
  const heights = keyChains.flatMap(({ highWatermark }) => highWatermark ?? []);
  const highest = heights.length === 0 ? "" : `, highest ${heights.reduce(max)},`;
  return `${counted(votes, "vote")}${highest}`;
}

/** Four million votes: more than a year of one each ten seconds, and what is older can be pruned. */
const MAX_MEGABYTES = 1024;

const IMPORT = {
  description: `Merges an interchange file into what the home remembers: all of it, or nothing when the file is not right.

It only ever forbids more: watermarks are raised and never lowered, votes are added and never removed, and a vote of which
the file does not say what it was for blocks its height. The file is what tapstake fp protection export writes;
docs/protection.md describes it, for those who come from another signer.

Where nothing is known of a key here, the key begins to vote on the file's word alone: whatever it signed after the
file was written, anywhere, is not known. That is shown and has to be confirmed, by typing the highest height that the
file knows of, or with --yes.`,
  examples: `
export TAPSTAKE_HOME=./home
echo '{
  "metadata": {
    "format": "tapstake-protection",
    "version": 1,
    "exportedAt": "2026-01-01T00:00:00.000Z"
  },
  "data": [
    {
      "key": "21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7",
      "chain": "bsn-1",
      "lowest": "5000",
      "highest": "5001",
      "votes": [{ "height": "5001" }]
    }
  ]
}' > interchange.json
tapstake fp protection import interchange.json --yes
tapstake fp protection show
`,
  refused: "no interchange file, another signer runs, another vote for a height, or not confirmed",
};

const importInterchange = () =>
  newCommand("import", IMPORT)
    .argument("<file>", "the interchange file (JSON); - for standard input")
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      const interchange = await interchangeIn(path);
      await withProtection(openHome(options.home), async (protection) => {
        if (options.yes !== true)
          await mustAgreeToBeginnings(interchange, previewImport(protection, interchange));
        const imported = protection.importInterchange(interchange, { begin: true });
        answer(options.json === true, { imported: importFacts(imported) }, importText);
        const conflicts = imported.flatMap((one) => one.conflicts);
        if (conflicts.length > 0) throw conflict(conflicts);
      });
    });

/** Errors of an interchange file begin with its name. */
async function interchangeIn(path: string): Promise<ReadInterchange> {
  try {
    return await readInterchange(readChunks(path, MAX_MEGABYTES));
  } catch (error) {
    const isRead = error instanceof TapstakeError && error.code !== "file-error";
    if (!isRead) throw error;
    const name = path === "-" ? "standard input" : path;
    throw new TapstakeError(error.code, `${name}: ${error.message}`, error.details, { cause: error });
  }
}

/**
 * That a key never voted, or not after the export, cannot be checked here, and every copy of a file says so that is
 * older than the last vote.
 * @throws TapstakeError `cancelled`; UsageError when there is nobody to ask
 */
async function mustAgreeToBeginnings(
  { exportedAt }: ReadInterchange,
  previews: readonly ImportPreview[],
): Promise<void> {
  const beginnings = previews.filter(({ begins }) => begins).map(beginningOf);
  if (beginnings.length === 0) return;
  const when = exportedAt === undefined ? "at a time that it does not say" : `at ${exportedAt}`;
  if (!isWatched()) throw unconfirmed(beginnings, when);
  tell(`${previewText(previews)}\n`);
  for (const { key, chain, from, highest, typed } of beginnings) {
    const [says, message] =
      highest === null
        ? [`never voted on ${chain}`, "Type the height to begin there"]
        : [`voted on ${chain} up to height ${highest}`, "Type the highest height of the file"];
    await mustType(typed, {
      warning: `The file was written ${when} and says that ${key} ${says}: from height ${from} on, it will vote there. What it signed after that, on any machine, is not known here: if it voted for ${from} or above, it loses its stake.`,
      message,
    });
  }
}

interface Beginning {
  readonly key: string;
  readonly chain: string;
  /** The first height of which the file knows nothing. */
  readonly from: bigint;
  readonly highest: bigint | null;
  /** What shows that somebody has read it. */
  readonly typed: string;
}

function beginningOf({ key, chainId, after }: ImportPreview): Beginning {
  const { highWatermark: highest } = after!;
  const typed = `${highest ?? after!.lowWatermark}`;
  return { key: hex.encode(key), chain: chainId, from: floorOf(after!), highest, typed };
}

function unconfirmed(beginnings: readonly Beginning[], when: string): UsageError {
  const which = beginnings.map(
    ({ key, chain, from, highest }) =>
      `${key} on ${chain}, ${highest === null ? "without a vote" : `the highest vote ${highest}`}, from height ${from} on`,
  );
  return new UsageError(
    `nobody to ask: keys of which nothing is known here would begin on the word of a file that was written ${when}: ${which.join("; ")}. ` +
      "What they signed after that, anywhere, is not known: if they voted there, they lose their stake. Give --yes if you are certain that they did not",
  );
}

/** The file is merged all the same: the heights are blocked now. But someone has to know. */
function conflict(heights: readonly bigint[]): TapstakeError {
  const shown = heights.slice(0, 10).join(", ") + (heights.length > 10 ? ", …" : "");
  return new TapstakeError(
    "double-vote",
    `the file was merged, but it has other votes than this home at ${heights.length === 1 ? "height" : "heights"} ${shown}: ` +
      "the key voted twice there, and whoever sees both votes has it. Both are blocked now. Find out whether both reached anyone; " +
      "if they did, the key is lost: tell those who delegated to it",
    { heights: heights.slice(0, 100).map(String) },
  );
}
