import { statfsSync } from "node:fs";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";

/** Linux's numbers of file systems that can give one home to two machines, or two homes to one set of files. */
const UNSAFE: Readonly<Record<number, string>> = {
  0x6969: "nfs",
  0x517b: "smb",
  0xff534d42: "cifs",
  0xfe534d42: "smb2",
  0x5346414f: "afs",
  0x6b414653: "afs",
  0x73757245: "coda",
  0x00c36400: "ceph",
  0x0bd00bd0: "lustre",
  0x47504653: "gpfs",
  0x01161970: "gfs2",
  0x7461636f: "ocfs2",
  0x65735546: "fuse",
  0x01021997: "9p",
  0x786f4256: "vboxsf",
  0x794c7630: "overlay",
  0x61756673: "aufs",
};

/** Those of one machine alone: they show files of another folder, and keep changes apart from it. */
const LAYERED = new Set(["overlay", "aufs"]);

/**
 * The kind of file system that a folder is on, if it is one of those on which two signers can hold one home; undefined
 * for any other, and where the system does not tell.
 * @throws TapstakeError `file-error`
 */
export function unsafeFileSystem(path: string): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    // Some numbers come with the sign of 32 bits.
    return UNSAFE[Number(BigInt.asUintN(32, statfsSync(path, { bigint: true }).type))];
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const text = `cannot see which file system ${path} is on: ${code}`;
    throw new TapstakeError("file-error", text, { path, code }, { cause });
  }
}

/** @throws TapstakeError `unsafe-file-system`, unless the operator accepts this kind; `file-error` */
export function assertFileSystem({ path, acceptedFileSystems }: Home): void {
  const kind = unsafeFileSystem(path);
  if (kind === undefined || acceptedFileSystems.includes(kind)) return;
  const why = LAYERED.has(kind)
    ? "It can show the files of another home, and keeps its own changes apart from them: both would sign"
    : "Other machines can have the same folder, and its locks may keep no other signer out";
  throw new TapstakeError(
    "unsafe-file-system",
    `${path} is on a file system of kind ${kind}. ${why}. ` +
      "Move the home to a disk of this machine; in a container, to a volume. " +
      `If you are certain that this folder has no other signer, accept it: TAPSTAKE_ACCEPT_FILE_SYSTEM=${kind}`,
    { path, kind },
  );
}
