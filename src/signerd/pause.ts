/** Lets everything that waits have its turn: long work asks for a pause now and then. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
