import { parseTransaction } from "../../bitcoin/transaction.js";
import type { Transaction } from "../../bitcoin/transaction-class.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { type Delegation, outputsIn } from "../../delegation/delegation.js";
import { isComplete } from "../../delegation/status.js";
import { extractFromSlashing } from "../../extract/slashing.js";
import type { Leaf } from "../../script/outputs.js";
import { readWitness, withoutAnnex } from "../../spending/witness.js";
import type { Slashable } from "../../stake/slashing.js";
import type { WatchAlarm } from "../alarms/kinds.js";
import type { MonitorContext } from "../monitor.js";
import { outpointBytes, outpointText } from "../outpoint.js";
import type { WatchEvent } from "../types.js";
import type { Places } from "./duties.js";
import type { SeenSlashing } from "./evidence.js";

/** What the spends of a delegation's stake show. */
export interface Inspection {
  readonly alarms: readonly WatchAlarm[];
  /** Providers whose keys a slashing revealed. */
  readonly leaks: readonly { readonly finalityProvider: Uint8Array; readonly slashing: SeenSlashing }[];
}

/** The kinds of alarms that an inspection raises: those that do not hold any more are cleared by them. */
export const INSPECTED = [
  "unbonding-diverted",
  "slashing-without-key",
  "unknown-spend",
  "missing-adaptor-signatures",
] as const;

/**
 * Looks at the spends of a stake that are in the chain, and at the signatures that its slashings would need. It reads
 * witnesses of blocks, which bitcoind has verified, and believes no other.
 */
export function inspect(delegation: Delegation, places: Places, context: MonitorContext): Inspection {
  const alarms: WatchAlarm[] = [];
  const leaks: Inspection["leaks"][number][] = [];
  const stake = places.staking;
  const look = (from: Slashable, spend: WatchEvent | null) => {
    if (!spend) return;
    const transaction = parseTransaction(spend.raw);
    const facts = { stake, output: from, txid: spend.txid };
    const { height } = spend;
    const signers = (kind: "unbonding" | "slashing") => signersOf(delegation, from, kind, transaction, spend);
    if (spend.leaf === "slashing") {
      const found = keyIn(delegation, transaction);
      if (found) {
        const slashing = { stake, from: found.from, transaction: transaction.toHex() };
        leaks.push({ finalityProvider: found.finalityProvider, slashing });
        return;
      }
      const text = `${spend.txid} slashed the ${from} output of ${stake}, and no provider's key comes out of it: members of the committee signed without the key, or the delegation here lacks their adaptor signatures`;
      alarms.push({
        kind: "slashing-without-key",
        facts: { ...facts, signers: signers("slashing") },
        text,
        height,
      });
    } else if (spend.leaf === "unbonding" && from === "staking") {
      if (spend.txid === places.unbondingTxid || isExpansion(context, stake, spend.txid)) return;
      const text = `${spend.txid} moved the stake ${stake} by its unbonding leaf, and is neither the pre-signed unbonding nor a known expansion: the named members of the committee signed it`;
      alarms.push({
        kind: "unbonding-diverted",
        facts: { ...facts, signers: signers("unbonding") },
        text,
        height,
      });
    } else if (spend.leaf !== "timelock") {
      const text = `${spend.txid} spent the ${from} output of ${stake} in a way that no leaf of it allows`;
      alarms.push({ kind: "unknown-spend", facts, text, height });
    }
  };
  const first = context.spendOf(places.staking);
  look("staking", first);
  if (first?.txid === places.unbondingTxid) look("unbonding", context.spendOf(places.unbonding));
  if (!first) alarms.push(...lacking(delegation, places, context));
  return { alarms, leaks };
}

/** The slashings that a leaked key could not finish: too few members of the committee have signed. */
function lacking(delegation: Delegation, { staking: stake }: Places, context: MonitorContext): WatchAlarm[] {
  const made = context.sql.one<{ height: number }>(
    "SELECT height FROM event WHERE outpoint = ? AND kind = 'stake'",
    outpointBytes(stake),
  );
  if (!made) return [];
  const { covenant, finalityProviders } = delegation.terms;
  const providers = finalityProviders.map(hex.encode).filter((provider) =>
    (["slashing", "unbondingSlashing"] as const).some((name) => {
      // The store took no signature that does not verify.
      const signed = delegation[name].covenantSignatures
        .filter((one) => hex.encode(one.finalityProvider) === provider)
        .map(({ publicKey }) => hex.encode(publicKey));
      return !isComplete({
        signed: [...new Set(signed)].map((key) => hex.decode(key)),
        quorum: covenant.quorum,
      });
    }),
  );
  if (providers.length === 0) return [];
  const text = `the stake ${stake} could not be slashed: its delegation lacks adaptor signatures of a quorum of the committee`;
  return [{ kind: "missing-adaptor-signatures", facts: { stake, providers }, text, height: made.height }];
}

function isExpansion({ sql }: MonitorContext, stake: string, txid: string): boolean {
  const rows = sql.all<{ outpoint: Uint8Array }>(
    "SELECT stake.outpoint FROM stake JOIN delegation USING (outpoint) WHERE stake.expands = ?",
    outpointBytes(stake),
  );
  return rows.some(({ outpoint }) => outpointText(outpoint).startsWith(`${txid}:`));
}

/** Null where no adaptor signature of the delegation was finished in the transaction. */
function keyIn(delegation: Delegation, transaction: Transaction) {
  try {
    const { secretKey, ...found } = extractFromSlashing(delegation, transaction);
    secretKey.fill(0);
    return found;
  } catch (error) {
    if (error instanceof TapstakeError) return null;
    throw error;
  }
}

/** The members of the committee whose signatures are in a spend; none where the witness has another form. */
function signersOf(
  delegation: Delegation,
  from: Slashable,
  kind: "unbonding" | "slashing",
  transaction: Transaction,
  { index }: WatchEvent,
): string[] {
  const leaf = Object.values<Leaf>(outputsIn(delegation)[from].leaves).find((each) => each.kind === kind);
  if (!leaf) return [];
  const members = new Set(delegation.terms.covenant.keys.map(hex.encode));
  try {
    const signed = readWitness(leaf, withoutAnnex(transaction.ins[index]!.witness));
    return signed
      .map(({ publicKey }) => hex.encode(publicKey))
      .filter((key) => members.has(key))
      .toSorted();
  } catch (error) {
    if (error instanceof TapstakeError) return [];
    throw error;
  }
}
