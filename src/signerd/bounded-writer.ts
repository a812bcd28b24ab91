import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";

/** Bytes of lines that wait for the reader of the log. */
const ROOM = 1 << 20;

/** How often waiting lines are tried again, in milliseconds. */
const RETRY = 50;

/**
 * Writes lines at once and never waits: lines for which the reader has no room are kept, and beyond a bound they are
 * counted. As soon as there is room again, the log says how many it lost.
 */
export class BoundedWriter {
  #out: Output;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @param file appended to; without one, standard error */
  constructor(
    private readonly file: string | undefined,
    private readonly room: number = ROOM,
  ) {
    this.#out = openOutput(file);
  }

  /** Lines that were not written and never will be. */
  get lost(): number {
    return this.#lost;
  }

  readonly write = (line: string): void => {
    const bytes = Buffer.from(line);
    if (this.#waiting.length === 0) this.#drain();
    if (this.#bytes + bytes.length > this.room) {
      this.#lost++;
      return;
    }
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#waiting.length === 1) this.#drain();
  };

  /** Opens the file by its name again, after it was moved away. @throws Error if it cannot be opened */
  reopen(): void {
    if (this.file === undefined) return;
    const fresh = openOutput(this.file);
    this.#out.close();
    this.#out = fresh;
    this.#drain();
  }

  readonly #drain = (): void => {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!;
      const written = this.#out.write(first);
      if (written === "closed") {
        // The reader is gone for good, and the signer stays.
        this.#waiting.length = this.#bytes = 0;
        break;
      }
      this.#bytes -= written;
      if (written < first.length) {
        this.#waiting[0] = first.subarray(written);
        this.#retry = setTimeout(this.#drain, RETRY).unref();
        atExit(this.#drain);
        return;
      }
      this.#waiting.shift();
      if (this.#waiting.length === 0) this.#sayLost();
    }
    late.delete(this.#drain);
  };

  #sayLost(): void {
    if (this.#lost === 0) return;
    const line = Buffer.from(
      `${JSON.stringify({
        level: "warn",
        time: new Date().toISOString(),
        pid: process.pid,
        lost: this.#lost,
        msg: "the reader of the log had no room for some lines, which are lost",
      })}\n`,
    );
    this.#lost = 0;
    this.#waiting.push(line);
    this.#bytes += line.length;
  }
}

/** What writes the lines that still wait when the process ends. */
const late = new Set<() => void>();

function atExit(drain: () => void): void {
  late.add(drain);
  if (!process.listeners("exit").includes(drainAll)) process.on("exit", drainAll);
}

const drainAll = (): void => late.forEach((drain) => drain());

interface Output {
  /** The bytes that were taken, or that nothing reads them any longer. It never waits. */
  write(bytes: Buffer): number | "closed";
  close(): void;
}

function openOutput(file: string | undefined): Output {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
  if (file !== undefined)
    return descriptor(openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600));
  const stats = fstatSync(2);
  if (stats.isSocket()) return socket();
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return descriptor(2);
  try {
    // An opening of its own: other processes that share standard error keep their blocking one.
    return descriptor(openSync("/proc/self/fd/2", O_WRONLY | O_NONBLOCK));
  } catch {
    return socket();
  }
}

function descriptor(fd: number): Output {
  return {
    write(bytes) {
      try {
        return writeSync(fd, bytes);
      } catch (error) {
        // EAGAIN: no room. A full disk, too, may have room later.
        return (error as NodeJS.ErrnoException).code === "EPIPE" ? "closed" : 0;
      }
    },
    close: () => {
      if (fd > 2) closeSync(fd);
    },
  };
}

/** Standard error that cannot be opened again, as the journal's socket. Node writes to it without waiting. */
function socket(): Output {
  const out = new Socket({ fd: 2, readable: false, writable: true });
  let isClosed = false;
  out.on("error", () => (isClosed = true));
  out.unref();
  return {
    write(bytes) {
      if (isClosed) return "closed";
      if (out.writableLength > 0) return 0;
      out.write(bytes);
      return bytes.length;
    },
    close: () => {},
  };
}
