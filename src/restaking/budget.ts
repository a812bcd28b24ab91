/**
 * How much a search may look at. It counts and does not measure time, so that an answer is the same on every machine.
 * What a search leaves out makes the bounds of its answer wider, or its class `unknown`.
 */
export class Budget {
  #steps: number;

  constructor(steps: number) {
    this.#steps = steps;
  }

  /** Takes so many steps. False where fewer are left: then no search takes any more. */
  take(steps: number): boolean {
    this.#steps = steps > this.#steps ? 0 : this.#steps - steps;
    return this.#steps > 0;
  }
}

/** What all searches of one answer may look at together. */
export class Effort {
  /** Pairs of operators and services, while coalitions grow. */
  readonly growth = new Budget(100_000);
  /** Pairs again, of the problems for the solver. */
  readonly questions = new Budget(5_000_000);
  /** Pipes, in least cuts. */
  readonly pipes = new Budget(20_000_000);
  /** Pairs again, over which whole graphs are searched once more: after each step of a cascade. */
  readonly graphs = new Budget(100_000);
}

/** A larger problem is no question for the solver: it would take gigabytes of memory before it looks at the time. */
export const MOST_PAIRS_ASKED = 100_000;
