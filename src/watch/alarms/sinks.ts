import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { basicAuth, takeCredentials } from "../../chain/http.js";
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
        // Its own group: what a shell has started ends with it.
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
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
      const late = AbortSignal.timeout(TIMEOUT);
      const ended = AbortSignal.any([signal, late]);
      const end = () => endGroup(child);
      ended.addEventListener("abort", end);
      if (ended.aborted) end();
      try {
        const [code, by] = (await once(child, "close")) as [number | null, string | null];
        if (code === 0) return;
        if (late.aborted) throw undelivered(`the alarm command did not end within ${TIMEOUT / 1000} seconds`);
        throw undelivered(`the alarm command ended with ${by ?? `exit code ${code}`}`);
      } finally {
        ended.removeEventListener("abort", end);
      }
    },
  };
}

/** Kills a command with all that it has started: one that hangs must not stay behind, as the next try starts another. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/**
 * Posts each alarm as JSON. A status of 200 to 299 takes it. A user and password in the URL are sent as basic
 * authentication.
 * @throws TapstakeError `invalid-argument` when the URL is none
 */
export function webhookSink(url: string): AlarmSink {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new TapstakeError("invalid-argument", "the webhook must be an http or https URL");
  }
  // The rest of the URL may hold a token.
  const { origin } = parsed;
  const user = takeCredentials(parsed);
  const authorization = user && basicAuth(`${user.username}:${user.password}`);
  return {
    name: "webhook",
    async deliver(alarm, signal) {
      let response: Response;
      try {
        response = await fetch(parsed, {
          method: "POST",
          headers: { "content-type": "application/json", ...(authorization && { authorization }) },
          body: JSON.stringify(alarm),
          // Another server would get the alarm, and perhaps the token.
          redirect: "manual",
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
        });
      } catch (error) {
        const { code } = ((error as Error).cause ?? {}) as { code?: unknown };
        const why = typeof code === "string" ? ` (${code})` : "";
        throw undelivered(`the webhook at ${origin} does not answer${why}`);
      }
      await response.body?.cancel();
      const isElsewhere = response.status >= 300 && response.status < 400;
      const hint = isElsewhere ? ": give the address that it redirects to" : "";
      if (!response.ok) throw undelivered(`the webhook at ${origin} answered ${response.status}${hint}`);
    },
  };
}

const undelivered = (text: string): TapstakeError => new TapstakeError("alarm-undelivered", text);
