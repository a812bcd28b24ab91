import * as v from "valibot";
import { readErrorText } from "../../babylon/errors.js";
import {
  type ChainCommit,
  type ChainEvidence,
  type ChainProvider,
  readChainCommits,
  readChainEvidence,
  readChainProvider,
  readChainVotes,
} from "../../babylon/lcd/finality.js";
import { readMemberMessages } from "../../babylon/lcd/member.js";
import { checkedMessage, decodeMessage, messageFromJson, type NamedMessage } from "../../babylon/messages.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { counted } from "../../core/text.js";
import type { Network } from "../../core/network.js";
import type { Delegation } from "../../delegation/delegation.js";
import { extractFromVotes } from "../../extract/evidence.js";
import { paramsDifferences } from "../../params/differences.js";
import { parseParamSet } from "../../params/read.js";
import { paramSets } from "../../params/sets.js";
import type { ParamSet } from "../../params/types.js";
import { percent } from "../format/text.js";
import { type Row, section, table } from "../output.js";
import { setShown, setText } from "./params/set.js";
import { fieldRows } from "./register/message.js";

/** What the caller knows about an answer. */
interface Known {
  readonly network?: Network | undefined;
  /** The stake that a message is about. */
  readonly delegation?: Delegation | undefined;
}

interface Shown {
  /** As data. */
  readonly facts: { readonly headline: string };
  readonly text: string;
}

/**
 * What a document of the staking chain says, other than a delegation: parameters, providers, commitments, votes,
 * evidence, messages. It is verified as far as it says what that needs.
 * @throws TapstakeError `chain-refused` for an answer that is an error; `invalid-json` for any other document; the codes
 * of the readers
 */
export function shownAnswer(json: unknown, known: Known): Shown {
  const found = KINDS.find(({ form }) => v.is(form, json));
  if (found) return found.show(json as never, known);
  const text =
    "the JSON is no delegation, PSBT or answer of the staking chain: parameters, a provider, commitments, votes, evidence or a message";
  throw new TapstakeError("invalid-json", text, { path: "document" });
}

const anything: v.GenericSchema = v.unknown();
const having = (name: string, form = anything) => v.looseObject({ [name]: form });
const listOf = (form: v.GenericSchema) => v.pipe(v.array(form), v.minLength(1));

/** The forms of documents, the first that fits. */
const KINDS: readonly {
  readonly form: v.GenericSchema;
  readonly show: (json: never, known: Known) => Shown;
}[] = [
  { form: having("finality_provider"), show: (json: unknown) => providersShown([readChainProvider(json)]) },
  {
    form: having("finality_providers", v.array(v.unknown())),
    show: (json: { finality_providers: unknown[] }) =>
      providersShown(json.finality_providers.map((one) => readChainProvider(one))),
  },
  { form: having("slashed_btc_height"), show: (json: unknown) => providersShown([readChainProvider(json)]) },
  { form: having("pub_rand_commit_map"), show: (json: unknown) => commitsShown(readChainCommits(json)) },
  { form: having("btc_pks"), show: (json: unknown) => votesShown(readChainVotes(json)) },
  { form: having("evidence"), show: (json: unknown) => evidenceShown([readChainEvidence(json)]) },
  {
    form: having("evidences", v.array(v.unknown())),
    show: (json: { evidences: unknown[] }) =>
      evidenceShown(json.evidences.map((one) => readChainEvidence(one))),
  },
  { form: having("fp_btc_pk_hex"), show: (json: unknown) => evidenceShown([readChainEvidence(json)]) },
  {
    form: having("typeUrl"),
    show: (json: unknown, known) =>
      messagesShown([decodeMessage(messageFromJson(JSON.stringify(json)))], known),
  },
  // As the chain's own programs print it; alone, in a list, or in a transaction.
  {
    form: v.union([
      having("slashing_tx_sigs"),
      having("body"),
      listOf(having("slashing_tx_sigs")),
      listOf(having("typeUrl")),
    ]),
    show: (json: unknown, known) => {
      const messages = readMemberMessages(json);
      return messagesShown(
        messages.map((message) => ({ name: "MsgAddCovenantSigs", message })),
        known,
      );
    },
  },
  { form: v.looseObject({ code: v.number(), message: v.string() }), show: refused },
  {
    form: v.union([having("params"), listOf(having("params")), listOf(having("covenant_pks"))]),
    show: paramsShown,
  },
];

function refused({ message }: { readonly message: string }): never {
  const said = readErrorText(message);
  const { codespace, code } = said;
  const known = said.error;
  const text = `this is an error of the staking chain${known ? ` (${known.name})` : ""}: ${message}`;
  throw new TapstakeError("chain-refused", text, {
    ...(codespace !== undefined && { codespace }),
    ...(code !== undefined && { chainCode: code }),
    ...(known && { name: known.name }),
  });
}

function paramsShown(json: object, { network }: Known): Shown {
  const set = readSet(json, network);
  const shown = setShown(set, set.versions.at(-1)!);
  return { facts: { headline: `these are parameters of ${set.name}`, ...shown }, text: setText(shown) };
}

/** Under the name of the shipped set that they are of, in so far as it has these versions. */
function readSet(json: object, network: Network | undefined): ParamSet {
  for (const shipped of paramSets.values()) {
    if (network !== undefined && network !== shipped.network) continue;
    for (const { version } of isAlone(json) ? shipped.versions : [{ version: undefined }]) {
      const { name } = shipped;
      const as = { name, network: shipped.network, ...(version !== undefined && { version }) };
      const set = parseParamSet(json, as);
      const numbers = new Set(set.versions.map((one) => one.version));
      const same = { ...shipped, versions: shipped.versions.filter((one) => numbers.has(one.version)) };
      const [other] = paramsDifferences(same, set);
      // A newer version of the chain than the shipped ones is no difference.
      if (same.versions.length > 0 && (!other || other.field === "version")) return set;
    }
  }
  if (network === undefined) {
    const text = "parameters of the chain do not say their network: give --network";
    throw new TapstakeError("invalid-network", text);
  }
  return parseParamSet(json, { name: "no shipped set", network });
}

const isAlone = (json: object): boolean =>
  "params" in json && !Array.isArray(json.params) && !("version" in json);

function providersShown(providers: readonly ChainProvider[]): Shown {
  const headline = `${counted(providers.length, "finality provider")}, as the chain has them`;
  return shownAs(
    { headline, providers: providers.map(providerFacts) },
    providers.map((one) => [hex.encode(one.key), providerRows(one)]),
  );
}

const providerFacts = ({ commission, ...provider }: ChainProvider) => ({
  ...provider,
  ...(commission && { commissionPercent: percent(commission) }),
});

const providerRows = (provider: ChainProvider): Row[] => [
  ["account", provider.account],
  ["moniker", `${JSON.stringify(provider.moniker)}, which anyone can choose`],
  ["commission", provider.commission && percent(provider.commission)],
  ["state", stateText(provider)],
  ["highest vote", provider.highestVotedHeight === 0n ? "none" : `height ${provider.highestVotedHeight}`],
];

function stateText({ slashed, jailed, softDeleted }: ChainProvider): string {
  if (slashed) return `slashed at height ${slashed.height}, Bitcoin height ${slashed.bitcoinHeight}`;
  if (softDeleted) return "deleted: it cannot vote";
  return jailed ? "jailed: it must not vote until it is unjailed" : "not slashed, not jailed";
}

function commitsShown(commits: readonly ChainCommit[]): Shown {
  const headline = `${counted(commits.length, "commitment")} to randomness`;
  return shownAs(
    { headline, commitments: commits },
    commits.map(({ startHeight, count, root, epoch }) => [
      `heights ${startHeight} to ${startHeight + count - 1n} (${count})`,
      [
        ["root", hex.encode(root)],
        ["committed in epoch", `${epoch}: it counts once the checkpoint of that epoch is final`],
      ],
    ]),
  );
}

function votesShown(keys: readonly Uint8Array[]): Shown {
  const headline = `${counted(keys.length, "finality provider")} voted for the height`;
  const rows: Row[] = [["keys", keys.map((key) => hex.encode(key))]];
  const facts = { headline, voters: keys };
  return { facts, text: [headline, table(rows)].join("\n") };
}

function evidenceShown(list: readonly ChainEvidence[]): Shown {
  const all = list.map((one) => ({ ...one, votes: votesOf(one) }));
  const headline = `${counted(all.length, "vote")} for another block than the chain's own`;
  return shownAs(
    {
      headline,
      evidence: all.map(({ finalityProvider, height, canonicalAppHash, fork, votes }) => ({
        finalityProvider,
        height,
        canonicalAppHash,
        forkAppHash: fork.appHash,
        votes,
      })),
    },
    all.map(({ finalityProvider, height, canonicalAppHash, fork, votes }) => [
      hex.encode(finalityProvider),
      [
        ["height", `${height}`],
        ["the chain's block", hex.encode(canonicalAppHash)],
        ["the other block", hex.encode(fork.appHash)],
        ["votes", VOTES[votes]],
      ],
    ]),
  );
}

const VOTES = {
  "reveal-the-key": "both verify, and reveal the provider's secret key: tapstake extract --votes",
  "one-vote": "only the vote for the other block: two are needed for the key",
  unverified: "they reveal no key: wrong signatures, or a chain with a signing context",
} as const;

/** The key itself is not shown. */
function votesOf({ evidence }: ChainEvidence): keyof typeof VOTES {
  if (!evidence) return "one-vote";
  try {
    extractFromVotes(evidence).fill(0);
    return "reveal-the-key";
  } catch (error) {
    if (error instanceof TapstakeError) return "unverified";
    throw error;
  }
}

function messagesShown(messages: readonly NamedMessage[], { delegation, network }: Known): Shown {
  const all = messages.map((named) => ({
    name: named.name,
    lacking: checkedMessage(named, { delegation, network }),
    fields: named.message,
  }));
  const headline = `${counted(all.length, "message")} of the staking chain`;
  return shownAs(
    {
      headline,
      messages: all.map(({ lacking, ...one }) => ({ ...one, checked: lacking === undefined, lacking })),
    },
    all.map(({ name, lacking, fields }) => [
      name,
      [["checked", lacking === undefined ? "every rule holds" : CHECKS[lacking]], ...fieldRows(fields)],
    ]),
  );
}

const CHECKS = {
  params: "only its form: tapstake register show --params checks it against parameters",
  delegation: "only its form: give --delegation, the stake that it is about",
  commitment: "only its form: tapstake register show --commitment checks the vote",
} as const;

const shownAs = <Facts extends { readonly headline: string }>(
  facts: Facts,
  sections: readonly (readonly [title: string, rows: readonly Row[]])[],
): Shown => ({
  facts,
  text: [facts.headline, ...sections.map(([title, rows]) => section(title, table(rows, "  ")))].join("\n\n"),
});
