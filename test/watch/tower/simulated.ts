import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import {
  openWatch,
  type TowerNode,
  type Watch,
  type WatchMonitor,
  type Watchtower,
  watchtower,
} from "../../../src/watch/index.js";
import { TapstakeError } from "../../../src/core/errors.js";
import { readAlarms } from "../../../src/watch/alarms/outbox.js";
import { openReader } from "../../../src/watch/store/open.js";
import { newHome } from "../../support/signer.js";
import { SimulatedBitcoin } from "../../support/simulated-bitcoin.js";
import { PHASE1, play } from "../../support/simulated-stakes.js";
import { delegate, makeStake, secretOf, signedBy } from "../../support/stake.js";
import { doubleVote, expectPresigned } from "./support.js";

interface SimulationOptions {
  readonly path?: string;
  /** Seconds. */
  readonly sendEvery?: number | undefined;
}

/** A watch with a tower upon a simulated chain, and a node whose mempool the test is. */
export class SimulatedTower {
  readonly bitcoin = new SimulatedBitcoin();
  readonly path: string;
  readonly sent: Transaction[] = [];
  readonly troubles: Error[] = [];
  readonly node: TowerNode = {
    transaction: async (txid) => {
      this.#ask();
      const found = this.sent.find((each) => each.getId() === txid && this.#mempool.has(txid));
      return found ? { transaction: found, confirmations: 0 } : null;
    },
    mempool: async () => {
      this.#ask();
      return [...this.#mempool];
    },
    broadcast: async (transaction) => {
      this.#ask();
      const txid = transaction.getId();
      const reason = this.refusal(txid);
      if (reason !== undefined) throw new TapstakeError("node-refused", "the node refuses it", { reason });
      this.sent.push(transaction);
      this.#mempool.add(txid);
      return txid;
    },
  };
  tower!: Watchtower;
  watch!: Watch;
  /** How often the node was asked something. */
  asked = 0;
  /** What the node says in place of an answer. */
  failure: TapstakeError | null = null;
  /** The node's reason for refusing a transaction, by its id; undefined to take it. */
  refusal: (txid: string) => string | undefined = () => undefined;
  readonly #sendEvery: number | undefined;
  readonly #mempool = new Set<string>();
  readonly #known: Delegation[] = [];
  readonly #secrets: Uint8Array[] = [];

  constructor({ path = `${newHome().path}/watch.db`, sendEvery }: SimulationOptions = {}) {
    this.path = path;
    this.#sendEvery = sendEvery;
  }

  async open(...more: WatchMonitor[]): Promise<this> {
    this.tower = watchtower({
      node: this.node,
      depth: 3,
      onTrouble: (error) => this.troubles.push(error),
      ...(this.#sendEvery !== undefined && { sendEvery: this.#sendEvery }),
    });
    this.watch = await openWatch({
      source: this.bitcoin.source(),
      store: this.path,
      init: { network: "regtest", first: 0, phase1: PHASE1 },
      monitors: [this.tower, ...more],
      onTrouble: (error) => this.troubles.push(error),
    });
    return this;
  }

  add(...delegations: readonly Delegation[]): void {
    this.#known.push(...delegations);
    this.watch.add(delegations);
  }

  /** Hands in two votes by a secret at one height. Returns the id of the evidence. */
  leak(secret: Uint8Array, height?: bigint): string {
    this.knows(secret);
    return this.tower.addEvidence(doubleVote(secret, height));
  }

  /** A key that the tower may finish slashings by. */
  knows(secret: Uint8Array): void {
    this.#secrets.push(secret);
  }

  /** The node forgets what waits, as after a restart. */
  forget(): void {
    this.#mempool.clear();
  }

  alarms(all = false) {
    const reader = openReader(this.path);
    const found = readAlarms(reader.sql, all);
    reader.close();
    return found;
  }

  /** The kinds of the open alarms. */
  kinds(): string[] {
    return this.alarms()
      .map(({ kind }) => kind)
      .toSorted();
  }

  /** What each duty of a stake is, or of all. */
  states(stake?: string): string[] {
    const duties = this.tower.duties().filter((each) => stake === undefined || each.stake === stake);
    return duties.map(({ output, state }) => `${output} ${state}`);
  }

  /** Mines blocks without transactions. */
  async mineEmpty(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.bitcoin.mine();
    await this.settle();
  }

  /** Mines these transactions and waits until the tower has seen the block. */
  async mine(...transactions: readonly Transaction[]): Promise<void> {
    this.bitcoin.mine(transactions);
    await this.settle();
  }

  async settle(): Promise<void> {
    do {
      // A watch that has ended says so here.
      await this.watch.caughtUp();
      await new Promise((done) => setTimeout(done, 2));
    } while (this.watch.tip()?.hash !== this.bitcoin.tip.hash);
    await this.tower.idle();
  }

  /** Also that the tower sent nothing but slashings that were signed in advance (WATCH.md, invariant 8). */
  async close(): Promise<void> {
    await this.tower.close();
    await this.watch.close();
    expectPresigned(this.sent, this.#known, this.#secrets);
  }

  #ask(): void {
    this.asked += 1;
    if (this.failure) throw this.failure;
  }
}

/** Delegations of the play with the adaptor signatures of a quorum, and their transactions by the play's names. */
export interface SignedPlay {
  /** Two stakes with the same terms, and the expansion of the first. */
  readonly delegations: readonly [a: Delegation, b: Delegation, c: Delegation];
  /** The first, without the committee's signatures. */
  readonly unsigned: Delegation;
  /** The secret of their provider. */
  readonly secret: Uint8Array;
  /** A stake whose time lock runs out after twelve blocks, with another provider. */
  readonly short: Delegation;
  readonly shortSecret: Uint8Array;
  moveOf(name: string): Transaction;
}

let made: Promise<SignedPlay> | undefined;

/** Made once: its transactions are signed. */
export const signedPlay = (): Promise<SignedPlay> => (made ??= makeSignedPlay());

async function makeSignedPlay(): Promise<SignedPlay> {
  const { delegations, moves } = await play();
  const first = makeStake({ seed: "first", timelock: 20_000 });
  const sign = (delegation: Delegation) => signedBy(first, delegation, [0, 1, 2]);
  const [a, b, c] = delegations as [Delegation, Delegation, Delegation];
  const short = makeStake({ seed: "short", timelock: 12 });
  return {
    delegations: [await sign(a), await sign(b), await sign(c)],
    unsigned: a,
    secret: secretOf("first provider 0"),
    short: await signedBy(short, await delegate(short), [0, 1, 2]),
    shortSecret: secretOf("short provider 0"),
    moveOf: (name) => moves.find((each) => each.name === name)!.transaction,
  };
}
