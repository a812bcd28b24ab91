import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../../finality/home.js";

/** The longest path that a socket's address holds, in bytes: `sun_path` less its zero byte. */
const LONGEST = process.platform === "linux" ? 107 : 103;

/** A path of the admin socket that is short enough to bind or to connect to. */
export interface SocketPath {
  readonly path: string;
  /** Call it once the socket is no longer used. */
  release(): void;
}

/**
 * The path of a home's admin socket, as the system takes it. Linux reaches a longer one through the open folder.
 * @throws TapstakeError `file-error` if it is too long elsewhere, or there is no folder
 */
export function socketPath({ adminSocket }: Home, platform: string = process.platform): SocketPath {
  const { length } = Buffer.from(adminSocket);
  if (length <= LONGEST) return { path: adminSocket, release() {} };
  if (platform !== "linux") {
    throw new TapstakeError(
      "file-error",
      `the path of the admin socket must have at most ${LONGEST} bytes, not ${length}: ${adminSocket}. Do: use a home with a shorter path`,
      { path: adminSocket, length },
    );
  }
  try {
    const folder = openSync(dirname(adminSocket), constants.O_RDONLY | constants.O_DIRECTORY);
    return {
      path: join(`/proc/self/fd/${folder}`, basename(adminSocket)),
      release: () => closeSync(folder),
    };
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new TapstakeError(
      "file-error",
      `cannot reach ${adminSocket}: ${code}`,
      { path: adminSocket, code },
      { cause },
    );
  }
}
