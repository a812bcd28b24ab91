// A finality provider in a program of its own: a key, a promise of randomness, and one vote a height, ever.
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyVote } from "tapstake";
import {
  chainConfig,
  commitStored,
  createKey,
  deriveRange,
  hideFromCoreDumps,
  interchangeText,
  openHome,
  openProtection,
  previewImport,
  proveCommitted,
  RandomnessCache,
  readInterchange,
  unlockKey,
  Voter,
} from "tapstake/finality";

hideFromCoreDumps();
// A real one calls openHome(), for ~/.tapstake or TAPSTAKE_HOME.
const home = openHome(mkdtempSync(join(tmpdir(), "tapstake-provider-")));
const passphrase = "from a prompt, a file or a vault";

// 1. A key, once in its life, encrypted at once. "generated" says that no one can have signed with it before.
const secretKey = crypto.getRandomValues(new Uint8Array(32));
createKey(home, { name: "validator-1", passphrase, secretKey, origin: "generated" });
secretKey.fill(0);

// 2. At each start: what was voted before. It makes this process the one signer of the home, or is refused.
const protection = openProtection(home);
const key = unlockKey(home, "validator-1", passphrase);
try {
  const chain = chainConfig(home, "bsn-1");
  const cache = new RandomnessCache();
  const voter = new Voter({ key, protection, chain, cache });

  // 3. The promise: it goes to the chain before the first of its heights.
  const commitment = await commitStored({ key, chain, protection, cache, start: 1_000n, count: 5_000 });
  console.log(`${commitment.count} heights from ${commitment.startHeight} on`);

  // 4. A vote: when it returns, it is on the disk, and verified. A refusal is an answer, with a code and a reason.
  const block = { height: 1_003n, appHash: new Uint8Array(32).fill(1) };
  const answer = voter.vote(block);
  if (answer.kind === "refused") throw new Error(answer.message);
  const { signature, publicRandomness } = answer;

  // 5. What the chain holds against the promise.
  const { proof } = await proveCommitted({ key, chain, protection, cache, height: block.height });
  const vote = { ...block, finalityProvider: key.publicKey, publicRandomness, signature };
  console.log(`${answer.kind}; it verifies:`, verifyVote(commitment, vote, proof));

  // 6. The same block again is the same signature; another one at that height is never signed.
  const fork = { ...block, appHash: new Uint8Array(32).fill(2) };
  for (const again of [voter.vote(block), voter.vote(fork)]) {
    console.log(again.kind === "refused" ? `refused (${again.code}): ${again.message}` : again.kind);
  }

  // 7. Heights that were missed, in one write. There is an answer for each.
  const missed = [1_004n, 1_005n, 1_006n].map((height) => ({ ...block, height }));
  console.log(
    voter
      .batch(missed)
      .map(({ height, kind }) => `${height}: ${kind}`)
      .join(", "),
  );

  // 8. Randomness without storing it, for other software: a part at a time.
  const range = { secretKey: key.secretKey, chainId: chain.id, start: 6_000n, count: 1_000 };
  await deriveRange(range, {}, ({ first, points }) => {
    console.log(`${points.length / 33} points from height ${range.start + BigInt(first)} on`);
  });

  // 9. What was voted, for another machine: to a file, and from it. Stop here for good before it votes there.
  const file = join(home.path, "interchange.json");
  await writeFile(file, interchangeText(protection), { mode: 0o600 });
  const interchange = await readInterchange(createReadStream(file));
  for (const { votes, begins } of previewImport(protection, interchange))
    console.log(`${votes} votes`, { begins });
  // A person has seen which keys would begin by the file: without this, they are refused.
  protection.importInterchange(interchange, { begin: true });
} finally {
  key.wipe();
  protection.close();
  rmSync(home.path, { recursive: true });
}
