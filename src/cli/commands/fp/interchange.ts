import { Option } from "@commander-js/extra-typings";
import { max } from "../../../core/amount.js";
import { equalBytes, hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { counted } from "../../../core/text.js";
import { findHome, openHome } from "../../../finality/home.js";
import { floorOf, higher, LAST_HEIGHT } from "../../../finality/protection/decide.js";
import { type ImportPreview, previewImport } from "../../../finality/protection/import.js";
import { ReadInterchange } from "../../../finality/protection/interchange.js";
import { keyChainName } from "../../../finality/protection/key-chain.js";
import { readInterchange } from "../../../finality/protection/stream.js";
import type { KeyChainFacts } from "../../../signerd/admin/operations.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import { checkOut, writeOut } from "../../files.js";
import { importFacts, importText, previewText } from "../../format/protection.js";
import { readChunks } from "../../input.js";
import { homeOption, jsonOption, keyOption, yesOption } from "../../options.js";
import { answer, note, sayAll, tell } from "../../output.js";
import { ask, cancelled, isWatched, mustType } from "../../secrets.js";
import { publicKeyNamed, withOperations, withProtection } from "../../signer.js";

const EXPORT = {
  description: `The file goes to another machine, for tapstake fp protection import. It holds no secret.

By default, the keys move: tapstake locks them in this home before it writes the file, and the file says so. From the lock on,
this home signs nothing with them; nor does a daemon that runs. With --copy, this home goes on voting: such a file lacks the
votes that follow, so do not start another signer from it. docs/recipes.md describes the whole move.`,
  examples: `
tapstake fp protection export --retire --yes --out interchange.json

# to look at, or to keep
tapstake fp protection export --copy --out copy.json
`,
  topics: ["interchange", "home"],
  refused: "another signer runs, the vote history cannot be trusted, or not confirmed",
} as const;

/** `fp protection export` */
export const exportInterchange = () =>
  newCommand("export", EXPORT)
    .option("--out <file>", "new file for it, instead of standard output")
    .addOption(new Option("--retire", "lock the keys here: they move (default)").conflicts("copy"))
    .option("--copy", "leave the keys here as they are: the file is only a copy")
    .addOption(keyOption())
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async ({ out, copy = false, key: name, yes = false, home: path }) => {
      await checkOut(out);
      const home = findHome(path);
      const only = name === undefined ? undefined : publicKeyNamed(home, name);
      await withOperations(home, async (operations) => {
        const isMeant = ({ key }: KeyChainFacts) => !only || equalBytes(key, only);
        let exported = (await operations.show()).filter(isMeant);
        if (!copy && exported.length > 0) {
          await mustType("retire", {
            warning: retireText(exported),
            message: "Type retire to lock them",
            yes,
          });
          // Locked before the file is made, so it has every vote; a second export of a locked home is the same file.
          exported = [...(await operations.retire(only))];
        }
        const text = operations.exportText(only);
        if (out === undefined) await sayAll(text);
        else await writeOut(out, text, { what: votesOf(exported), otherwise: "Export again" });
      });
      if (copy && process.stderr.isTTY)
        note("This is a copy: what this home signs later is not in it. Do not start another signer from it.");
    });

const retireText = (exported: readonly KeyChainFacts[]): string =>
  ["These keys move. This home will sign nothing with them any longer:"]
    .concat(exported.map(({ key, chain }) => `  ${hex.encode(key)} on ${chain}`))
    .join("\n");

/** For a comparison with the votes of the key on the chain. */
function votesOf(keyChains: readonly KeyChainFacts[]): string {
  const votes = keyChains.reduce((sum, one) => sum + one.votes, 0);
  const heights = keyChains.flatMap(({ highest }) => highest ?? []);
  const last = heights.length === 0 ? "" : `, highest ${heights.reduce(max)},`;
  return `${counted(votes, "vote")}${last}`;
}

/** Four million votes: more than a year with one every ten seconds. Older votes can be pruned. */
const MAX_MEGABYTES = 1024;

const IMPORT = {
  description: `Imports all of the file, or nothing if the file is invalid. It only forbids more: it raises watermarks and adds votes. A vote
without its message blocks its height.

If this home does not know a key yet, find the key's last vote on the chain (docs/emergency.md) and type it: the key
begins above it. With --yes, you say that the highest vote of the file is the last one. In doubt, run init afterwards.`,
  examples: `
tapstake fp protection import interchange.json
`,
  topics: ["interchange", "home"],
  refused: "not an interchange file, a signer runs, another vote at a height, or not confirmed",
} as const;

/** `fp protection import` */
export const importInterchange = () =>
  newCommand("import", IMPORT)
    .argument("<file>", "interchange file (JSON); - for standard input")
    .addOption(yesOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      const interchange = await interchangeIn(path);
      await withProtection(openHome(options.home), async (protection) => {
        const previews = previewImport(protection, interchange);
        const agreed = options.yes === true ? interchange : await withBeginnings(interchange, previews);
        const imported = protection.importInterchange(agreed, { begin: true });
        const kind = kindOf(previews);
        answer(options.json === true, { kind, imported: importFacts(imported) }, importText);
        const conflicts = imported.flatMap((one) => one.conflicts);
        if (conflicts.length > 0) throw conflict(conflicts);
      });
    });

/** Whether the home that wrote the file has locked the keys in it. */
const kindOf = (previews: readonly ImportPreview[]): "retired" | "copy" =>
  previews.length > 0 && previews.every(({ retired }) => retired) ? "retired" : "copy";

/** Names the interchange file at the beginning of its errors. */
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
 * The file, with the last votes that a person has looked up on the chain: keys that this home does not know begin above
 * them. tapstake cannot check that a key signed nothing after the export.
 * @throws TapstakeError `cancelled`; `would-lower-mark` for less than the file knows; UsageError without a terminal
 */
async function withBeginnings(
  interchange: ReadInterchange,
  previews: readonly ImportPreview[],
): Promise<ReadInterchange> {
  const { keyChains, exportedAt } = interchange;
  const beginnings = previews.filter(({ begins }) => begins).map(beginningOf);
  if (beginnings.length === 0) return interchange;
  const when = exportedAt === undefined ? "at a time that it does not say" : `at ${exportedAt}`;
  if (!isWatched()) throw unconfirmed(beginnings, when);
  tell(`${previewText(previews)}\n`);
  const begun = new Map<string, bigint>();
  for (const beginning of beginnings) {
    begun.set(keyChainName(beginning.publicKey, beginning.chain), await askedBeginning(beginning, when));
  }
  const raised = keyChains.map((one) => {
    const from = begun.get(keyChainName(one.key, one.chainId));
    return from === undefined ? one : { ...one, lowWatermark: higher(from, one.lowWatermark) };
  });
  return new ReadInterchange(raised, exportedAt);
}

/** The height at which a key begins: above its last vote on the chain, and no lower than in the file. */
async function askedBeginning(
  { key, chain, from, lowest, highest, retired }: Beginning,
  when: string,
): Promise<bigint> {
  const says = highest === null ? `never voted on ${chain}` : `voted on ${chain} up to height ${highest}`;
  tell(
    `The file was written ${when} and says that ${key} ${says}. ` +
      (retired
        ? "The home that wrote it locked the key at that moment (export --retire). It does not know votes of other machines. "
        : "It is a copy (export --copy): it does not know later votes, of any machine. ") +
      "Look up the key's last vote on the chain (docs/emergency.md): the key begins above it. " +
      `If it voted for ${from} or above and you say that it did not, it loses its stake.`,
  );
  const typed = (
    await ask(`Type the key's last vote on the chain${highest === null ? ", or none" : ""}`)
  ).trim();
  if (highest === null && typed === "none") return lowest;
  if (!/^\d{1,20}$/.test(typed)) throw cancelled();
  const last = BigInt(typed);
  if (last >= LAST_HEIGHT) throw cancelled();
  if (highest !== null && last < highest) {
    throw new TapstakeError(
      "would-lower-mark",
      `the file has a vote of ${key} on ${chain} at height ${highest}, so ${last} is not its last one; nothing was imported`,
      { lowWatermark: highest, height: last },
    );
  }
  // If the file has the last vote, that vote may be repeated.
  return last === highest ? lowest : last + 1n;
}

interface Beginning {
  readonly publicKey: Uint8Array;
  readonly key: string;
  readonly chain: string;
  /** The first height that the file does not know. */
  readonly from: bigint;
  /** The low watermark from the file alone. */
  readonly lowest: bigint;
  readonly highest: bigint | null;
  /** Whether the home that wrote the file has locked the key. */
  readonly retired: boolean;
}

function beginningOf({ key, chainId, after, retired }: ImportPreview): Beginning {
  const { lowWatermark: lowest, highWatermark: highest } = after!;
  const from = floorOf(after!);
  return { publicKey: key, key: hex.encode(key), chain: chainId, from, lowest, highest, retired };
}

function unconfirmed(beginnings: readonly Beginning[], when: string): UsageError {
  const which = beginnings.map(
    ({ key, chain, from, highest }) =>
      `${key} on ${chain}, ${highest === null ? "without a vote" : `the highest vote ${highest}`}, from height ${from} on`,
  );
  return new UsageError(
    `no terminal to ask at: this home does not know these keys, and the file that was written ${when} would begin them: ${which.join("; ")}. ` +
      "What they signed after that is unknown here: if they voted from these heights on, they lose their stake. " +
      "Look up their last votes on the chain (docs/emergency.md). Give --yes only if the file has them",
  );
}

/** The file is merged in any case: the heights are blocked now. But the operator must know. */
function conflict(heights: readonly bigint[]): TapstakeError {
  const shown = heights.slice(0, 10).join(", ") + (heights.length > 10 ? ", …" : "");
  return new TapstakeError(
    "double-vote",
    `the file has other votes than this home at ${heights.length === 1 ? "height" : "heights"} ${shown}: the key voted twice there, ` +
      "and anyone who sees both votes has the key. The file was imported, and both votes are blocked. " +
      "Do: stop every signer of this key now. If both votes can have left their signers, follow “The key leaked” in docs/emergency.md",
    { heights: heights.slice(0, 100).map(String), imported: true },
  );
}
