/**
 * `npm run bench`: the point arithmetic of a page that shows a stake's address, beside that of @noble/curves, in turns.
 * tapstake's own is a tenth of the size, and may be slower, but a page must not feel it.
 */
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import * as points from "../../src/core/curve/public-points.js";
import { equalBytes, utf8 } from "../../src/core/bytes.js";
import { sha256, taggedHash } from "../../src/core/hashes.js";
import { figure, interleaved, say } from "./support/report.js";

const ROUNDS = 600;
const keys = Array.from({ length: ROUNDS }, (_, i) => schnorr.getPublicKey(sha256(utf8(`key ${i}`))));
const tweaks = keys.map((key) => taggedHash("TapTweak", key));

const { Point } = secp256k1;
const ours = (round: number) => points.xOnlyPointAddTweak(keys[round]!, tweaks[round]!)!.xOnlyPubkey;
const theirs = (round: number) => {
  const key = schnorr.utils.lift_x(BigInt(`0x${Buffer.from(keys[round]!).toString("hex")}`));
  const tweak = BigInt(`0x${Buffer.from(tweaks[round]!).toString("hex")}`);
  return schnorr.utils.pointToBytes(key.add(Point.BASE.multiplyUnsafe(tweak)));
};
for (const round of keys.keys()) {
  if (!equalBytes(ours(round), theirs(round))) throw new Error(`other output keys in round ${round}`);
}

console.log(
  "From a key to the output key of its Taproot address, as a page computes it: no Node, no WebAssembly.",
);
const median = await interleaved(ROUNDS, { ours, theirs });
say("\ntapstake, public points", median.ours, "ms");
say("@noble/curves", median.theirs, "ms");
figure("time of tapstake in that of @noble/curves", median.ours / median.theirs, { atMost: 15 });

const lift = await interleaved(ROUNDS, {
  ours: (round) => points.isXOnlyPoint(keys[round]!),
  theirs: (round) => schnorr.utils.lift_x(BigInt(`0x${Buffer.from(keys[round]!).toString("hex")}`)),
});
say("\ntapstake, is it a point", lift.ours, "ms");
say("@noble/curves", lift.theirs, "ms");
figure("time of tapstake in that of @noble/curves", lift.ours / lift.theirs, { atMost: 3 });
