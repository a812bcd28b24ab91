import { base64 } from "@scure/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { proofOfPossession } from "../../src/babylon/pop.js";
import { createFinalityProviderMessage, unjailFinalityProviderMessage } from "../../src/babylon/provider.js";
import { insertHeadersMessage } from "../../src/babylon/reports.js";
import { sha256 } from "../../src/core/hashes.js";
import { evenSecret } from "../../src/core/keys.js";
import { scalar } from "../../src/core/scalar.js";
import { extractFromVotes } from "../../src/extract/evidence.js";
import { extractFromSlashing, finishSlashing } from "../../src/extract/slashing.js";
import {
  finishExpansion,
  finishUnbonding,
  signExpansion,
  signSlashings,
  signUnbonding,
} from "../../src/delegation/sign.js";
import { keySigner } from "../../src/spending/spend.js";
import { buildExpansion } from "../../src/stake/expansion.js";
import { expandMessage } from "../../src/babylon/stake.js";
import { undelegateMessage } from "../../src/babylon/undelegation.js";
import { accountSigner } from "../../src/babylon-client/index.js";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import { scriptOfAddress } from "../../src/bitcoin/address.js";
import { addInclusionProofMessage, selectiveSlashingMessage } from "../../src/babylon/lifecycle.js";
import type { InclusionProof } from "../../src/babylon/inclusion.js";
import type { MessageOf } from "../../src/babylon/schema.js";
import { parseOutpoint, parseTransaction } from "../../src/bitcoin/transaction.js";
import { createDelegation, type Delegation } from "../../src/delegation/delegation.js";
import type { Staking } from "../../src/stake/staking.js";
import { parseRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { coSign, committee, party, sendAndMine, waitFor } from "../../regtest/index.js";
import { recordBroadcasts } from "./broadcasts.js";
import { checkpointMessage, finalizeEpochs, sealed } from "./checkpoints.js";
import { headerAt } from "./facts.js";
import { costOf, newHeader, placesInBlock } from "./fees.js";
import { CHAIN_ID } from "./node.js";
import { Provider, Voting } from "./provider.js";
import { coinsTo, DEEP, FEE_RATE, type Message, named, params, World } from "./world.js";

let world: World;
let one: Provider;
let two: Provider;
let voting: Voting | undefined;

beforeAll(async () => {
  world = await World.start(process.env["BABYLOND"]!);
  one = new Provider(world, party("finality provider one of the chain test"), world.accounts.one);
  two = new Provider(world, party("finality provider two of the chain test"), world.accounts.two);
});
afterAll(async () => {
  await voting?.stop().catch(() => undefined);
  world?.record.write();
  // Where a step fails, the last test does not run.
  for (const each of world?.differences ?? []) process.stderr.write(`${each}\n`);
  await world?.stop();
});

/** Questions to which a young chain has no answer. */
async function recordNothing(): Promise<void> {
  const key = hex.encode(one.key);
  const finality = "babylon/finality/v1";
  const provider = `${finality}/finality_providers/${key}`;
  const paths = {
    "no activated height": `${finality}/activated_height`,
    "no block": `${finality}/blocks/1000000`,
    "no votes": `${finality}/votes/1`,
    "no power": `${provider}/power/1`,
    "no power now": `${provider}/power`,
    "no commits": `${provider}/pub_rand_commit_list`,
    "no evidence": `${provider}/evidence`,
    "no signing info": `${finality}/signing_infos/${key}`,
    "no provider": `babylon/btcstaking/v1/finality_providers/${key}/finality_provider`,
    "no delegations of a provider": `babylon/btcstaking/v1/finality_providers/${key}/delegations`,
    "no delegation": `babylon/btcstaking/v1/btc_delegation/${"ab".repeat(32)}`,
    "no txid": "babylon/btcstaking/v1/btc_delegation/ab",
    "no depth": `babylon/btclightclient/v1/depth/${"ab".repeat(32)}`,
    "no raw checkpoint": "babylon/checkpointing/v1/raw_checkpoint/1000",
    "no transaction": `cosmos/tx/v1beta1/txs/${"AB".repeat(32)}`,
    "no account": `cosmos/auth/v1beta1/accounts/${strangerAccount}`,
    "no path": "babylon/nothing/v1/params",
  };
  for (const [name, path] of Object.entries(paths)) await world.record.answer(name, path);
}

test("a young chain has no answer to much, and the client says null, 0 or nothing", async () => {
  const { chain } = world;
  await recordNothing();
  expect(await chain.activatedHeight()).toBeNull();
  expect(await chain.block(1_000_000n)).toBeNull();
  expect(await chain.votesAt(1n)).toEqual([]);
  expect(await chain.raw.provider(one.key)).toBeNull();
  expect(await chain.raw.evidence(one.key)).toBeNull();
  expect(await chain.signingInfo(one.key)).toBeNull();
  expect(await chain.raw.delegation("ab".repeat(32))).toBeNull();
  expect(await chain.depth("ab".repeat(32))).toBeNull();
  expect(await chain.rawCheckpoint(1_000n)).toBeNull();
  expect(await chain.transaction("AB".repeat(32))).toBeNull();
  expect(await chain.account(strangerAccount)).toBeNull();
  expect(await all(chain.raw.commits(one.key))).toEqual([]);
  expect(await all(chain.raw.delegations({ provider: one.key }))).toEqual([]);
  expect(await all(chain.raw.delegations({ status: "ANY" }))).toEqual([]);
  expect((await chain.node()).chainId).toBe(CHAIN_ID);
});

const strangerAccount = accountSigner(sha256(utf8("no account"))).address;

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of values) list.push(each);
  return list;
}

test("transactions that a node does not take say why", async () => {
  const { reporter } = world.accounts;
  const { got, expected } = await recordBroadcasts(world, reporter);
  expect(got).toEqual(expected);
});

test("1: the light client follows the headers that we report", async () => {
  await world.bitcoin.mine(110 - (await world.bitcoin.height()));
  await world.reportHeaders();
  const tip = await world.chain.tip();
  expect(tip.height).toBe(110);
  expect(tip.hash).toBe(await world.bitcoin.rpc.getbestblockhash());
  expect(await world.chain.depth(await world.bitcoin.rpc.getblockhash(100))).toBe(10);

  const { reporter } = world.accounts;
  const headers = (heights: readonly number[]) =>
    Promise.all(heights.map((height) => headerAt(world.bitcoin.rpc, height)));
  const report = async (heights: readonly number[]) =>
    named("MsgInsertHeaders", insertHeadersMessage(await headers(heights), reporter.address));
  await world.refuse("known headers", "headers-unknown", await report([109, 110]), reporter);
  await world.bitcoin.mine(2);
  await world.refuse("headers with a gap", "parent-known", await report([112]), reporter);
  await world.reportHeaders();
});

test("fees are given back for what serves the chain alone", async () => {
  const { reporter, voter } = world.accounts;
  const report = await costOf(world, [await newHeader(world, reporter)], reporter);
  expect(report.cost).toBe(0n);
  const transfer = coinsTo(reporter.address, voter.address, 5n);
  const ordinary = await costOf(world, [transfer], reporter);
  expect(ordinary.cost).toBe(ordinary.sent.fee + 5n);
  const header = await newHeader(world, reporter);
  await expect(
    world.chain.send([header, transfer], reporter, { feeLimit: 1_000_000n }),
  ).rejects.toMatchObject({
    code: "refund-lost",
  });
  const mixed = await costOf(world, [header, transfer], reporter);
  expect(mixed.cost).toBe(mixed.sent.fee + 5n);
  // The gas of the simulation, and half as much again, was enough and not far off.
  for (const { sent } of [report, ordinary, mixed]) {
    const { gasWanted, gasUsed } = (await world.chain.transaction(sent.txhash))!;
    expect(sent.fee).toBe((gasWanted * 2n + 999n) / 1000n);
    expect(gasUsed).toBe(sent.gasUsed);
    expect(gasUsed).toBeLessThan(gasWanted);
    expect(gasUsed * 2n).toBeGreaterThan(gasWanted);
  }
});

test("what serves the chain comes before what pays more", async () => {
  const { report, transfer } = await placesInBlock(world);
  expect(report).toBeGreaterThanOrEqual(0);
  expect(report).toBeLessThan(transfer);
});

test("2: two finality providers are registered", async () => {
  for (const { party: own, account, key } of [one, two]) {
    const message = providerMessage(own.secretKey, key, account.address);
    await world.send(message, account);
    expect(await world.chain.raw.provider(key)).toMatchObject({ addr: account.address, jailed: false });
    expect(await world.chain.powerAt(key, 1n)).toBe(0n);
  }
  const power = `babylon/finality/v1/finality_providers/${hex.encode(one.key)}/power/1`;
  await world.record.answer("no power table", power);
  const again = providerMessage(one.party.secretKey, one.key, world.accounts.voter.address);
  await world.refuse("a known provider", "provider-unknown", again, world.accounts.voter);
  const third = party("third");
  const other = providerMessage(third.secretKey, third.publicKey, one.account.address);
  await world.refuse("a second provider of an account", "account-free", other, one.account);
});

function providerMessage(secretKey: Uint8Array, publicKey: Uint8Array, address: string): Message {
  const message = createFinalityProviderMessage({
    address,
    publicKey,
    proof: proofOfPossession(secretKey, { kind: "bip340", address }),
    description: { moniker: "tapstake", identity: "", website: "", securityContact: "", details: "" },
    commission: {
      rate: parseRate("0.05", 18),
      maxRate: parseRate("0.2", 18),
      maxChangeRate: parseRate("0.01", 18),
    },
  });
  return named("MsgCreateFinalityProvider", message);
}

let committedIn: bigint;

test("3: both commit to randomness", async () => {
  const start = (await world.chain.height()) + 30n;
  for (const provider of [one, two]) {
    const { message, committed } = provider.commitment(start, 3_000);
    await world.send(message, provider.account);
    provider.keep(committed);
    const commits = [];
    for await (const each of world.chain.raw.commits(provider.key)) commits.push(each);
    expect(commits).toEqual([
      {
        startHeight: start,
        commit: expect.objectContaining({
          num_pub_rand: "3000",
          commitment: base64.encode(committed.commitment.root),
        }),
      },
    ]);
    committedIn = BigInt(commits[0]!.commit.epoch_num);
  }
  const refuse = (what: string, rule: string, from: bigint, count: number) =>
    world.refuse(what, rule, one.commitment(from, count).message, one.account);
  await refuse("randomness of heights that have some", "commitment-order", start + 2_999n, 200);
  await refuse("too little randomness", "commitment-count", start + 3_000n, 99);
  await refuse("randomness far ahead", "commitment-ahead", start + 200_000n, 200);
  await world.record.answer(
    "commits",
    `babylon/finality/v1/finality_providers/${hex.encode(one.key)}/pub_rand_commit_list`,
  );
});

test("4: the epochs up to the commitments are final by checkpoints on Bitcoin", async () => {
  await finalizeEpochs(world, committedIn);
  const status = async (epoch: bigint) => (await world.chain.rawCheckpoint(epoch))?.status;
  expect(await status(committedIn)).toBe("CKPT_STATUS_FINALIZED");

  const { reporter } = world.accounts;
  const known = await checkpointMessage(world, await sealed(world, committedIn + 1n));
  await world.send(known, reporter);
  await world.refuse("a checkpoint that the chain has", "checkpoint-unknown", known, reporter);
  const final = await checkpointMessage(world, (await world.chain.rawCheckpoint(committedIn))!);
  await world.refuse("a checkpoint of a final epoch", "epoch-open", final, reporter);
  const later = await checkpointMessage(world, await sealed(world, committedIn + 3n));
  await world.refuse(
    "a checkpoint before the one of its previous epoch",
    "previous-checkpoint",
    later,
    reporter,
  );
});

const STAKE = 1_000_000n;
let first: { readonly txid: string; delegation: Delegation };

test("5: a stake is registered before its transaction is sent, and is PENDING", async () => {
  const { delegation, staking } = await world.prepare(world.termsWith(one.party), STAKE);
  const message = world.registration(delegation);
  const cheap = await world.prepare(world.termsWith(one.party), STAKE, { ...params, unbondingFee: 999n });
  const other = world.registration(cheap.delegation);
  await world.refuse("an unbonding with another fee", "unbonding-fee", other, world.accounts.staker);
  await refuseStakes(message as CreateMessage);
  const txid = await world.register(message, delegation);
  expect(await world.status(txid)).toBe("PENDING");
  first = { txid, delegation };
  prepared = staking;
  await world.refuse("a known stake", "stake-unknown", message, world.accounts.staker);
});
let prepared: Staking;

type CreateMessage = Extract<Message, { name: "MsgCreateBTCDelegation" }>;

async function refuseStakes({ message }: CreateMessage): Promise<void> {
  const refuse = (what: string, rule: string, changed: Partial<CreateMessage["message"]>) =>
    world.refuse(
      what,
      rule,
      named("MsgCreateBTCDelegation", { ...message, ...changed }),
      world.accounts.staker,
    );
  const stranger = party("a provider that is not registered");
  await refuse("a stake with an unknown provider", "provider-known", { fpBtcPkList: [stranger.publicKey] });
  await refuse("a stake with two providers", "provider-count", { fpBtcPkList: [one.key, two.key] });
  await refuse("a stake with one provider twice", "providers-distinct", { fpBtcPkList: [one.key, one.key] });
  await refuse("a stake without providers", "providers", { fpBtcPkList: [] });
  await refuse("a stake with another unbonding time", "unbonding-time", { unbondingTime: 21 });
  await refuse("a stake of another value", "staking-output", { stakingValue: message.stakingValue + 1n });
  await refuse("a slashing signature of the other slashing", "slashing-signature", {
    delegatorSlashingSig: message.delegatorUnbondingSlashingSig,
  });
  await refuse("an unbonding value that is not the output's", "unbonding-output", {
    unbondingValue: message.unbondingValue - 1n,
  });
  const slashing = parseTransaction(message.slashingTx);
  slashing.outs[1]!.value += 1n;
  await refuse("a slashing with a fee that is too low", "slashing-fee", { slashingTx: slashing.toBuffer() });
  slashing.outs[1]!.value -= 1n;
  slashing.outs[0]!.value -= 1n;
  await refuse("a slashing of too little", "slashing-amount", { slashingTx: slashing.toBuffer() });
  slashing.outs[0]!.value += 1n;
  slashing.locktime = 1;
  await refuse("a slashing with a lock time", "slashing-form", { slashingTx: slashing.toBuffer() });
  const pop = { ...message.pop, btcSig: message.pop.btcSig.toReversed() };
  await refuse("a proof of possession that does not verify", "possession", { pop });
}

test("6: the stake is VERIFIED once a quorum of the committee has signed", async () => {
  const { reporter } = world.accounts;
  const { txid, delegation } = first;
  const whole = await coSign(delegation, committee);
  const [m1, m2, m3, m4] = committee.map(({ publicKey }) => world.signaturesOf(delegation, whole, publicKey));
  await world.send(m1!, reporter);
  await world.refuse("signatures of a member that has signed", "signatures-unknown", m1!, reporter);
  const message = m2!.message as MessageOf<"MsgAddCovenantSigs">;
  const refuse = (what: string, rule: string, changed: Partial<typeof message>) =>
    world.refuse(what, rule, named("MsgAddCovenantSigs", { ...message, ...changed }), reporter);
  await refuse("signatures of a stranger", "committee-member", { pk: one.key });
  await refuse("signatures for no provider", "signatures-present", { slashingTxSigs: [] });
  await refuse("signatures for two providers", "signature-count", {
    slashingTxSigs: [...message.slashingTxSigs, ...message.slashingTxSigs],
  });
  await refuse("an unbonding signature that does not verify", "signatures", {
    unbondingTxSig: message.unbondingTxSig.toReversed(),
  });
  await refuse("an expansion signature of an ordinary stake", "expansion-signature", {
    stakeExpansionTxSig: message.unbondingTxSig,
  });
  await refuse("signatures of an unknown stake", "delegation-known", { stakingTxHash: "00".repeat(32) });
  await world.send(m2!, reporter);
  expect(await world.status(txid)).toBe("PENDING");
  await world.send(m3!, reporter);
  expect(await world.status(txid)).toBe("VERIFIED");
  // One more than a quorum is taken too.
  await world.send(m4!, reporter);
  expect((await world.chain.raw.delegation(txid))?.covenant_sigs).toHaveLength(4);
});

test("7: the stake is ACTIVE once its transaction is deep enough and proved", async () => {
  const { reporter } = world.accounts;
  first.delegation = await world.broadcast({ staking: prepared, delegation: first.delegation });
  await world.bitcoin.mine(1);
  const inclusion = await world.inclusionOf(first.delegation.staking.transaction);
  const message = addInclusionProofMessage(first.delegation, reporter.address, inclusion);
  const proof = named("MsgAddBTCDelegationInclusionProof", message);
  await world.refuse("a proof by an unknown header", "header-known", proof, reporter);
  await world.reportHeaders();
  await world.refuse("an early proof", "confirmation-depth", proof, reporter);
  await world.mineAndReport(DEEP - 1);
  const { key } = inclusion;
  const refuse = (what: string, rule: string, changed: Partial<InclusionProof>) => {
    const stakingTxInclusionProof = { ...inclusion, ...changed };
    const other = { ...message, stakingTxInclusionProof };
    return world.refuse(what, rule, named("MsgAddBTCDelegationInclusionProof", other), reporter);
  };
  await refuse("a proof of index 0", "coinbase", { key: { ...key, index: 0 } });
  await refuse("a proof with another branch", "inclusion", { proof: inclusion.proof.toReversed() });
  await world.send(proof, reporter);
  expect(await world.status(first.txid)).toBe("ACTIVE");
  await world.refuse("a second proof", "inclusion-unknown", proof, reporter);
});

test("8: votes make the heights final", async () => {
  const { voter } = world.accounts;
  const from = await waitFor(
    async () => {
      const { height, power } = await world.chain.power(one.key);
      return power > 0n && height >= one.firstHeight ? height : undefined;
    },
    { what: "the provider to have power", deadline: 180_000 },
  );
  const block = await waitFor(() => world.chain.block(from), { what: "the block to be there" });
  const vote = one.vote(from, block.appHash, voter.address);
  await refuseVotes(vote.message as MessageOf<"MsgAddFinalitySig">, from);
  await world.send(vote, voter);
  expect(await world.chain.votesAt(from)).toEqual([one.key]);
  await world.refuse("a vote that the chain has", "vote-unknown", vote, voter);
  voting = new Voting(one, voter, from + 1n);
  const isFinal = async () => (await world.chain.block(from + 5n))?.finalized;
  await waitFor(isFinal, { what: "a height to be final", deadline: 120_000 });
  await world.record.answer("block", `babylon/finality/v1/blocks/${from}`);
  await world.record.answer("votes", `babylon/finality/v1/votes/${from}`);
  await world.record.answer(
    "power",
    `babylon/finality/v1/finality_providers/${hex.encode(one.key)}/power/${from}`,
  );
});

async function refuseVotes(message: MessageOf<"MsgAddFinalitySig">, height: bigint): Promise<void> {
  const { voter } = world.accounts;
  const refuse = (what: string, rule: string, changed: Partial<typeof message>) =>
    world.refuse(what, rule, named("MsgAddFinalitySig", { ...message, ...changed }), voter);
  const ahead = (await world.chain.height()) + 50n;
  const future = one.vote(ahead, message.blockAppHash, voter.address).message as typeof message;
  await refuse("a vote for a height to come", "block-indexed", future);
  const { proof } = message;
  await refuse("a vote with the randomness of another height", "randomness-proof", {
    proof: { ...proof, index: proof.index + 1n },
  });
  await refuse("a vote that does not verify", "vote-signature", { finalitySig: message.pubRand.slice() });
  await refuse("a vote of an unknown provider", "provider-known", { fpBtcPk: party("third").publicKey });
  const powerless = two.vote(height, message.blockAppHash, voter.address).message as typeof message;
  await refuse("a vote without power", "power", powerless);
}

test("9: a stake that is mined before it is registered is ACTIVE with the quorum", async () => {
  const { txid, delegation } = await world.openStake(world.termsWith(two.party), 200_000n);
  expect(await world.status(txid)).toBe("ACTIVE");
  await world.record.answer("active", `babylon/btcstaking/v1/btc_delegation/${txid}`);
  second = { txid, delegation };
});
let second: { readonly txid: string; readonly delegation: Delegation };

test("10: a stake that is unbonded on Bitcoin is UNBONDED once that is reported", async () => {
  const { reporter } = world.accounts;
  const opened = await world.openStake(world.termsWith(one.party), 300_000n);
  expect(await world.status(opened.txid)).toBe("ACTIVE");
  const delegation = await signUnbonding(opened.delegation, keySigner(world.staker.secretKey));
  const transaction = finishUnbonding(delegation);
  await world.bitcoin.send(transaction.toBuffer());
  await world.bitcoin.mine(1);
  const inclusion = await world.inclusionOf(transaction);
  const undelegation = { signer: reporter.address, transaction, inclusion, fundingTransactions: [] };
  const message = undelegateMessage(delegation, undelegation);
  const report = named("MsgBTCUndelegate", message);
  await world.refuse("a spend in an unknown block", "header-known", report, reporter);
  await world.reportHeaders();
  const refuse = (what: string, rule: string, changed: Partial<typeof message>) =>
    world.refuse(what, rule, named("MsgBTCUndelegate", { ...message, ...changed }), reporter);
  await refuse("a spend without funding transactions", "funding-transactions", { fundingTransactions: [] });
  const stranger = withoutWitness(first.delegation.staking.transaction);
  await refuse("a spend with another funding transaction", "funding-transactions", {
    fundingTransactions: [stranger],
  });
  await refuse("a spend with a proof that does not lead to it", "inclusion", {
    stakeSpendingTxInclusionProof: { ...inclusion, proof: inclusion.proof.toReversed() },
  });
  await refuse("a spend of another stake", "spends-stake", { stakingTxHash: first.txid });
  const unsigned = transaction.clone();
  const { witness } = unsigned.ins[0]!;
  // The signature of the staker is before the script and the control block.
  witness[witness.length - 3] = witness.at(-3)!.toReversed();
  await refuse("a spend whose staker's signature does not verify", "staker-signature", {
    stakeSpendingTx: unsigned.toBuffer(),
  });
  await world.send(report, reporter);
  const found = await world.chain.raw.delegation(opened.txid);
  expect(found?.status_desc).toBe("UNBONDED");
  expect(found?.undelegation_response?.delegator_unbonding_info_response?.spend_stake_tx_hex).toBe("");
  await world.record.answer("unbonded", `babylon/btcstaking/v1/btc_delegation/${opened.txid}`);
  await world.refuse("a second report of a spend", "delegation-open", report, reporter);
});

function withoutWitness(transaction: Transaction): Uint8Array {
  const stripped = transaction.clone();
  for (const input of stripped.ins) input.witness = [];
  return stripped.toBuffer();
}

test("11: an expansion is ACTIVE, and what it expands UNBONDED, once its spend is deep enough", async () => {
  const { reporter, staker } = world.accounts;
  const previous = await world.openStake(world.termsWith(one.party), 400_000n);
  const value = 500_000n;
  const coin = await world.bitcoin.fund(await world.bitcoin.rpc.getnewaddress(), 160_000n);
  const terms = world.termsWith(one.party, 1_200);
  const built = buildExpansion({
    previous: previous.delegation,
    terms,
    params,
    value,
    coin: {
      outpoint: parseOutpoint(`${coin.txid}:${coin.vout}`),
      value: coin.value,
      script: coin.script,
    },
    changeScript: scriptOfAddress(await world.bitcoin.rpc.getnewaddress(), "regtest"),
    feeRate: FEE_RATE,
  });
  const own = keySigner(world.staker.secretKey);
  const created = await signSlashings(createDelegation(terms, params, built.transaction, built), own);
  const funding = { ...created.expansion!.funding, transaction: await world.transaction(coin.txid) };
  const delegation: Delegation = { ...created, expansion: { ...created.expansion!, funding } };
  const { address } = staker;
  const proof = proofOfPossession(world.staker.secretKey, { kind: "bip340", address });
  const message = expandMessage({ stakerAddress: address, proof, delegation });
  await refuseExpansions(message);
  const txid = await world.register(named("MsgBtcStakeExpand", message), delegation);
  expect(await world.status(txid)).toBe("PENDING");

  const whole = await coSign(delegation, committee.slice(0, 3));
  const { stakeExpansionTxSig: _, ...without } = world.signaturesOf(
    delegation,
    whole,
    committee[0]!.publicKey,
  ).message as MessageOf<"MsgAddCovenantSigs">;
  const lacking = named("MsgAddCovenantSigs", without);
  await world.refuse("signatures without the one of the spend", "expansion-signature", lacking, reporter);
  const covered = await world.coverBy(delegation);
  expect(await world.status(txid)).toBe("VERIFIED");

  const { psbt } = await world.bitcoin.rpc.walletprocesspsbt(built.psbt.toBase64());
  const transaction = finishExpansion(await signExpansion(covered, own), psbt);
  await world.bitcoin.send(transaction.toBuffer());
  await world.mineAndReport(1);
  const inclusion = await world.inclusionOf(transaction);
  const report = named(
    "MsgBTCUndelegate",
    undelegateMessage(previous.delegation, {
      signer: reporter.address,
      transaction,
      inclusion,
      fundingTransactions: [funding.transaction],
    }),
  );
  await world.refuse("an expansion that is not deep enough", "confirmation-depth", report, reporter);
  await world.mineAndReport(DEEP - 1);
  const direct = named("MsgAddBTCDelegationInclusionProof", {
    signer: reporter.address,
    stakingTxHash: txid,
    stakingTxInclusionProof: inclusion,
  });
  await world.refuse("an inclusion proof of an expansion", "no-expansion", direct, reporter);
  await world.send(report, reporter);
  expect(await world.status(txid)).toBe("ACTIVE");
  expect(await world.status(previous.txid)).toBe("UNBONDED");
  await world.record.answer("expansion", `babylon/btcstaking/v1/btc_delegation/${txid}`);
  await world.record.answer("expanded", `babylon/btcstaking/v1/btc_delegation/${previous.txid}`);
});

async function refuseExpansions(message: MessageOf<"MsgBtcStakeExpand">): Promise<void> {
  const { staker, voter } = world.accounts;
  const refuse = (what: string, rule: string, changed: Partial<typeof message>, by = staker) =>
    world.refuse(what, rule, named("MsgBtcStakeExpand", { ...message, ...changed }), by);
  await refuse("an expansion of another stake than it spends", "expansion-inputs", {
    previousStakingTxHash: first.txid,
  });
  const unknown = parseTransaction(message.stakingTx);
  unknown.ins[0]!.hash = new Uint8Array(32).fill(1);
  await refuse("an expansion of an unknown stake", "previous-known", {
    stakingTx: unknown.toBuffer(),
    previousStakingTxHash: "01".repeat(32),
  });
  await refuse("an expansion with another provider", "previous-provider", { fpBtcPkList: [two.key] });
  await refuse("an expansion with another funding transaction", "expansion-inputs", {
    fundingTx: withoutWitness(first.delegation.staking.transaction),
  });
  const { address } = voter;
  const { signature } = proofOfPossession(world.staker.secretKey, { kind: "bip340", address });
  const other = { stakerAddr: address, pop: { btcSigType: 0, btcSig: signature } };
  await refuse("an expansion by another account", "previous-account", other, voter);
}

test("12: a provider that does not vote is jailed, and free again after its time", async () => {
  const { reporter } = world.accounts;
  const unjail = named(
    "MsgUnjailFinalityProvider",
    unjailFinalityProviderMessage(two.key, two.account.address),
  );
  const free = unjailFinalityProviderMessage(one.key, one.account.address);
  await world.refuse(
    "to unjail a provider that is not jailed",
    "provider-jailed",
    named("MsgUnjailFinalityProvider", free),
    one.account,
  );
  await waitFor(async () => (await world.chain.raw.provider(two.key))?.jailed, {
    what: "the provider to be jailed",
    deadline: 240_000,
  });
  const until = new Date((await world.chain.signingInfo(two.key))!.jailedUntil);
  // Where this machine is slow, the steps before can take longer than the time in jail.
  const isEarly = (await world.chain.latestBlock()).time.getTime() < until.getTime() - 5_000;
  if (isEarly) await world.refuse("to unjail too early", "jail-time", unjail, two.account);
  const foreign = named(
    "MsgUnjailFinalityProvider",
    unjailFinalityProviderMessage(two.key, reporter.address),
  );
  await world.refuse("to unjail another's provider", "provider-account", foreign, reporter);
  await world.record.answer("signing info", `babylon/finality/v1/signing_infos/${hex.encode(two.key)}`);
  await world.record.answer("signing infos", "babylon/finality/v1/signing_infos");
  await waitFor(async () => (await world.chain.latestBlock()).time > until, {
    what: "the time in jail to pass",
    deadline: 120_000,
  });
  await world.send(unjail, two.account);
  expect(await world.chain.raw.provider(two.key)).toMatchObject({ jailed: false });
});

test("13: two votes at a height give the key away, which finishes the slashing", async () => {
  const { voter, reporter } = world.accounts;
  await voting!.stop();
  const height = voting!.voted.at(-1)!;
  voting = undefined;
  const fork = one.vote(height, sha256(utf8("another block")), voter.address);
  await world.send(fork, voter);
  const slashed = await world.chain.raw.provider(one.key);
  expect(Number(slashed!.slashed_btc_height)).toBeGreaterThan(0);
  await world.refuse("a vote of a slashed provider", "provider-slashed", fork, voter);

  const { evidence } = (await world.chain.evidence(one.key))!;
  const secretKey = extractFromVotes(evidence!);
  expect(secretKey).toEqual(scalar.toBytes(evenSecret(one.party.secretKey).d));
  const { delegation } = (await world.chain.delegation(first.txid))!;
  const slashing = finishSlashing(delegation, "staking", secretKey);
  expect(await world.bitcoin.accepts(slashing.toBuffer())).toMatchObject({ allowed: true });
  await sendAndMine(world.bitcoin, slashing);
  const mined = await world.transaction(slashing.getId());
  expect(extractFromSlashing(delegation, mined).secretKey).toEqual(secretKey);

  const again = selectiveSlashingMessage(first.delegation, reporter.address, secretKey, "v4");
  const selective = (message: typeof again) => named("MsgSelectiveSlashingEvidence", message);
  await world.refuse("a key of a slashed provider", "provider-slashed", selective(again), reporter);
  const stranger = { ...again, recoveredFpBtcSk: party("third").secretKey };
  await world.refuse("a key of no provider", "provider-known", selective(stranger), reporter);
  const message = selectiveSlashingMessage(second.delegation, reporter.address, two.party.secretKey, "v4");
  await world.send(selective(message), reporter);
  expect(Number((await world.chain.raw.provider(two.key))!.slashed_btc_height)).toBeGreaterThan(0);

  const name = `babylon/finality/v1/finality_providers/${hex.encode(one.key)}`;
  await world.record.answer("evidence", `${name}/evidence`);
  await world.record.answer("evidences", "babylon/finality/v1/evidences");
  await world.record.answer(
    "slashed provider",
    `babylon/btcstaking/v1/finality_providers/${hex.encode(one.key)}/finality_provider`,
  );
});

test("the client reads all lists of the chain", async () => {
  const { chain } = world;
  const stakes = await all(chain.raw.delegations({ status: "ANY" }));
  expect(stakes.map(({ status_desc }) => status_desc).toSorted()).toEqual([
    "ACTIVE",
    "ACTIVE",
    "ACTIVE",
    "UNBONDED",
    "UNBONDED",
  ]);
  expect(await all(chain.raw.delegations({ provider: one.key }))).toHaveLength(4);
  expect(await all(chain.raw.evidences())).toHaveLength(1);
  expect((await all(chain.signingInfos())).length).toBeGreaterThan(0);
  expect(await all(chain.raw.providers())).toHaveLength(2);
  expect((await all(chain.blocks("FINALIZED", { pageSize: 20 }))).length).toBeGreaterThan(0);
  expect(await chain.activatedHeight()).toBeGreaterThan(0n);
  const paths = {
    tip: "babylon/btclightclient/v1/tip",
    epoch: "babylon/epoching/v1/current_epoch",
    "raw checkpoint": `babylon/checkpointing/v1/raw_checkpoint/${committedIn}`,
    "checkpoint parameters": "babylon/btccheckpoint/v1/params",
    "finality parameters": "babylon/finality/v1/params",
    "staking parameters": "babylon/btcstaking/v1/params_versions",
    "activated height": "babylon/finality/v1/activated_height",
    blocks: "babylon/finality/v1/blocks?status=1&pagination.limit=2",
    providers: "babylon/btcstaking/v1/finality_providers",
    "power now": `babylon/finality/v1/finality_providers/${hex.encode(two.key)}/power`,
    account: `cosmos/auth/v1beta1/accounts/${one.account.address}`,
  };
  for (const [name, path] of Object.entries(paths)) await world.record.answer(name, path);
});

test("our rules and the node agree on all that was refused", () => {
  expect(world.differences).toEqual([]);
});

test("the node lets all rules be checked but those of a vote that it has, and of headers upon an unknown one", () => {
  expect([...world.unchecked].toSorted()).toEqual([
    "MsgAddFinalitySig vote-unknown: storedVote",
    "MsgInsertHeaders header-time: headers.recent",
    "MsgInsertHeaders more-work: headers.parentWork",
  ]);
});
