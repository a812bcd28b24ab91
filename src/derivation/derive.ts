import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { setImmediate as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { assertInteger, u64be } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { assertSecretKey } from "../core/keys.js";
import { BlockDeriver, type DerivedBlock, type HeightRange, SUBTREE } from "./block.js";
import type { MultiplesReport } from "./multiples.js";

/** How the randomness of many heights is derived. */
export interface DerivationOptions {
  /**
   * The most threads beside this one; 0 for none. The default is the number of processors, up to 4, for ranges that are
   * long enough.
   */
  readonly maxThreads?: number | undefined;
  /**
   * Uses libsecp256k1 alone. Otherwise the secrets decide which entries of a table are read: a program that shares the
   * processor's caches could learn from that (docs/randomness.md).
   */
  readonly constantTime?: boolean | undefined;
  /** Reports how many heights are derived, and of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends the work between two blocks. */
  readonly signal?: AbortSignal | undefined;
}

/** What a derivation has done, and whether the machine computed rightly. */
export interface DerivationReport extends MultiplesReport {
  /** The threads beside this one that worked to the end. This thread did the work of the others. */
  readonly threads: number;
}

/**
 * Derives the public randomness of a range (PROTOCOL 6) and passes it on block by block, in order, so that memory does
 * not grow with the range. Other work runs meanwhile.
 * @param take an asynchronous one is awaited; what it throws ends the work
 * @returns which implementations computed the points
 * @throws TapstakeError `invalid-secret-key`; `invalid-number` (0 heights, an interval of 0, or beyond 64 bits);
 * `cancelled`
 */
export async function deriveRange(
  range: HeightRange,
  options: DerivationOptions,
  take: (block: DerivedBlock) => unknown,
): Promise<DerivationReport> {
  const { start, count, interval = 1n } = range;
  const { constantTime, onProgress, signal, maxThreads = 4 } = options;
  assertSecretKey(range.secretKey);
  assertInteger(count, "count", 1, 0xffff_ffff);
  if (interval === 0n) throw new TapstakeError("invalid-number", "interval must be 1 or more, not 0");
  u64be(interval, "interval");
  u64be(start, "start height");
  u64be(start + BigInt(count - 1) * interval, "last height");
  assertInteger(maxThreads, "threads", 0, 64);
  const threads = count < WORTH_THREADS ? 0 : Math.min(maxThreads, availableParallelism());
  const size = threads === 0 ? SUBTREE : BLOCK;
  // The threads share this memory: messages would leave copies of the key behind.
  const secretKey = new Uint8Array(new SharedArrayBuffer(32));
  secretKey.set(range.secretKey);
  const task: Task = { range: { ...range, secretKey }, constantTime };
  const here = new Here(task);
  const workers = Array.from({ length: threads }, () => new Thread(task));
  const pending: Promise<DerivedBlock>[] = [];
  const ask = (first: number) => {
    const many = Math.min(size, count - first);
    const worker = workers[(first / size) % threads];
    // This thread does the work of a thread that fails.
    return worker?.derive(first, many).catch(() => here.derive(first, many)) ?? here.derive(first, many);
  };
  try {
    for (let next = 0, done = 0; done < count;) {
      if (signal?.aborted) throw new TapstakeError("cancelled", "the derivation of randomness was stopped");
      // Each thread has a second block to begin while the first is fetched.
      while (next < count && pending.length < Math.max(1, 2 * threads)) {
        pending.push(ask(next));
        pending.at(-1)!.catch(() => {});
        next += size;
      }
      await take(await pending.shift()!);
      done = Math.min(done + size, count);
      onProgress?.(done, count);
    }
    const report = [here, ...workers].map((worker) => worker.report).reduce(addReports);
    return { ...report, threads: workers.filter(({ isSound }) => isSound).length };
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    secretKey.fill(0);
    here.end();
  }
}

/** The message that starts a thread. */
export interface Task {
  readonly range: HeightRange;
  readonly constantTime: boolean | undefined;
}

/** A message to a thread: derive some heights of the range, or forget everything and end. */
export type Asked = { readonly first: number; readonly count: number } | "end";

/** From so many heights on, threads are worth their start. */
const WORTH_THREADS = 8_192;

/** The heights that a thread derives at a time: some milliseconds, and one batch of the kernel. */
const BLOCK = 4 * SUBTREE;

const NOTHING: MultiplesReport = { kernel: 0, library: 0, mismatches: 0, collisions: 0 };

const addReports = (a: MultiplesReport, b: MultiplesReport): MultiplesReport => ({
  kernel: a.kernel + b.kernel,
  library: a.library + b.library,
  mismatches: a.mismatches + b.mismatches,
  collisions: a.collisions + b.collisions,
});

/** Derives in this thread, and lets other work run between two blocks. */
class Here {
  readonly #task: Task;
  #deriver: BlockDeriver | undefined;

  constructor(task: Task) {
    this.#task = task;
  }

  get report(): MultiplesReport {
    return this.#deriver?.report ?? NOTHING;
  }

  async derive(first: number, count: number): Promise<DerivedBlock> {
    await pause();
    const { range, constantTime } = this.#task;
    this.#deriver ??= new BlockDeriver(range, { constantTime });
    return this.#deriver.block(first, count);
  }

  end(): void {
    this.#deriver?.wipe();
  }
}

/** Derives in a thread of its own. */
class Thread {
  report = NOTHING;
  readonly #worker: Worker | undefined;
  readonly #ended: Promise<void> = Promise.resolve();
  readonly #waiting: { resolve: (block: DerivedBlock) => void; reject: (reason: unknown) => void }[] = [];
  #failure: unknown;

  constructor(workerData: Task) {
    let worker: Worker;
    try {
      const script = createRequire(import.meta.url).resolve("#derive-thread");
      // A block leaves small garbage behind, which would pile up to 100 MB without the limit. Options of the process,
      // such as import hooks, do not apply to the thread.
      worker = new Worker(script, {
        workerData,
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: 4 },
      });
    } catch (error) {
      // A process may be forbidden to have threads, and a bundle does not contain the script.
      this.#failure = error;
      return;
    }
    this.#worker = worker;
    this.#ended = new Promise((resolve) => {
      worker.on("exit", () => resolve());
    });
    worker.on("message", ({ block, report }: { block: DerivedBlock; report: MultiplesReport }) => {
      this.report = report;
      this.#waiting.shift()?.resolve(block);
    });
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => this.#fail(new Error("the thread has ended")));
  }

  /** Whether it has never failed. */
  get isSound(): boolean {
    return this.#failure === undefined;
  }

  derive(first: number, count: number): Promise<DerivedBlock> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject });
      this.#worker!.postMessage({ first, count } satisfies Asked);
    });
  }

  /** Returns when the thread has forgotten its secrets and ended. */
  async end(): Promise<void> {
    this.#worker?.postMessage("end" satisfies Asked);
    await this.#ended;
  }

  #fail(reason: unknown): void {
    this.#failure ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
