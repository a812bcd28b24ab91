import { type DestinationStream, type Logger, pino } from "pino";

/** Lines of JSON, with the name of the level and the time in ISO 8601. */
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
