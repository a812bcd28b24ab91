import { type InclusionProof, inclusionProofFromMerkleBlock } from "../../../babylon/inclusion.js";
import { HEADER_LENGTH } from "../../../bitcoin/header.js";
import type { Transaction } from "../../../bitcoin/transaction-class.js";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Network } from "../../../core/network.js";
import { type ChainOptions, openChain } from "../../chain.js";
import { UsageError } from "../../errors.js";
import { readDocument } from "../../input.js";

interface InclusionOptions extends ChainOptions {
  readonly txoutproof?: string | undefined;
}

/** An inclusion proof, and the header of its block. */
interface Inclusion {
  readonly inclusion: InclusionProof;
  readonly header: Uint8Array;
}

/**
 * That a transaction is in a block, from a file or from the server; verified against the block's header.
 * @throws TapstakeError `invalid-proof`, and the codes of {@link readMerkleBlock}
 */
export async function readInclusion(
  options: InclusionOptions,
  transaction: Transaction,
  network: Network,
): Promise<Inclusion> {
  const block = await readMerkleBlock(options, transaction, network);
  const inclusion = inclusionProofFromMerkleBlock(block, transaction);
  return { inclusion, header: block.slice(0, HEADER_LENGTH) };
}

/**
 * A block's header with the part of its Merkle tree that leads to a transaction, as bitcoind's `gettxoutproof` gives it.
 * It is not verified.
 * @throws TapstakeError `invalid-proof` when it is in no block; `invalid-hex`, `file-error`, and the codes of
 * `openChain`; UsageError when there is neither file nor server
 */
async function readMerkleBlock(
  { txoutproof, ...options }: InclusionOptions,
  transaction: Transaction,
  network: Network,
): Promise<Uint8Array> {
  if (txoutproof !== undefined) {
    return readDocument(txoutproof, (text) => hex.decode(text.trim(), undefined, "txoutproof"));
  }
  const chain = await openChain(options, network);
  if (!chain)
    throw new UsageError(
      "no proof that it is in a block: give --txoutproof, or a server: --rpc or --esplora",
    );
  const txid = transaction.getId();
  const found = await chain.merkleBlock(txid);
  if (found) return found;
  const text = `${chain.url} finds ${txid} in no block. Do: wait for its first confirmation`;
  throw new TapstakeError("invalid-proof", text, { txid });
}
