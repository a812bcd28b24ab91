// A signer as a process of its own, for tests that kill it. What it prints has left the house.
//   node signer-process.mjs hold <home>         opens the home and waits
//   node signer-process.mjs open <home>         says that it opens the home, does so and waits
//   node signer-process.mjs vote <home> <from>  says that it opens the home, checks what was printed before (standard input), then
//                                               votes on and on
//   node signer-process.mjs try <home> <from>   votes until something fails, and prints the code of that
import { randomBytes } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { publicKeyOf } from "../../dist/src/core/keys.js";
import { openHome } from "../../dist/src/finality/home.js";
import { openProtection } from "../../dist/src/finality/protection/protection.js";
import { Voter } from "../../dist/src/finality/voter.js";

const [mode, path, from = "0"] = process.argv.slice(2);
const secretKey = new Uint8Array(32).fill(7);
const key = { name: "key-7", publicKey: publicKeyOf(secretKey), origin: "generated", secretKey };
const say = (...words) => writeSync(1, `${words.join(" ")}\n`);
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

try {
  if (mode === "open" || mode === "vote") say("opening");
  // Small, so that the watermark log is often written anew.
  const protection = openProtection(openHome(path), { roomForWatermarks: 2000 });
  if (!protection.watermarks(key.publicKey, "bbn-test")) protection.init(key.publicKey, "bbn-test", 0n);
  const voter = new Voter({ key, protection, chain: { id: "bbn-test", minCount: 1 }, uncommitted: "a test" });
  if (mode === "hold" || mode === "open") hold(protection);
  else if (mode === "vote") {
    check(voter);
    say("ready");
    voteOn(voter);
  } else voteOn(voter);
} catch (error) {
  say("error", error.code ?? error.message);
  process.exitCode = 1;
}

function hold(protection) {
  process.on("SIGTERM", () => {
    protection.close();
    process.exit(0);
  });
  setInterval(() => {}, 1000);
  say("ready");
}

/** Every signature that was printed must be remembered: the same again is the same, and another is refused. */
function check(voter) {
  const printed = readFileSync(0, "utf8").split("\n").filter(Boolean);
  for (const line of printed) {
    const [height, appHash, signature] = line.split(" ");
    const other = voter.vote({ height: BigInt(height), appHash: randomBytes(32) });
    if (other.kind !== "refused") say("LEAK", height, other.kind);
    const same = voter.vote({ height: BigInt(height), appHash: Buffer.from(appHash, "hex") });
    if (same.kind !== "same" || hexOf(same.signature) !== signature) say("LOST", height, same.kind);
  }
  say("checked", printed.length);
}

/** Single votes and batches with gaps. */
function voteOn(voter) {
  let height = BigInt(from);
  for (let turn = 0; ; turn++) {
    const count = turn % 3 === 2 ? 5 : 1;
    const votes = Array.from({ length: count }, (_, i) => ({
      height: height + BigInt(2 * i),
      appHash: new Uint8Array(randomBytes(32)),
    }));
    for (const [i, result] of voter.batch(votes).entries()) {
      if (result.kind !== "refused") {
        say("signed", result.height, hexOf(votes[i].appHash), hexOf(result.signature));
      }
    }
    height += BigInt(2 * count);
  }
}
