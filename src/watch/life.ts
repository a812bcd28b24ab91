import type { Transaction } from "../bitcoin/transaction-class.js";
import { parseTransaction } from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import type { StakeOutputName } from "../delegation/outputs.js";
import { joinOutpoint, outpointBytes, outpointText } from "./outpoint.js";
import type { LifeOutput, LifeStep, StakeLife, StakeOrigin, StakeState, WatchEvent } from "./types.js";

/** What the fold knows of a stake beside its events. */
export interface StakeShape {
  /** `txid:vout` of the staking output. */
  readonly outpoint: string;
  /** A phase-1 stake is none before its block: its OP_RETURN counts from a height on. */
  readonly origin: StakeOrigin;
  /** Satoshi. */
  readonly value: bigint;
  readonly timelock: number;
  readonly unbondingTime: number;
  /** x-only keys of the P2TR outputs that the stake can move to. */
  readonly unbondingKey: Uint8Array;
  readonly refundKey: Uint8Array;
}

/** The events of the chain, as the fold asks for them. Outpoints are `txid:vout`. */
export interface LifeEvents {
  /** The event that made a staking output. */
  madeBy(outpoint: string): WatchEvent | null;
  spendOf(outpoint: string): WatchEvent | null;
  /** The staking outpoint of a known expansion of this stake in this transaction. */
  expansionOf(outpoint: string, txid: string): string | null;
}

/**
 * A stake's life by its events (WATCH.md: state is a fold). It follows outpoints from the staking output on, so the
 * order in which the events became known makes no difference.
 */
export function foldLife(stake: StakeShape, events: LifeEvents): StakeLife {
  const fold = new Fold(stake, events);
  return fold.run();
}

class Fold {
  readonly #stake: StakeShape;
  readonly #events: LifeEvents;
  readonly #steps: LifeStep[] = [];
  readonly #outputs: LifeOutput[] = [];
  #state: StakeState = "pending";
  #from: StakeOutputName | null = null;
  #into: string | null = null;

  constructor(stake: StakeShape, events: LifeEvents) {
    this.#stake = stake;
    this.#events = events;
  }

  run(): StakeLife {
    const { outpoint, origin, value, timelock } = this.#stake;
    const made = this.#events.madeBy(outpoint);
    const isStake = made !== null || origin === "delegation";
    const spend = isStake ? this.#events.spendOf(outpoint) : null;
    if (made) {
      this.#step("staked", null, made);
      this.#state = "active";
    }
    if (made || spend) {
      const height = made?.height ?? null;
      this.#outputs.push({ name: "staking", outpoint, value, height, timelock, isSpent: spend !== null });
    }
    if (spend) this.#staking(spend);
    return {
      state: this.#state,
      from: this.#from,
      steps: this.#steps,
      outputs: this.#outputs,
      into: this.#into,
    };
  }

  #staking(spend: WatchEvent): void {
    switch (spend.leaf) {
      case "timelock":
        return this.#end("withdrawn", "staking", spend);
      case "slashing":
        return this.#slashed("staking", spend);
      case "unbonding":
        return this.#unbonded(spend);
      case null:
        return this.#end("diverted", "staking", spend);
      default:
        return unknownLeaf(spend.leaf);
    }
  }

  #unbonded(spend: WatchEvent): void {
    const { outpoint, unbondingKey } = this.#stake;
    const into = this.#events.expansionOf(outpoint, spend.txid);
    if (into !== null) {
      this.#into = into;
      return this.#end("expanded", "staking", spend);
    }
    const output = this.#follow("unbonding", spend, unbondingKey);
    if (!output) return this.#end("diverted", "staking", spend);
    this.#end("unbonding", "staking", spend, "unbonded");
    const next = this.#events.spendOf(output);
    this.#markSpent(next);
    if (!next) return;
    switch (next.leaf) {
      case "timelock":
        return this.#end("withdrawn", "unbonding", next);
      case "slashing":
        return this.#slashed("unbonding", next);
      case "unbonding":
      case null:
        return this.#end("diverted", "unbonding", next);
      default:
        return unknownLeaf(next.leaf);
    }
  }

  #slashed(from: "staking" | "unbonding", spend: WatchEvent): void {
    this.#end("slashed", from, spend);
    const name = from === "staking" ? "refund" : "unbonding-refund";
    const refund = this.#follow(name, spend, this.#stake.refundKey);
    if (!refund) return;
    const next = this.#events.spendOf(refund);
    this.#markSpent(next);
    if (next) this.#step("refunded", name, next);
  }

  /** The output of a spend that has this key, if there is one, as the stake's next. */
  #follow(name: StakeOutputName, spend: WatchEvent, key: Uint8Array): string | null {
    const transaction: Transaction = parseTransaction(spend.raw);
    const index = transaction.outs.findIndex(({ script }) => isTaprootOf(script, key));
    if (index === -1) return null;
    const hash = outpointBytes(`${spend.txid}:0`).subarray(0, 32);
    const outpoint = outpointText(joinOutpoint(hash, index));
    const { value } = transaction.outs[index]!;
    const timelock = this.#stake.unbondingTime;
    this.#outputs.push({ name, outpoint, value, height: spend.height, timelock, isSpent: false });
    return outpoint;
  }

  #markSpent(spend: WatchEvent | null): void {
    const last = this.#outputs.pop()!;
    this.#outputs.push({ ...last, isSpent: spend !== null });
  }

  #end(state: StakeState, from: StakeOutputName, spend: WatchEvent, name?: LifeStep["name"]): void {
    this.#state = state;
    this.#from = from;
    this.#step(name ?? (state as LifeStep["name"]), from, spend);
  }

  #step(name: LifeStep["name"], from: StakeOutputName | null, event: WatchEvent): void {
    const { height, position, index, txid } = event;
    this.#steps.push({ name, from, height, position, index, txid });
  }
}

/** A new kind of leaf does not compile until a state is chosen for its spend. */
function unknownLeaf(leaf: never): never {
  throw new Error(`no state for a spend by the leaf ${String(leaf)}`);
}

const isTaprootOf = (script: Uint8Array, key: Uint8Array): boolean =>
  script.length === 34 && script[0] === 0x51 && script[1] === 0x20 && equalBytes(script.subarray(2), key);
