const works: (() => unknown)[] = [];

/**
 * Does something when the tests of the file have ended. Files that share a process load a module once, so that an
 * `afterAll` of its own would follow the first file alone.
 */
export const afterFile = (work: () => unknown): void => void works.push(work);

/** What was asked for until now, the last first. test/support/setup.ts calls it after each file. */
export async function endFile(): Promise<void> {
  for (let work = works.pop(); work !== undefined; work = works.pop()) await work();
}
