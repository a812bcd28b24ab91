const works = new Set<() => void>();

/**
 * Does something when the process ends, in a run that is broken off too. One listener serves all.
 * @returns takes it back
 */
export function atExit(work: () => void): () => void {
  if (!process.listeners("exit").includes(runAll)) process.once("exit", runAll);
  works.add(work);
  return () => void works.delete(work);
}

const runAll = (): void => works.forEach((work) => work());
