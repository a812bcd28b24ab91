import { describe, expect, it } from "vitest";
import { type Checkpoint, checkpointDataOf, parseCheckpoint } from "../../src/babylon/checkpoint.js";
import { opReturnData } from "../../src/bitcoin/output-script.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { epochVerifier, readBlsValidators, verifyCheckpoint } from "../../src/watch/index.js";
import { blsValidator, outsideGroup, signedCheckpoint } from "../support/bls.js";
import { failure } from "../support/errors.js";
import { refusal } from "../support/refusal.js";
import { readCopy } from "../support/vectors.js";

const published = JSON.parse(readCopy("chain/checkpoint-bls.json")) as {
  readonly epoch: string;
  readonly blockHash: string;
  readonly blsSignature: string;
  readonly transactions: readonly [string, string];
  readonly keys: { readonly validator_with_bls_keys: readonly Record<string, string>[] };
};
const keys = JSON.stringify(published.keys);

const dataOf = (transaction: string): Uint8Array =>
  parseTransaction(hex.decode(transaction)).outs.flatMap(({ script }) => opReturnData(script) ?? [])[0]!;
const checkpoint = parseCheckpoint(dataOf(published.transactions[0]), dataOf(published.transactions[1]));

describe("checkpoint of ten validators, signed by the chain's own library", () => {
  it("is read from its two Bitcoin transactions", () => {
    expect(checkpoint.epoch).toBe(BigInt(published.epoch));
    expect(hex.encode(checkpoint.blockHash)).toBe(published.blockHash);
    expect(hex.encode(checkpoint.blsSignature)).toBe(published.blsSignature);
    const first = checkpointDataOf(parseTransaction(hex.decode(published.transactions[0])));
    expect(first).toMatchObject({ part: 0, epoch: 2n });
  });

  it("verifies, and nothing beside it", async () => {
    const verifier = await epochVerifier(readBlsValidators(keys));
    const says = (change: Partial<Checkpoint>) => verifier.verify({ ...checkpoint, ...change });
    expect(says({})).toEqual({ valid: true, signed: 10_000n, total: 10_000n });
    expect(says({ epoch: 3n })).toEqual({ valid: false, reason: "wrong-signature" });
    expect(says({ blockHash: checkpoint.blockHash.with(0, 1) })).toMatchObject({ reason: "wrong-signature" });
    // Nine of ten are a quorum, but another key than that of the signature.
    expect(says({ bitmap: checkpoint.bitmap.with(0, 0xfe) })).toMatchObject({ reason: "wrong-signature" });
    expect(says({ bitmap: Uint8Array.of(0x3f, ...new Uint8Array(12)) })).toMatchObject({
      reason: "no-quorum",
    });
    expect(says({ blsSignature: checkpoint.blsSignature.with(0, 0) })).toMatchObject({ reason: "no-point" });
  });
});

describe("verifying a checkpoint", () => {
  const validators = ["a", "b", "c"].map((name) => blsValidator(name));

  it("wants more than two thirds of the power, not two thirds", async () => {
    const two = signedCheckpoint(validators, [0, 2], { epoch: 5n, block: "x" });
    expect(await verifyCheckpoint(two, validators)).toEqual({ valid: false, reason: "no-quorum" });
    const heavier = validators.map((each, i) => ({ ...each, power: i === 1 ? 1n : 2n }));
    expect(await verifyCheckpoint(two, heavier)).toEqual({ valid: true, signed: 4n, total: 5n });
  });

  it("takes the lowest bit of the first byte for the first validator", async () => {
    const heavy = validators.map((each, i) => ({ ...each, power: i === 0 ? 9n : 1n }));
    const one = signedCheckpoint(validators, [0], { epoch: 5n, block: "x" });
    expect(one.bitmap[0]).toBe(1);
    expect(await verifyCheckpoint(one, heavy)).toMatchObject({ valid: true });
    const swapped = { ...one, bitmap: one.bitmap.with(0, 0x80) };
    expect(await verifyCheckpoint(swapped, heavy)).toMatchObject({ reason: "no-quorum" });
  });

  it("counts a signature with a point of another order added, as the chain does", async () => {
    const heavy = validators.map((each, i) => ({ ...each, power: i === 0 ? 9n : 1n }));
    const one = signedCheckpoint(validators, [0], { epoch: 5n, block: "x" });
    const blsSignature = outsideGroup(one.blsSignature);
    expect(blsSignature).not.toEqual(one.blsSignature);
    expect(await verifyCheckpoint({ ...one, blsSignature }, heavy)).toMatchObject({ valid: true });
  });

  it("refuses the point at infinity as a signature", async () => {
    const one = signedCheckpoint(validators, [0, 1, 2], { epoch: 5n, block: "x" });
    const blsSignature = new Uint8Array(48).with(0, 0xc0);
    expect(await verifyCheckpoint({ ...one, blsSignature }, validators)).toMatchObject({ valid: false });
  });
});

describe("keys of an epoch", () => {
  const [first, second] = published.keys.validator_with_bls_keys as [
    Record<string, string>,
    Record<string, string>,
  ];
  const answer = (list: readonly object[], more: object = {}) =>
    JSON.stringify({ validator_with_bls_keys: list, ...more });

  it("are refused in another form, in part, twice, without power and outside of the group", async () => {
    expect(readBlsValidators(answer([first, second], { pagination: { total: "2" } }))).toHaveLength(2);
    refusal("invalid-json", () => readBlsValidators("{}"));
    refusal("invalid-json", () => readBlsValidators(answer([{ ...first, bls_pub_key_hex: "00" }])));
    refusal("invalid-json", () => readBlsValidators(answer([first], { pagination: { total: "2" } })));
    refusal("invalid-argument", () => readBlsValidators(answer([])));
    refusal("invalid-argument", () => readBlsValidators(answer([{ ...first, voting_power: "0" }])));
    const twice = { ...second, bls_pub_key_hex: first["bls_pub_key_hex"]!.toUpperCase() };
    refusal("duplicate-key", () => readBlsValidators(answer([first, twice])));
    const [validator] = readBlsValidators(answer([first])) as [ReturnType<typeof readBlsValidators>[number]];
    for (const publicKey of [new Uint8Array(96).with(0, 0xc0), validator.publicKey.with(95, 0)]) {
      await failure(epochVerifier([{ publicKey, power: 1n }]), "invalid-public-key");
    }
    await failure(epochVerifier([{ publicKey: new Uint8Array(48), power: 1n }]), "invalid-bytes");
  });
});
