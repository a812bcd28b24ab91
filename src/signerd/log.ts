import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { type DestinationStream, type Logger, pino } from "pino";
import { attempt } from "../finality/private-files.js";
import { BoundedWriter } from "./bounded-writer.js";

/** Lines of JSON with the name of the level and the time in ISO 8601. */
export const createLog = (level: string, out: DestinationStream): Logger =>
  pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    out,
  );

/** The log of a signer's process. */
export interface ProcessLog {
  readonly log: Logger;
  /** Opens the file by its name again, for programs that move it away (logrotate). Without a file, nothing happens. */
  reopen(): void;
}

/**
 * The log of a signer's process: appended to a file, else on standard error. It never waits for its reader.
 * @throws TapstakeError `file-error` if the file cannot be written
 */
export function openLog(level: string, file: string | undefined): ProcessLog {
  // The library's own lines would mix with the log's.
  setLogVerbosity(logVerbosity.NONE);
  const open = () => new BoundedWriter(file);
  const out = file === undefined ? open() : attempt("write the log", file, open);
  const log = createLog(level, out);
  return {
    log,
    reopen() {
      if (file === undefined) return;
      try {
        out.reopen();
        log.info("opened the log file again");
      } catch (error) {
        log.error(
          { reason: (error as NodeJS.ErrnoException).code },
          "cannot open the log file again: it goes on in the old one",
        );
      }
    },
  };
}
