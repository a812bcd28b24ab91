/** Whether this is `npm run test:long`: every case, every step, the whole million. */
export const isLong = Boolean(process.env["TAPSTAKE_LONG"]);

/** How many of this many random cases are run: all in a long run, else a twentieth, yet five at the least. */
export const runs = (all: number): number => (isLong ? all : Math.min(all, Math.max(5, Math.ceil(all / 20))));

/** The seed of the whole run, which vitest.config.ts draws and prints; `TAPSTAKE_SEED` gives one back. */
export const seed = (): number => Number(process.env["TAPSTAKE_SEED"] ?? 1) | 0;

/** Numbers that follow from the run's seed and a name, so that each test draws its own. */
export function randomOf(name: string): { below(limit: number): number } {
  let state = seed();
  for (const unit of name) state = (Math.imul(state, 31) + unit.codePointAt(0)!) | 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (limit) => Math.floor(next() * limit) };
}

/** Of a list that a long run goes through: the first, the last and so many between them, in their order. */
export function some<T>(list: readonly T[], few: number): readonly T[] {
  if (isLong || list.length <= few + 2) return list;
  const random = randomOf(`${list.length}`);
  const drawn = new Set([0, list.length - 1]);
  while (drawn.size < few + 2) drawn.add(random.below(list.length));
  return list.filter((_, i) => drawn.has(i));
}
