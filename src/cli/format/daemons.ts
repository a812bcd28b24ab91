import { hex } from "../../core/bytes.js";
import { section, table } from "../output.js";
import { keyText } from "./key.js";

/** The votes of one chain after an import from eotsd. */
export interface MovedVotes {
  readonly chain: string;
  /** How many this home did not know before. */
  readonly votes: number;
  readonly lowest: bigint | null;
  readonly highest: bigint | null;
  /** Whether this home knew the key before: then it is locked until an init. */
  readonly held: boolean;
  /** Heights with two messages. */
  readonly conflicts: readonly bigint[];
  readonly blocked: readonly bigint[];
  readonly unverified: readonly bigint[];
  /** Votes of eotsd before 1.0. */
  readonly earlier: number;
  readonly beyond: number;
}

/** A commitment of fpd that is kept here. */
export interface MovedCommitment {
  readonly chain: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly root: Uint8Array;
}

/** Heights of fpd that are not kept here. */
export interface LeftOut {
  readonly chain: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly why: string;
}

type Facts = Parameters<typeof keyText>[0] & {
  readonly chains: readonly MovedVotes[];
  readonly commitments: readonly MovedCommitment[];
  readonly leftOut: readonly LeftOut[];
};

/** What `fp keys import --eotsd --fpd` did. */
export function daemonImportText({ chains, commitments, leftOut, ...key }: Facts): string {
  return [
    keyText(key),
    ...chains.map((one) => section(`votes on ${one.chain}`, table(votesRows(one), "  "))),
    ...(chains.length > 0 ? [] : [NO_VOTES]),
    ...commitments.map(({ chain, from, to, root }) =>
      section(
        `commitment on ${chain}`,
        table(
          [
            ["heights", `${from} to ${to}`],
            ["root", hex.encode(root)],
          ],
          "  ",
        ),
      ),
    ),
    ...leftOut.map(({ chain, from, to, why }) => `left out: ${heightsText(from, to)} on ${chain}: ${why}`),
  ].join("\n\n");
}

const NO_VOTES =
  "eotsd remembers no vote of this key: before its first vote, set the height from which it may vote (tapstake fp protection init --help)";

const SHOWN = 5;

const votesRows = ({
  votes,
  lowest,
  highest,
  held,
  conflicts,
  blocked,
  unverified,
  earlier,
  beyond,
}: MovedVotes) =>
  [
    ["votes added", `${votes}`],
    ["nothing is signed below", lowest === null ? undefined : `${lowest}`],
    ["highest vote", highest === null ? "none known" : `${highest}`],
    ["locked", held ? "this home knew the key before: nothing is signed before protection init" : undefined],
    ["voted twice at", listText(conflicts)],
    ["blocked", listText(blocked)],
    ["signature wrong at", listText(unverified)],
    ["by eotsd before 1.0", earlier === 0 ? undefined : `${earlier}, which are not repeated`],
    ["left out", beyond === 0 ? undefined : `${beyond}, as no chain is that high`],
  ] as const;

const listText = (heights: readonly bigint[]): string | undefined =>
  heights.length === 0
    ? undefined
    : `${heights.slice(0, SHOWN).join(", ")}${heights.length > SHOWN ? `, … (${heights.length})` : ""}`;

const heightsText = (from: bigint, to: bigint): string =>
  from === to ? `height ${from}` : `heights ${from} to ${to}`;
