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
import { newHome } from "../../support/signer.js";
import { SimulatedBitcoin } from "../../support/simulated-bitcoin.js";
import { PHASE1 } from "../../support/simulated-stakes.js";

/** A watch with a tower upon a simulated chain, and a node whose mempool the test is. */
export class SimulatedTower {
  readonly bitcoin = new SimulatedBitcoin();
  readonly path: string;
  readonly sent: Transaction[] = [];
  readonly troubles: Error[] = [];
  readonly node: TowerNode = {
    transaction: async () => null,
    broadcast: async (transaction) => {
      this.sent.push(transaction);
      return transaction.getId();
    },
  };
  tower!: Watchtower;
  watch!: Watch;

  constructor(path = `${newHome().path}/watch.db`) {
    this.path = path;
  }

  async open(...more: WatchMonitor[]): Promise<this> {
    this.tower = watchtower({ node: this.node, depth: 3, onTrouble: (error) => this.troubles.push(error) });
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
    this.watch.add(delegations);
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

  async close(): Promise<void> {
    await this.tower.close();
    await this.watch.close();
  }
}
