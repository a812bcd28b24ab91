import type { ChainAccess } from "../../chain/access.js";
import { TapstakeError } from "../../core/errors.js";
import { finishSlashing } from "../../extract/slashing.js";
import { SLASHABLE, type Slashable } from "../../stake/slashing.js";
import type { MonitorContext } from "../monitor.js";
import { pause } from "../pause.js";
import type { DutyState, DutyStore } from "./duties.js";
import type { EvidenceStore } from "./evidence.js";

/**
 * What a watchtower asks of a node: what waits in its mempool, and to take a slashing. A server that cannot list its
 * mempool is asked about each slashing.
 */
export type TowerNode = Pick<ChainAccess, "transaction" | "broadcast" | "mempool">;

/** How long a node that does not answer is left alone, in milliseconds: longer each time. */
const RETRY = { first: 500, most: 30_000 } as const;

/** Errors of the node itself: the round ends, and another one begins later. */
const NODE_ERRORS: ReadonlySet<string> = new Set(["node-unreachable", "node-error", "unexpected-answer"]);

const isOfNode = (error: unknown): boolean => error instanceof TapstakeError && NODE_ERRORS.has(error.code);

const OPEN: ReadonlySet<DutyState> = new Set(["waiting", "ready", "mempool"]);

/** So many stakes are worked on at once: one is signed while the node looks at the others. */
const AT_ONCE = 4;
/** What the node answered is stored together, after so many answers or so many milliseconds at the latest. */
const STORED_AFTER = { answers: 100, milliseconds: 250 } as const;

interface Surroundings {
  readonly node: TowerNode;
  readonly context: MonitorContext;
  readonly duties: DutyStore;
  readonly evidence: EvidenceStore;
  readonly onTrouble: (error: Error) => void;
}

/** What a node said of a slashing. */
interface Answer {
  readonly provider: Uint8Array;
  readonly stake: string;
  readonly output: Slashable;
  /** What it said to a broadcast; null where there was none. */
  readonly result: string | null;
  readonly isThere: boolean;
}

/**
 * Sends the slashings of all open duties, in rounds: at the start, after each block, when there are new duties, and now
 * and then. It sends nothing but pre-signed slashing transactions. Each round asks the node anew, as a mempool forgets.
 */
export class Sender {
  readonly #with: Surroundings;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #isAsked = false;
  /** The ids in the node's mempool at the beginning of the round; null where it cannot list them. */
  #mempool: ReadonlySet<string> | null = null;
  #answers: Answer[] = [];
  #storedAt = 0;

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
    const { duties, node, onTrouble } = this.#with;
    const providers = duties.openProviders();
    if (providers.length === 0) return;
    this.#mempool = node.mempool ? new Set(await node.mempool()) : null;
    try {
      for (const provider of providers) {
        try {
          await this.#provider(provider);
        } catch (error) {
          if (isOfNode(error)) throw error;
          // What is wrong with one provider does not hinder the others.
          onTrouble(error as Error);
        }
      }
    } finally {
      this.#store();
    }
  }

  async #provider(provider: Uint8Array): Promise<void> {
    const { duties, evidence } = this.#with;
    const secret = evidence.secretOf(provider);
    const stakes = duties.openStakes(provider).values();
    let failure: unknown;
    const work = async () => {
      for (const stake of stakes) {
        if (this.#stop.signal.aborted || failure !== undefined) return;
        try {
          await this.#stake(provider, stake, secret);
        } catch (error) {
          failure = error;
        }
      }
    };
    try {
      // When the secret is overwritten, all of them have ended.
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } finally {
      secret.fill(0);
    }
    if (failure !== undefined) throw failure;
  }

  /** The staking output first: its slashing replaces an unbonding in the mempool. Refused, the unbonding's can follow. */
  async #stake(provider: Uint8Array, stake: string, secret: Uint8Array): Promise<void> {
    const states = this.#with.duties.statesOf(provider, stake);
    for (const output of SLASHABLE) {
      const state = states[output];
      if (state === undefined || !OPEN.has(state)) continue;
      try {
        if (await this.#slash({ provider, stake, output }, state, secret)) return;
      } catch (error) {
        if (isOfNode(error) || this.#stop.signal.aborted) throw error;
        // What is wrong with one stake does not hinder the others.
        if (error instanceof TapstakeError)
          this.#note({ provider, stake, output, result: error.code, isThere: false });
        else this.#with.onTrouble(error as Error);
      }
    }
  }

  /** @returns whether the node has the slashing now */
  async #slash(
    duty: Pick<Answer, "provider" | "stake" | "output">,
    state: DutyState,
    secret: Uint8Array,
  ): Promise<boolean> {
    const { node, context, duties } = this.#with;
    const { stake, output } = duty;
    const txid = duties.places(stake)?.slashingTxid[output];
    if (txid === undefined) return false;
    const found = await this.#find(txid);
    if (this.#stop.signal.aborted) return true;
    if (found) {
      const isThere = found === "mempool";
      if (isThere !== (state === "mempool")) this.#note({ ...duty, result: null, isThere });
      return true;
    }
    const slashing = finishSlashing(context.delegation(stake)!, output, secret);
    if (slashing.getId() !== txid) throw new Error("a finished slashing is not the pre-signed transaction");
    const maxBurn = slashing.outs.reduce((sum, { value }) => sum + value, 0n);
    try {
      await node.broadcast(slashing, { maxBurn });
    } catch (error) {
      if (!(error instanceof TapstakeError) || error.code !== "node-refused") throw error;
      const result = String(error.details["reason"] ?? error.code);
      this.#note({ ...duty, result, isThere: false });
      return false;
    }
    this.#note({ ...duty, result: "accepted", isThere: true });
    return true;
  }

  async #find(txid: string): Promise<"mempool" | "block" | null> {
    if (this.#mempool) return this.#mempool.has(txid) ? "mempool" : null;
    const known = await this.#with.node.transaction(txid);
    return known && (known.confirmations === 0 ? "mempool" : "block");
  }

  #note(answer: Answer): void {
    if (this.#answers.length === 0) this.#storedAt = performance.now();
    this.#answers.push(answer);
    const isLate = performance.now() - this.#storedAt >= STORED_AFTER.milliseconds;
    if (isLate || this.#answers.length >= STORED_AFTER.answers) this.#store();
  }

  /** A kill before it loses nothing: the mempool is no state, and the next start asks the node again. */
  #store(): void {
    const { context, duties } = this.#with;
    const answers = this.#answers.splice(0);
    // After a stop, the store may be closed.
    if (answers.length === 0 || this.#stop.signal.aborted) return;
    context.transaction(() => {
      for (const { provider, stake, output, result, isThere } of answers) {
        const txid = duties.places(stake)!.slashingTxid[output];
        if (result !== null) duties.tried(provider, stake, output, txid, result);
        duties.inMempool(provider, stake, output, isThere);
      }
    });
  }
}
