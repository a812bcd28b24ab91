import { onStopRequest } from "./stop-request.js";

/** Shows how far something long has come, where a person watches: on standard error, and only on a terminal. */
export interface Progress {
  update(done: number): void;
  stop(): void;
}

/** @param what is being done, and in which unit: `deriving heights` */
export async function showProgress(what: string, total: number): Promise<Progress> {
  if (process.stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar(
    {
      format: `${what}  {bar}  {value} of {total}, {eta_formatted} left`,
      hideCursor: true,
      clearOnComplete: true,
      // Ctrl-C is the command's own to answer.
      gracefulExit: false,
    },
    progress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}

/** A signal that Ctrl-C, or a request to end, aborts instead of ending the process at once. */
export function abortOnSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const release = onStopRequest(() => controller.abort());
  return { signal: controller.signal, release };
}
