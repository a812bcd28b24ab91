// What the bootstrap scripts share. They run with Node alone, before any package is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Prints a line for the waiting user; standard output belongs to the command that is run. */
export const say = (line) => process.stderr.write(`${line}\n`);

/** For homes that a script throws away: in a container the temporary folder is often on an overlay. */
export const THROWAWAY = { TAPSTAKE_ACCEPT_FILE_SYSTEM: "overlay", ...process.env };

/** Whether the module at `url` is the script that Node was started with. */
export function isMain(url) {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(url);
}

/** Ends the process with the message of a failure, without a stack trace. */
export function fail(error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** Runs a command to its end and returns its standard output. If it fails, throws with its output. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26, ...options });
  if (result.error) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0) {
    // The compiler's lines beside its errors are not for people.
    const said = `${result.stdout ?? ""}${result.stderr ?? ""}`.replace(/^TSFILE: .*\n?/gm, "").trim();
    const how = result.signal ? `was stopped by ${result.signal}` : `failed with exit code ${result.status}`;
    throw new Error(`${command} ${args[0] ?? ""} ${how}${said && `:\n${said}`}`);
  }
  return result.stdout ?? "";
}

/** Every file below `folder`, as sorted paths relative to the root. */
export function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();
}

/** One hash of the names and contents of files. */
export function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
