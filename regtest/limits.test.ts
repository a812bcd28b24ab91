import { afterAll, beforeAll, expect, test } from "vitest";
import { Transaction } from "../src/bitcoin/transaction-class.js";
import { OP } from "../src/bitcoin/opcodes.js";
import { outpointOf, parseTransaction } from "../src/bitcoin/transaction.js";
import { concatBytes, hex } from "../src/core/bytes.js";
import { leafScript, policyOf } from "../src/script/leaf.js";
import { slashingChangeOutput, stakingOutput, unbondingOutput } from "../src/script/outputs.js";
import { taproot } from "../src/script/taproot.js";
import { MAX_KEYS, stakerKeys, type StakeTerms } from "../src/script/terms.js";
import type { LeafSpend } from "../src/spending/spend.js";
import { buildSlashing } from "../src/stake/slashing.js";
import { buildUnbonding } from "../src/stake/unbonding.js";
import { participantsOf, type Shape, signed } from "../test/support/participants.js";
import { refusalOf } from "../test/support/stakes.js";
import { expectBlockFailure, SCRIPT } from "../test/support/verdicts.js";
import { type Funding, type RegtestNode, startNode } from "./index.js";

const UNBONDING_TIME = 20;
const VALUE = 1_000_000n;

/** Where the keys of the largest stakes can be: what is left over is the committee's, or the stakers'. */
const LARGEST: readonly Shape[] = [
  { stakers: [1, 1], providers: 1, committee: [1, MAX_KEYS - 2] },
  { stakers: [1, 1], providers: 400, committee: [3, MAX_KEYS - 401] },
  { stakers: [2, MAX_KEYS - 12], providers: 2, committee: [6, 10] },
];

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

const sizes = ({ stakers, providers, committee }: Shape) =>
  `${stakers[1]} stakers, ${providers} finality providers, ${committee[1]} members`;

test.each(LARGEST.map((shape) => [sizes(shape), shape] as const))(
  "the largest stake: can be derived, unbonded and slashed: %s",
  async (name, shape) => {
    const participants = participantsOf(name, shape, UNBONDING_TIME);
    const { params } = participants;
    const terms = participants.terms(1000);
    const staking = stakingOutput(terms, "regtest");
    const unbonding = unbondingOutput(terms, UNBONDING_TIME, "regtest");
    const refund = slashingChangeOutput(terms.staker, UNBONDING_TIME, "regtest");
    for (const { address, descriptor } of [staking, unbonding, refund]) {
      expect(await node.deriveAddress(descriptor)).toBe(address);
    }

    const other = participants.terms(1001);
    const [slashable, unbondable] = (await node.fundMany([
      { to: staking.address, satoshi: VALUE },
      { to: stakingOutput(other, "regtest").address, satoshi: VALUE },
    ])) as [Funding, Funding];
    const slashing = buildSlashing(terms, params, "staking", coinOf(slashable));
    const unbond = buildUnbonding(other, params, coinOf(unbondable));
    const unbonded = { outpoint: outpointOf(unbond.transaction, 0), value: unbond.value };
    const late = buildSlashing(other, params, "unbonding", unbonded);
    const transactions = await Promise.all(
      [slashing, unbond, late].map((spend) => signed(spend, participants)),
    );
    await node.mineTransactions(transactions.map((transaction) => transaction.toBuffer()));
    const { confirmations } = await node.rpc.gettransactioninfo(transactions[2]!.getId());
    expect(confirmations).toBeGreaterThan(0);
  },
);

test("with one key more: consensus refuses the slashing leaf, so the limit is tight", async () => {
  const shape: Shape = { stakers: [1, 1], providers: 1, committee: [1, MAX_KEYS - 1] };
  const participants = participantsOf("one too many", shape, UNBONDING_TIME);
  const terms = participants.terms(1000);
  expect(refusalOf(() => stakingOutput(terms, "regtest"))).toBe("too-many-keys");

  const { script, spendOf } = slashingLeafOnly(terms);
  const spend = spendOf(await node.fund(script, VALUE));
  const transaction = await signed(spend, participants);
  await expectBlockFailure(node, transaction, SCRIPT.stackLimit);
});

test("a committee of 20: Bitcoin Core relays it; Bitcoin Knots needs an option, and mines it", async () => {
  const shape: Shape = { stakers: [2, 3], providers: 4, committee: [11, 20] };
  const participants = participantsOf("twenty", shape, UNBONDING_TIME);
  const terms = participants.terms(1000);
  const coin = coinOf(await node.fund(stakingOutput(terms, "regtest").address, VALUE));
  const unbonding = (await signed(buildUnbonding(terms, participants.params, coin), participants)).toBuffer();
  const isKnots = node.version.includes("Knots");
  expect(await node.accepts(unbonding)).toMatchObject(
    isKnots ? { allowed: false, reason: "bad-witness-witness-size" } : { allowed: true },
  );
  const { tx } = await node.rpc.getblock(await node.mineTransactions([unbonding]));
  expect(tx).toContain(parseTransaction(unbonding).getId());
});

/** An output with nothing but the slashing leaf, for terms that `checkTerms` refuses. */
function slashingLeafOnly(terms: StakeTerms): {
  script: Uint8Array;
  spendOf: (funding: Funding) => LeafSpend;
} {
  const staker = stakerKeys(terms.staker);
  const policy = policyOf({ ...terms, kind: "slashing", staker });
  const { outputKey, paths } = taproot(leafScript(policy));
  const script = concatBytes(Uint8Array.of(OP.ONE, 32), outputKey);
  const { signers } = policy;
  const spendOf = (funding: Funding): LeafSpend => {
    const { outpoint, value } = coinOf(funding);
    const transaction = new Transaction();
    transaction.version = 2;
    transaction.addInput(hex.decode(outpoint.txid).toReversed(), outpoint.vout);
    transaction.addOutput(script, value - 100_000n);
    return {
      transaction,
      inputIndex: 0,
      prevouts: [{ script, value }],
      leaf: { ...paths[0]!, kind: "slashing", signers },
    };
  };
  return { script, spendOf };
}

const coinOf = ({ txid, vout, value }: Funding) => ({
  outpoint: { txid, vout },
  value,
});

/** Of a transaction alone, without its coins: the node says so before it looks for them. */
test("what no node takes is refused where it is read, as by bitcoind", async () => {
  const nowhere = { hash: new Uint8Array(32), index: 0xffff_ffff };
  const coin = { hash: new Uint8Array(32).fill(1), index: 0 };
  type Input = typeof coin & { readonly script?: Uint8Array };
  const made = (inputs: readonly Input[], values: readonly bigint[] = [1_000n]) => {
    const transaction = new Transaction();
    transaction.version = 2;
    for (const { hash, index, script } of inputs) transaction.addInput(hash, index, 0xffff_ffff, script);
    for (const value of values) transaction.outs.push({ script: stakingScript, value });
    return transaction;
  };
  const stakingScript = concatBytes(Uint8Array.of(OP.ONE, 32), new Uint8Array(32).fill(0x79));
  const cases: readonly [reason: string, transaction: Transaction][] = [
    ["bad-txns-inputs-duplicate", made([coin, coin])],
    ["bad-txns-inputs-duplicate", made([coin, { ...coin, index: 1 }, coin])],
    ["bad-txns-prevout-null", made([coin, nowhere])],
    ["bad-cb-length", made([nowhere])],
    ["bad-cb-length", made([{ ...nowhere, script: new Uint8Array(101) }])],
    ["bad-txns-vout-empty", made([coin], [])],
    ["bad-txns-vout-toolarge", made([coin], [2_100_000_000_000_001n])],
    ["bad-txns-txouttotal-toolarge", made([coin], [2_100_000_000_000_000n, 1n])],
  ];
  for (const [reason, transaction] of cases) {
    const [verdict] = await node.rpc.testmempoolaccept([transaction.toHex()]);
    expect(verdict!.reason).toBe(reason);
    expect(refusalOf(() => parseTransaction(transaction.toBuffer()))).toBe("invalid-transaction");
  }
  for (const possible of [
    made([coin, { ...coin, index: 1 }]),
    made([{ ...nowhere, script: new Uint8Array(100) }]),
  ]) {
    const [verdict] = await node.rpc.testmempoolaccept([possible.toHex()]);
    expect(["missing-inputs", "coinbase"]).toContain(verdict!.reason);
    expect(parseTransaction(possible.toBuffer()).toHex()).toBe(possible.toHex());
  }
});
