import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import {
  readChainCommits,
  readChainEvidence,
  readChainProvider,
  readChainVotes,
} from "../../src/babylon/lcd/finality.js";
import { contextOf } from "../../src/babylon/releases.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { extractFromVotes } from "../../src/extract/evidence.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { refusal } from "../support/refusal.js";
import { secretOf } from "../support/stake.js";
import { readVectors } from "../support/vectors.js";

const stored = JSON.parse(readVectors("chain/stored-finality-provider-bbn-1.json")) as {
  finality_provider: Record<string, unknown>;
};
const hash = (byte: number) => new Uint8Array(32).fill(byte);
const b64 = (byte: number, length = 32) => base64.encode(new Uint8Array(length).fill(byte));

describe("a provider of the chain", () => {
  it("is read as the chain stored it", () => {
    expect(readChainProvider(stored)).toEqual({
      key: hex.decode("1a1a386b33459740b3ed40737786f698a597efdbeb2c96cdf8952f71c204c029"),
      account: "bbn1t4ft3xp4r83c5cmpjt27r95uw6d0uq0ctpt88v",
      moniker: "Lombard x Figment",
      commission: { numerator: 80_000_000_000_000_000n, denominator: 10n ** 18n },
      jailed: false,
      highestVotedHeight: 1_177_328n,
    });
  });

  it("says whether it was slashed, jailed or deleted", () => {
    const raw = { ...stored.finality_provider, slashed_babylon_height: "12", slashed_btc_height: 900_000 };
    const read = readChainProvider({ finality_provider: { ...raw, jailed: true, soft_deleted: true } });
    expect(read).toMatchObject({
      slashed: { height: 12n, bitcoinHeight: 900_000 },
      jailed: true,
      softDeleted: true,
    });
  });

  it.each<[string, unknown, ErrorCode]>([
    ["btc_pk", "1A1A386B33459740B3ED40737786F698A597EFDBEB2C96CDF8952F71C204C029", "invalid-hex"],
    ["btc_pk", "1a", "invalid-json"],
    ["commission", "1.5.1", "invalid-json"],
    ["commission", "-0.1", "invalid-rate"],
    ["jailed", "no", "invalid-json"],
    ["highest_voted_height", -1, "invalid-json"],
  ])("with %s of %j is refused at the field", (name, value, code) => {
    const run = () => readChainProvider({ ...stored.finality_provider, [name]: value });
    expect(refusal(code, run).details["path"]).toBe(`finality_provider.${name}`);
  });
});

describe("commitments of the chain", () => {
  const commit = { num_pub_rand: "50000", commitment: b64(7), epoch_num: "12" };

  it("are read with the height that each begins at, the earliest first", () => {
    const read = readChainCommits({ pub_rand_commit_map: { "51000": commit, "1000": commit } });
    expect(read.map(({ startHeight }) => startHeight)).toEqual([1000n, 51_000n]);
    expect(read[0]).toEqual({ startHeight: 1000n, count: 50_000n, root: hash(7), epoch: 12n });
    expect(readChainCommits({ pub_rand_commit_map: null })).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, ErrorCode]>([
    ["01000", commit, "invalid-json"],
    ["18446744073709551616", commit, "invalid-json"],
    ["1000", { ...commit, commitment: b64(7, 31) }, "invalid-bytes"],
    ["1000", { ...commit, num_pub_rand: "-1" }, "invalid-json"],
  ])("at %s of %j are refused", (height, value, code) => {
    const run = () => readChainCommits({ pub_rand_commit_map: { [height]: value } });
    expect(refusal(code, run).details["path"]).toContain(`pub_rand_commit_map.${height}`);
  });
});

describe("votes of the chain", () => {
  it("are the keys of those who voted, each once", () => {
    const [one, other] = ["11".repeat(32), "aa".repeat(32)];
    expect(readChainVotes({ btc_pks: [other, one] })).toEqual([hex.decode(other), hex.decode(one)]);
    expect(readChainVotes({ btc_pks: null })).toEqual([]);
    const twice = refusal("duplicate-key", () => readChainVotes({ btc_pks: [one, other, one] }));
    expect(twice.details["path"]).toBe("btc_pks[2]");
    const upper = refusal("invalid-hex", () => readChainVotes({ btc_pks: [other, other.toUpperCase()] }));
    expect(upper.details["path"]).toBe("btc_pks[1]");
  });
});

describe("evidence of the chain", () => {
  const secretKey = secretOf("a provider that votes twice");

  /** As a server answers after two votes. */
  function answered(context?: string) {
    const vote = (appHash: Uint8Array) =>
      signVoteUnprotected({
        secretKey,
        chainId: "bbn-1",
        height: 20_000n,
        appHash,
        ...(context !== undefined && { context }),
      });
    const [canonical, fork] = [vote(hash(1)), vote(hash(2))];
    return {
      fp_btc_pk_hex: hex.encode(canonical.finalityProvider),
      block_height: "20000",
      pub_rand: base64.encode(canonical.publicRandomness),
      canonical_app_hash: base64.encode(canonical.appHash),
      fork_app_hash: base64.encode(fork.appHash),
      canonical_finality_sig: base64.encode(canonical.signature) as string | null,
      fork_finality_sig: base64.encode(fork.signature),
    };
  }

  it("reveals the key, with and without a signing context", () => {
    for (const context of [undefined, contextOf("fp_fin_vote", "bbn-1", "v3")]) {
      const { evidence } = readChainEvidence({ evidence: answered(context) }, context);
      expect(publicKeyOf(extractFromVotes(evidence!))).toEqual(publicKeyOf(secretKey));
    }
  });

  it("of one vote so far reveals nothing", () => {
    for (const none of [null, ""]) {
      const read = readChainEvidence({ ...answered(), canonical_finality_sig: none });
      expect(read).not.toHaveProperty("evidence");
      expect(read).toMatchObject({ height: 20_000n, canonicalAppHash: hash(1), fork: { appHash: hash(2) } });
    }
  });

  it.each<[string, unknown, ErrorCode]>([
    ["fork_app_hash", b64(1), "same-message"],
    ["pub_rand", b64(1, 33), "invalid-bytes"],
    ["canonical_finality_sig", b64(1, 31), "invalid-bytes"],
    ["fork_finality_sig", null, "invalid-json"],
    ["fp_btc_pk_hex", "AB".repeat(32), "invalid-hex"],
    ["block_height", "1.5", "invalid-json"],
  ])("with %s of %j is refused at the field", (name, value, code) => {
    const error = refusal(code, () => readChainEvidence({ ...answered(), [name]: value }));
    expect(error.details["path"]).toBe(`evidence.${name}`);
  });
});
