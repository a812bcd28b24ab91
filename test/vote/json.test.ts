import { describe, expect, it } from "vitest";
import { TapstakeError } from "../../src/core/errors.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import {
  blockVotesFromJson,
  commitmentFromJson,
  commitmentToJson,
  merkleProofFromJson,
  merkleProofToJson,
  voteFromJson,
  voteToJson,
} from "../../src/vote/json.js";
import { signingContext } from "../../src/vote/messages.js";
import { signVoteUnprotected, verifyVote } from "../../src/vote/vote.js";
import { secretOf } from "../support/stake.js";

import * as fc from "fast-check";

const secretKey = secretOf("provider");
const chainId = "chain-1";
const committed = commitRandomness({ secretKey, chainId, startHeight: 100n, count: 21 });
const { commitment } = committed;
const proof = committed.proof(105n);
const vote = signVoteUnprotected({ secretKey, chainId, height: 105n, appHash: new Uint8Array(32).fill(7) });

const forms = [
  { name: "commitment", from: commitmentFromJson, text: commitmentToJson(commitment), good: commitment },
  { name: "proof", from: merkleProofFromJson, text: merkleProofToJson(proof), good: proof },
  { name: "vote", from: voteFromJson, text: voteToJson(vote), good: vote },
] as const;

const refusing = (code: string, message = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string });

describe.each(forms)("a $name as JSON", ({ name, from, text, good }) => {
  const json = JSON.parse(text) as Record<string, unknown>;
  const read = (change: Record<string, unknown>) => from(JSON.stringify({ ...json, ...change }));

  it("is read back unchanged", () => {
    expect(from(text)).toEqual(good);
  });

  it("refuses every field that is missing or of another type, and unknown ones", () => {
    for (const field of Object.keys(json)) {
      for (const value of [undefined, null, {}, -1, 1.5]) {
        expect(() => read({ [field]: value })).toThrow(refusing("invalid-json", `${name}.${field}`));
      }
    }
    expect(() => read({ more: 1 })).toThrow(refusing("invalid-json", `${name}.more: unknown field`));
  });

  it("refuses bytes that are not hexadecimal, or of another length", () => {
    for (const [field, value] of Object.entries(json)) {
      if (typeof value !== "string" || value.length < 64) continue;
      for (const bad of ["", "00", value.slice(1), `${value}00`, `zz${value.slice(2)}`]) {
        expect(() => read({ [field]: bad })).toThrow(refusing("invalid-hex", `${name}.${field}`));
      }
    }
  });

  it("refuses invalid JSON, without showing it", () => {
    expect(() => from("{secret")).toThrow(refusing("invalid-json", `${name}: not JSON`));
  });

  it("gives a value or a TapstakeError for any input", () => {
    const field = fc.constantFrom(...Object.keys(json), "context", "more");
    fc.assert(
      fc.property(fc.dictionary(field, fc.jsonValue()), fc.boolean(), (change, whole) => {
        try {
          from(JSON.stringify(whole ? change : { ...json, ...change }));
        } catch (error) {
          expect(error).toBeInstanceOf(TapstakeError);
        }
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (any) => {
        expect(() => from(any)).toThrow(TapstakeError);
      }),
    );
  });
});

describe("heights and counts in JSON", () => {
  const withHeight = (height: unknown) =>
    voteFromJson(JSON.stringify({ ...JSON.parse(voteToJson(vote)), height })).height;

  it("keep every digit of 64 bits as text, and are numbers only where that is exact", () => {
    expect(withHeight("18446744073709551615")).toBe(2n ** 64n - 1n);
    expect(withHeight(105)).toBe(105n);
    for (const bad of ["18446744073709551616", 2 ** 53, "0x10", "05", "-1", "", " 1"]) {
      expect(() => withHeight(bad)).toThrow(refusing("invalid-json", "vote.height"));
    }
  });

  it("refuses a count of 0, and more aunts than the largest tree has", () => {
    const counted = { ...JSON.parse(commitmentToJson(commitment)), count: 0 } as object;
    expect(() => commitmentFromJson(JSON.stringify(counted))).toThrow(refusing("invalid-json", "count"));
    const long = {
      ...JSON.parse(merkleProofToJson(proof)),
      aunts: Array(54).fill("00".repeat(32)),
    } as object;
    expect(() => merkleProofFromJson(JSON.stringify(long))).toThrow(refusing("invalid-json", "aunts"));
  });
});

describe("signing contexts in JSON", () => {
  it("are read back unchanged, and a signature with one verifies", () => {
    const context = signingContext("fp_rand_commit", chainId, "bbn1module");
    const by = commitRandomness({ secretKey, chainId, startHeight: 100n, count: 21, context });
    const voteContext = signingContext("fp_fin_vote", chainId, "bbn1module");
    const cast = signVoteUnprotected({ ...vote, secretKey, chainId, context: voteContext });
    const read = voteFromJson(voteToJson({ ...vote, signature: cast.signature, context: voteContext }));
    expect(read.context).toBe(voteContext);
    const readCommitment = commitmentFromJson(commitmentToJson(by.commitment));
    expect(readCommitment).toEqual(by.commitment);
    expect(verifyVote(readCommitment, read, merkleProofFromJson(merkleProofToJson(by.proof(105n))))).toBe(
      true,
    );
  });

  it("are 64 hexadecimal digits", () => {
    const json = { ...JSON.parse(voteToJson(vote)), context: "v3" } as object;
    expect(() => voteFromJson(JSON.stringify(json))).toThrow(refusing("invalid-hex", "vote.context"));
  });
});

describe("a batch of votes as JSON", () => {
  const heights = fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), {
    minLength: 1,
    maxLength: 20,
  });
  const hash = "07".repeat(32);
  const items = (list: readonly bigint[]) => list.map((height) => ({ height: `${height}`, hash }));

  it("keeps every height, in its order, from an array or from lines", () => {
    fc.assert(
      fc.property(heights, (list) => {
        const expected = list.map((height) => ({ height, appHash: new Uint8Array(32).fill(7) }));
        expect(blockVotesFromJson(JSON.stringify(items(list)))).toEqual(expected);
        const lines = items(list).map((item) => JSON.stringify(item));
        expect(blockVotesFromJson(`${lines.join("\r\n")}\n\n`)).toEqual(expected);
      }),
    );
  });

  it("refuses a height that is there twice, however it is written", () => {
    fc.assert(
      fc.property(heights, fc.nat(), (list, at) => {
        const twice = [...items(list), items(list)[at % list.length]];
        expect(() => blockVotesFromJson(JSON.stringify(twice))).toThrow(refusing("duplicate-height"));
      }),
    );
    const text = `[{"height": 5, "hash": "${hash}"}, {"height": "5", "hash": "${"08".repeat(32)}"}]`;
    expect(() => blockVotesFromJson(text)).toThrow(refusing("duplicate-height", "height 5 "));
  });

  it("gives a batch or a TapstakeError for any input", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.json().map((each) => `[${each}]`),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          blockVotesFromJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(TapstakeError);
        }
      }),
    );
    for (const empty of ["", "[]", "\n \n"]) {
      expect(() => blockVotesFromJson(empty)).toThrow(refusing("invalid-json", "the batch is empty"));
    }
    expect(() => blockVotesFromJson(`{"height": 1, "hash": "${hash}"}\n{`)).toThrow(
      refusing("invalid-json", "batch line 2"),
    );
  });
});
