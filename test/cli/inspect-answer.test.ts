import { base64 } from "@scure/base";
import { beforeAll, describe, expect, it } from "vitest";
import { covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { encodeMessage, messageToJson } from "../../src/babylon/messages.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import { hex } from "../../src/core/bytes.js";
import { signaturesOfMember } from "../../src/covenant/member.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { makeStake, delegate, signedBy } from "../support/stake.js";
import { readCopy } from "../support/vectors.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFile } from "./support.js";

interface Recorded {
  readonly answers: Readonly<Record<string, { readonly body: object }>>;
}
const { answers } = JSON.parse(readCopy("chain/lcd-babylond-answers.json")) as Recorded;
const bodyOf = (name: string) => answers[name]!.body;
const file = (json: unknown) => temporaryFile("answer.json", JSON.stringify(json));
const inspect = (json: unknown, ...more: string[]) => inProcess(["inspect", file(json), ...more]);
const factsOf = async (json: unknown, ...more: string[]) => parsed(await inspect(json, "--json", ...more));

const KEY = "9c9defa1fdb0c3f3db74dfaa99588984affb4938dc3c4179ef4b692519eabd55";

describe("tapstake inspect: what a server of the chain answers", () => {
  it("shows parameters under the name of their set", async () => {
    const list = JSON.parse(readCopy("chain/lcd-params_versions-bbn-1.json")) as { params: object }[];
    const { stdout } = await inspect({ params: list, pagination: { next_key: null } });
    expect(stdout).toContain("mainnet (Bitcoin mainnet)");
    expect(stdout).toContain("v5  from height 905634  ← shown below");
    expect((await factsOf(list))["name"]).toBe("mainnet");
    const [, second] = list;
    expect(await factsOf(second)).toMatchObject({ name: "mainnet", shown: { version: 1 } });
    expect(await factsOf({ params: second!.params })).toMatchObject({ shown: { version: 1 } });
  });

  it("asks for the network of parameters that no shipped set has", async () => {
    const list = JSON.parse(JSON.stringify(bodyOf("staking parameters"))) as {
      params: { params: { unbonding_fee_sat: string } }[];
    };
    list.params[0]!.params.unbonding_fee_sat = "999";
    expect(refusedWith(await inspect(list))).toBe("invalid-network");
    expect(await factsOf(list, "--network", "regtest")).toMatchObject({ name: "no shipped set" });
  });

  it("shows providers, one or a list", async () => {
    const { stdout } = await inspect(bodyOf("slashed provider"));
    expect(stdout).toContain("slashed at height 187, Bitcoin height 142");
    expect(stdout).toContain('"tapstake", which anyone can choose');
    expect((await factsOf(bodyOf("providers")))["providers"]).toHaveLength(2);
    const bare = (bodyOf("slashed provider") as { finality_provider: object }).finality_provider;
    expect(await factsOf(bare)).toMatchObject({ providers: [{ key: KEY, commissionPercent: "5 %" }] });
  });

  it("shows commitments and votes", async () => {
    expect((await inspect(bodyOf("commits"))).stdout).toContain("heights 54 to 3053 (3000)");
    expect(await factsOf(bodyOf("votes"))).toMatchObject({ voters: [KEY] });
  });

  it("shows evidence, and whether it reveals the key, but not the key", async () => {
    const evidence = bodyOf("evidence") as { evidence: { fork_finality_sig: string } };
    const { stdout } = await inspect(evidence);
    expect(stdout).toContain("both verify, and reveal the provider's secret key");
    expect(await factsOf(bodyOf("evidences"))).toMatchObject({
      evidence: [{ finalityProvider: KEY, height: "185", votes: "reveal-the-key" }],
    });
    const one = { ...evidence.evidence, canonical_finality_sig: null };
    expect(await factsOf(one)).toMatchObject({ evidence: [{ votes: "one-vote" }] });
    const wrong = { ...evidence.evidence, fork_finality_sig: base64.encode(new Uint8Array(32).fill(1)) };
    expect(await factsOf(wrong)).toMatchObject({ evidence: [{ votes: "unverified" }] });
  });

  it("says what an error of the chain means", async () => {
    const outcome = await inspect(bodyOf("no evidence"));
    expect(refusedWith(outcome)).toBe("chain-refused");
    expect(outcome.stderr).toContain("ErrNoSlashableEvidence");
  });

  it("refuses any other JSON", async () => {
    for (const json of [bodyOf("tip"), {}, [], [1]]) {
      expect(refusedWith(await inspect(json))).toBe("invalid-json");
    }
  });

  it("shows a delegation that expands another beside that other", async () => {
    const outcome = await inspect(bodyOf("expansion"));
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("give that one by --delegation");
  });
});

describe("tapstake inspect: messages of the chain", () => {
  let delegation: Delegation;
  let message: MessageOf<"MsgAddCovenantSigs">;
  beforeAll(async () => {
    const stake = makeStake();
    const signed = await signedBy(stake, await delegate(stake), [0]);
    delegation = signed;
    const signer = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const member = stake.params.covenant.keys[0]!;
    message = covenantSignaturesMessage(signed, { signer, signatures: signaturesOfMember(signed, member) });
  });

  const printed = ({ pk, signer, ...of }: MessageOf<"MsgAddCovenantSigs">) => ({
    "@type": "/babylon.btcstaking.v1.MsgAddCovenantSigs",
    signer,
    pk: hex.encode(pk),
    staking_tx_hash: of.stakingTxHash,
    slashing_tx_sigs: of.slashingTxSigs.map((one) => base64.encode(one)),
    unbonding_tx_sig: base64.encode(of.unbondingTxSig),
    slashing_unbonding_tx_sigs: of.slashingUnbondingTxSigs.map((one) => base64.encode(one)),
    stake_expansion_tx_sig: null,
  });

  it("shows one of ours and those that the chain's programs print, and checks them by --delegation", async () => {
    const ours = JSON.parse(messageToJson(encodeMessage("MsgAddCovenantSigs", message))) as object;
    const stake = temporaryFile("stake.json", delegationToJson(delegation));
    for (const json of [
      ours,
      printed(message),
      [printed(message)],
      { body: { messages: [printed(message)] } },
    ]) {
      const alone = await factsOf(json);
      expect(alone).toMatchObject({ messages: [{ name: "MsgAddCovenantSigs", checked: false }] });
      const checked = await factsOf(json, "--delegation", stake);
      expect(checked).toMatchObject({ messages: [{ checked: true }] });
    }
    const wrong = { ...printed(message), unbonding_tx_sig: base64.encode(new Uint8Array(64)) };
    expect(refusedWith(await inspect(wrong, "--delegation", stake))).toBe("invalid-signature");
  });
});
