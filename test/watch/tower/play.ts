import type { Party, RegtestNode } from "../../../regtest/index.js";
import type { Transaction } from "../../../src/bitcoin/transaction-class.js";
import { bitcoindAccess } from "../../../src/chain/bitcoind.js";
import type { Delegation } from "../../../src/delegation/delegation.js";
import {
  openWatch,
  restSource,
  type TowerNode,
  type Watch,
  type Watchtower,
  watchtower,
} from "../../../src/watch/index.js";
import { newHome } from "../../support/signer.js";
import { doubleVote, expectPresigned, stakeOf } from "./support.js";

/** How a tower of {@link Play} is opened. */
interface PlayOptions {
  readonly depth?: number;
  /** Seconds. */
  readonly sendEvery?: number;
  /** The address of a proxy before the node. */
  readonly url?: string;
}

/** A watch with a tower beside a real node, and what the tower sent. */
export class Play {
  readonly store = `${newHome().path}/watch.db`;
  readonly sent: Transaction[] = [];
  readonly troubles: Error[] = [];
  /** Called before each broadcast. */
  beforeSend: () => void = () => {};
  tower!: Watchtower;
  watch!: Watch;
  readonly #node: RegtestNode;
  readonly #known: Delegation[] = [];
  readonly #secrets: Uint8Array[] = [];

  constructor(node: RegtestNode) {
    this.#node = node;
  }

  async open({ depth = 3, sendEvery, url }: PlayOptions = {}): Promise<this> {
    const connection = { ...this.#node.connection, ...(url !== undefined && { url }) };
    const access = bitcoindAccess(connection);
    const recording: TowerNode = {
      transaction: (txid) => access.transaction(txid),
      mempool: () => access.mempool!(),
      broadcast: (transaction, options) => {
        this.beforeSend();
        this.sent.push(transaction);
        return access.broadcast(transaction, options);
      },
    };
    this.tower = watchtower({
      node: recording,
      depth,
      onTrouble: (error) => this.troubles.push(error),
      ...(sendEvery !== undefined && { sendEvery }),
    });
    this.watch = await openWatch({
      source: restSource({ url: connection.url, rpc: connection }),
      store: this.store,
      monitors: [this.tower],
      init: { network: "regtest", first: await this.#node.height() },
    });
    return this;
  }

  add(...delegations: readonly Delegation[]): void {
    this.#known.push(...delegations);
    this.watch.add(delegations);
  }

  /** Hands in two votes of a provider at one height. Returns the id of the evidence. */
  leak({ secretKey }: Party): string {
    this.knows(secretKey);
    return this.tower.addEvidence(doubleVote(secretKey));
  }

  /** A key that the tower may finish slashings by. */
  knows(secretKey: Uint8Array): void {
    this.#secrets.push(secretKey);
  }

  /** Also that the tower sent nothing but slashings that were signed in advance (WATCH.md, invariant 8). */
  async close(): Promise<void> {
    await this.tower.close();
    await this.watch.close();
    expectPresigned(this.sent, this.#known, this.#secrets);
  }

  /** Waits until the watch has the node's tip, and the tower has sent what it can. */
  async settle(): Promise<void> {
    const hash = await this.#node.rpc.getbestblockhash();
    const limit = { what: "the watch to catch up", deadline: 600_000 };
    await this.#node.waitFor(() => this.watch.tip()?.hash === hash, limit);
    await this.watch.caughtUp();
    await this.tower.idle();
  }

  states(delegation: Delegation): string[] {
    const found = this.tower.duties().filter(({ stake: of }) => of === stakeOf(delegation));
    return found.map(({ output, state }) => `${output} ${state}`);
  }
}
