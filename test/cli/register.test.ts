import { base64, bech32 } from "@scure/base";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { proofOfPossession, proofToJson } from "../../src/babylon/pop.js";
import { hex } from "../../src/core/bytes.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { finishExpansion, finishUnbonding, signExpansion, signUnbonding } from "../../src/delegation/sign.js";
import { expansionSpend } from "../../src/delegation/spends.js";
import { commitRandomness } from "../../src/finality/randomness/commit.js";
import { paramsObject } from "../../src/params/json.js";
import { keySigner } from "../../src/spending/spend.js";
import { commitmentToJson, merkleProofToJson, voteToJson } from "../../src/vote/json.js";
import { signVoteUnprotected } from "../../src/vote/vote.js";
import { checkpointParts } from "../support/checkpoints.js";
import { expand, walletSigned } from "../support/expansion.js";
import { headerChain } from "../support/headers.js";
import { delegate, makeStake, secretOf, signedBy } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { EVIDENCE, parsed, refusedWith, temporaryFolder, txOutProof } from "./support.js";

const address = bech32.encodeFromBytes("bbn", secretOf("account").slice(0, 20));
const stake = makeStake();
const [staker, provider] = [stake.stakerSecrets[0]!, stake.providerSecrets[0]!];
const member = hex.encode(publicKeyOf(stake.memberSecrets[0]!));

let folder: string;
const at = (name: string) => join(folder, name);
const run = (line: string) =>
  inProcess(line.split(" ").map((word) => word.replace("@", `${folder}/`).replace("ADDRESS", address)));

beforeAll(async () => {
  folder = temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(at(name), text, { mode: 0o600 });
  const proofBy = (secretKey: Uint8Array) => ({
    publicKey: publicKeyOf(secretKey),
    address,
    proof: proofOfPossession(secretKey, { kind: "bip340", address }),
  });
  const delegation = await delegate(stake);
  write("stake.json", delegationToJson(delegation));
  write("signed.json", delegationToJson(await signedBy(stake, delegation, [0, 1, 2])));
  write("other.json", delegationToJson(await delegate(makeStake({ seed: "other" }))));
  const expansion = await expand(stake);
  write("larger.json", delegationToJson(expansion));
  const unbonding = finishUnbonding(
    await signUnbonding(await signedBy(stake, delegation, [0, 1, 2]), keySigner(staker)),
  );
  write("unbonding.hex", unbonding.toHex());
  write("unsigned.hex", delegation.unbonding.transaction.toHex());
  write("unbonding.proof", hex.encode(txOutProof(unbonding)));
  write("stake.proof", hex.encode(txOutProof(delegation.staking.transaction)));
  const all = await signExpansion(await signedBy(stake, expansion, [0, 1, 2]), keySigner(staker));
  const expanded = finishExpansion(all, walletSigned(expansionSpend(all)));
  write("expanded.hex", expanded.toHex());
  write("expanded.proof", hex.encode(txOutProof(expanded)));
  write("larger-signed.json", delegationToJson(await signedBy(stake, expansion, [0])));
  const { transaction: _known, ...funding } = expansion.expansion!.funding;
  write("lacking.json", delegationToJson({ ...expansion, expansion: { ...expansion.expansion!, funding } }));
  write("funding.hex", expansion.expansion!.funding.transaction!.toHex());
  write("proof.json", proofToJson(proofBy(staker)));
  write("fp-proof.json", proofToJson(proofBy(provider)));
  write("fp.key", hex.encode(provider));
  write("staker.key", hex.encode(staker));
  write("params.json", JSON.stringify([paramsObject(stake.params)]));
  const [chainId, startHeight] = ["bsn-1", 1_000n];
  const given = { secretKey: provider, chainId, startHeight, count: 5 };
  const { commitment, proof } = commitRandomness(given);
  const vote = { secretKey: provider, chainId, height: startHeight + 3n, appHash: secretOf("block") };
  write("commitment.json", commitmentToJson(commitment));
  write("vote.json", voteToJson(signVoteUnprotected(vote)));
  write("randomness.json", merkleProofToJson(proof(vote.height)));
  write("wrong.json", merkleProofToJson(proof(vote.height + 1n)));
  write("evidence.json", JSON.stringify(EVIDENCE));
  write("headers.txt", headerChain(3).map(hex.encode).join("\n"));
  for (const [i, { transaction }] of checkpointParts().entries()) {
    write(`part-${i}.hex`, transaction.toHex());
    write(`part-${i}.proof`, hex.encode(txOutProof(transaction)));
  }
});

const PROVIDER = "--moniker One --commission 0.05 --max-commission 0.2 --max-commission-change 0.01";

const OWN = `--fp ${hex.encode(publicKeyOf(provider))} --address ADDRESS`;

const VOTE = "@vote.json --commitment @commitment.json --address ADDRESS --randomness-proof";

/** How each message is made, and what its check needs. */
const MESSAGES: [what: string, name: string, line: string, show: string | undefined][] = [
  ["create-delegation", "MsgCreateBTCDelegation", "@stake.json --proof @proof.json", "--params regtest"],
  [
    "expand",
    "MsgBtcStakeExpand",
    "@larger.json --proof @proof.json",
    "--params regtest --delegation @stake.json",
  ],
  [
    "covenant-signatures",
    "MsgAddCovenantSigs",
    `@signed.json --member ${member} --address ADDRESS`,
    "--delegation @stake.json",
  ],
  [
    "selective-slashing",
    "MsgSelectiveSlashingEvidence",
    "@stake.json --secret-file @fp.key --address ADDRESS",
    "--delegation @stake.json",
  ],
  [
    "inclusion-proof",
    "MsgAddBTCDelegationInclusionProof",
    "@stake.json --address ADDRESS --txoutproof @stake.proof",
    "--delegation @stake.json",
  ],
  [
    "undelegate",
    "MsgBTCUndelegate",
    "@stake.json --address ADDRESS --transaction @unbonding.hex --txoutproof @unbonding.proof",
    "--delegation @stake.json",
  ],
  ["finality-provider", "MsgCreateFinalityProvider", `--proof @fp-proof.json ${PROVIDER}`, undefined],
  ["commit-randomness", "MsgCommitPubRandList", "@commitment.json --address ADDRESS", undefined],
  ["finality-vote", "MsgAddFinalitySig", `${VOTE} @randomness.json`, "--commitment @commitment.json"],
  ["equivocation", "MsgEquivocationEvidence", "@evidence.json --address ADDRESS --release v3", undefined],
  ["edit-provider", "MsgEditFinalityProvider", `${OWN} --moniker One --commission 0.06`, undefined],
  ["unjail", "MsgUnjailFinalityProvider", OWN, undefined],
  ["headers", "MsgInsertHeaders", "@headers.txt --address ADDRESS", undefined],
  [
    "checkpoint",
    "MsgInsertBTCSpvProof",
    "@part-0.hex @part-1.hex --address ADDRESS --txoutproof @part-0.proof @part-1.proof",
    undefined,
  ],
];

describe.each(MESSAGES)("tapstake register %s", (what, name, line, show) => {
  it("makes the message as JSON for a client of the chain, as bytes, and explained", async () => {
    const { stdout } = await run(`register ${what} ${line} --message`);
    const any = JSON.parse(stdout) as { typeUrl: string; value: string };
    expect(any.typeUrl).toMatch(
      new RegExp(`^/babylon\\.(?:btcstaking|finality|btclightclient|btccheckpoint)\\.v1\\.${name}$`),
    );
    const facts = parsed(await run(`register ${what} ${line} --json --out @${what}.bin`));
    expect(facts).toMatchObject({ name, typeUrl: any.typeUrl, value: hex.encode(base64.decode(any.value)) });
    expect(hex.encode(readFileSync(at(`${what}.bin`)))).toBe(facts["value"]);
    expect((await run(`register ${what} ${line}`)).stdout).toContain(any.typeUrl);
    expect(refusedWith(await run(`register ${what} ${line} --out @${what}.bin`))).toBe("file-error");
    writeFileSync(at(`${what}.msg`), stdout);
  });

  it("is read back, with every rule checked once all is given that the message does not hold", async () => {
    const shown = parsed(await run(`register show @${what}.msg --json ${show ?? ""}`.trim()));
    expect(shown).toMatchObject({ name, checked: true });
    const raw = parsed(await run(`register show @${what}.bin --type ${name} --json`));
    expect(raw).toMatchObject({ name, checked: show === undefined, fields: shown["fields"] });
    const bare = await run(`register show @${what}.msg`);
    expect(bare.stdout).toContain(show === undefined ? "every rule holds" : "only its form: give --");
    const other = Object.values(MESSAGES).find((one) => one[1] !== name)![1];
    expect(refusedWith(await run(`register show @${what}.bin --type ${other}`))).toBe("invalid-message");
  });
});

describe("tapstake register", () => {
  it("submits a member's signature of an expansion along with the others", async () => {
    const made = parsed<{ fields: Record<string, string> }>(
      await run(
        `register covenant-signatures @larger-signed.json --member ${member} --address ADDRESS --json`,
      ),
    );
    expect(made.fields["stakeExpansionTxSig"]).toMatch(/^[0-9a-f]{128}$/);
  });

  it("reports a stake's expansion with the transaction of the other coin", async () => {
    const line =
      "register undelegate @stake.json --address ADDRESS --transaction @expanded.hex --txoutproof @expanded.proof";
    const refused = await run(line);
    expect(refusedWith(refused)).toBe("message-mismatch");
    expect(refused.stderr).toContain("that funds it is not given");
    const made = parsed<{ fields: { fundingTransactions: string[] } }>(
      await run(`${line} --funding @funding.hex --json`),
    );
    const parents = [delegationTransaction(), readFileSync(at("funding.hex"), "utf8")];
    expect(made.fields.fundingTransactions).toEqual(parents);
  });

  it("reads the funding transaction of an expansion from a file where the delegation lacks it", async () => {
    const line = "register expand @lacking.json --proof @proof.json --json";
    expect(refusedWith(await run(line.replace(" --json", "")))).toBe("usage");
    expect(parsed(await run(`${line} --funding @funding.hex`))).toMatchObject({ name: "MsgBtcStakeExpand" });
    const other = delegationTransaction();
    expect(
      refusedWith(await run(`register expand @lacking.json --proof @proof.json --funding ${other}`)),
    ).toBe("wrong-outpoint");
  });

  const delegationTransaction = () =>
    (JSON.parse(readFileSync(at("stake.json"), "utf8")) as { staking: { transaction: string } }).staking
      .transaction;

  it.each([
    [
      "another's proof of possession",
      "create-delegation @stake.json --proof @fp-proof.json",
      "invalid-possession",
    ],
    [
      "an unsigned spend",
      "undelegate @stake.json --address ADDRESS --transaction @unsigned.hex --txoutproof @unbonding.proof",
      "missing-signature",
    ],
    [
      "the proof of another transaction",
      "undelegate @stake.json --address ADDRESS --transaction @unbonding.hex --txoutproof @stake.proof",
      "invalid-proof",
    ],
    ["an invalid proof", "create-delegation @stake.json --proof @stake.json", "invalid-json"],
    ["a stake that is not signed", "create-delegation @other.json --proof @proof.json", "invalid-possession"],
    ["a stake that expands nothing", "expand @stake.json --proof @proof.json", "not-an-expansion"],
    [
      "who is no member",
      `covenant-signatures @signed.json --member ${hex.encode(publicKeyOf(staker))} --address ADDRESS`,
      "not-a-member",
    ],
    [
      "a member that has not signed",
      `covenant-signatures @stake.json --member ${member} --address ADDRESS`,
      "missing-signature",
    ],
    [
      "a mistyped account",
      `covenant-signatures @signed.json --member ${member} --address bbn1x`,
      "invalid-address",
    ],
    [
      "a key that is not the provider's",
      "selective-slashing @stake.json --secret-file @staker.key --address ADDRESS",
      "unknown-finality-provider",
    ],
    [
      "a commission above its maximum",
      `finality-provider --proof @fp-proof.json ${PROVIDER.replace("0.05", "0.5")}`,
      "invalid-rate",
    ],
    [
      "a commission that is no number",
      `finality-provider --proof @fp-proof.json ${PROVIDER.replace("0.05", "5%")}`,
      "invalid-rate",
    ],
    ["a transaction that does not say where it is", "inclusion-proof @stake.json --address ADDRESS", "usage"],
    [
      "an invalid inclusion proof",
      "inclusion-proof @stake.json --address ADDRESS --txoutproof @funding.hex",
      "invalid-proof",
    ],
    [
      "an inclusion proof that is no hexadecimal",
      "create-delegation @stake.json --proof @proof.json --txoutproof @proof.json",
      "invalid-hex",
    ],
    [
      "what does not say where the spend is",
      `undelegate @stake.json --address ADDRESS --transaction 00`,
      "invalid-transaction",
    ],
    ["a vote whose randomness is not committed", `finality-vote ${VOTE} @wrong.json`, "invalid-signature"],
    ["an invalid commitment", "commit-randomness @vote.json --address ADDRESS", "invalid-json"],
    [
      "evidence for a release that takes none",
      "equivocation @evidence.json --address ADDRESS",
      "not-in-release",
    ],
    [
      "a chain of its own for a release that knows none",
      `finality-provider --proof @fp-proof.json ${PROVIDER} --bsn bsn-1`,
      "not-in-release",
    ],
    ["a commission above 1", `edit-provider ${OWN} --moniker One --commission 1.5`, "invalid-rate"],
    ["a compressed key", `unjail --fp 02${"ab".repeat(32)} --address ADDRESS`, "invalid-public-key"],
    ["what are no headers", "headers @fp.key --address ADDRESS", "invalid-hex"],
    [
      "the parts of a checkpoint in the wrong order",
      "checkpoint @part-1.hex @part-0.hex --address ADDRESS --txoutproof @part-1.proof @part-0.proof",
      "invalid-checkpoint",
    ],
    [
      "one proof of two parts",
      "checkpoint @part-0.hex @part-1.hex --address ADDRESS --txoutproof @part-0.proof",
      "usage",
    ],
    ["an unknown message", "show @proof.json", "invalid-json"],
    ["a message without its type", "show @fp.key", "invalid-json"],
  ])("refuses %s", async (_what, line, code) => {
    expect(refusedWith(await run(`register ${line}`))).toBe(code);
  });

  it.each([
    ["covenant-signatures", "--delegation @other.json", "message-mismatch"],
    ["inclusion-proof", "--delegation @other.json", "message-mismatch"],
    ["undelegate", "--delegation @other.json", "message-mismatch"],
    ["selective-slashing", "--delegation @other.json", "unknown-finality-provider"],
    ["create-delegation", "--params mainnet", "output-not-found"],
    ["create-delegation", `--params regtest --context ${"ab".repeat(32)}`, "invalid-possession"],
    ["expand", "--params regtest --delegation @other.json", "message-mismatch"],
  ])("refuses the message of %s, checked with %s", async (what, sources, code) => {
    expect(refusedWith(await run(`register show @${what}.msg ${sources}`))).toBe(code);
  });
});
