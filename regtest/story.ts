import { parseTransaction, type UnspentOutput } from "../src/bitcoin/transaction.js";
import { formatBtc } from "../src/core/amount.js";
import { equalBytes, hex, utf8 } from "../src/core/bytes.js";
import { sha256 } from "../src/core/hashes.js";
import { evenSecret } from "../src/core/keys.js";
import { scalar } from "../src/core/scalar.js";
import { schnorr } from "../src/crypto/schnorr.js";
import { type Delegation, presignedSlashing, stakeCoin, unbondedCoin } from "../src/delegation/delegation.js";
import { finishUnbonding, signUnbonding } from "../src/delegation/sign.js";
import { slashingSpend, unbondingSpend } from "../src/delegation/spends.js";
import { extractFromVotes } from "../src/extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../src/extract/slashing.js";
import { commitRandomness } from "../src/finality/randomness/commit.js";
import { regtest } from "../src/params/data/regtest.js";
import { paramsAt } from "../src/params/in-force.js";
import type { StakeTerms } from "../src/script/terms.js";
import {
  keySigner,
  leafSighash,
  type LeafSignature,
  type LeafSpend,
  withWitness,
} from "../src/spending/spend.js";
import { assembleWitness } from "../src/spending/witness.js";
import { buildSlashing, type Slashable } from "../src/stake/slashing.js";
import type { Withdrawable } from "../src/stake/withdrawal.js";
import { signVoteUnprotected, verifyVote } from "../src/vote/vote.js";
import { expectThat, Narrator, type StoryEvent } from "./narrator.js";
import type { RegtestNode } from "./node.js";
import { committee, type Party, party } from "./parties.js";
import { mineToOneBlockEarly, refundCoin, refusal, sendAndMine, stake, withdrawal } from "./stage.js";

const STAKE = 1_000_000n;
const LONG = 1_000;
/** Long enough that the other chapters end before it does, short enough to mine through. */
const SHORT = 100;
const params = paramsAt(regtest, 0);
const staker = party("staker");
/** Each finality provider votes on a chain of its own. */
const one = { ...party("finality provider one"), chainId: "chain-one" };
const two = { ...party("finality provider two"), chainId: "chain-two" };
const FIRST_HEIGHT = 5_000n;

/**
 * A stake's whole life in four stakes, on a real node: slashed, unbonded, slashed while unbonding, ended by its time
 * lock. The node itself accepts or refuses each transaction; any other result than the expected one ends the demo with
 * an error.
 * @throws TapstakeError `unexpected-verdict`, and the codes of all parts
 */
export async function tellStory(node: RegtestNode, onEvent: (event: StoryEvent) => void): Promise<void> {
  const scene: Scene = { node, narrator: new Narrator(onEvent) };
  const [first, second, third, fourth] = await openStakes(scene);
  const secretKey = await slashForTwoVotes(scene, first);
  await unbondEarly(scene, second);
  await slashWhileUnbonding(scene, third, secretKey);
  await runOut(scene, fourth);
}

interface Scene {
  readonly node: RegtestNode;
  readonly narrator: Narrator;
}

async function openStakes(scene: Scene): Promise<[Delegation, Delegation, Delegation, Delegation]> {
  const { narrator } = scene;
  narrator.begin("Four stakes are opened");
  const [m1, m2, m3, m4, m5] = committee as [Party, Party, Party, Party, Party];
  const delegations: Awaited<ReturnType<typeof openStakes>> = [
    await openStake(scene, one, LONG, [m1, m3, m5]),
    await openStake(scene, two, LONG, [m1, m2, m4]),
    await openStake(scene, one, LONG, [m5, m4, m3]),
    await openStake(scene, two, SHORT, [m2, m3, m5]),
  ];
  narrator.done(
    "For each stake, 3 of 5 committee members check every rule, and sign before any coin is locked",
    {
      why: "So the staker can unbond later without asking them again.",
    },
  );
  narrator.done("Their slashing signatures are encrypted: only the provider's secret key completes them", {
    why: "The key leaks when the provider votes twice.",
  });
  narrator.done("bitcoind derives every address from our descriptors");
  narrator.done("The wallet that pays signs last; for it, a stake is a payment like any other");
  for (const [i, { terms, staking }] of delegations.entries()) {
    const provider = i % 2 === 0 ? "one" : "two";
    narrator.done(
      `Stake ${i + 1}: ${formatBtc(STAKE)}, finality provider ${provider}, locked ${terms.timelock} blocks`,
      {
        txid: staking.transaction.getId(),
        data: {
          satoshi: `${STAKE}`,
          timelock: terms.timelock,
          finalityProvider: hex.encode(terms.finalityProviders[0]!),
        },
      },
    );
  }
  return delegations;
}

function openStake(
  { node }: Scene,
  provider: Party,
  timelock: number,
  members: readonly Party[],
): Promise<Delegation> {
  const finalityProviders = [provider.publicKey];
  const terms: StakeTerms = {
    staker: staker.publicKey,
    finalityProviders,
    covenant: params.covenant,
    timelock,
  };
  return stake(node, { terms, params, value: STAKE, stakers: [staker], committee: members });
}

/** Stake 1. Returns the secret key that finality provider one exposed. */
async function slashForTwoVotes(scene: Scene, delegation: Delegation): Promise<Uint8Array> {
  const { node, narrator } = scene;
  narrator.begin("Stake 1: its finality provider votes twice");
  const spend = slashingSpend(delegation, "staking");
  const { stakerSignatures } = presignedSlashing(delegation, "staking");
  const alone = withSignatures(spend, [
    ...stakerSignatures,
    ...signAll(spend).slice(0, params.covenant.quorum),
  ]);
  narrator.refused("The committee tries to slash on its own", await refusal(node, alone), {
    why: "The script wants the finality provider's signature too, and only a double vote reveals its key.",
  });

  const secretKey = voteTwice(narrator);
  const slashing = await slash(scene, delegation, "staking", secretKey);
  await withdraw(scene, delegation, "refund", refundCoin(slashing));

  const mined = parseTransaction(hex.decode(await node.rpc.getrawtransaction(slashing.getId())));
  const extracted = extractFromSlashing(delegation, mined);
  expectThat(equalBytes(extracted.secretKey, secretKey), "both ways give the same key");
  narrator.done(
    "The mined slashing and the committee's adaptor signatures give the same key again, without votes",
    {
      why: "A completed signature minus the adaptor signature is the key: no one can use it in secret.",
      data: { member: hex.encode(extracted.member) },
    },
  );
  return secretKey;
}

/** Finality provider one votes at three heights, and at the last of them twice. Returns the extracted key. */
function voteTwice(narrator: Narrator): Uint8Array {
  const startHeight = FIRST_HEIGHT;
  const [first, second] = [one, two].map((provider) =>
    commitRandomness({ ...provider, startHeight, count: 8 }),
  );
  const { commitment, proof } = first!;
  narrator.done(
    `It commits the randomness of ${commitment.count} heights of ${one.chainId}: one Merkle root`,
    {
      data: { root: hex.encode(commitment.root), startHeight: Number(startHeight), count: commitment.count },
    },
  );

  const vote = (provider: typeof one, height: bigint, block: string) =>
    signVoteUnprotected({ ...provider, height, appHash: sha256(utf8(block)) });
  const heights = [startHeight, startHeight + 1n, startHeight + 2n];
  for (const height of heights) {
    for (const [provider, committed] of [[one, first!] as const, [two, second!] as const]) {
      const cast = vote(provider, height, `${provider.chainId} block ${height}`);
      expectThat(
        verifyVote(committed.commitment, cast, committed.proof(height)),
        `the vote at ${height} verifies`,
      );
    }
  }
  narrator.done(`It votes at heights ${heights.join(", ")}; each vote verified with its Merkle proof`, {
    why: `One vote per height is safe. Provider two, on ${two.chainId}, does the same and stops there.`,
  });

  const height = heights[2]!;
  const canonical = vote(one, height, `${one.chainId} block ${height}`);
  const fork = vote(one, height, "another block");
  expectThat(verifyVote(commitment, fork, proof(height)), "the second vote at one height verifies too");
  const secretKey = extractFromVotes({ ...canonical, canonical, fork });
  expectThat(
    equalBytes(secretKey, scalar.toBytes(evenSecret(one.secretKey).d)),
    "the key is the provider's own",
  );
  narrator.done(`It votes again at ${height}, for another block: the two votes give its secret key`, {
    why: "Two signatures with one randomness are two equations, and the key solves them.",
    data: { finalityProvider: hex.encode(one.publicKey), height: Number(height) },
  });
  return secretKey;
}

/** Stake 2. */
async function unbondEarly(scene: Scene, delegation: Delegation): Promise<void> {
  const { node, narrator } = scene;
  narrator.begin("Stake 2: the staker unbonds early");
  const signed = await signUnbonding(delegation, keySigner(staker.secretKey));
  const spend = unbondingSpend(signed);
  for (const count of [2, 4]) {
    const wrong = withSignatures(spend, [
      ...signed.unbonding.stakerSignatures,
      ...signAll(spend).slice(0, count),
    ]);
    narrator.refused(`Unbonding with ${count} committee signatures`, await refusal(node, wrong));
  }
  await unbond(
    scene,
    signed,
    "The quorum is exact: the script refuses one signature too many like one too few.",
  );
  await withdraw(scene, delegation, "unbonding", unbondedCoin(delegation));
}

/** Stake 3. */
async function slashWhileUnbonding(
  scene: Scene,
  delegation: Delegation,
  secretKey: Uint8Array,
): Promise<void> {
  const { node, narrator } = scene;
  narrator.begin("Stake 3: unbonding is no escape");
  const signed = await signUnbonding(delegation, keySigner(staker.secretKey));
  await unbond(
    scene,
    signed,
    "This stake has the same provider. Its staker tries to leave before the slashing.",
  );
  const late = finishSlashing(delegation, "staking", secretKey);
  narrator.refused("Slashing the staking output, which is spent", await refusal(node, late));
  await slash(scene, delegation, "unbonding", secretKey);
}

/** Stake 4. */
async function runOut(scene: Scene, delegation: Delegation): Promise<void> {
  scene.narrator.begin("Stake 4: the time lock runs out");
  await withdraw(scene, delegation, "staking", stakeCoin(delegation));
}

async function unbond({ node, narrator }: Scene, delegation: Delegation, why: string): Promise<void> {
  const txid = await sendAndMine(node, finishUnbonding(delegation));
  const { value } = unbondedCoin(delegation);
  const fee = STAKE - value;
  expectThat(fee === params.unbondingFee, "unbonding pays the fee of the parameters");
  narrator.done(`Unbonding with 3 committee signatures is mined: ${value} satoshi, fee ${fee}`, {
    txid,
    why,
    data: { satoshi: `${value}`, fee: `${fee}` },
  });
}

async function slash(
  { node, narrator }: Scene,
  delegation: Delegation,
  from: Slashable,
  secretKey: Uint8Array,
) {
  const coin = from === "staking" ? stakeCoin(delegation) : unbondedCoin(delegation);
  const { slashed, refunded, fee } = buildSlashing(delegation.terms, params, from, coin);
  const transaction = finishSlashing(delegation, from, secretKey);
  const txid = await sendAndMine(node, transaction);
  const { vout } = await node.rpc.gettransactioninfo(txid);
  const [burnt, refund] = vout;
  expectThat(burnt!.value === slashed && refund!.value === refunded, "burn and refund are exact");
  expectThat(slashed + refunded + fee === coin.value, "nothing is lost");
  const what = from === "staking" ? "The stake" : "What was unbonding";
  narrator.done(`${what} is slashed and mined: ${slashed} satoshi burnt, ${refunded} refunded, fee ${fee}`, {
    txid,
    data: { from, slashed: `${slashed}`, refunded: `${refunded}`, fee: `${fee}` },
  });
  return transaction;
}

async function withdraw(
  scene: Scene,
  delegation: Delegation,
  from: Withdrawable,
  coin: UnspentOutput,
): Promise<void> {
  const { node, narrator } = scene;
  const { signed, timelock, value } = await withdrawal(node, { delegation, from, coin, stakers: [staker] });
  await mineToOneBlockEarly(node, coin, timelock);
  const what = { staking: "the stake", unbonding: "what was unbonded", refund: "the refund" }[from];
  narrator.refused(`Withdrawing ${what} after ${timelock - 1} blocks`, await refusal(node, signed), {
    why: "The time lock has not ended.",
  });
  await node.mine();
  const txid = await sendAndMine(node, signed);
  narrator.done(`Withdrawn after ${timelock} blocks: ${value} satoshi`, {
    txid,
    data: { from, timelock, satoshi: `${value}` },
  });
}

/** A plain signature by every committee member: what they could sign if they broke the protocol. */
function signAll(spend: LeafSpend): LeafSignature[] {
  const digest = leafSighash(spend);
  return committee.map(({ secretKey, publicKey }) => ({
    publicKey,
    signature: schnorr.sign(secretKey, digest),
  }));
}

const withSignatures = (spend: LeafSpend, signatures: readonly LeafSignature[]) =>
  withWitness(spend, assembleWitness(spend.leaf, signatures));
