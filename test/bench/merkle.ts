/** `npm run bench`: the Merkle root of a commitment, beside the same by Go in the same run, where Go is installed. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { hex } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { merkle } from "../../src/crypto/merkle.js";
import { figure, interleaved, say } from "./support/report.js";

const LEAVES = 20_000;
const leaves = Array.from({ length: LEAVES }, (_, i) => {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, i);
  return sha256(number);
});

const { root } = await interleaved(31, { root: () => merkle.root(leaves) });
say(`the root of ${LEAVES} leaves`, root, "ms");

const go = spawnSync("go", ["run", resolve("test/bench/support/merkle.go")], { encoding: "utf8" });
if (go.error) {
  console.log("Go is not installed: nothing to compare with");
} else if (go.status !== 0) {
  throw new Error(`go run failed:\n${go.stderr}`);
} else {
  const [digest, milliseconds] = go.stdout.trim().split(" ");
  if (digest !== hex.encode(merkle.root(leaves))) throw new Error("Go computes another root");
  say("  by Go", Number(milliseconds), "ms");
  figure("the root, of Go's", root / Number(milliseconds), { atMost: 5 });
}
