import { base64 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { expandedTxid, readChainDelegation, readChainStake } from "../../src/babylon/lcd/delegation.js";
import { addMemberMessages, memberMessage, readMemberMessages } from "../../src/babylon/lcd/member.js";
import { covenantSignaturesMessage } from "../../src/babylon/lifecycle.js";
import { encodeMessage, messageToJson } from "../../src/babylon/messages.js";
import { hex } from "../../src/core/bytes.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { signaturesOfMember } from "../../src/covenant/member.js";
import { checkDelegation } from "../../src/delegation/check.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishUnbonding, signUnbonding } from "../../src/delegation/sign.js";
import { bbnTest5 } from "../../src/params/data/bbn-test-5.js";
import { regtest } from "../../src/params/data/regtest.js";
import { keySigner } from "../../src/spending/spend.js";
import { expand } from "../support/expansion.js";
import { lcdDelegation } from "../support/lcd.js";
import { refusal } from "../support/refusal.js";
import { delegate, makeStake, signedBy } from "../support/stake.js";
import { readVectors } from "../support/vectors.js";

// The tests change fields of an answer at any depth.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = Record<string, any>;

const TEXT = readVectors("chain/lcd-btc_delegation-testnet5-active.json");
const recorded = () => (JSON.parse(TEXT) as { btc_delegation: Json }).btc_delegation;
const sources = { params: bbnTest5 };
const SENDER = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";

const stake = makeStake();
const [unsigned, signed] = await (async () => {
  const made = await delegate(stake);
  return [made, await signedBy(stake, made, [0, 1, 2])] as const;
})();

/** The field at which the recorded answer with a change is refused. */
function pathOf(code: ErrorCode, change: (raw: Json) => void): unknown {
  const raw = recorded();
  change(raw);
  const error = refusal(code, () => readChainDelegation({ btc_delegation: raw }, sources));
  return error.details["path"];
}

describe("a delegation of the chain", () => {
  it("is read from a recorded answer, with all nine signatures of the committee", () => {
    const { delegation, ...facts } = readChainDelegation(TEXT, sources);
    expect(facts).toEqual({
      status: "ACTIVE",
      account: "bbn1lgtrscuja7qnz00z25mzuusmkfkwtqvpfk7r46",
      heights: { start: 258_850, end: 268_850 },
    });
    expect(delegation.params).toBe(bbnTest5.versions[6]);
    expect(delegation.slashing.covenantSignatures).toHaveLength(9);
    checkDelegation(delegation);
    expect(readChainDelegation(recorded(), sources).delegation).toEqual(delegation);
  });

  it("is the one that was registered", () => {
    for (const delegation of [unsigned, signed]) {
      const read = readChainDelegation(lcdDelegation(delegation), { params: regtest });
      expect(delegationToJson(read.delegation)).toBe(delegationToJson(delegation));
      expect(read).not.toHaveProperty("heights");
      expect(read).not.toHaveProperty("leftBy");
    }
  });

  it("says how the stake was left", () => {
    const left = (spend: string) => {
      const { btc_delegation } = lcdDelegation(signed, { status_desc: "UNBONDED" });
      const response = btc_delegation["undelegation_response"] as Json;
      response["delegator_unbonding_info_response"] = { spend_stake_tx_hex: spend };
      return readChainDelegation({ btc_delegation }, { params: regtest });
    };
    expect(left("")).toMatchObject({ status: "UNBONDED", leftBy: "unbonding" });
    const { transaction } = signed.unbonding;
    expect(left(transaction.toHex()).leftBy).toEqual(transaction);
  });

  it("has more signatures than the quorum; a witness takes as many as it needs", async () => {
    const five = await signedBy(stake, unsigned, [0, 1, 2, 3, 4]);
    const { delegation } = readChainDelegation(lcdDelegation(five), { params: regtest });
    expect(delegation.unbonding.covenantSignatures).toHaveLength(5);
    const left = finishUnbonding(await signUnbonding(delegation, keySigner(stake.stakerSecrets[0]!)));
    const given = left.ins[0]!.witness.filter(({ length }) => length === 64);
    expect(given).toHaveLength(1 + stake.terms.covenant.quorum);
  });

  it("has the transaction without the witnesses that the staker may have sent", () => {
    const witnessed = signed.staking.transaction.clone();
    witnessed.setWitness(0, [new Uint8Array(64).fill(1)]);
    const answer = lcdDelegation(signed, { staking_tx_hex: witnessed.toHex() });
    const { delegation } = readChainDelegation(answer, { params: regtest });
    expect(delegation.staking).toEqual(signed.staking);
  });
});

describe("a hostile answer", () => {
  const OTHER = hex.encode(stake.terms.finalityProviders[0]!);
  const member = (raw: Json, i = 0) => raw["covenant_sigs"][i];
  const response = (raw: Json) => raw["undelegation_response"];

  it.each<[string, string, ErrorCode, (raw: Json) => void]>([
    [
      "another transaction",
      "staking_tx_hex",
      "staking-output-mismatch",
      (raw) => (raw["staking_tx_hex"] = raw["staking_tx_hex"].replace("b81e8691", "b81e8692")),
    ],
    ["no transaction", "staking_tx_hex", "invalid-transaction", (raw) => (raw["staking_tx_hex"] = "0200")],
    [
      "another staker",
      "staking_tx_hex",
      "staking-output-mismatch",
      (raw) => (raw["btc_pk"] = hex.encode(stake.terms.staker as Uint8Array)),
    ],
    [
      "another finality provider",
      "staking_tx_hex",
      "staking-output-mismatch",
      (raw) => (raw["fp_btc_pk_list"] = [OTHER]),
    ],
    ["another time", "staking_tx_hex", "staking-output-mismatch", (raw) => (raw["staking_time"] = 10_001)],
    ["another value", "total_sat", "message-mismatch", (raw) => (raw["total_sat"] = "100001")],
    ["another output", "total_sat", "message-mismatch", (raw) => (raw["staking_output_idx"] = 1)],
    ["no such output", "staking_output_idx", "output-not-found", (raw) => (raw["staking_output_idx"] = 9)],
    [
      "another unbonding time",
      "staking_tx_hex",
      "unbonding-time-mismatch",
      (raw) => (raw["unbonding_time"] = 1009),
    ],
    [
      "another unbonding",
      "undelegation_response.unbonding_tx_hex",
      "wrong-outpoint",
      (raw) =>
        (response(raw)["unbonding_tx_hex"] = response(raw)["unbonding_tx_hex"].replace("2c77", "2c78")),
    ],
    [
      "another slashing",
      "slashing_tx_hex",
      "slashing-script-mismatch",
      (raw) => (raw["slashing_tx_hex"] = raw["slashing_tx_hex"].replace("5be12624", "5be12625")),
    ],
    [
      "another slashing of the unbonding",
      "undelegation_response.slashing_tx_hex",
      "wrong-outpoint",
      (raw) => (response(raw)["slashing_tx_hex"] = raw["slashing_tx_hex"]),
    ],
    [
      "another signature of the staker",
      "delegator_slash_sig_hex",
      "invalid-staker-signature",
      (raw) => (raw["delegator_slash_sig_hex"] = response(raw)["delegator_slashing_sig_hex"]),
    ],
    [
      "another signature of the staker for the unbonding",
      "undelegation_response.delegator_slashing_sig_hex",
      "invalid-staker-signature",
      (raw) => (response(raw)["delegator_slashing_sig_hex"] = raw["delegator_slash_sig_hex"]),
    ],
    [
      "nothing about the unbonding",
      "undelegation_response",
      "invalid-json",
      (raw) => (raw["undelegation_response"] = null),
    ],
    [
      "a member twice",
      "covenant_sigs[9].cov_pk",
      "duplicate-signature",
      (raw) => raw["covenant_sigs"].push(member(raw)),
    ],
    [
      "a member twice, the second time in upper case",
      "covenant_sigs[9].cov_pk",
      "invalid-hex",
      (raw) => raw["covenant_sigs"].push({ ...member(raw), cov_pk: member(raw).cov_pk.toUpperCase() }),
    ],
    [
      "a member in upper case",
      "covenant_sigs[2].cov_pk",
      "invalid-hex",
      (raw) => (member(raw, 2).cov_pk = member(raw, 2).cov_pk.toUpperCase()),
    ],
    [
      "a key outside of the committee",
      "covenant_sigs[1].cov_pk",
      "not-a-member",
      (raw) => (member(raw, 1).cov_pk = OTHER),
    ],
    [
      "a key outside of the committee for the unbonding",
      "undelegation_response.covenant_unbonding_sig_list[0].pk",
      "not-a-member",
      (raw) => (response(raw)["covenant_unbonding_sig_list"][0].pk = OTHER),
    ],
    [
      "more adaptor signatures than finality providers",
      "covenant_sigs[0].adaptor_sigs",
      "message-mismatch",
      (raw) => member(raw).adaptor_sigs.push(member(raw).adaptor_sigs[0]),
    ],
    [
      "no adaptor signature of a member",
      "undelegation_response.covenant_slashing_sigs[3].adaptor_sigs",
      "message-mismatch",
      (raw) => (response(raw)["covenant_slashing_sigs"][3].adaptor_sigs = []),
    ],
    [
      "a short adaptor signature",
      "covenant_sigs[0].adaptor_sigs[0]",
      "invalid-bytes",
      (raw) => (member(raw).adaptor_sigs = [base64.encode(new Uint8Array(64))]),
    ],
    [
      "a member's signature under the key of another",
      "covenant_sigs[0].adaptor_sigs[0]",
      "invalid-covenant-signature",
      (raw) => (member(raw).adaptor_sigs = member(raw, 1).adaptor_sigs),
    ],
    [
      "a signature of the stake's slashing for that of the unbonding",
      "undelegation_response.covenant_slashing_sigs[0].adaptor_sigs[0]",
      "invalid-covenant-signature",
      (raw) => (response(raw)["covenant_slashing_sigs"][0].adaptor_sigs = member(raw).adaptor_sigs),
    ],
    [
      "a signature of the unbonding under the key of another",
      "undelegation_response.covenant_unbonding_sig_list[4].sig",
      "invalid-covenant-signature",
      (raw) => {
        const list = response(raw)["covenant_unbonding_sig_list"];
        list[4].sig = list[5].sig;
      },
    ],
    [
      "a version of the parameters that there is not",
      "params_version",
      "unknown-params",
      (raw) => (raw["params_version"] = 7),
    ],
    ["a state that there is not", "status_desc", "invalid-json", (raw) => (raw["status_desc"] = "SLASHED")],
    ["no finality provider", "fp_btc_pk_list", "invalid-json", (raw) => (raw["fp_btc_pk_list"] = [])],
  ])("with %s is refused at %s", (_what, field, code, change) => {
    expect(pathOf(code, change)).toBe(`btc_delegation.${field}`);
  });

  it("that is a web page, or cut, is refused", () => {
    for (const text of ["<html></html>", TEXT.slice(0, 500), "null", "[]"]) {
      expect(refusal("invalid-json", () => readChainDelegation(text, sources)).message).not.toBe("");
    }
  });
});

describe("an expansion of the chain", async () => {
  const made = await expand(makeStake());
  const larger = await signedBy(makeStake(), made, [0, 1, 2]);
  const previous = await delegate(makeStake());
  const before = readChainStake(lcdDelegation(previous), { params: regtest });

  it("is read with the stake that it expands", () => {
    const answer = lcdDelegation(larger);
    expect(expandedTxid(answer)).toBe(previous.staking.transaction.getId());
    const { delegation } = readChainDelegation(answer, { params: regtest, previous: before });
    const { transaction: _, ...funding } = larger.expansion!.funding;
    const expected = { ...larger, expansion: { ...larger.expansion!, funding } };
    expect(delegationToJson(delegation)).toBe(delegationToJson(expected));
  });

  it("is refused without that stake, and with another", () => {
    const field = "btc_delegation.stk_exp.previous_staking_tx_hash_hex";
    for (const other of [undefined, readChainStake(lcdDelegation(larger), { params: regtest })]) {
      const run = () =>
        readChainDelegation(lcdDelegation(larger), { params: regtest, ...(other && { previous: other }) });
      expect(refusal("invalid-argument", run).details["path"]).toBe(field);
    }
  });

  it.each<[string, string, ErrorCode]>([
    ["previous_staking_tx_hash_hex", "00".repeat(32), "message-mismatch"],
    ["other_funding_tx_out_hex", "0102", "invalid-transaction"],
    ["other_funding_tx_out_hex", `ffffffffffffffff00`, "invalid-transaction"],
  ])("with %s of %s is refused", (name, value, code) => {
    const answer = lcdDelegation(larger);
    (answer.btc_delegation["stk_exp"] as Json)[name] = value;
    const error = refusal(code, () => readChainDelegation(answer, { params: regtest, previous: before }));
    expect(error.details["path"]).toBe(`btc_delegation.stk_exp.${name}`);
  });

  it("with a signature of the previous spend that does not verify is refused", () => {
    const answer = lcdDelegation(larger);
    const list = (answer.btc_delegation["stk_exp"] as Json)["previous_stk_covenant_sigs"];
    list[1].sig = list[0].sig;
    const run = () => readChainDelegation(answer, { params: regtest, previous: before });
    expect(refusal("invalid-covenant-signature", run).details["path"]).toBe(
      "btc_delegation.stk_exp.previous_stk_covenant_sigs[1].sig",
    );
  });

  it("of other stakes is none", () => {
    expect(expandedTxid(TEXT)).toBeNull();
  });
});

describe("members' messages", () => {
  const keys = stake.terms.covenant.keys
    .slice(0, 5)
    .filter((key) =>
      signed.unbonding.covenantSignatures.some(({ publicKey }) => hex.encode(publicKey) === hex.encode(key)),
    );
  const messages = keys.map((key) =>
    covenantSignaturesMessage(signed, { signer: SENDER, signatures: signaturesOfMember(signed, key) }),
  );
  const printed = messages.map((message) => ({
    "@type": "/babylon.btcstaking.v1.MsgAddCovenantSigs",
    signer: message.signer,
    pk: hex.encode(message.pk),
    staking_tx_hash: message.stakingTxHash,
    slashing_tx_sigs: message.slashingTxSigs.map((one) => base64.encode(one)),
    unbonding_tx_sig: base64.encode(message.unbondingTxSig),
    slashing_unbonding_tx_sigs: message.slashingUnbondingTxSigs.map((one) => base64.encode(one)),
    stake_expansion_tx_sig: null,
  }));

  it("complete a delegation, from bytes and from each form in JSON", () => {
    const [first, ...others] = messages.map((message) => encodeMessage("MsgAddCovenantSigs", message));
    const forms = [
      messages,
      [memberMessage(first!.value), ...others.map(memberMessage)],
      [first!, ...others].flatMap((any) => readMemberMessages(messageToJson(any))),
      readMemberMessages(JSON.stringify(printed)),
      readMemberMessages({ body: { messages: printed, memo: "" } }),
    ];
    const members = (list: readonly { publicKey: Uint8Array }[]) =>
      list.map(({ publicKey }) => hex.encode(publicKey)).toSorted();
    for (const form of forms) {
      const done = addMemberMessages(unsigned, form);
      checkDelegation(done);
      expect(members(done.unbonding.covenantSignatures)).toEqual(
        members(signed.unbonding.covenantSignatures),
      );
    }
  });

  it("of another stake, of another kind or of no member are refused", async () => {
    const other = await delegate(makeStake({ value: 1_234_567n }));
    refusal("message-mismatch", () => addMemberMessages(other, messages));
    refusal("invalid-message", () =>
      memberMessage({ typeUrl: "/babylon.finality.v1.MsgUnjailFinalityProvider", value: new Uint8Array(0) }),
    );
    const outside = { ...printed[0]!, pk: hex.encode(stake.terms.finalityProviders[0]!) };
    refusal("not-a-member", () => addMemberMessages(unsigned, readMemberMessages(outside)));
    const swapped = { ...printed[0]!, unbonding_tx_sig: printed[1]!.unbonding_tx_sig };
    refusal("invalid-signature", () => addMemberMessages(unsigned, readMemberMessages(swapped)));
    const short = { ...printed[0]!, slashing_tx_sigs: [] };
    refusal("message-mismatch", () => addMemberMessages(unsigned, readMemberMessages(short)));
    const upper = { ...printed[0]!, pk: printed[0]!.pk.toUpperCase() };
    expect(refusal("invalid-hex", () => readMemberMessages(upper)).details["path"]).toBe("message.pk");
  });
});
