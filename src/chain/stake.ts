import {
  formatOutpoint,
  outpointOf,
  type OutpointLike,
  spentBy,
  toOutpoint,
} from "../bitcoin/transaction.js";
import { equalBytes } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import type { Delegation } from "../delegation/delegation.js";
import { type StakeOutput, stakeOutputs } from "../delegation/outputs.js";
import type { ChainAccess } from "./access.js";

/** Where a stake is now. */
export interface OutputOnChain extends StakeOutput {
  /** 0 while its transaction is in the mempool. */
  readonly confirmations: number;
  /** Blocks that must still be mined before nodes accept its withdrawal; 0 when they do now. */
  readonly blocksLeft: number;
}

/**
 * Which of a stake's outputs is unspent, or null when none is: it is not mined yet, or has left for good.
 * @throws TapstakeError `staking-output-mismatch` when the server has something else at its outpoint, and the codes
 * of {@link ChainAccess}
 */
export async function stakeOnChain(
  delegation: Delegation,
  chain: Pick<ChainAccess, "unspent">,
): Promise<OutputOnChain | null> {
  for (const output of stakeOutputs(delegation)) {
    const found = await chain.unspent(output.coin.outpoint);
    if (!found) continue;
    if (!equalBytes(found.script, output.script) || found.value !== output.coin.value) {
      const text = `the server has something else at ${formatOutpoint(output.coin.outpoint)}`;
      throw new TapstakeError("staking-output-mismatch", text);
    }
    const { confirmations } = found;
    // BIP-68: the spend is in the next block, in which the output is one block older.
    return { ...output, confirmations, blocksLeft: Math.max(0, output.timelock - confirmations) };
  }
  return null;
}

/**
 * The height of the block with the transaction that made an output; null where it is in none that the server knows (a
 * bitcoind without `-txindex` knows those with an unspent output).
 * @throws TapstakeError the codes of {@link ChainAccess}
 */
export async function heightOfOutput(
  outpoint: OutpointLike,
  chain: Pick<ChainAccess, "tip" | "transaction" | "unspent">,
): Promise<number | null> {
  const confirmations = async () =>
    ((await chain.unspent(outpoint)) ?? (await chain.transaction(toOutpoint(outpoint).txid)))
      ?.confirmations ?? 0;
  let tip = await chain.tip();
  for (;;) {
    const found = await confirmations();
    const now = await chain.tip();
    // A block that came between would shift the height.
    if (now.hash === tip.hash) return found === 0 ? null : tip.height - found + 1;
    tip = now;
  }
}

/**
 * The height whose parameters a stake must follow (PROTOCOL 8): that of the block with its transaction, or the tip's
 * until it is mined. If a stake is registered before it is mined, the tip of that day counts. A committee member asks its own bitcoind: a server with a false height would choose the version.
 * @throws TapstakeError the codes of {@link ChainAccess}
 */
export async function registrationHeight(
  delegation: Pick<Delegation, "staking">,
  chain: Pick<ChainAccess, "tip" | "transaction" | "unspent">,
): Promise<number> {
  const { transaction, outputIndex } = delegation.staking;
  const outpoint = outpointOf(transaction, outputIndex);
  return (await heightOfOutput(outpoint, chain)) ?? (await chain.tip()).height;
}

/**
 * Whether all coins are there that the staking transaction spends. Once it is sent, they are spent. A caller
 * that finds no output of a stake learns by it whether the stake can still be sent.
 * @throws TapstakeError the codes of {@link ChainAccess}
 */
export async function isFundable(
  { staking }: Pick<Delegation, "staking">,
  chain: Pick<ChainAccess, "unspent">,
): Promise<boolean> {
  for (const input of staking.transaction.ins) {
    if (!(await chain.unspent(spentBy(input)))) return false;
  }
  return true;
}
