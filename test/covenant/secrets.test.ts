import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { evenSecret, publicKeyOf } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { addCovenantSignatures, covenantSigner, signAsMember } from "../../src/covenant/member.js";
import { checkDelegation } from "../../src/delegation/check.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { extractFromVotes } from "../../src/extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../../src/extract/slashing.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { keySigner } from "../../src/spending/spend.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import {
  codeOf,
  delegate,
  inForce,
  makeStake,
  refusalOf,
  regtestParams,
  signedBy,
} from "../support/stake.js";

const stake = makeStake({ seed: "secrets" });
const signed = await signedBy(stake, await delegate(stake), [0, 1, 2]);
const [provider] = stake.providerSecrets as [Uint8Array];
const [member] = stake.memberSecrets as [Uint8Array];
const [staker] = stake.stakerSecrets as [Uint8Array];

/** All the ways in which a value gets into a log. */
function printed(value: unknown): string {
  const json = (_: string, inner: unknown) => (typeof inner === "bigint" ? `${inner}` : inner);
  return [
    inspect(value, { depth: 10, showHidden: true, maxArrayLength: null, getters: true }),
    JSON.stringify(value, json) ?? "",
    JSON.stringify(value, (key, inner: unknown) =>
      inner instanceof Uint8Array ? hex.encode(inner) : json(key, inner),
    ) ?? "",
    String(value),
    value instanceof Error ? `${value.message}${value.stack}` : "",
  ].join("\n");
}

/** A secret as hexadecimal, as a number, as a list of bytes, as base64; and the same of n minus it. */
function forms(secret: Uint8Array): string[] {
  const negated = scalar.toBytes(scalar.negate(scalar.reduce(secret)));
  return [secret, negated].flatMap((bytes) => [
    hex.encode(bytes),
    `${scalar.reduce(bytes)}`,
    Array.from(bytes.slice(0, 12)).join(","),
    Array.from(bytes.slice(0, 12)).join(", "),
    Buffer.from(bytes).toString("base64"),
  ]);
}

function expectNoSecret(value: unknown): void {
  const text = printed(value);
  for (const secret of [provider, member, staker].flatMap(forms)) expect(text).not.toContain(secret);
}

describe("no secret is in", () => {
  it("a signer, printed in any way", () => {
    for (const signer of [keySigner(staker), covenantSigner(member), keySigner(Buffer.from(provider))]) {
      expectNoSecret(signer);
      expectNoSecret(Object.getOwnPropertyDescriptors(signer));
      expect(Object.keys(signer).toSorted()).toEqual(
        ["publicKey", "signAdaptor", "signSchnorr"].filter((name) => name in signer),
      );
    }
  });

  it("a delegation, its JSON, a commitment or a vote", () => {
    expectNoSecret(signed);
    expectNoSecret(delegationToJson(signed));
    const { commitment, proof } = commitRandomness({
      secretKey: provider,
      chainId: "c",
      startHeight: 1n,
      count: 3,
    });
    expectNoSecret([commitment, proof, proof(2n)]);
    expectNoSecret(
      signVoteUnprotected({ secretKey: provider, chainId: "c", height: 1n, appHash: new Uint8Array(32) }),
    );
  });

  it("what is refused", async () => {
    const secretHex = hex.encode(provider);
    const vote = (fill: number, chainId: string) =>
      signVoteUnprotected({
        secretKey: provider,
        chainId,
        height: 1n,
        appHash: new Uint8Array(32).fill(fill),
      });
    const [canonical, fork] = [vote(1, "a"), vote(2, "b")];
    const { finalityProvider, height, publicRandomness } = canonical;
    const finished = finishSlashing(signed, "staking", provider);
    const refused: (() => unknown)[] = [
      () => finishSlashing(signed, "staking", staker),
      () =>
        finishSlashing(
          { ...signed, slashing: { ...signed.slashing, covenantSignatures: [] } },
          "staking",
          provider,
        ),
      () => extractFromSlashing({ ...signed, slashing: signed.unbondingSlashing }, finished),
      () =>
        extractFromSlashing(
          { ...signed, slashing: { ...signed.slashing, covenantSignatures: [] } },
          finished,
        ),
      () => extractFromVotes({ finalityProvider, height, publicRandomness, canonical, fork }),
      () =>
        extractFromVotes({
          finalityProvider: publicKeyOf(member),
          height,
          publicRandomness,
          canonical,
          fork: vote(2, "a"),
        }),
      () => signAsMember(signed, covenantSigner(staker), inForce(regtestParams), { rules: "any" }),
      () => signAsMember(signed, covenantSigner(member), inForce(regtestParams), { rules: "any" }),
      () => keySigner(Uint8Array.of(...provider, 0)),
      () => covenantSigner(provider.slice(1)),
      () => covenantSigner(secretHex as never),
      () => keySigner(secretHex as never),
      () => commitRandomness({ secretKey: provider, chainId: "c", startHeight: -1n, count: 3 }),
      () => delegationFromJson(secretHex),
      () => delegationFromJson(`{"version":"${secretHex}"}`),
      () => delegationFromJson(delegationToJson(signed).replace('"staker": "', `"staker": "${secretHex}`)),
      () => checkDelegation({ ...signed, slashing: signed.unbondingSlashing }),
    ];
    for (const act of refused) expectNoSecret(await refusalOf(act));
  });
});

it("a signer: keeps its key when the caller wipes it, also in a Buffer", async () => {
  for (const copy of [Uint8Array.from(member), Buffer.from(member)]) {
    const [signer, plain] = [covenantSigner(copy), keySigner(copy)];
    copy.fill(0);
    const { unbonding: _, ...rest } = signed;
    const fresh = { ...rest, ...(await delegate(stake)) };
    const signatures = await signAsMember(fresh, signer, inForce(regtestParams), { rules: "any" });
    expect(await codeOf(() => addCovenantSignatures(fresh, signatures))).toBe("passed");
    expect(await plain.signSchnorr(new Uint8Array(32))).toHaveLength(64);
    expect(plain.publicKey).toEqual(evenSecret(member).publicKey);
  }
});

it.each([
  undefined,
  null,
  5,
  "00".repeat(32),
  [],
  new Uint8Array(31),
  new Uint8Array(32),
  new Uint8Array(32).fill(255),
])("%s: is refused as a signer", async (secret) => {
  expect(await codeOf(() => keySigner(secret as never))).toBe("invalid-secret-key");
  expect(await codeOf(() => covenantSigner(secret as never))).toBe("invalid-secret-key");
});
