/** What is measured once a round. */
export type Measured = (round: number) => unknown;

/**
 * The median time of each of some calls, in milliseconds. They take turns, so that whatever else the machine does
 * meets all of them; the first sixth of the rounds warms up and does not count.
 */
export async function interleaved<Name extends string>(
  rounds: number,
  calls: Readonly<Record<Name, Measured>>,
): Promise<Record<Name, number>> {
  const entries = Object.entries<Measured>(calls).map(([name, call]) => ({
    name,
    call,
    times: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const { call, times } of entries) {
      const start = performance.now();
      const result = call(round);
      if (result instanceof Promise) await result;
      times.push(performance.now() - start);
    }
  }
  const medians = entries.map(({ name, times }) => [name, median(times.slice(Math.floor(rounds / 6)))]);
  return Object.fromEntries(medians) as Record<Name, number>;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

/** One line of the report: something measured, in its unit. */
export function say(what: string, value: number, unit: string): void {
  console.log(`    ${what.padEnd(56)}${value.toFixed(unit === "ms" ? 3 : 0).padStart(10)} ${unit}`);
}

/** A figure with its bound: what it is to be, as a ratio, and whether it is. */
export function figure(what: string, ratio: number, bound: { atMost: number } | { atLeast: number }): void {
  const [word, limit, met] =
    "atMost" in bound
      ? ["at most", bound.atMost, ratio <= bound.atMost]
      : ["at least", bound.atLeast, ratio >= bound.atLeast];
  const shown = `${ratio.toFixed(2).padStart(10)}    ${word} ${limit.toFixed(2)}: ${met ? "met" : "NOT MET"}`;
  console.log(`  = ${what.padEnd(56)}${shown}`);
}
