import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { type Evidence, extractFromVotes } from "../../src/extract/evidence.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { signingContext } from "../../src/vote/messages.js";
import { type FinalityVote, signVoteUnprotected } from "../../src/vote/vote.js";
import { codeOf, delegate, makeStake, refusalOf, secretOf, signedBy } from "../support/stake.js";
import { eotsVectors } from "../support/vectors.js";

const secretKey = secretOf("voter");
const chainId = "chain-1";
const context = signingContext("fp_fin_vote", chainId, "bbn1module");
const vote = (appHash: number, more: Partial<Parameters<typeof signVoteUnprotected>[0]> = {}) =>
  signVoteUnprotected({ secretKey, chainId, height: 7n, appHash: new Uint8Array(32).fill(appHash), ...more });

const evidence = (canonical: FinalityVote, fork: FinalityVote): Evidence => ({
  finalityProvider: canonical.finalityProvider,
  height: canonical.height,
  publicRandomness: canonical.publicRandomness,
  canonical: cast(canonical),
  fork: cast(fork),
});

const cast = ({ appHash, signature, context: used }: FinalityVote) => ({
  appHash,
  signature,
  ...(used !== undefined && { context: used }),
});

const negated = (text: string) =>
  hex.encode(scalar.toBytes(scalar.negate(scalar.reduce(hex.decode(text, 32)))));

const even = (secret: Uint8Array) => scalar.toBytes(evenSecret(secret).d);

describe("two votes at one height reveal the key", () => {
  it("with either of them as the canonical one", () => {
    expect(extractFromVotes(evidence(vote(1), vote(2)))).toEqual(even(secretKey));
    expect(extractFromVotes(evidence(vote(2), vote(1)))).toEqual(even(secretKey));
  });

  it("as whole votes", () => {
    const [canonical, fork] = [vote(1), vote(2)];
    expect(extractFromVotes({ ...evidence(canonical, fork), canonical, fork })).toEqual(even(secretKey));
  });

  it("with and without a context: signing both is a double sign", () => {
    expect(extractFromVotes(evidence(vote(1), vote(1, { context })))).toEqual(even(secretKey));
    const other = signingContext("fp_fin_vote", chainId, "bbn1another");
    expect(extractFromVotes(evidence(vote(1, { context }), vote(1, { context: other })))).toEqual(
      even(secretKey),
    );
  });

  it("which slashes the stakes with that finality provider, with either parity of the key", async () => {
    const parities = new Set<string>();
    for (let i = 0; parities.size < 2; i++) {
      const stake = makeStake({ seed: `voter ${i}` });
      const [own] = stake.providerSecrets as [Uint8Array];
      const extracted = extractFromVotes(evidence(vote(1, { secretKey: own }), vote(2, { secretKey: own })));
      parities.add(hex.encode(own) === hex.encode(extracted) ? "even" : "odd");
      const signed = await signedBy(stake, await delegate(stake), [1, 2, 3]);
      expect(finishSlashing(signed, "staking", extracted).hasWitnesses()).toBe(true);
    }
  });

  it("and extraction leaves the evidence unchanged", () => {
    const [canonical, fork] = [vote(1), vote(2)];
    extractFromVotes(evidence(canonical, fork));
    expect(hex.encode(canonical.signature)).toBe(hex.encode(vote(1).signature));
    expect(hex.encode(fork.signature)).toBe(hex.encode(vote(2).signature));
  });
});

describe("evidence gives no key", () => {
  const [a, b] = [vote(1), vote(2)];
  const good = evidence(a, b);
  const cases: readonly [name: string, code: ErrorCode, bad: Evidence][] = [
    ["one vote twice", "same-message", { ...good, fork: good.canonical }],
    [
      "one signature under two hashes",
      "same-signature",
      { ...good, fork: { ...good.fork, signature: a.signature } },
    ],
    ["votes at two heights", "different-randomness", { ...good, fork: cast(vote(2, { height: 8n })) }],
    [
      "votes for two chains",
      "different-randomness",
      { ...good, fork: cast(vote(2, { chainId: "chain-2" })) },
    ],
    [
      "votes of two providers",
      "different-randomness",
      { ...good, fork: cast(vote(2, { secretKey: secretOf("b") })) },
    ],
    [
      "randomness that is another height's",
      "different-randomness",
      { ...good, publicRandomness: vote(1, { height: 8n }).publicRandomness },
    ],
    ["another height than the votes'", "different-randomness", { ...good, height: 8n }],
    [
      "another height than whole votes say",
      "different-randomness",
      { ...good, height: 8n, canonical: a, fork: b },
    ],
    ["a context that was not signed", "different-randomness", { ...good, fork: { ...good.fork, context } }],
    [
      "another provider's key",
      "different-randomness",
      { ...good, finalityProvider: publicKeyOf(secretOf("b")) },
    ],
    ["an invalid key", "invalid-public-key", { ...good, finalityProvider: new Uint8Array(32) }],
    ["invalid randomness", "invalid-randomness", { ...good, publicRandomness: new Uint8Array(32).fill(255) }],
    [
      "a short signature",
      "invalid-signature",
      { ...good, fork: { ...good.fork, signature: new Uint8Array(31) } },
    ],
    [
      "a signature of n and more",
      "invalid-signature",
      { ...good, fork: { ...good.fork, signature: new Uint8Array(32).fill(255) } },
    ],
    ["a short app hash", "invalid-bytes", { ...good, fork: { ...good.fork, appHash: new Uint8Array(31) } }],
    ["a height below 0", "invalid-number", { ...good, height: -1n }],
    ["an invalid context", "invalid-hex", { ...good, canonical: { ...good.canonical, context: "v3" } }],
  ];
  it.each(cases)("%s", async (_, code, bad) => {
    expect(await codeOf(() => extractFromVotes(bad))).toBe(code);
    const { message, details } = await refusalOf(() => extractFromVotes(bad));
    for (const secret of [hex.encode(secretKey), hex.encode(even(secretKey))]) {
      expect(`${message}${JSON.stringify(details)}`).not.toContain(secret);
    }
  });
});

describe("the keys that the Go reference extracts from votes", () => {
  it("are extracted", () => {
    for (const vector of eotsVectors()) {
      const of = (message: string, signature: string) => ({
        appHash: hex.decode(message.slice(16)),
        signature: hex.decode(signature),
      });
      const extracted = extractFromVotes({
        finalityProvider: hex.decode(vector.Pk),
        height: BigInt(`0x${vector.Msg1.slice(0, 16)}`),
        publicRandomness: hex.decode(vector.PubRand),
        canonical: of(vector.Msg1, vector.Sig1),
        // The reference negated it in place while extracting, before the file was written.
        fork: of(vector.Msg2, negated(vector.Sig2)),
      });
      expect(publicKeyOf(extracted)).toEqual(hex.decode(vector.Pk));
      expect(extracted).toEqual(even(hex.decode(vector.Extracted)));
    }
  });
});
