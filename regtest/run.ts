import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * Runs a command to its end and returns its standard output; other work of this process goes on meanwhile.
 * @throws Error with the command's own output if it fails
 */
export async function run(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await execute(command, [...args], { maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as Error & { stdout?: string; stderr?: string };
    const said = `${stdout}${stderr}`.trim() || message;
    throw new Error(`${command} ${args[0] ?? ""} failed:\n${said}`, { cause: error });
  }
}

/** Whether a command is there and runs. */
export async function runs(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
