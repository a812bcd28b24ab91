import { equalBytes, hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { decodeProtobuf, type Schema } from "../../core/protobuf.js";
import { merkle, type MerkleProof } from "../../crypto/merkle.js";
import { isChainId } from "../../vote/chain.js";
import { LAST_HEIGHT } from "../protection/decide.js";
import type { BoltEntry } from "./bolt.js";
import { assertUnchanged, type Daemon, openDatabase } from "./database.js";

const FPD: Daemon = { name: "fpd", config: "fpd.conf", database: "finality-provider.db" };
const PROVIDERS = "finalityProviders";
const PROOFS = "pub_rand_proof";

/** A finality provider as fpd knows it. */
export interface FpdProvider {
  readonly chainId: string;
  /** The last height that fpd voted at; 0 before the first vote. */
  readonly lastVoted: bigint;
  readonly isSlashed: boolean;
}

/** A commitment that fpd has proofs of. */
export interface FpdCommitment {
  readonly chainId: string;
  readonly startHeight: bigint;
  readonly count: number;
  /** The heights with proofs: fpd can have removed others. */
  readonly proofs: readonly bigint[];
}

/** What fpd committed to, as far as its proofs say. */
export interface FpdCommitments {
  readonly commitments: readonly FpdCommitment[];
  /** Heights whose proof cannot be read or cannot be used, by chain, with the reason. */
  readonly unread: readonly { readonly chainId: string; readonly height: bigint; readonly why: string }[];
}

/** The folder of fpd. The daemon must not run. */
export class FpdHome {
  readonly isLocked: boolean;
  readonly #database: ReturnType<typeof openDatabase>;

  /** @throws TapstakeError `database-in-use`, `invalid-database`, `file-error` */
  static open(folder: string): FpdHome {
    return new FpdHome(openDatabase(FPD, folder));
  }

  private constructor(database: ReturnType<typeof openDatabase>) {
    this.#database = database;
    this.isLocked = database.isLocked;
  }

  /**
   * The provider of a key; undefined if fpd does not know it.
   * @throws TapstakeError `invalid-database`
   */
  provider(publicKey: Uint8Array): FpdProvider | undefined {
    const { file } = this.#database;
    for (const { key, value, page } of this.#bucket(PROVIDERS)) {
      if (!equalBytes(key, publicKey)) continue;
      const { chainId, lastVoted, status } = readMessage("FinalityProvider", value, (why) =>
        file.damaged(page, why),
      ) as unknown as { chainId: string; lastVoted: bigint; status: number };
      return { chainId, lastVoted, isSlashed: status === SLASHED };
    }
    return undefined;
  }

  /**
   * The commitments of a key, on all chains.
   * @throws TapstakeError `invalid-database`
   */
  commitments(publicKey: Uint8Array): FpdCommitments {
    const ranges = new Map<string, FpdCommitment & { proofs: bigint[] }>();
    const unread: { chainId: string; height: bigint; why: string }[] = [];
    for (const { chainId, height, read } of this.#proofs(publicKey)) {
      const proof = read();
      if (typeof proof === "string") {
        unread.push({ chainId, height, why: proof });
        continue;
      }
      const startHeight = height - BigInt(proof.index);
      const name = `${startHeight} ${proof.total} ${chainId}`;
      const range = ranges.get(name) ?? { chainId, startHeight, count: proof.total, proofs: [] };
      ranges.set(name, range);
      range.proofs.push(height);
    }
    return { commitments: [...ranges.values()], unread };
  }

  /**
   * The heights of a commitment whose proof does not verify.
   * @param root of the commitment
   * @param leafAt the public randomness of a height, x-only
   */
  failing(
    publicKey: Uint8Array,
    { chainId, startHeight, count }: FpdCommitment,
    root: Uint8Array,
    leafAt: (height: bigint) => Uint8Array,
  ): bigint[] {
    const failing: bigint[] = [];
    for (const one of this.#proofs(publicKey)) {
      if (one.chainId !== chainId || one.height < startHeight || one.height >= startHeight + BigInt(count))
        continue;
      const proof = one.read();
      if (
        typeof proof === "string" ||
        proof.total !== count ||
        one.height - BigInt(proof.index) !== startHeight
      )
        continue;
      if (!merkle.verify(root, leafAt(one.height), proof)) failing.push(one.height);
    }
    return failing;
  }

  /** @throws TapstakeError `database-in-use` if another program has written to the database since it was opened */
  assertUnchanged(): void {
    assertUnchanged(FPD, this.#database);
  }

  close(): void {
    this.#database.file.close();
  }

  *#proofs(publicKey: Uint8Array) {
    const { file } = this.#database;
    for (const { key, value, page } of this.#bucket(PROOFS)) {
      if (key.length < 40) {
        throw file.damaged(page, `the bucket ${PROOFS} has a key of ${key.length} bytes, which is no height`);
      }
      const end = key.length - 8;
      if (!equalBytes(key.subarray(end - 32, end), publicKey)) continue;
      const chainId = Buffer.from(key.subarray(0, end - 32)).toString("latin1");
      if (!isChainId(chainId)) {
        throw file.damaged(
          page,
          `it has a proof for the chain 0x${hex.encode(key.subarray(0, end - 32))}, which is no chain id`,
        );
      }
      const height = Buffer.from(key.subarray(end)).readBigUInt64BE();
      yield { chainId, height, read: () => proofIn(value, height) };
    }
  }

  #bucket(name: string): Iterable<BoltEntry> {
    const { file } = this.#database;
    const bucket = file.bucket(name);
    if (bucket) return bucket;
    throw file.damaged(0, `there is no bucket ${name}: it is no database of fpd`);
  }
}

/** proto.FinalityProvider, and the proof of CometBFT. Other fields are passed over. */
const SCHEMA = {
  FinalityProvider: {
    chainId: { id: 5, type: "string" },
    lastVoted: { id: 6, type: "uint64" },
    status: { id: 7, type: "uint32" },
  },
  Proof: {
    total: { id: 1, type: "int64" },
    index: { id: 2, type: "int64" },
    leafHash: { id: 3, type: "bytes", length: 32 },
    aunts: { id: 4, type: "bytes", repeated: true },
  },
} as const satisfies Schema;

const SLASHED = 3;

/** A proof, or why it cannot be used. */
function proofIn(value: Uint8Array, height: bigint): MerkleProof | string {
  try {
    const { total, index, ...rest } = readMessage("Proof", value, (why) => new Error(why)) as unknown as Omit<
      MerkleProof,
      "total" | "index"
    > & { total: bigint; index: bigint };
    if (total < 1n || total > 0xffff_ffffn || index >= total || index > height) {
      return `it is of height ${index} of ${total}`;
    }
    if (height - index + total - 1n > LAST_HEIGHT) return "no chain is that high";
    return { total: Number(total), index: Number(index), ...rest };
  } catch (error) {
    return (error as Error).message;
  }
}

function readMessage(name: keyof typeof SCHEMA, value: Uint8Array, refuse: (why: string) => Error) {
  try {
    return decodeProtobuf(SCHEMA, name, value, "skip");
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    throw refuse(error.message);
  }
}
