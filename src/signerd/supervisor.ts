import { spawn } from "node:child_process";

/** What a daemon tells systemd. */
export interface Supervisor {
  /** @param status what it does, for `systemctl status` */
  ready(status: string): void;
  /** @param status why, for `systemctl status` */
  stopping(status: string): void;
}

/** Whether systemd started this process. */
export const isUnderSystemd = (env: NodeJS.ProcessEnv = process.env): boolean =>
  Boolean(env["NOTIFY_SOCKET"] || env["INVOCATION_ID"]);

/**
 * Talks to systemd by its own program, `systemd-notify`: Node has no sockets of the kind that `NOTIFY_SOCKET` names, in
 * the file system or abstract. As the messages come from a child, the unit needs `NotifyAccess=all`.
 */
export function supervisor(
  log: { warn(facts: { readonly reason: string }, text: string): void },
  env: NodeJS.ProcessEnv = process.env,
): Supervisor {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } = env;
  if (!NOTIFY_SOCKET) return { ready() {}, stopping() {} };
  let hasFailed = false;
  const failed = (reason: string) => {
    if (!hasFailed) log.warn({ reason }, "systemd cannot be notified: is systemd-notify installed?");
    hasFailed = true;
  };
  const send = (...lines: string[]) => {
    // No secret of this process's environment reaches the program.
    const child = spawn("systemd-notify", lines, {
      stdio: "ignore",
      env: { NOTIFY_SOCKET, ...(PATH !== undefined && { PATH }) },
    });
    child.on("error", (error) => failed((error as NodeJS.ErrnoException).code ?? error.name));
    child.on("exit", (code) => code !== 0 && failed(`exit code ${code}`));
    child.unref();
  };
  const microseconds = Number(WATCHDOG_USEC);
  const isWatched = microseconds > 0 && (!WATCHDOG_PID || Number(WATCHDOG_PID) === process.pid);
  let watching: NodeJS.Timeout | undefined;
  return {
    ready(status) {
      send("READY=1", `STATUS=${status}`);
      // A process that hangs runs no timer.
      if (isWatched) watching = setInterval(() => send("WATCHDOG=1"), microseconds / 3000).unref();
    },
    stopping(status) {
      clearInterval(watching);
      send("STOPPING=1", `STATUS=${status}`);
    },
  };
}
