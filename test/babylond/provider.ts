import { setTimeout as delay } from "node:timers/promises";
import { addFinalitySignatureMessage, commitRandomnessMessage } from "../../src/babylon/provider.js";
import type { AccountSigner } from "../../src/babylon-client/index.js";
import { TapstakeError } from "../../src/core/errors.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { type Party } from "../../regtest/index.js";
import { CHAIN_ID } from "./node.js";
import { encoded, FEE_LIMIT, type Message, named, type World } from "./world.js";

type Committed = ReturnType<typeof commitRandomness>;

/** A finality provider with the randomness of the heights that a test takes. */
export class Provider {
  private committed: Committed | undefined;

  constructor(
    readonly world: World,
    readonly party: Party,
    readonly account: AccountSigner,
  ) {}

  get key(): Uint8Array {
    return this.party.publicKey;
  }

  /** The message that commits randomness from a height on; what it commits is kept by {@link keep}. */
  commitment(startHeight: bigint, count: number): { message: Message; committed: Committed } {
    const { secretKey } = this.party;
    const committed = commitRandomness({ secretKey, chainId: CHAIN_ID, startHeight, count });
    const message = commitRandomnessMessage(committed.commitment, this.account.address);
    return { message: named("MsgCommitPubRandList", message), committed };
  }

  keep(committed: Committed): void {
    this.committed = committed;
  }

  get firstHeight(): bigint {
    return this.committed!.commitment.startHeight;
  }

  /** A vote, which anybody may send. */
  vote(height: bigint, appHash: Uint8Array, signer: string): Message {
    const { commitment, proof } = this.committed!;
    const cast = signVoteUnprotected({ secretKey: this.party.secretKey, chainId: CHAIN_ID, height, appHash });
    return named("MsgAddFinalitySig", addFinalitySignatureMessage(commitment, cast, proof(height), signer));
  }
}

/** The most votes in a transaction: gas. */
const BATCH = 20n;

/** Votes for every height at which a provider has power, until it is ended. */
export class Voting {
  readonly voted: bigint[] = [];
  private readonly stopping = new AbortController();
  private readonly loop: Promise<void>;

  constructor(
    private readonly provider: Provider,
    private readonly sender: AccountSigner,
    from: bigint,
  ) {
    this.loop = this.run(from);
    // What ends it is thrown by stop.
    this.loop.catch(() => undefined);
  }

  /** Ends the votes. @throws what ended them before */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(from: bigint): Promise<void> {
    const { chain } = this.provider.world;
    let next = from;
    while (!this.stopping.signal.aborted) {
      const tip = await chain.height();
      const heights: bigint[] = [];
      for (let height = next; height <= tip && BigInt(heights.length) < BATCH; height++) heights.push(height);
      const found = await Promise.all(
        heights.map(async (height) => ({
          height,
          power: await chain.powerAt(this.provider.key, height),
          block: await chain.block(height),
        })),
      );
      const messages: [bigint, Message][] = [];
      for (const { height, power, block } of found) {
        // A height that is left out would stay open, and all above it.
        if (power > 0n && !block) break;
        next = height + 1n;
        if (power > 0n)
          messages.push([height, this.provider.vote(height, block!.appHash, this.sender.address)]);
      }
      if (messages.length > 0) await this.cast(messages);
      else await delay(100);
    }
  }

  private async cast(messages: readonly (readonly [bigint, Message])[]): Promise<void> {
    const all = messages.map(([, message]) => encoded(message));
    try {
      await this.provider.world.chain.send(all, this.sender, { feeLimit: FEE_LIMIT });
      this.voted.push(...messages.map(([height]) => height));
    } catch (error) {
      // Between simulation and block, a height may have become final: the others are sent again one by one.
      if (!(error instanceof TapstakeError && error.code === "chain-refused") || messages.length === 1)
        throw error;
      for (const one of messages) await this.cast([one]);
    }
  }
}
