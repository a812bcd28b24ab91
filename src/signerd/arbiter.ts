import { setImmediate as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import type { Arbiter, Claimed } from "../finality/arbiter/arbiter.js";
import type { ClaimedVote } from "../finality/arbiter/claim.js";
import { type Hold, otherArbiter } from "../finality/arbiter/errors.js";
import { type ArbiterOptions, openArbiter } from "../finality/arbiter/open.js";
import { arbiterOf } from "../finality/arbiter/state.js";
import type { Home } from "../finality/home.js";
import type { KeyInfo } from "../finality/keys/keystore.js";
import type { KeyChain } from "../finality/protection/key-chain.js";
import type { Metrics } from "./metrics.js";

/** What the arbiter's last answer was. */
export interface ArbiterHealth {
  /** `asking` before the first answer. */
  readonly state: "asking" | "answers" | "unclear" | "halted" | "held" | "refused";
  /** Why bound keys sign nothing new. */
  readonly reason?: string;
}

/** What becomes of a height that is claimed. `failed` is what no other word is for. */
export const CLAIM_OUTCOMES = ["new", "same", "refused", "unclear", "halted", "held", "failed"] as const;

type ClaimOutcome = (typeof CLAIM_OUTCOMES)[number];

interface Parts {
  readonly arbiter: Arbiter;
  /** Closes the connection. */
  readonly disconnect: () => void;
  /** Counts heights by what became of them. */
  readonly count: (outcome: ClaimOutcome, heights: number) => void;
  /** Called when the state changes. */
  readonly changed: (health: ArbiterHealth) => void;
}

/** The arbiter of a running signer's keys: one connection, and what its last answer was. */
export class WatchedArbiter {
  #health: ArbiterHealth = { state: "asking" };
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #pending = 0;

  constructor(private readonly parts: Parts) {}

  get store(): string {
    return this.parts.arbiter.store;
  }

  get health(): ArbiterHealth {
    return this.#health;
  }

  /** Heights that are being claimed. */
  get pending(): number {
    return this.#pending;
  }

  get hold(): Hold | undefined {
    return this.parts.arbiter.hold;
  }

  /** {@link Arbiter.claim} */
  async claim(of: KeyChain, votes: readonly ClaimedVote[]): Promise<Claimed[]> {
    const { arbiter, count } = this.parts;
    this.#pending += votes.length;
    try {
      const claimed = await this.#noted(arbiter.claim(of, votes));
      for (const { kind } of claimed) count(kind, 1);
      return claimed;
    } catch (error) {
      count(OUTCOME[codeOf(error)] ?? "failed", votes.length);
      throw error;
    } finally {
      this.#pending -= votes.length;
    }
  }

  /** Asks the arbiter once, so that its state is known before a vote. It never fails: the state says what was found. */
  async look(): Promise<void> {
    await this.#noted(this.parts.arbiter.look()).catch(() => undefined);
  }

  /** Waits for the claim under way: nothing is recorded or signed after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.parts.disconnect();
    await this.#last;
    await pause();
  }

  async #noted<T>(work: Promise<T>): Promise<T> {
    this.#last = work.catch(() => undefined);
    try {
      const done = await work;
      this.#note({ state: "answers" });
      return done;
    } catch (error) {
      const state = STATE[codeOf(error)] ?? "refused";
      this.#note(state === "answers" ? { state } : { state, reason: messageOf(error) });
      throw error;
    }
  }

  #note(health: ArbiterHealth): void {
    const isNew = health.state !== this.#health.state;
    this.#health = health;
    // What fails because the signer stops is no news.
    if (isNew && !this.#isClosed) this.parts.changed(health);
  }
}

/** @throws TapstakeError as `openArbiter` */
export function openWatched(
  home: Home,
  options: ArbiterOptions,
  { arbiterClaims }: Pick<Metrics, "arbiterClaims">,
  log: Logger,
): WatchedArbiter {
  const { arbiter, close: disconnect } = openArbiter(home, options);
  const count = (outcome: ClaimOutcome, heights: number) => arbiterClaims.inc({ outcome }, heights);
  return new WatchedArbiter({ arbiter, disconnect, count, changed: (health) => say(log, health) });
}

function say(log: Logger, { state, reason }: ArbiterHealth): void {
  if (state === "answers") log.info("the arbiter answers");
  else log[state === "held" ? "error" : "warn"]({ arbiter: state }, reason ?? state);
}

/**
 * Refuses a key that could not vote.
 * @throws TapstakeError `arbiter-required` for a key that is bound to another arbiter, or to one where there is none;
 *   `arbiter-state-damaged`
 */
export function assertItsArbiter(home: Home, key: KeyInfo, arbiter: WatchedArbiter | undefined): void {
  const bound = arbiterOf(home, key);
  if (bound !== undefined && bound !== arbiter?.store) throw otherArbiter(key.name, bound, arbiter?.store);
}

/** What to say of an unlocked key that the arbiter does not keep from voting elsewhere. */
export function unboundWarning(
  home: Home,
  key: KeyInfo,
  arbiter: WatchedArbiter | undefined,
): string | undefined {
  if (!arbiter || arbiterOf(home, key) !== undefined) return undefined;
  return `key ${key.name} is not bound to the arbiter: it votes by this home alone, on this machine alone`;
}

const STATE: Partial<Record<ErrorCode | "", ArbiterHealth["state"]>> = {
  "arbiter-unclear": "unclear",
  "arbiter-halted": "halted",
  "arbiter-held": "held",
  // It concerns one key and chain.
  "arbiter-uninitialised": "answers",
};

const OUTCOME: Partial<Record<ErrorCode | "", ClaimOutcome>> = {
  "arbiter-unclear": "unclear",
  "arbiter-halted": "halted",
  "arbiter-held": "held",
};

const codeOf = (error: unknown): ErrorCode | "" => (error instanceof TapstakeError ? error.code : "");

/** The text of another error could contain anything. */
const messageOf = (error: unknown): string =>
  error instanceof TapstakeError ? error.message : "a bug in the signer; see its log";
