import type { ChainTip } from "../../../chain/access.js";
import type { WatchedBlock } from "../../../watch/types.js";
import { note } from "../../output.js";

/** Shows how far a scan is. */
export interface ScanProgress {
  update(at: WatchedBlock, tip: ChainTip): void;
  stop(): void;
}

/** From so many blocks on, a catch-up is shown. */
const WORTH_SHOWING = 50;
/** How often a line is written without a terminal, in milliseconds. */
const LINE_EVERY = 10_000;

/** On a terminal a bar with the rate and the time left; otherwise a line now and then on standard error. */
export async function scanProgress(): Promise<ScanProgress> {
  const rate = new Rate();
  if (process.stderr.isTTY !== true) {
    let last = 0;
    return {
      update(at, tip) {
        rate.add(at.height);
        const now = Date.now();
        if (tip.height - at.height < WORTH_SHOWING || now - last < LINE_EVERY) return;
        last = now;
        note(
          `block ${at.height} of ${tip.height}, ${rate.text()}, ${rate.left(tip.height - at.height)} left`,
        );
      },
      stop() {},
    };
  }
  const { default: library } = await import("cli-progress");
  const bar = new library.SingleBar(
    {
      format: "scanning blocks  {bar}  {value} of {total}, {rate}, {left} left",
      hideCursor: true,
      clearOnComplete: true,
      // The command handles Ctrl-C itself.
      gracefulExit: false,
    },
    library.Presets.shades_classic,
  );
  let isShown = false;
  const stop = () => {
    if (isShown) bar.stop();
    isShown = false;
  };
  return {
    update(at, tip) {
      rate.add(at.height);
      const behind = tip.height - at.height;
      if (behind === 0) return stop();
      if (!isShown && behind < WORTH_SHOWING) return;
      const facts = { rate: rate.text(), left: rate.left(behind) };
      if (isShown) bar.setTotal(tip.height);
      else bar.start(tip.height, at.height, facts);
      isShown = true;
      bar.update(at.height, facts);
    },
    stop,
  };
}

/** Blocks per second over the last half minute. */
class Rate {
  readonly #seen: { readonly at: number; readonly height: number }[] = [];

  add(height: number): void {
    const at = Date.now();
    this.#seen.push({ at, height });
    while (this.#seen.length > 2 && at - this.#seen[0]!.at > 30_000) this.#seen.shift();
  }

  text(): string {
    const rate = this.#perSecond();
    return rate === null ? "no rate yet" : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} blocks/s`;
  }

  left(blocks: number): string {
    const rate = this.#perSecond();
    if (rate === null || rate <= 0) return "unknown time";
    const seconds = Math.ceil(blocks / rate);
    if (seconds < 120) return `${seconds} s`;
    const minutes = Math.ceil(seconds / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
  }

  #perSecond(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (!first || !last || last.at === first.at) return null;
    return ((last.height - first.height) * 1000) / (last.at - first.at);
  }
}
