// Compiles kernel/ with AssemblyScript into sources of src/, as text that needs no loader. The same sources give the
// same bytes everywhere: kernel/wasm.sha256 has their hash, and another result is refused.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fail, isMain, root, say } from "./shared.mjs";

/** The sources that are compiled, and the file for each result. */
const KERNELS = {
  "kernel/index.ts": "src/derivation/kernel-wasm.ts",
  "kernel/hashes.ts": "src/core/hashing/many-wasm.ts",
};
const expected = join(root, "kernel/wasm.sha256");

/** Writes the kernels to the files that the sources import. */
export async function writeKernels() {
  const kernels = await compileKernels();
  const [wanted, got] = [readFileSync(expected, "utf8"), digestsOf(kernels)];
  if (wanted !== got) {
    throw new Error(
      `kernel/ compiles to\n${got}and kernel/wasm.sha256 says\n${wanted}` +
        "after a change of kernel/, run node scripts/kernel.mjs --accept",
    );
  }
  for (const { bytes, target } of kernels) {
    const text = textOf(bytes);
    if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text);
  }
}

async function compileKernels() {
  const kernels = [];
  for (const [source, target] of Object.entries(KERNELS)) {
    kernels.push({ source, target: join(root, target), bytes: await compile(source) });
  }
  return kernels;
}

async function compile(source) {
  const { default: asc } = await import("assemblyscript/asc");
  const written = new Map();
  const { error, stderr } = await asc.main(
    [
      source,
      "--outFile",
      "kernel.wasm",
      "-O3",
      "--converge",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      "simd",
    ],
    { baseDir: root, writeFile: (name, content) => void written.set(name, content) },
  );
  if (error) throw new Error(`${source} does not compile: ${error.message}\n${stderr}`);
  return written.get("kernel.wasm");
}

const textOf = (
  bytes,
) => `/** A kernel: kernel/ compiled to WebAssembly, as base64. Made by scripts/kernel.mjs. */
export const wasm: string =
  "${Buffer.from(bytes).toString("base64")}";
`;

const digestsOf = (kernels) =>
  kernels
    .map(({ source, bytes }) => `${createHash("sha256").update(bytes).digest("hex")}  ${basename(source)}\n`)
    .join("");

if (isMain(import.meta.url)) {
  try {
    const kernels = await compileKernels();
    if (process.argv[2] === "--accept") writeFileSync(expected, digestsOf(kernels));
    if (process.argv[2] === "--compare") compare(kernels);
    for (const { source, bytes } of kernels) say(`${source}: ${bytes.length} bytes of WebAssembly`);
  } catch (error) {
    fail(error);
  }
}

/** Whether the kernels in the sources and in dist equal those compiled from kernel/. */
function compare(kernels) {
  if (digestsOf(kernels) !== readFileSync(expected, "utf8")) {
    throw new Error("kernel/wasm.sha256 is of other kernels");
  }
  for (const { target, bytes } of kernels) {
    for (const path of [target, target.replace(`${root}src`, `${root}dist/src`).replace(/\.ts$/, ".js")]) {
      const [, base64] = /"([^"]+)"/.exec(readFileSync(path, "utf8"));
      if (!Buffer.from(base64, "base64").equals(Buffer.from(bytes)))
        throw new Error(`${path}: another kernel`);
    }
  }
}
