import { Transaction } from "../../src/bitcoin/transaction-class.js";
import {
  createTransaction,
  FINAL_SEQUENCE,
  formatOutpoint,
  outpointOf,
  type UnspentOutput,
} from "../../src/bitcoin/transaction.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { type Delegation, outputsIn, stakeCoin, unbondedCoin } from "../../src/delegation/delegation.js";
import { stakeOutputs } from "../../src/delegation/outputs.js";
import { frozen, type ParamSet } from "../../src/params/types.js";
import { encodeOpReturn } from "../../src/script/op-return.js";
import { type Leaf, outputsOf, type StakeOutputs } from "../../src/script/outputs.js";
import { placeholderWitness } from "../../src/spending/witness.js";
import { buildUnbonding } from "../../src/stake/unbonding.js";
import type { StakeView } from "../../src/watch/index.js";
import { expand, larger } from "./expansion.js";
import { delegate, makeStake, nobodysScript, regtestParams } from "./stake.js";

/** A transaction of the play, what must be in the chain before it, and what it makes of a stake. */
export interface Move {
  readonly name: string;
  readonly transaction: Transaction;
  /** The outpoints of stakes that it spends: each must be there, and once only. */
  readonly spends: readonly string[];
  readonly makes: readonly string[];
}

/** A stake of the play: its outpoint, and its state by the names of the moves that are in the chain. */
export interface Actor {
  readonly outpoint: string;
  /** Absent for a phase-1 stake. */
  readonly delegation?: Delegation;
  readonly value: bigint;
  readonly staking: string;
  stateBy(isMined: (name: string) => boolean, knows: (delegation: string) => boolean): StakeView;
}

/** A cap that the second of two stakes crosses, so that the third overflows. */
export const PHASE1: ParamSet = frozen({
  name: "simulated phase 1",
  network: "regtest",
  versions: [
    {
      version: 0,
      network: "regtest",
      activationHeight: 5,
      covenant: regtestParams.covenant,
      minValue: 50_000n,
      maxValue: 1_000_000n,
      minTime: 10,
      maxTime: 60_000,
      unbondingTime: 15,
      unbondingFee: 1_000n,
      phase1: { tag: utf8("sim1"), cap: 300_000n, confirmationDepth: 2 },
    },
  ],
});

/** A spend of a leaf, with zeros for signatures: the scanner looks at no signature, as a node has done so. */
function spendOf(
  leaf: Leaf,
  coin: UnspentOutput,
  outputs: readonly { script: Uint8Array; value: bigint }[],
  sequence = FINAL_SEQUENCE,
): Transaction {
  const transaction = createTransaction([{ outpoint: coin.outpoint, sequence }], outputs);
  transaction.setWitness(0, placeholderWitness(leaf));
  return transaction;
}

function witnessed(transaction: Transaction, leaf: Leaf): Transaction {
  const signed = transaction.clone();
  signed.setWitness(0, placeholderWitness(leaf));
  return signed;
}

const away = (value: bigint) => [{ script: nobodysScript(), value: value - 500n }];

/** All moves of a delegation's stake but the expansion. */
function movesOf(name: string, delegation: Delegation): Move[] {
  const outputs = outputsIn(delegation);
  const places = Object.fromEntries(
    stakeOutputs(delegation).map((each) => [each.name, formatOutpoint(each.coin.outpoint)]),
  );
  const move = (part: string, transaction: Transaction, from: string | null, to: string | null): Move => ({
    name: `${name} ${part}`,
    transaction,
    spends: from === null ? [] : [places[from]!],
    makes: to === null ? [] : [places[to]!],
  });
  const { unbonding, slashing, unbondingSlashing } = delegation;
  const stakeAt = stakeCoin(delegation);
  const unbondedAt = unbondedCoin(delegation);
  const refund = (transaction: Transaction): UnspentOutput => ({
    outpoint: outpointOf(transaction, 1),
    value: transaction.outs[1]!.value,
  });
  const { staking: s, unbonding: u, refund: r } = outputs;
  const back = (leaf: Leaf, coin: UnspentOutput, time: number) => spendOf(leaf, coin, away(coin.value), time);
  return [
    move("staking", delegation.staking.transaction, null, "staking"),
    move("unbonding", witnessed(unbonding.transaction, s.leaves.unbonding), "staking", "unbonding"),
    move("slashing", witnessed(slashing.transaction, s.leaves.slashing), "staking", "refund"),
    move("withdrawal", back(s.leaves.timelock, stakeAt, s.leaves.timelock.timelock), "staking", null),
    move("diversion", spendOf(s.leaves.unbonding, stakeAt, away(stakeAt.value)), "staking", null),
    move(
      "unbonding slashing",
      witnessed(unbondingSlashing.transaction, u.leaves.slashing),
      "unbonding",
      "unbonding-refund",
    ),
    move(
      "unbonding withdrawal",
      back(u.leaves.timelock, unbondedAt, u.leaves.timelock.timelock),
      "unbonding",
      null,
    ),
    move(
      "refund",
      back(r.leaves.timelock, refund(slashing.transaction), r.leaves.timelock.timelock),
      "refund",
      null,
    ),
    move(
      "unbonding refund",
      back(r.leaves.timelock, refund(unbondingSlashing.transaction), r.leaves.timelock.timelock),
      "unbonding-refund",
      null,
    ),
  ];
}

function stateOf(name: string, isMined: (name: string) => boolean): StakeView {
  const has = (part: string) => isMined(`${name} ${part}`);
  if (has("slashing") || has("unbonding slashing")) return "slashed";
  if (has("withdrawal") || has("unbonding withdrawal")) return "withdrawn";
  if (has("diversion")) return "diverted";
  if (has("unbonding")) return "unbonding";
  return has("staking") ? "active" : "pending";
}

/** A phase-1 stake by its OP_RETURN, and its moves. */
function phase1Stake(name: string, value: bigint): { actor: Actor; moves: Move[] } {
  const [params] = PHASE1.versions as [(typeof PHASE1.versions)[0]];
  const { terms: full } = makeStake({ seed: name, timelock: 5_000 });
  const terms = { ...full, covenant: params.covenant };
  const outputs: StakeOutputs = outputsOf(terms, params);
  const staking = createTransaction(
    [{ outpoint: { txid: hex.encode(sha256(utf8(name))), vout: 0 }, sequence: FINAL_SEQUENCE }],
    [
      { script: outputs.staking.script, value },
      {
        script: encodeOpReturn({
          tag: params.phase1!.tag,
          staker: terms.staker as Uint8Array,
          finalityProvider: terms.finalityProviders[0]!,
          timelock: terms.timelock,
        }),
        value: 0n,
      },
    ],
  );
  const coin = { outpoint: outpointOf(staking, 0), value };
  const { leaves } = outputs.staking;
  const unbonding = witnessed(buildUnbonding(terms, params, coin).transaction, leaves.unbonding);
  const unbonded = { outpoint: outpointOf(unbonding, 0), value: unbonding.outs[0]!.value };
  const place = formatOutpoint(coin.outpoint);
  const unbondedPlace = formatOutpoint(unbonded.outpoint);
  const timelock = outputs.unbonding.leaves.timelock;
  return {
    actor: {
      outpoint: place,
      value,
      staking: `${name} staking`,
      stateBy: (isMined) => stateOf(name, isMined),
    },
    moves: [
      { name: `${name} staking`, transaction: staking, spends: [], makes: [place] },
      { name: `${name} unbonding`, transaction: unbonding, spends: [place], makes: [unbondedPlace] },
      {
        name: `${name} withdrawal`,
        transaction: spendOf(leaves.timelock, coin, away(value), terms.timelock),
        spends: [place],
        makes: [],
      },
      {
        name: `${name} unbonding withdrawal`,
        transaction: spendOf(timelock, unbonded, away(unbonded.value), timelock.timelock),
        spends: [unbondedPlace],
        makes: [],
      },
    ],
  };
}

/** A play of stakes: two delegations, one of which expands into a third; three phase-1 stakes; a stranger. */
export interface Play {
  readonly actors: readonly Actor[];
  readonly moves: readonly Move[];
  readonly delegations: readonly Delegation[];
}

let made: Promise<Play> | undefined;

/** Made once: its transactions are signed. */
export const play = (): Promise<Play> => (made ??= makePlay());

async function makePlay(): Promise<Play> {
  const timelock = 20_000;
  const first = makeStake({ seed: "first", timelock });
  // Of the same terms: two stakes with one script.
  const second = { ...first, value: first.value + 1_000n };
  const a = await delegate(first);
  const b = await delegate(second);
  const c = await expand(first, {}, larger(first));
  const stranger = await delegate(makeStake({ seed: "stranger", timelock, committee: 3 }));
  const [at, , cAt] = [a, b, c].map((each) => formatOutpoint(stakeCoin(each).outpoint)) as [
    string,
    string,
    string,
  ];
  const expansion: Move = {
    name: "c staking",
    transaction: witnessed(c.staking.transaction, outputsIn(a).staking.leaves.unbonding),
    spends: [at],
    makes: [cAt],
  };
  const actorOf = (name: string, delegation: Delegation): Actor => ({
    outpoint: formatOutpoint(stakeCoin(delegation).outpoint),
    delegation,
    value: stakeCoin(delegation).value,
    staking: `${name} staking`,
    stateBy(isMined, knows) {
      if (name !== "a" || !isMined("c staking")) return stateOf(name, isMined);
      return knows(cAt) ? "expanded" : "diverted";
    },
  });
  const phase1 = ["x", "y", "z"].map((name, i) => phase1Stake(name, 200_000n + BigInt(i)));
  return {
    delegations: [a, b, c],
    actors: [actorOf("a", a), actorOf("b", b), actorOf("c", c), ...phase1.map(({ actor }) => actor)],
    moves: [
      ...movesOf("a", a),
      ...movesOf("b", b),
      expansion,
      ...movesOf("c", c).slice(1),
      ...phase1.flatMap(({ moves }) => moves),
      ...movesOf("stranger", stranger),
    ],
  };
}
