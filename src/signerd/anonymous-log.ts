import type { Logger } from "pino";
import type { Facts } from "./handlers.js";

/** So many lines of calls without authentication may the log take in each window. */
const LINES = 60;
const WINDOW = 60_000;

/** What anyone can cause goes into the log in a bounded number of lines; the rest is counted and said later. */
export class AnonymousLog {
  #lines = 0;
  #omitted = 0;
  #window: NodeJS.Timeout | undefined;

  constructor(private readonly log: Logger) {}

  write(level: "debug" | "info" | "warn", facts: Facts, text: string): void {
    if (!this.log.isLevelEnabled(level)) return;
    this.#window ??= setTimeout(() => this.flush(), WINDOW).unref();
    if (this.#lines >= LINES) {
      this.#omitted++;
      return;
    }
    this.#lines++;
    this.log[level](facts, text);
  }

  /** Says what was left out, and begins a new window. */
  flush(): void {
    clearTimeout(this.#window);
    const omitted = this.#omitted;
    this.#window = undefined;
    this.#lines = this.#omitted = 0;
    if (omitted > 0) this.log.warn({ omitted }, "the log leaves out calls without authentication");
  }
}
