// Compiles kernel/ with AssemblyScript into src/derivation/kernel-wasm.ts, where it is text and needs no loader.
// The same sources give the same bytes everywhere: kernel/kernel.wasm.sha256 says which, and another result is refused.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, isMain, root, say } from "./shared.mjs";

const target = join(root, "src/derivation/kernel-wasm.ts");
const expected = join(root, "kernel/kernel.wasm.sha256");

/** Writes the kernel where the sources import it from. */
export async function writeKernel() {
  const bytes = await compileKernel();
  const [wanted, digest] = [acceptedDigest(), sha256(bytes)];
  if (digest !== wanted) {
    throw new Error(
      `kernel/ compiles to ${digest}, and kernel/kernel.wasm.sha256 says ${wanted}: ` +
        "whoever changed kernel/ runs node scripts/kernel.mjs --accept",
    );
  }
  const text = textOf(bytes);
  if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text);
}

async function compileKernel() {
  const { default: asc } = await import("assemblyscript/asc");
  const written = new Map();
  const { error, stderr } = await asc.main(
    ["kernel/index.ts", "--outFile", "kernel.wasm", "-O3", "--converge", "--noAssert", "--runtime", "stub"],
    { baseDir: root, writeFile: (name, content) => void written.set(name, content) },
  );
  if (error) throw new Error(`the kernel does not compile: ${error.message}\n${stderr}`);
  return written.get("kernel.wasm");
}

const textOf = (
  bytes,
) => `/** The kernel: kernel/ compiled to WebAssembly, as base64. Made by scripts/kernel.mjs. */
export const wasm: string =
  "${Buffer.from(bytes).toString("base64")}";
`;

const acceptedDigest = () => readFileSync(expected, "utf8").split(" ")[0];

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

if (isMain(import.meta.url)) {
  try {
    const bytes = await compileKernel();
    if (process.argv[2] === "--accept") writeFileSync(expected, `${sha256(bytes)}  kernel.wasm\n`);
    if (process.argv[2] === "--compare") compare(bytes);
    say(`kernel.wasm: ${bytes.length} bytes, ${sha256(bytes)}`);
  } catch (error) {
    fail(error);
  }
}

/** Whether what is in use, in the sources and in dist, is what the sources give. */
function compare(bytes) {
  if (sha256(bytes) !== acceptedDigest()) throw new Error("kernel/kernel.wasm.sha256 is of another kernel");
  for (const path of [target, join(root, "dist/src/derivation/kernel-wasm.js")]) {
    const [, base64] = /"([^"]+)"/.exec(readFileSync(path, "utf8"));
    if (!Buffer.from(base64, "base64").equals(Buffer.from(bytes))) throw new Error(`${path}: another kernel`);
  }
}
