import { bech32 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { checkpointOf } from "../../src/babylon/checkpoint.js";
import { decodeMessage, encodeMessage } from "../../src/babylon/messages.js";
import { moduleAddress } from "../../src/babylon/releases.js";
import {
  insertHeadersMessage,
  insertSpvProofMessage,
  readInsertHeaders,
  readInsertSpvProof,
} from "../../src/babylon/reports.js";
import { parseHeader, targetOf, workOf } from "../../src/bitcoin/header.js";
import { hex } from "../../src/core/bytes.js";
import { BLOCK_HASH, checkpointParts } from "../support/checkpoints.js";
import { headerChain, headerUpon } from "../support/headers.js";
import { refusal } from "../support/refusal.js";
import { testRules } from "../support/rules.js";
import { regtestParams, secretOf } from "../support/stake.js";

const signer = bech32.encodeFromBytes("bbn", secretOf("reporter").slice(0, 20));
const all = ["v1", "v2", "v3", "v4"] as const;

describe("a block header", () => {
  // Bitcoin's first block.
  const genesis = hex.decode(
    `01000000${"00".repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c`,
  );

  it("has the hash, the target and the work that Bitcoin gives it", () => {
    const header = parseHeader(genesis);
    expect(hex.encode(header.hash.toReversed())).toBe(
      "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    );
    expect(targetOf(header)).toBe(0xffffn << 208n);
    expect(workOf(header)).toBe(0x100010001n);
    expect(insertHeadersMessage([genesis], signer).headers).toEqual([genesis]);
  });

  it("has no work with bits that give no target", () => {
    for (const bits of [0, 0x0180_0001, 0x0100_0000]) {
      expect(targetOf({ bits })).toBe(0n);
      expect(workOf({ bits })).toBe(0n);
    }
    expect(targetOf({ bits: 0x0312_3456 })).toBe(0x123456n);
    expect(targetOf({ bits: 0x0212_3456 })).toBe(0x1234n);
  });
});

describe("a report of headers", () => {
  const headers = headerChain(3);

  it("is read back unchanged", () => {
    const message = insertHeadersMessage(headers, signer);
    const named = decodeMessage(encodeMessage("MsgInsertHeaders", message));
    expect(readInsertHeaders(named.message as never)).toEqual({ headers, signer });
  });

  it("is refused empty, with a gap, without work, and at another length", () => {
    const report = (list: readonly Uint8Array[]) => () => insertHeadersMessage(list, signer);
    refusal("invalid-header", report([]));
    expect(refusal("invalid-header", report([headers[0]!, headers[2]!])).details).toEqual({ index: 1 });
    refusal("invalid-header", report([headerUpon(new Uint8Array(32), { works: false })]));
    refusal("invalid-bytes", report([new Uint8Array(79)]));
    refusal("invalid-address", () => insertHeadersMessage(headers, "x"));
    const message = insertHeadersMessage(headers, signer);
    refusal("invalid-header", () => readInsertHeaders({ ...message, headers: [] }));
  });
});

describe("a report of a checkpoint", () => {
  const parts = checkpointParts();
  const message = () => insertSpvProofMessage({ submitter: signer, parts });

  it("is read back unchanged, with the fields of the checkpoint", () => {
    const named = decodeMessage(encodeMessage("MsgInsertBTCSpvProof", message()));
    const read = readInsertSpvProof(named.message as never);
    expect(read.checkpoint).toMatchObject({ epoch: 12n, blockHash: BLOCK_HASH });
    expect(read.submitter).toBe(signer);
    expect(insertSpvProofMessage(read)).toEqual(message());
  });

  it("is refused with swapped parts, parts of two checkpoints, an invalid proof, and another number of proofs", () => {
    const [first, second] = parts;
    const report = (a: typeof first, b: typeof second) => () =>
      insertSpvProofMessage({ submitter: signer, parts: [a, b] });
    refusal("invalid-checkpoint", report(second, first));
    refusal("invalid-checkpoint", report(first, checkpointParts("bbn1", 13n)[1]));
    refusal("invalid-checkpoint", report(first, checkpointParts("bbt6")[1]));
    refusal("invalid-proof", report({ ...first, header: second.header }, second));
    const good = message();
    for (const proofs of [[], good.proofs.slice(1), [...good.proofs, good.proofs[0]!]]) {
      refusal("message-mismatch", () => readInsertSpvProof({ ...good, proofs }));
    }
  });

  it("is refused as a checkpoint with two outputs of data", () => {
    const [first, second] = parts;
    const doubled = first.transaction.clone();
    doubled.addOutput(Uint8Array.from(doubled.outs[0]!.script), 0n);
    expect(checkpointOf(doubled, second.transaction)).toBeNull();
  });

  describe("its rules", () => {
    testRules<"MsgInsertBTCSpvProof">(() => {
      const good = message();
      const [first, second] = good.proofs;
      const tag = new TextEncoder().encode("bbn1");
      return {
        name: "MsgInsertBTCSpvProof",
        releases: all,
        message: good,
        state: {
          checkpoint: {
            tag,
            known: false,
            headersKnown: true,
            epochFinal: false,
            previousKnown: true,
            blockHash: BLOCK_HASH,
          },
        },
        breaks: [
          { rule: "account", message: { submitter: "bbn1" } },
          { rule: "proof-count", message: { proofs: [first!] } },
          {
            rule: "inclusion",
            message: { proofs: [{ ...first!, merkleNodes: new Uint8Array(32) }, second!] },
          },
          { rule: "checkpoint-parts", message: { proofs: [second!, first!] } },
          { rule: "checkpoint-tag", state: { checkpoint: { tag: new Uint8Array(4) } } },
          { rule: "checkpoint-unknown", state: { checkpoint: { known: true } } },
          {
            rule: "header-known",
            state: { checkpoint: { headersKnown: false } },
            until: { kind: "state", state: "header-reported" },
          },
          { rule: "epoch-open", state: { checkpoint: { epochFinal: true } } },
          {
            rule: "previous-checkpoint",
            state: { checkpoint: { previousKnown: false } },
            until: { kind: "state", state: "previous-checkpoint" },
          },
          {
            rule: "canonical-checkpoint",
            state: { checkpoint: { blockHash: new Uint8Array(32) } },
            warns: true,
          },
        ],
      };
    });
  });
});

describe("the rules of MsgInsertHeaders", () => {
  testRules<"MsgInsertHeaders">(() => {
    const recent = headerChain(11);
    const parent = parseHeader(recent.at(-1)!).hash;
    const headers = headerChain(2, parent, 2000);
    const [first, second] = headers;
    const after = parseHeader(first!).hash;
    return {
      name: "MsgInsertHeaders",
      releases: all,
      message: insertHeadersMessage(headers, signer),
      state: {
        network: "mainnet",
        headerReporters: [],
        btcTip: { height: 100, hash: parent, work: 1000n },
        headers: { firstKnown: false, parentKnown: true, parentHeight: 100, parentWork: 1000n, recent },
      },
      breaks: [
        { rule: "account", message: { signer: "bbn1" } },
        { rule: "headers", message: { headers: [] } },
        { rule: "headers", message: { headers: [new Uint8Array(79)] } },
        { rule: "reporter", state: { headerReporters: [moduleAddress("gov")] } },
        { rule: "header-chain", message: { headers: [first!, first!] } },
        {
          rule: "headers-unknown",
          state: {
            btcTip: { height: 101, hash: new Uint8Array(32), work: 1000n },
            headers: { firstKnown: true },
          },
        },
        {
          rule: "parent-known",
          state: { headers: { parentKnown: false } },
          until: { kind: "state", state: "header-reported" },
        },
        {
          rule: "header-work",
          message: { headers: [first!, headerUpon(after, { time: 2001, works: false })] },
        },
        {
          rule: "header-bits",
          message: { headers: [first!, headerUpon(after, { time: 2001, bits: 0x207f_fffe })] },
        },
        { rule: "header-time", message: { headers: [headerUpon(parent, { time: 1005 })] } },
        {
          rule: "more-work",
          state: { btcTip: { height: 102, hash: second!.slice(0, 32), work: 1004n } },
        },
      ],
    };
  });
});

describe("the rules of MsgUpdateParams of the staking module", () => {
  testRules<"MsgUpdateStakingParams">(() => {
    const params = {
      covenantPks: [],
      covenantQuorum: 1,
      minStakingValueSat: 1n,
      maxStakingValueSat: 2n,
      minStakingTimeBlocks: 1,
      maxStakingTimeBlocks: 2,
      slashingPkScript: new Uint8Array(),
      minSlashingTxFeeSat: 1n,
      slashingRate: "1",
      unbondingTimeBlocks: 301,
      unbondingFeeSat: 1n,
      minCommissionRate: "0",
      delegationCreationBaseGasFee: 0n,
      allowListExpirationHeight: 0n,
      btcActivationHeight: 100,
    };
    return {
      name: "MsgUpdateStakingParams",
      releases: all,
      message: { authority: moduleAddress("gov"), params: { ...params, maxFinalityProviders: 0 } },
      state: {
        finalizationTimeout: 300,
        params: { name: "own", network: regtestParams.network, versions: [regtestParams] },
      },
      breaks: [
        { rule: "in-release", message: { params: { ...params, maxFinalityProviders: 3 } } },
        { rule: "authority", message: { authority: signer } },
        {
          rule: "params-fees",
          message: { params: { ...params, maxFinalityProviders: 0, unbondingFeeSat: 0n } },
        },
        { rule: "params-unbonding-time", state: { finalizationTimeout: 301 } },
        {
          rule: "params-activation",
          message: { params: { ...params, maxFinalityProviders: 0, btcActivationHeight: 0 } },
        },
      ],
    };
  });
});
