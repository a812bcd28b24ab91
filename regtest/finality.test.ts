import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { utf8 } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { evenSecret } from "../src/core/keys.js";
import { scalar } from "../src/core/scalar.js";
import { eots } from "../src/crypto/eots.js";
import { randomness } from "../src/crypto/randomness.js";
import type { Delegation } from "../src/delegation/delegation.js";
import { extractFromVotes } from "../src/extract/evidence.js";
import { finishSlashing } from "../src/extract/slashing.js";
import { chainConfig } from "../src/finality/chains.js";
import { openHome } from "../src/finality/home.js";
import { createKey, type UnlockedKey, unlockKey } from "../src/finality/keys/keystore.js";
import { initProtection, openProtection, type Protection } from "../src/finality/protection/protection.js";
import { commitRandomness } from "../src/finality/randomness/commit.js";
import { Voter } from "../src/finality/voter.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import { voteMessage } from "../src/vote/messages.js";
import { verifyVote } from "../src/vote/vote.js";
import { LIGHT } from "../test/support/home.js";
import { committee, party, type RegtestNode, sendAndMine, stake, startNode } from "./index.js";

/** What the protection protects from, on a real node: an operator who goes around it, and what that costs. */
const operator = party("finality provider who knows better");
const staker = party("staker of the finality test");
const params = paramsAt(regtest, 0);
const STAKE = 1_000_000n;
const chainId = "bsn-1";
const height = 5_000n;
const [first, second] = ["the block", "another block"].map((block) => sha256(utf8(block))) as [
  Uint8Array,
  Uint8Array,
];
const { commitment, proof } = commitRandomness({
  secretKey: operator.secretKey,
  chainId,
  startHeight: height,
  count: 4,
});

let node: RegtestNode;
let folder: string;
let key: UnlockedKey;
let protection: Protection;
let voter: Voter;
let delegation: Delegation;

beforeAll(async () => {
  node = await startNode();
  const terms = {
    staker: staker.publicKey,
    finalityProviders: [operator.publicKey],
    covenant: params.covenant,
    timelock: 1_000,
  };
  const members = committee.slice(0, params.covenant.quorum);
  delegation = await stake(node, { terms, params, value: STAKE, stakers: [staker], committee: members });

  folder = mkdtempSync(join(tmpdir(), "tapstake-finality-"));
  const home = openHome(join(folder, "home"));
  const passphrase = "a passphrase";
  const { secretKey, publicKey } = operator;
  createKey(home, { name: "validator", passphrase, secretKey, origin: "imported", scrypt: LIGHT });
  initProtection(home, { key: publicKey, chainId, fromHeight: height });
  key = unlockKey(home, "validator", passphrase);
  protection = openProtection(home);
  const { finalityProvider: _, ...committed } = commitment;
  protection.addCommitment(publicKey, chainId, { ...committed, subtrees: null });
  voter = new Voter({ key, protection, chain: chainConfig(home, chainId) });
});
afterAll(async () => {
  protection?.close();
  key?.wipe();
  if (folder) rmSync(folder, { recursive: true, force: true });
  await node?.stop();
});

test("a double vote: an operator who forces it past the refusal loses the key and the stake", async () => {
  const honest = voter.vote({ height, appHash: first });
  if (honest.kind === "refused") throw new Error(honest.message);
  const vote = { ...honest, finalityProvider: key.publicKey, appHash: first };
  expect(verifyVote(commitment, vote, proof(height))).toBe(true);

  const refused = voter.vote({ height, appHash: second });
  expect(refused).toMatchObject({ kind: "refused", code: "double-vote" });
  expect(refused).not.toHaveProperty("signature");

  // Without the protection, eots.sign signs any message.
  const { secret } = randomness.derive(key.secretKey, chainId, height);
  const forced = {
    ...vote,
    appHash: second,
    signature: eots.sign(key.secretKey, secret, voteMessage({ height, appHash: second })),
  };
  expect(verifyVote(commitment, forced, proof(height))).toBe(true);

  // What a watchtower sees is two votes; it needs nothing else.
  const { finalityProvider, publicRandomness } = vote;
  const evidence = { finalityProvider, height, publicRandomness, canonical: vote, fork: forced };
  const leaked = extractFromVotes(evidence);
  expect(leaked).toEqual(scalar.toBytes(evenSecret(operator.secretKey).d));

  const slashing = finishSlashing(delegation, "staking", leaked);
  await sendAndMine(node, slashing);
  const [burnt, refund] = slashing.outs;
  expect(burnt!.value).toBe((params.slashing!.rate.numerator * STAKE) / params.slashing!.rate.denominator);
  expect(burnt!.value + refund!.value).toBeLessThan(STAKE);
  const { confirmations } = await node.rpc.gettransactioninfo(slashing.getId());
  expect(confirmations).toBe(1);
});

test("the slashing protection: continues after it, with the first vote the same and the second refused", () => {
  expect(voter.vote({ height, appHash: first })).toMatchObject({ kind: "same" });
  expect(voter.vote({ height, appHash: second })).toMatchObject({ code: "double-vote" });
});
