import { describe, expect, it } from "vitest";
import { equalBytes, hex, utf8 } from "../../../src/core/bytes.js";
import { type Claim, claimTxn } from "../../../src/finality/arbiter/claim.js";
import type { Answered } from "../../../src/finality/arbiter/client.js";
import { judge, type Pins } from "../../../src/finality/arbiter/judge.js";
import { arbiterKeys, heightText, sealText } from "../../../src/finality/arbiter/keys.js";
import { digestOf, of } from "../../support/arbiter.js";
import { applied, CLUSTER, MEMBER, type ModelStore } from "../../support/model-etcd.js";
import { isLong } from "../../support/runs.js";

const keys = arbiterKeys("/t");
const STORE = "11111111-2222-3333-4444-555555555555 1";
const HEIGHT = 1n;
const DIGESTS = { x: digestOf("x"), y: digestOf("y") };
type Digest = keyof typeof DIGESTS;

/** A mistake that the model must find. */
type Mutation = "release on unclear" | "digest not compared" | "local fallback" | "prune without low";

interface Rules {
  readonly mutation?: Mutation;
  /** What each signer is asked for, one after the other. */
  readonly wants: readonly [readonly Digest[], readonly Digest[]];
  readonly sends: number;
  readonly crashes: number;
  readonly prunes: boolean;
}

interface Signer {
  readonly wants: readonly Digest[];
  /** The claim under way: its digest, the seal that it starts from, how often it was sent. */
  readonly claim: { readonly digest: Digest; readonly from: number; readonly sent: number } | null;
  readonly seal: number;
  readonly recorded: Digest | null;
  readonly crashes: number;
  readonly isHeld: boolean;
}

interface State {
  readonly store: ModelStore;
  readonly signers: readonly [Signer, Signer];
  /** Claims on their way, which may arrive at any time. */
  readonly network: readonly Message[];
  readonly released: readonly Digest[];
  readonly isPruned: boolean;
}

interface Message {
  readonly signer: 0 | 1;
  readonly digest: Digest;
  readonly from: number;
}

/** Every state that the rules lead to; the number of them, and whether one has two released digests. */
function explore(rules: Rules): { states: number; isDouble: boolean } {
  const cell = (text: string) => ({ value: hex.encode(utf8(text)), created: 1, modified: 1, version: 1 });
  const rows = [
    [keys.store, STORE],
    [keys.low(of), heightText(0n)],
    ...([0, 1] as const).map((i) => [keys.seal(nameOf(i)), sealText(sealOf(i, 0))] as const),
  ] as const;
  const signer = (i: 0 | 1): Signer => ({
    wants: rules.wants[i],
    claim: null,
    seal: 0,
    recorded: null,
    crashes: rules.crashes,
    isHeld: false,
  });
  const first: State = {
    store: {
      revision: 1,
      rows: Object.fromEntries(rows.map(([key, text]) => [hex.encode(key), cell(text)])),
    },
    signers: [signer(0), signer(1)],
    network: [],
    released: [],
    isPruned: false,
  };
  const seen = new Set([nameOfState(first)]);
  const left = [first];
  for (let state = left.pop(); state; state = left.pop()) {
    for (const next of successors(rules, state)) {
      if (next.released.length > 1) return { states: seen.size, isDouble: true };
      const name = nameOfState(next);
      if (seen.has(name)) continue;
      seen.add(name);
      left.push(next);
    }
  }
  return { states: seen.size, isDouble: false };
}

const nameOf = (i: 0 | 1) => `s${i}`;
const sealOf = (i: 0 | 1, counter: number) => ({ counter: BigInt(counter), session: `${i}`.repeat(16) });

/** Revisions only count: states that differ in them alone are one. */
function nameOfState({ store, ...rest }: State): string {
  return JSON.stringify([Object.entries(store.rows).map(([key, { value }]) => [key, value]), rest]);
}

function* successors(rules: Rules, state: State): Generator<State> {
  for (const i of [0, 1] as const) {
    const signer = state.signers[i];
    const set = (changed: Partial<Signer>, rest: Partial<State> = {}): State => {
      const signers = state.signers.map((each, at) => (at === i ? { ...each, ...changed } : each));
      return { ...state, ...rest, signers: signers as never };
    };
    const { claim, wants } = signer;
    const [wanted, ...later] = wants;
    if (claim) {
      if (claim.sent < rules.sends) {
        const message = { signer: i, digest: claim.digest, from: claim.from } as const;
        yield set({ claim: { ...claim, sent: claim.sent + 1 } }, { network: [...state.network, message] });
      } else {
        // The answer stayed unclear.
        const isFallback = rules.mutation === "local fallback";
        const released = isFallback || rules.mutation === "release on unclear";
        yield set(
          { claim: null, ...(isFallback && { recorded: claim.digest }) },
          released ? { released: add(state.released, claim.digest) } : {},
        );
      }
    } else if (wanted !== undefined && !signer.isHeld) {
      if (signer.recorded === null)
        yield set({ wants: later, claim: { digest: wanted, from: signer.seal, sent: 0 } });
      else
        yield set(
          { wants: later },
          signer.recorded === wanted ? { released: add(state.released, wanted) } : {},
        );
    }
    if (signer.crashes > 0 && claim) yield set({ claim: null, crashes: signer.crashes - 1 });
  }
  for (const [at, message] of state.network.entries()) {
    const network = state.network.filter((_, i) => i !== at);
    const claim = claimOf(message);
    const { store, answer } = applied(state.store, without(rules, claimTxn(keys, claim)));
    // The answer is lost, or it finds the signer waiting for it.
    yield { ...state, store, network };
    const { signer: i } = message;
    const { claim: waiting } = state.signers[i];
    if (waiting?.digest !== message.digest || waiting.from !== message.from || waiting.sent === 0) continue;
    yield* answered(rules, { ...state, store, network }, message, claim, answer);
  }
  if (rules.prunes && !state.isPruned) {
    const vote = hex.encode(keys.vote(of, HEIGHT));
    const rows: Record<string, (typeof state.store.rows)[string]> = { ...state.store.rows };
    delete rows[vote];
    const low = hex.encode(keys.low(of));
    rows[low] = { ...rows[low]!, value: hex.encode(utf8(heightText(HEIGHT))) };
    yield { ...state, store: { ...state.store, rows }, isPruned: true };
  }
}

function claimOf({ signer, digest, from }: Message): Claim {
  return {
    of,
    votes: [{ height: HEIGHT, digest: DIGESTS[digest] }],
    signer: nameOf(signer),
    store: STORE,
    last: sealOf(signer, from),
    next: sealOf(signer, from + 1),
  };
}

function without({ mutation }: Rules, txn: ReturnType<typeof claimTxn>): ReturnType<typeof claimTxn> {
  if (mutation !== "prune without low") return txn;
  return { ...txn, compare: txn.compare.filter(({ key }) => !equalBytes(key, keys.low(of))) };
}

/** A signer reads an answer; it may crash before it has recorded a vote, and before it has released one. */
function* answered(
  rules: Rules,
  state: State,
  { signer: i, digest, from }: Message,
  claim: Claim,
  answer: Answered<"Txn">,
): Generator<State> {
  const pins: Pins = {
    clusterId: CLUSTER,
    members: [MEMBER],
    revision: 0n,
    sessions: [sealOf(i, 0).session],
  };
  const judgement = judge(keys, claim, pins, answer);
  const set = (changed: Partial<Signer>, rest: Partial<State> = {}): State => {
    const signers = state.signers.map((each, at) => (at === i ? { ...each, ...changed } : each));
    return { ...state, ...rest, signers: signers as never };
  };
  if (judgement.kind === "hold") yield set({ claim: null, isHeld: true });
  if (judgement.kind === "unclear" && rules.mutation === undefined) throw new Error(judgement.found);
  if (judgement.kind !== "judged") return;
  const seal = Number(judgement.seal.counter);
  const [outcome] = judgement.outcomes;
  const isTaken = outcome!.kind === "refused" && rules.mutation === "digest not compared";
  if (outcome!.kind === "new" || outcome!.kind === "same" || isTaken) {
    const recorded = { claim: null, seal, recorded: digest };
    yield set(recorded, { released: add(state.released, digest) });
    // Crashed between the record and the release.
    yield set(recorded);
  } else if (outcome!.kind === "open" && seal > from) yield set({ claim: { digest, from: seal, sent: 0 } });
  else yield set({ claim: null, seal });
}

const add = (released: readonly Digest[], digest: Digest): readonly Digest[] =>
  released.includes(digest) ? released : [...released, digest];

describe("the protocol, in every order of its steps", () => {
  const few: Rules = { wants: [["x"], ["y"]], sends: 2, crashes: 1, prunes: false };
  const twice: Rules = {
    ...few,
    wants: [
      ["x", "x"],
      ["y", "y"],
    ],
  };
  const both: Rules = {
    ...few,
    wants: [
      ["x", "y"],
      ["y", "x"],
    ],
    crashes: isLong ? 1 : 0,
    sends: isLong ? 2 : 1,
  };

  it.each([
    ["two signers with a digest each", few],
    ["two signers that ask again after a failure", isLong ? twice : { ...twice, crashes: 0, sends: 1 }],
    ["two signers that are asked for both", both],
    ["two signers and pruned votes", { ...few, prunes: true }],
  ] as const)("model: no height has two released digests with %s", (_, rules) => {
    const { states, isDouble } = explore(rules);
    expect(states).toBeGreaterThan(100);
    expect(isDouble).toBe(false);
  });

  it.each<[Mutation, Rules]>([
    ["release on unclear", few],
    ["digest not compared", few],
    ["local fallback", few],
    ["prune without low", { ...few, prunes: true }],
  ])("model: finds a double vote if the rule is broken: %s", (mutation, rules) => {
    expect(explore({ ...rules, mutation }).isDouble).toBe(true);
  });
});
