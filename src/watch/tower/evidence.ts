import { createHash } from "node:crypto";
import * as v from "valibot";
import { parseTransaction } from "../../bitcoin/transaction.js";
import { assertInteger, concatBytes, equalBytes, hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { parseJson, readJson } from "../../core/json.js";
import { eots } from "../../crypto/eots.js";
import type { Delegation } from "../../delegation/delegation.js";
import {
  type CastVote,
  type Evidence,
  evidenceFromJson,
  evidenceToJson,
  extractFromVotes,
} from "../../extract/evidence.js";
import { extractFromSlashing } from "../../extract/slashing.js";
import type { Slashable } from "../../stake/slashing.js";
import { sha256 } from "../../core/hashes.js";
import { voteMessage } from "../../vote/messages.js";
import type { Sql } from "../store/sql.js";

/** Two votes at one height, or a finished slashing transaction (PROTOCOL 5, 6). */
export type EvidenceKind = "votes" | "slashing";

/** Evidence as the store has it. It holds what others published, and never the key that follows from it. */
export interface StoredEvidence {
  /** The digest of kind and document, in hexadecimal. */
  readonly id: string;
  /** x-only, in hexadecimal. */
  readonly finalityProvider: string;
  readonly kind: EvidenceKind;
  /** JSON. */
  readonly document: string;
  /** Who gave it, for people. */
  readonly source: string;
  /** Seconds since 1970. */
  readonly at: number;
}

/** A vote that someone saw, with the randomness that it was signed by. */
export interface SeenVote extends CastVote {
  /** x-only, as is the next. */
  readonly finalityProvider: Uint8Array;
  readonly publicRandomness: Uint8Array;
  /** The staking chain's id, such as `bbn-1`. */
  readonly chain: string;
  readonly height: bigint;
}

interface EvidenceRow {
  readonly id: Uint8Array;
  readonly provider: Uint8Array;
  readonly kind: EvidenceKind;
  readonly document: string;
  readonly source: string;
  readonly at: number;
}

/**
 * Evidence, append-only. Each function runs within a transaction of its caller. The secret that evidence reveals is
 * computed again each time that it is needed.
 */
export class EvidenceStore {
  readonly #sql: Sql;
  readonly #delegation: (outpoint: string) => Delegation | null;

  constructor(sql: Sql, delegation: (outpoint: string) => Delegation | null) {
    this.#sql = sql;
    this.#delegation = delegation;
  }

  /** Stores two votes. @returns the id, and whether the store lacked it; see {@link checkedVotes} */
  addVotes({ finalityProvider, document }: CheckedVotes, source: string): { id: string; isNew: boolean } {
    return this.#add("votes", finalityProvider, document, source);
  }

  /** Stores a finished slashing, which must reveal the provider's key with the delegation of the store. */
  addSlashing(finalityProvider: Uint8Array, slashing: SeenSlashing): { id: string; isNew: boolean } {
    const document = JSON.stringify(slashing);
    return this.#add("slashing", finalityProvider, document, "Bitcoin");
  }

  /**
   * Stores a vote whose signature verifies.
   * @returns the earlier votes of the same randomness for another block: each is evidence with this one
   * @throws TapstakeError `invalid-signature`, `invalid-number`, and the codes of `voteMessage`
   */
  addVote(vote: SeenVote): Evidence[] {
    const { finalityProvider, publicRandomness, chain, height, signature } = vote;
    // The column is a number: a height that a float would round could be taken for another one.
    assertInteger(Number(height), "height", 0, Number.MAX_SAFE_INTEGER);
    const message = voteMessage(vote);
    if (!eots.verify(finalityProvider, publicRandomness, message, signature)) {
      const text = `the vote for height ${height} has no valid signature by ${hex.encode(finalityProvider)}`;
      throw new TapstakeError("invalid-signature", text, { height: `${height}` });
    }
    const key = [finalityProvider, chain, Number(height)] as const;
    const digest = sha256(concatBytes(publicRandomness, message));
    const found = this.#sql.all<{ digest: Uint8Array; document: string }>(
      "SELECT digest, document FROM vote WHERE provider = ? AND chain = ? AND height = ?",
      ...key,
    );
    if (found.some((each) => equalBytes(each.digest, digest))) return [];
    const { appHash, context } = vote;
    const document = JSON.stringify({
      randomness: hex.encode(publicRandomness),
      appHash: hex.encode(appHash),
      signature: hex.encode(signature),
      ...(context !== undefined && { context }),
    });
    this.#sql.run("INSERT INTO vote VALUES (?, ?, ?, ?, ?, ?)", ...key, digest, document, now());
    return found.flatMap((each) => {
      const other = readVote(each.document);
      if (!equalBytes(other.publicRandomness, publicRandomness)) return [];
      return [{ finalityProvider, height, publicRandomness, canonical: other, fork: vote }];
    });
  }

  /** The providers with evidence. */
  providers(): Uint8Array[] {
    const rows = this.#sql.all<{ provider: Uint8Array }>(
      "SELECT DISTINCT provider FROM evidence ORDER BY provider",
    );
    return rows.map(({ provider }) => provider);
  }

  has(provider: Uint8Array): boolean {
    return this.#sql.one("SELECT 1 FROM evidence WHERE provider = ?", provider) !== undefined;
  }

  /** The id of a provider's first evidence. */
  firstOf(provider: Uint8Array): Uint8Array | null {
    const text = "SELECT id FROM evidence WHERE provider = ? ORDER BY at, id LIMIT 1";
    return this.#sql.one<{ id: Uint8Array }>(text, provider)?.id ?? null;
  }

  /**
   * A provider's secret, computed from its evidence. The caller overwrites it after use.
   * @throws TapstakeError `no-evidence`
   */
  secretOf(provider: Uint8Array): Uint8Array {
    const text = "SELECT * FROM evidence WHERE provider = ? ORDER BY at, id";
    for (const row of this.#sql.all<EvidenceRow>(text, provider)) {
      const secret = this.#secretBy(row);
      if (secret) return secret;
    }
    const key = hex.encode(provider);
    throw new TapstakeError("no-evidence", `the store has no evidence that reveals the key of ${key}`, {
      key,
    });
  }

  #secretBy({ kind, document }: EvidenceRow): Uint8Array | null {
    if (kind === "votes") return extractFromVotes(evidenceFromJson(document));
    const { stake, transaction } = readJson(slashingForm, parseJson(document, "evidence"), "evidence");
    const delegation = this.#delegation(stake);
    if (!delegation) return null;
    return extractFromSlashing(delegation, parseTransaction(hex.decode(transaction))).secretKey;
  }

  #add(kind: EvidenceKind, provider: Uint8Array, document: string, source: string) {
    const id = createHash("sha256").update(`${kind}\n${document}`).digest();
    const isNew = this.#sql.one("SELECT 1 FROM evidence WHERE id = ?", id) === undefined;
    if (isNew) {
      const cells = [id, provider, kind, document, source.slice(0, 500), now()] as const;
      this.#sql.run("INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?)", ...cells);
    }
    return { id: hex.encode(id), isNew };
  }
}

/** All evidence of a store, the oldest first. */
export function readEvidence(sql: Sql): StoredEvidence[] {
  return sql.all<EvidenceRow>("SELECT * FROM evidence ORDER BY at, id").map(({ id, provider, ...row }) => ({
    id: hex.encode(id),
    finalityProvider: hex.encode(provider),
    kind: row.kind,
    document: row.document,
    source: row.source,
    at: row.at,
  }));
}

/** Two votes that reveal a key, as the store writes them. */
export interface CheckedVotes {
  readonly finalityProvider: Uint8Array;
  readonly height: bigint;
  readonly document: string;
}

/**
 * Checks that two votes reveal their provider's key, before they are stored. The order of the votes makes no difference
 * to the id.
 * @throws TapstakeError the codes of `extractFromVotes`: forged evidence is refused by why it reveals no key
 */
export function checkedVotes(evidence: Evidence): CheckedVotes {
  const votes = [evidence.canonical, evidence.fork].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const [canonical, fork] = votes as [CastVote, CastVote];
  const document = evidenceToJson({ ...evidence, canonical, fork });
  // What was written is what will be read.
  const read = evidenceFromJson(document);
  extractFromVotes(read).fill(0);
  return { finalityProvider: read.finalityProvider, height: read.height, document };
}

/** A finished slashing of a stake. */
export interface SeenSlashing {
  /** `txid:vout` of the staking output. */
  readonly stake: string;
  readonly from: Slashable;
  /** Raw, in hexadecimal. */
  readonly transaction: string;
}

const slashingForm = v.strictObject({
  stake: v.string(),
  from: v.picklist(["staking", "unbonding"]),
  transaction: v.string(),
});

const voteForm = v.strictObject({
  randomness: v.string(),
  appHash: v.string(),
  signature: v.string(),
  context: v.exactOptional(v.string()),
});

function readVote(document: string): CastVote & { readonly publicRandomness: Uint8Array } {
  const { randomness, appHash, signature, context } = readJson(voteForm, parseJson(document, "vote"), "vote");
  return {
    publicRandomness: hex.decode(randomness, 32, "vote.randomness"),
    appHash: hex.decode(appHash, 32, "vote.appHash"),
    signature: hex.decode(signature, 32, "vote.signature"),
    ...(context !== undefined && { context }),
  };
}

const sortKey = ({ appHash, signature, context = "" }: CastVote): string =>
  hex.encode(concatBytes(appHash, signature, utf8(context)));

const now = (): number => Math.floor(Date.now() / 1000);
