import { randomBytes } from "node:crypto";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import type { KeyChain } from "../protection/key-chain.js";
import { type Claim, type ClaimedVote, claimTxn, isAbsent, isEqual, lookTxn, MAX_CLAIMED } from "./claim.js";
import { type EtcdClient } from "./client.js";
import { halted, held, type Hold, type HoldReason, isLoss, notInitialised, unclear } from "./errors.js";
import { idText, judge, judgeHeader, judgeLook, type Judgement, type Outcome } from "./judge.js";
import { type ArbiterKeys, arbiterKeys } from "./keys.js";
import { type ArbiterState, readState, writeState } from "./state.js";
import type { ResponseHeader } from "./wire.js";

/** What became of a claimed vote, once nothing about it is open. */
export type Claimed = Exclude<Outcome, { readonly kind: "open" }>;

/** How often a claim is made anew with the seal that an answer showed. */
const ROUNDS = 4;

/**
 * The arbiter of votes: an etcd cluster in which each vote is claimed before it is signed. One claim is under way at a
 * time. An unclear answer, a halt and a hold are errors: then nothing may be released.
 *
 * The home's lock must be held: two processes of one home would take each other's seal for a foreign one.
 */
export class Arbiter {
  readonly #home: Home;
  readonly #client: EtcdClient;
  readonly #keys: ArbiterKeys;
  readonly #session = hex.encode(randomBytes(8));
  #state: ArbiterState;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @throws TapstakeError `arbiter-not-enrolled` if this home is not enrolled, or with another arbiter;
   *   `arbiter-state-damaged`
   */
  constructor(home: Home, client: EtcdClient, prefix: string) {
    const state = readState(home);
    if (state?.prefix !== prefix) {
      const found = state ? `enrolled for the keys below ${state.prefix}, not ${prefix}` : "not enrolled";
      throw new TapstakeError(
        "arbiter-not-enrolled",
        `${home.path} is ${found}: enrol it with fp arbiter enrol (docs/arbiter.md)`,
        { home: home.path },
      );
    }
    this.#home = home;
    this.#client = client;
    this.#keys = arbiterKeys(prefix);
    this.#state = state;
  }

  /** The store that this home is enrolled with: `<uuid> <generation>`. */
  get store(): string {
    return this.#state.store;
  }

  /** Why this signer signs nothing; undefined if it does. */
  get hold(): Hold | undefined {
    return this.#state.hold;
  }

  /**
   * Claims votes at different heights, and returns what became of each, in their order. "new" and "same" may be signed,
   * recorded and released; the rest may not.
   * @throws TapstakeError `arbiter-unclear`, `arbiter-halted`, `arbiter-held`, `arbiter-uninitialised`,
   *   `arbiter-version`: then nothing may be released, though a part may have been claimed
   */
  claim(of: KeyChain, votes: readonly ClaimedVote[]): Promise<Claimed[]> {
    return this.#inTurn(() => this.#claimAll(of, votes));
  }

  /**
   * Looks without a vote whether this signer may claim. It finds a store that went back before a vote does.
   * @throws TapstakeError `arbiter-unclear`, `arbiter-halted`, `arbiter-held`, `arbiter-version`
   */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      this.#refuseHeld();
      const { signer, store, seal: last } = this.#state;
      const answer = await this.#asked(() => this.#client.ask("Txn", lookTxn(this.#keys, signer)));
      const judgement = judgeLook(this.#keys, { signer, store, last }, this.#state, answer);
      if (judgement) await this.#refuse(judgement);
      await this.#checkMembers();
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const work = this.#last.then(act);
    this.#last = work.catch(() => undefined);
    return work;
  }

  async #claimAll(of: KeyChain, votes: readonly ClaimedVote[]): Promise<Claimed[]> {
    this.#refuseHeld();
    if (votes.length === 0) return [];
    this.#noteSession();
    const found = new Map<bigint, Claimed>();
    for (let from = 0; from < votes.length; from += MAX_CLAIMED) {
      await this.#claimSome(of, votes.slice(from, from + MAX_CLAIMED), found);
    }
    await this.#checkMembers();
    // A claim of an earlier process that is still under way has another seal than this one, and can no longer be written.
    this.#state = { ...this.#state, sessions: [this.#session] };
    // Durable before a vote is recorded: a seal may be ahead of the votes, never behind them.
    writeState(this.#home, this.#state);
    return votes.map(({ height }) => found.get(height)!);
  }

  async #claimSome(of: KeyChain, votes: readonly ClaimedVote[], found: Map<bigint, Claimed>): Promise<void> {
    let open = votes;
    for (let round = 0; round < ROUNDS; round++) {
      const { outcomes } = await this.#claimOnce(of, open);
      outcomes.forEach((outcome, i) => outcome.kind !== "open" && found.set(open[i]!.height, outcome));
      open = open.filter((_, i) => outcomes[i]!.kind === "open");
      if (open.length === 0) return;
    }
    throw unclear("its seal moved with each claim");
  }

  async #claimOnce(
    of: KeyChain,
    votes: readonly ClaimedVote[],
  ): Promise<Extract<Judgement, { kind: "judged" }>> {
    const { signer, store, seal: last } = this.#state;
    const next = { counter: last.counter + 1n, session: this.#session };
    const claim: Claim = { of, votes, signer, store, last, next };
    const answer = await this.#asked(() => this.#client.ask("Txn", claimTxn(this.#keys, claim)));
    const judgement = judge(this.#keys, claim, this.#state, answer);
    if (judgement.kind === "judged") {
      const { revision } = answer.header;
      this.#state = { ...this.#state, seal: judgement.seal, revision };
      return judgement;
    }
    if (judgement.kind === "uninitialised") {
      throw notInitialised(`has no low watermark of key ${hex.encode(of.key)} on chain ${of.chainId}`);
    }
    return this.#refuse(judgement);
  }

  /** @throws TapstakeError always: `arbiter-held`, `arbiter-halted`, `arbiter-unclear` */
  async #refuse(judgement: Extract<Judgement, { kind: "hold" | "halted" | "unclear" }>): Promise<never> {
    if (judgement.kind === "hold") return this.#holdFor(judgement.reason, judgement.found);
    throw judgement.kind === "halted" ? halted(judgement.found) : unclear(judgement.found);
  }

  /** The cluster has the members of the enrolment: one that was made of a single old member has fewer. */
  async #checkMembers(): Promise<void> {
    const { response, header } = await this.#asked(() => this.#client.ask("MemberList", { linearizable: 1 }));
    await this.#checkHeader(header);
    const ids = response.members.map(({ id }) => id);
    const { members } = this.#state;
    if (ids.length === members.length && ids.every((id) => members.includes(id))) return;
    const [now, then] = [ids, members].map((list) => list.map(idText).join(", "));
    return this.#holdFor(
      "members-changed",
      `the cluster's members are ${now}, and were ${then} at the enrolment`,
    );
  }

  async #checkHeader(header: ResponseHeader): Promise<void> {
    const foreign = judgeHeader({ ...this.#state, revision: 0n }, header);
    if (foreign) await this.#holdFor(foreign.reason, foreign.found);
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof TapstakeError && error.code === "arbiter-corrupt") {
        return this.#holdFor("corrupt", error.message);
      }
      throw error;
    }
  }

  /** Ends every further claim, durably. @throws TapstakeError `arbiter-held` always */
  async #holdFor(reason: HoldReason, found: string): Promise<never> {
    const hold = { reason, found, at: new Date().toISOString() };
    this.#state = { ...this.#state, hold };
    try {
      writeState(this.#home, this.#state);
    } finally {
      if (isLoss(reason)) await this.#halt(found);
    }
    throw held(hold);
  }

  /** A store that lost votes endangers every signer. If this fails, this signer still signs nothing. */
  async #halt(found: string): Promise<void> {
    const { halt, store } = this.#keys;
    const reason = `signer ${this.#state.signer}: ${found}`.replaceAll(/[^ -~]/g, "?").slice(0, 500);
    const put = { put: { key: halt, value: utf8(reason) } };
    const compare = [isEqual(store, this.#state.store), isAbsent(halt)];
    await this.#client.ask("Txn", { compare, success: [put], failure: [] }).catch(() => undefined);
  }

  #refuseHeld(): void {
    const { hold } = this.#state;
    if (hold) throw held(hold);
  }

  /** The first claim of a process: its seal is known as this home's own after a crash. */
  #noteSession(): void {
    const { sessions, seal } = this.#state;
    if (sessions.includes(this.#session)) return;
    // Until a claim of this process is recorded, one of an earlier process may have moved the seal.
    const state = { ...this.#state, sessions: [...new Set([...sessions, seal.session, this.#session])] };
    writeState(this.#home, state);
    this.#state = state;
  }
}
