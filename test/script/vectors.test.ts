import { describe, expect, it } from "vitest";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { equalBytes, hex } from "../../src/core/bytes.js";
import type { Network } from "../../src/core/network.js";
import { encodeOpReturn, findOpReturn } from "../../src/script/op-return.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../../src/script/outputs.js";
import type { StakeTerms } from "../../src/script/terms.js";
import { readVectors } from "../support/vectors.js";

interface StakingVector {
  name: string;
  parameters: {
    covenant_public_keys: string[];
    covenant_quorum: number;
    finality_provider_public_keys: string[];
    staker_public_key: string;
    staking_time: number;
    unbonding_time: number;
    tag: string;
    network: Network;
  };
  expected: Record<string, string>;
}

describe("the Go reference's published vectors", () => {
  const { vectors } = JSON.parse(readVectors("staking.json")) as { vectors: StakingVector[] };
  const xOnly = (key: string) => hex.decode(key, 33).slice(1);

  it("exist", () => expect(vectors).toHaveLength(3));

  it.each(vectors)("$name", ({ parameters, expected }) => {
    const terms: StakeTerms = {
      staker: xOnly(parameters.staker_public_key),
      finalityProviders: parameters.finality_provider_public_keys.map(xOnly),
      covenant: {
        keys: parameters.covenant_public_keys.map(xOnly),
        quorum: parameters.covenant_quorum,
      },
      timelock: parameters.staking_time,
    };
    const staking = stakingOutput(terms, parameters.network);
    const unbonding = unbondingOutput(terms, parameters.unbonding_time, parameters.network);
    const change = slashingChangeOutput(terms.staker, parameters.unbonding_time, parameters.network);
    const unbondingTx = Transaction.fromHex(expected["unbonding_transaction_hex"]!);

    const opReturn = encodeOpReturn({
      tag: hex.decode(parameters.tag),
      staker: terms.staker as Uint8Array,
      finalityProvider: terms.finalityProviders[0]!,
      timelock: terms.timelock,
    });
    // The case with three finality providers has no OP_RETURN: there is room for one only.
    const single = terms.finalityProviders.length === 1;

    expect(expected).toMatchObject({
      staking_output_pkscript_hex: hex.encode(staking.script),
      staking_transaction_timelock_script_hex: hex.encode(staking.leaves.timelock.script),
      staking_transaction_unbonding_script_hex: hex.encode(staking.leaves.unbonding.script),
      staking_transaction_slashing_script_hex: hex.encode(staking.leaves.slashing.script),
      unbonding_transaction_time_lock_script_hex: hex.encode(unbonding.leaves.timelock.script),
      unbonding_transaction_slashing_script_hex: hex.encode(unbonding.leaves.slashing.script),
      op_return_script_hex: single ? hex.encode(opReturn) : "",
    });
    expect(unbondingTx.outs.map((out) => hex.encode(out.script))).toEqual([hex.encode(unbonding.script)]);
    expect(hex.encode(change.leaves.timelock.script)).toBe(
      expected["unbonding_transaction_time_lock_script_hex"],
    );
  });
});

describe("a real staking transaction", () => {
  const found = JSON.parse(readVectors("observable-staking.json")) as Record<
    string,
    { hex: string; covenant: string[]; quorum: number; tag: string; network: Network }
  >;

  it.each(Object.entries(found))("is read and rebuilt: %s", (_, { covenant, quorum, ...given }) => {
    const scripts = Transaction.fromHex(given.hex).outs.map((out) => Uint8Array.from(out.script));
    const opReturn = findOpReturn(scripts);

    expect(hex.encode(opReturn!.data.tag)).toBe(given.tag);
    const { staker, finalityProvider, timelock } = opReturn!.data;
    const keys = covenant.map((key) => hex.decode(key, 32));
    const { script } = stakingOutput(
      { staker, finalityProviders: [finalityProvider], covenant: { keys, quorum }, timelock },
      given.network,
    );
    expect(scripts.filter((other) => equalBytes(other, script))).toHaveLength(1);
    expect(encodeOpReturn(opReturn!.data)).toEqual(scripts[opReturn!.index]);
  });
});
