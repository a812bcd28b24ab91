import { tmpdir } from "node:os";
import { unsafeFileSystem } from "../../src/finality/protection/file-system.js";

/** Accepts the file system of the temporary folder for homes, as an operator would: no other machine has this folder. */
export function acceptTemporaryFolder(): void {
  const kind = unsafeFileSystem(tmpdir());
  if (kind !== undefined) process.env["TAPSTAKE_ACCEPT_FILE_SYSTEM"] ??= kind;
}
