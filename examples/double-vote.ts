// A finality provider votes twice at one height, and loses its key.
import { extractFromVotes, hex, publicKeyOf, signVoteUnprotected, verifyVote } from "tapstake";
import { commitRandomness } from "tapstake/finality";

const secretKey = hex.decode("0b432b2677937381aef05bb02a66ecd012773062cf3fa2549e44f58ed2401710");
const chain = { secretKey, chainId: "chain-one" };

// It promises its randomness for 16 heights, under one Merkle root that it signs.
const { commitment, proof } = commitRandomness({ ...chain, startHeight: 1_000n, count: 16 });

// One vote a height is safe, and anyone can verify it against the promise.
const vote = signVoteUnprotected({ ...chain, height: 1_003n, appHash: new Uint8Array(32).fill(1) });
console.log("the vote verifies:", verifyVote(commitment, vote, proof(1_003n)));

// A second vote at the same height is an equation too many.
const fork = signVoteUnprotected({ ...chain, height: 1_003n, appHash: new Uint8Array(32).fill(2) });
const leaked = extractFromVotes({ ...vote, canonical: vote, fork });
console.log("the key is out:", hex.encode(publicKeyOf(leaked)) === hex.encode(vote.finalityProvider));
