import { equalBytes, hex } from "../../core/bytes.js";
import { counted } from "../../core/text.js";
import type { Home } from "../../finality/home.js";
import { listKeys } from "../../finality/keys/keystore.js";
import type { StoredWatermarks } from "../../finality/protection/decide.js";
import type { ImportPreview } from "../../finality/protection/import.js";
import type { ImportReport } from "../../finality/protection/interchange.js";
import type { HeightFacts, KeyChainFacts } from "../../signerd/admin/operations.js";
import { section, table } from "../output.js";

/** The most blocked heights that are listed. */
const SHOWN = 5;

/** The memory of each key and chain, with the key's name if the home has it. */
export function withNames(home: Home, known: readonly KeyChainFacts[]) {
  const { keys } = listKeys(home);
  return known.map(({ key, ...rest }) => {
    const name = keys.find(({ publicKey }) => equalBytes(publicKey, key))?.name;
    return { key, ...(name !== undefined && { name }), ...rest };
  });
}

export function keyChainsText({ subjects }: { readonly subjects: ReturnType<typeof withNames> }): string {
  if (subjects.length === 0) return "nothing was signed here yet";
  return subjects
    .map(({ key, name, chain, lowest, highest, held, retired, votes, blocked }) =>
      section(
        `${hex.encode(key)}${name === undefined ? "" : ` (${name})`} on ${chain}`,
        table(
          [
            ["nothing is signed below", `${lowest}`],
            [
              "locked",
              retired
                ? "its votes moved to another home: nothing is signed before protection init"
                : held
                  ? "what it signed may not all be known here: nothing is signed before protection init"
                  : undefined,
            ],
            ["highest vote", highest === null ? "none yet" : `${highest}`],
            ["votes remembered", `${votes}`],
            ["blocked", blockedText(blocked)],
          ],
          "  ",
        ),
      ),
    )
    .join("\n\n");
}

/** The record of one height. */
export const heightText = ({ key, chain, height, lowest, vote }: HeightFacts): string =>
  table([
    ["key", hex.encode(key)],
    ["chain", chain],
    ["nothing is signed below", lowest === null ? "votes have not begun here" : `${lowest}`],
    ["height", `${height}`],
    ["vote", vote ? `recorded ${vote.at} by ${vote.instance}` : "none is remembered"],
    ["digest of its message", vote ? (vote.digest ? hex.encode(vote.digest) : "not known") : undefined],
  ]);

interface WatermarksFacts {
  readonly key: Uint8Array;
  readonly chain: string;
  readonly lowest: bigint;
  readonly highest: bigint | null;
  readonly forgotten?: number;
}

/** The watermarks of one key and chain after a change. */
export function watermarksText(facts: WatermarksFacts): string {
  const { key, chain, lowest, highest, forgotten } = facts;
  return table([
    ["key", hex.encode(key)],
    ["chain", chain],
    ["votes forgotten", forgotten === undefined ? undefined : `${forgotten}`],
    ["nothing is signed below", `${lowest}`],
    ["highest vote", highest === null ? "none yet" : `${highest}`],
  ]);
}

/** What an import will do, for the user who must agree to it. */
export function previewText(previews: readonly ImportPreview[]): string {
  return previews
    .map(({ key, chainId, before, after, votes, commitments }) =>
      section(
        `${hex.encode(key)} on ${chainId}`,
        table(
          [
            ["known here", before === null ? "nothing" : watermarkText(before)],
            ["afterwards", after === null ? "nothing but commitments" : watermarkText(after)],
            ["in the file", `${counted(votes, "vote")}, ${counted(commitments, "commitment")}`],
          ],
          "  ",
        ),
      ),
    )
    .join("\n\n");
}

const watermarkText = ({
  lowWatermark: lowest,
  highWatermark: highest,
  locked: held,
}: StoredWatermarks): string =>
  `nothing is signed ${held ? "until protection init, and never " : ""}below ${lowest}; ${highest === null ? "no vote yet" : `the highest vote is ${highest}`}`;

/** Heights at which nothing is signed, as their votes are unknown. */
const blockedText = ({ count, first }: { count: number; first: readonly bigint[] }): string | undefined =>
  count === 0
    ? undefined
    : `${counted(count, "height")} with a vote for what is not known: ${first.join(", ")}${count > first.length ? ", …" : ""}`;

/** What an import did, as data. */
export const importFacts = (report: ImportReport) =>
  report.map(({ key, chainId, lowWatermark, highWatermark, ...rest }) => {
    return { key, chain: chainId, lowest: lowWatermark, highest: highWatermark, ...rest };
  });

export function importText({
  kind,
  imported,
}: {
  readonly kind: "retired" | "copy";
  readonly imported: ReturnType<typeof importFacts>;
}): string {
  if (imported.length === 0) return "the interchange file is empty: nothing was changed";
  const facts = imported
    .map(({ key, chain, lowest, highest, added, conflicts, blocked, commitments, ...rest }) =>
      section(
        `${hex.encode(key)} on ${chain}`,
        table(
          [
            ["votes added", `${added}`],
            ["nothing is signed below", lowest === null ? undefined : `${lowest}`],
            ["highest vote", highest === null ? "none yet" : `${highest}`],
            ["commitments added", `${commitments}`],
            [
              "commitments left out",
              rest.commitmentsSkipped === 0 ? undefined : `${rest.commitmentsSkipped}, as they overlap`,
            ],
            ["left out", rest.beyond === 0 ? undefined : `${rest.beyond}, as no chain is that high`],
            ["voted twice at", conflicts.length === 0 ? undefined : conflicts.map(String)],
            ["blocked", blockedText({ count: blocked.length, first: blocked.slice(0, SHOWN) })],
          ],
          "  ",
        ),
      ),
    )
    .join("\n\n");
  return `${KINDS[kind]}\n\n${facts}`;
}

const KINDS = {
  retired: "the file is of a move: the home that wrote it locked these keys (export --retire)",
  copy: "the file is a copy: the home that wrote it may have signed since (export --copy)",
};
