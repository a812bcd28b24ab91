import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { destination, type DestinationStream, type Logger, pino } from "pino";
import { attempt } from "../finality/private-files.js";

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

/**
 * The log of a signer's process: appended to a file, else on standard error.
 * @throws TapstakeError `file-error` if the file cannot be written
 */
export function openLog(level: string, file: string | undefined): Logger {
  // The library's own lines would mix with the log's.
  setLogVerbosity(logVerbosity.NONE);
  // Written at once: the last lines before a crash matter most.
  const open = () => destination({ dest: file ?? 2, sync: true, mode: 0o600 });
  const out = file === undefined ? open() : attempt("write the log", file, open);
  // The reader of the log may go away; the signer stays.
  out.on("error", () => {});
  return createLog(level, out);
}
