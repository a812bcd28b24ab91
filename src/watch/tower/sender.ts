import type { ChainAccess } from "../../chain/access.js";
import { TapstakeError } from "../../core/errors.js";
import { finishSlashing } from "../../extract/slashing.js";
import { SLASHABLE, type Slashable } from "../../stake/slashing.js";
import type { MonitorContext } from "../monitor.js";
import { pause } from "../sources/pause.js";
import type { DutyState, DutyStore } from "./duties.js";
import type { EvidenceStore } from "./evidence.js";

/** What a watchtower asks of a node: whether it has a transaction, and to take a slashing. */
export type TowerNode = Pick<ChainAccess, "transaction" | "broadcast">;

/** How long a node that does not answer is left alone, in milliseconds: longer each time. */
const RETRY = { first: 500, most: 30_000 } as const;

/** Errors of the node itself: the round ends, and another one begins later. */
const NODE_ERRORS: ReadonlySet<string> = new Set(["node-unreachable", "node-error", "unexpected-answer"]);

const isOfNode = (error: unknown): boolean => error instanceof TapstakeError && NODE_ERRORS.has(error.code);

const OPEN: ReadonlySet<DutyState | undefined> = new Set(["waiting", "ready", "mempool"]);

interface Surroundings {
  readonly node: TowerNode;
  readonly context: MonitorContext;
  readonly duties: DutyStore;
  readonly evidence: EvidenceStore;
  readonly onTrouble: (error: Error) => void;
}

/**
 * Sends the slashings of all open duties, in rounds: at the start, after each block, and when there are new duties. It
 * sends nothing but pre-signed slashing transactions. A round asks the node anew about each of them, as a mempool
 * forgets.
 */
export class Sender {
  readonly #with: Surroundings;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #isAsked = false;

  constructor(surroundings: Surroundings) {
    this.#with = surroundings;
  }

  /** Asks for a round; one that runs is followed by another. */
  kick(): void {
    this.#isAsked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#isAsked && !this.#stop.signal.aborted) this.kick();
    });
  }

  /** Returns when no round runs. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Ends after the request that runs. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  async #run(): Promise<void> {
    let retry: number = RETRY.first;
    const { signal } = this.#stop;
    // The caller may be inside of a transaction.
    await pause(0, signal);
    while (this.#isAsked && !signal.aborted) {
      this.#isAsked = false;
      try {
        await this.#round();
        retry = RETRY.first;
      } catch (error) {
        if (signal.aborted) return;
        this.#with.onTrouble(error as Error);
        this.#isAsked = true;
        await pause(retry, signal);
        retry = Math.min(2 * retry, RETRY.most);
      }
    }
  }

  async #round(): Promise<void> {
    const { duties, onTrouble } = this.#with;
    for (const provider of duties.openProviders()) {
      try {
        await this.#provider(provider);
      } catch (error) {
        if (isOfNode(error)) throw error;
        // What is wrong with one provider does not hinder the others.
        onTrouble(error as Error);
      }
    }
  }

  async #provider(provider: Uint8Array): Promise<void> {
    const { duties, evidence } = this.#with;
    const secret = evidence.secretOf(provider);
    try {
      for (const stake of duties.openStakes(provider)) {
        if (this.#stop.signal.aborted) return;
        await this.#stake(provider, stake, secret);
      }
    } finally {
      secret.fill(0);
    }
  }

  /** The staking output first: its slashing replaces an unbonding in the mempool. Refused, the unbonding's can follow. */
  async #stake(provider: Uint8Array, stake: string, secret: Uint8Array): Promise<void> {
    const states = this.#with.duties.statesOf(provider, stake);
    for (const output of SLASHABLE) {
      if (!OPEN.has(states[output])) continue;
      try {
        if (await this.#slash(provider, stake, output, secret)) return;
      } catch (error) {
        if (isOfNode(error) || this.#stop.signal.aborted) throw error;
        // What is wrong with one stake does not hinder the others.
        if (error instanceof TapstakeError) this.#note(provider, stake, output, error.code, false);
        else this.#with.onTrouble(error as Error);
      }
    }
  }

  /** @returns whether the node has the slashing now */
  async #slash(provider: Uint8Array, stake: string, output: Slashable, secret: Uint8Array): Promise<boolean> {
    const { node, context, duties } = this.#with;
    const txid = duties.places(stake)?.slashingTxid[output];
    if (txid === undefined) return false;
    const known = await node.transaction(txid);
    if (this.#stop.signal.aborted) return true;
    if (known) {
      context.transaction(() => duties.inMempool(provider, stake, output, known.confirmations === 0));
      return true;
    }
    const slashing = finishSlashing(context.delegation(stake)!, output, secret);
    if (slashing.getId() !== txid) throw new Error("a finished slashing is not the pre-signed transaction");
    const maxBurn = slashing.outs.reduce((sum, { value }) => sum + value, 0n);
    try {
      await node.broadcast(slashing, { maxBurn });
    } catch (error) {
      if (!(error instanceof TapstakeError) || error.code !== "node-refused") throw error;
      this.#note(provider, stake, output, String(error.details["reason"] ?? error.code), false);
      return false;
    }
    this.#note(provider, stake, output, "accepted", true);
    return true;
  }

  #note(provider: Uint8Array, stake: string, output: Slashable, result: string, isThere: boolean): void {
    const { context, duties } = this.#with;
    // After a stop, the store may be closed: the next start asks the node again.
    if (this.#stop.signal.aborted) return;
    context.transaction(() => {
      const txid = duties.places(stake)!.slashingTxid[output];
      duties.tried(provider, stake, output, txid, result);
      duties.inMempool(provider, stake, output, isThere);
    });
  }
}
