import { spawn } from "node:child_process";
import { once } from "node:events";
import { TapstakeError } from "../../core/errors.js";
import type { AlarmSink } from "./outbox.js";

/** The longest time that a command or a webhook may take, in milliseconds. */
const TIMEOUT = 30_000;

/**
 * Runs a command of the shell for each alarm: the alarm is JSON on its standard input, and its id, kind and text are in
 * `TAPSTAKE_ALARM_ID`, `_KIND` and `_TEXT`. Exit code 0 takes the alarm.
 */
export function commandSink(command: string): AlarmSink {
  return {
    name: "command",
    async deliver(alarm, signal) {
      const { id, kind, text } = alarm;
      const child = spawn(command, {
        shell: true,
        stdio: ["pipe", "ignore", "ignore"],
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
        env: {
          ...process.env,
          TAPSTAKE_ALARM_ID: id,
          TAPSTAKE_ALARM_KIND: kind,
          TAPSTAKE_ALARM_TEXT: text,
        },
      });
      // A command that does not read its input closes it.
      child.stdin.on("error", () => {});
      child.stdin.end(`${JSON.stringify(alarm)}\n`);
      const [code, by] = (await once(child, "close")) as [number | null, string | null];
      if (code === 0) return;
      throw undelivered(`the alarm command ended with ${by ?? `exit code ${code}`}`);
    },
  };
}

/**
 * Posts each alarm as JSON. A status of 200 to 299 takes it.
 * @throws TapstakeError `invalid-argument` when the URL is none
 */
export function webhookSink(url: string): AlarmSink {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new TapstakeError("invalid-argument", "the webhook must be an http or https URL");
  }
  // The rest of the URL may hold a token.
  const { origin } = new URL(url);
  return {
    name: "webhook",
    async deliver(alarm, signal) {
      let response: Response;
      try {
        response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(alarm),
          redirect: "error",
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
        });
      } catch {
        throw undelivered(`the webhook at ${origin} does not answer`);
      }
      await response.body?.cancel();
      if (!response.ok) throw undelivered(`the webhook at ${origin} answered ${response.status}`);
    },
  };
}

const undelivered = (text: string): TapstakeError => new TapstakeError("alarm-undelivered", text);
