import { missingPackage } from "../core/optional.js";

/** What is asked of the package `highs`. It is loaded only when a question needs it. */
export interface Solver {
  solve(problem: string, options?: SolverOptions): Solved;
}

interface SolverOptions {
  readonly output_flag?: boolean;
  readonly mip_rel_gap?: number;
  readonly time_limit?: number;
}

interface Solved {
  readonly Status: string;
  readonly ObjectiveValue: number;
  readonly Columns: Readonly<Record<string, { readonly Primal?: number }>>;
}

/**
 * Loads the package `highs`.
 * @throws TapstakeError `package-missing` where it is not installed
 */
export async function loadSolver(): Promise<Solver> {
  try {
    // Its types are those of the older module system, in which the default is one level deeper.
    const library = (await import("highs")) as unknown as { readonly default: () => Promise<Solver> };
    return await library.default();
  } catch (error) {
    throw missingPackage(error) ?? error;
  }
}

/** A linear problem with whole and continuous variables from 0 up, as the text that solvers read. */
export class Problem {
  readonly #objective = new Map<string, number>();
  readonly #rows: string[] = [];
  readonly #bounds: string[] = [];
  readonly #whole: string[] = [];

  /** A variable from 0 to 1. */
  share(name: string, isWhole: boolean): string {
    if (isWhole) this.#whole.push(name);
    else this.#bounds.push(`${name} <= 1`);
    return name;
  }

  maximize(factor: number, name: string): void {
    this.#objective.set(name, (this.#objective.get(name) ?? 0) + factor);
  }

  atLeast(terms: readonly (readonly [factor: number, name: string])[], limit: number): void {
    // Readers of the format do not add up what stands there twice.
    const row = new Map<string, number>();
    for (const [factor, name] of terms) row.set(name, (row.get(name) ?? 0) + factor);
    const left = linesOf(row);
    if (left.length > 0) this.#rows.push(`r${this.#rows.length}: ${left.join("\n")}\n>= ${limit}`);
  }

  /** One term a line: readers of the format limit the length of lines. */
  toString(): string {
    return [
      "Maximize",
      `value: ${linesOf(this.#objective).join("\n") || "0 nothing"}`,
      "Subject To",
      ...this.#rows,
      "Bounds",
      "nothing <= 0",
      ...this.#bounds,
      "Binary",
      ...this.#whole,
      "End",
      "",
    ].join("\n");
  }
}

const linesOf = (terms: ReadonlyMap<string, number>): string[] =>
  [...terms]
    .filter(([, factor]) => factor !== 0)
    .map(([name, factor]) => `${factor < 0 ? "-" : "+"} ${Math.abs(factor)} ${name}`);

export interface Optimum {
  readonly value: number;
  valueOf(name: string): number;
}

/**
 * The optimum of a problem. Null where the solver did not reach it in time: what it has then is the best found, and no
 * bound.
 */
export function optimumOf(solver: Solver, problem: Problem, seconds: number): Optimum | null {
  const { Status, ObjectiveValue, Columns } = solver.solve(problem.toString(), {
    output_flag: false,
    mip_rel_gap: 0,
    time_limit: seconds,
  });
  if (Status !== "Optimal") return null;
  return { value: ObjectiveValue, valueOf: (name) => Columns[name]?.Primal ?? 0 };
}
