// A signer of an arbiter as a process of its own, for tests that kill it. What it prints has left the house: a line for
// each released vote, with its height, its block and its signature.
//   node arbiter-process.mjs <home> <etcd url> <store> <from>  votes on and on
import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { publicKeyOf } from "../../dist/src/core/keys.js";
import { openArbiter } from "../../dist/src/finality/arbiter/open.js";
import { openHome } from "../../dist/src/finality/home.js";
import { openProtection } from "../../dist/src/finality/protection/protection.js";
import { Voter } from "../../dist/src/finality/voter.js";

const [path, url, store, from] = process.argv.slice(2);
const secretKey = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(secretKey);
const key = { name: "key-7", publicKey, origin: "imported", secretKey, arbiter: store };
const say = (...words) => writeSync(1, `${words.join(" ")}\n`);
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

try {
  say("opening");
  const home = openHome(path);
  const protection = openProtection(home, { roomForWatermarks: 2000 });
  const { arbiter } = openArbiter(home, { arbiter: url, timeout: 1000 });
  const chain = { id: "bbn-test", minCount: 1 };
  const voter = new Voter({ key, protection, chain, arbiter, uncommitted: "a test" });
  for (let height = BigInt(from), turn = 0; ; turn++) {
    const count = turn % 3 === 2 ? 4 : 1;
    const votes = Array.from({ length: count }, (_, i) => ({
      height: height + BigInt(i),
      appHash: new Uint8Array(randomBytes(32)),
    }));
    for (const [i, result] of (await untilClear(() => voter.batchAsync(votes))).entries()) {
      if (result.kind === "refused") say("refused", result.height, result.code);
      else say("signed", result.height, hexOf(votes[i].appHash), hexOf(result.signature));
    }
    height += BigInt(count);
  }
} catch (error) {
  say("error", error.code ?? "", error.message);
  process.exitCode = 1;
}

/** The same votes again, for as long as the arbiter gives no clear answer. */
async function untilClear(vote) {
  for (;;) {
    try {
      return await vote();
    } catch (error) {
      if (error.code !== "arbiter-unclear") throw error;
      say("unclear");
    }
  }
}
