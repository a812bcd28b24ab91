import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, type NamedMessage } from "../../src/babylon/messages.js";
import { readAddInclusionProof } from "../../src/babylon/lifecycle.js";
import {
  contextOf,
  type MessageName,
  moduleAddress,
  releaseFacts,
  releasesOf,
  TYPE_URLS,
} from "../../src/babylon/releases.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import { hex } from "../../src/core/bytes.js";
import { eots } from "../../src/crypto/eots.js";
import { type Release, RELEASES } from "../../src/params/rules.js";
import { voteMessage } from "../../src/vote/messages.js";
import { refusal } from "../support/refusal.js";
import { readVectors } from "../support/vectors.js";

const read = <T>(name: string): T => JSON.parse(readVectors(`chain/${name}`)) as T;

const { messages: GOLDEN } = read<{
  messages: Readonly<Record<string, Readonly<Partial<Record<Release, string>>>>>;
}>("golden-messages.json");

/** The samples are written by hand from the field numbers of each release, by none of our code. */
describe.each(Object.entries(GOLDEN))("the golden bytes of %s", (title, byRelease) => {
  const name = title.split(" ")[0] as MessageName;
  const typeUrl = TYPE_URLS[name];

  it("are read, and written again for each release that knows them", () => {
    for (const [release, digits] of Object.entries(byRelease) as [Release, string][]) {
      const value = hex.decode(digits);
      const named = decodeMessage({ typeUrl, value });
      expect(named.name).toBe(name);
      expect(hex.encode(encodeMessage(name, named.message as never, release).value)).toBe(digits);
    }
  });

  it("are refused for a release that lacks the message", () => {
    const [digits] = Object.values(byRelease);
    const { message } = decodeMessage({ typeUrl, value: hex.decode(digits!) });
    expect(releasesOf(name, message)).toEqual(Object.keys(byRelease));
    for (const release of RELEASES.filter((each) => !(each in byRelease))) {
      const error = refusal("not-in-release", () => encodeMessage(name, message as never, release));
      expect(error.details).toMatchObject({ release, releases: Object.keys(byRelease) });
    }
  });
});

describe("a release", () => {
  it("has golden bytes of every message that it knows", () => {
    for (const release of RELEASES) {
      const names = Object.entries(GOLDEN).filter(([, each]) => release in each);
      const covered = new Set(names.map(([title]) => title.split(" ")[0]));
      expect([...covered].sort()).toEqual([...releaseFacts(release).messages].sort());
    }
  });

  it("is v4 by default, and is refused with an unknown name", () => {
    const message = { signer: "a", recoveredFpBtcSk: new Uint8Array(32).fill(1) };
    const name = "MsgSelectiveSlashingEvidence";
    expect(encodeMessage(name, message)).toEqual(encodeMessage(name, message, "v4"));
    refusal("invalid-argument", () => encodeMessage(name, message, "v5" as never));
    refusal("invalid-argument", () => releaseFacts("phase1" as never));
  });

  it("has the facts of its line", () => {
    expect(RELEASES.map((each) => releaseFacts(each).evidence.length)).toEqual([1, 1, 2, 1]);
    expect(RELEASES.map((each) => releaseFacts(each).commitmentAhead)).toEqual([
      undefined,
      undefined,
      160_000n,
      160_000n,
    ]);
    expect(RELEASES.map((each) => releaseFacts(each).forms.maxFinalityProviders)).toEqual([
      1,
      1,
      undefined,
      1,
    ]);
    expect(releaseFacts("v1").manyProvidersPerAccount).toBe(true);
  });

  it("signs under the published modules' accounts, where it signs under contexts", () => {
    expect(moduleAddress("finality")).toBe("bbn1lhf40qkva2f2n3snjjaglsx2yvwz7da9qa0tup");
    expect(moduleAddress("btcstaking")).toBe("bbn13837feaxn8t0zvwcjwhw7lhpgdcx4s36eqteah");
    expect(moduleAddress("gov")).toBe("bbn10d07y265gmmuvt4z0w9aw880jnsr700jduz5f2");
    const contexts = RELEASES.map((release) => contextOf("staker_pop", "bbn-1", release));
    expect(contexts.map((context) => context?.length)).toEqual([undefined, undefined, 64, undefined]);
    expect(contextOf("fp_fin_vote", "bbn-1")).toBeUndefined();
  });
});

describe("six messages of bsn-devnet-1, of the v3 line", () => {
  const { messages } = read<{ messages: readonly { typeUrl: string; value: string }[] }>(
    "devnet-messages.json",
  );
  const decoded = messages.map(({ typeUrl, value }) =>
    decodeMessage({ typeUrl, value: base64.decode(value) }),
  );

  it("are read, and written again byte for byte as v3", () => {
    expect(messages).toHaveLength(6);
    for (const [i, named] of decoded.entries()) {
      const again = encodeMessage(named.name, named.message as never, "v3");
      expect(again.typeUrl).toBe(messages[i]!.typeUrl);
      expect(base64.encode(again.value)).toBe(messages[i]!.value);
    }
  });

  it("have votes that verify under the context of v3, and not without", () => {
    const votes = decoded.filter(isVote);
    expect(votes).toHaveLength(2);
    const context = contextOf("fp_fin_vote", "bsn-devnet-1", "v3")!;
    for (const { message } of votes) {
      const { fpBtcPk, pubRand, blockHeight: height, blockAppHash: appHash, finalitySig } = message;
      const verifies = (signed: Uint8Array) => eots.verify(fpBtcPk, pubRand, signed, finalitySig);
      expect(verifies(voteMessage({ height, appHash, context }))).toBe(true);
      expect(verifies(voteMessage({ height, appHash }))).toBe(false);
    }
  });

  it("have proofs of the form that the readers require", () => {
    const proofs = decoded.filter(({ name }) => name === "MsgAddBTCDelegationInclusionProof");
    expect(proofs).toHaveLength(2);
    for (const { message } of proofs) {
      const { stakingTxHash } = message as MessageOf<"MsgAddBTCDelegationInclusionProof">;
      const stake = { staking: { transaction: { getId: () => stakingTxHash } } } as never;
      expect(readAddInclusionProof(message as never, stake).inclusion.proof.length % 32).toBe(0);
    }
  });
});

const isVote = (
  named: NamedMessage,
): named is Extract<NamedMessage, { readonly name: "MsgAddFinalitySig" }> =>
  named.name === "MsgAddFinalitySig";
