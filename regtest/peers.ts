import { describeType, TapstakeError } from "../src/core/errors.js";
import type { RegtestNode } from "./node.js";
import { waitFor } from "./wait.js";

/** Nodes that talk to each other, and cease to. */

/** Of `getpeerinfo`. */
interface Peer {
  readonly id: number;
  readonly addr: string;
  /** This node's own end of the connection. */
  readonly addrbind?: string;
  readonly inbound: boolean;
  /** 0 until the other node has said its own. */
  readonly version: number;
}

/** One connection: the number by which each end knows it. */
interface Link {
  readonly from: Peer;
  readonly to: Peer;
}

/**
 * Connects two nodes, and waits until they have greeted each other. Nodes that are connected stay so.
 * @throws TapstakeError `invalid-argument` for a node with itself, or for two that were attached to; `wait-timeout`
 */
export async function connectNodes(a: RegtestNode, b: RegtestNode): Promise<void> {
  assertTwo(a, b);
  if ((await linksOf(a, b)).length > 0) return;
  const [from, to] = b.p2p === undefined ? [b, a] : [a, b];
  if (to.p2p === undefined) {
    throw new TapstakeError("node-attached", "one of two connected nodes must be started by the harness");
  }
  await from.rpc.call("addnode", to.p2p, "onetry");
  await waitFor(async () => (await linksOf(from, to)).some(isGreeted), { what: `a connection to ${to.p2p}` });
}

/**
 * Ends every connection between two nodes, and waits until both know.
 * @throws TapstakeError `invalid-argument`, `wait-timeout`
 */
export async function disconnectNodes(a: RegtestNode, b: RegtestNode): Promise<void> {
  assertTwo(a, b);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const link of await linksFrom(from, to)) {
      await from.rpc.call("disconnectnode", "", link.from.id);
      await waitFor(async () => !(await peersOf(to)).some(({ id }) => id === link.to.id), {
        what: "a connection to end",
      });
    }
  }
}

/**
 * Splits nodes into groups: within a group, each is connected to the next; between groups, there is no connection.
 * @throws TapstakeError `invalid-argument` unless there are two groups or more, and each node is in one of them
 * @example
 * ```ts
 * await partition([[a, b], [c]]);
 * await a.mine(2);
 * await c.mine(3);
 * await heal([a, b, c]); // a and b reorganise to c's chain
 * ```
 */
export async function partition(groups: readonly (readonly RegtestNode[])[]): Promise<void> {
  if (!Array.isArray(groups) || groups.length < 2 || groups.some((group) => group.length === 0)) {
    throw new TapstakeError(
      "invalid-argument",
      "a partition needs two groups of nodes or more, each with a node",
    );
  }
  const all = groups.flat();
  if (new Set(all).size !== all.length) {
    throw new TapstakeError("invalid-argument", "each node must be in one group only");
  }
  for (const [i, group] of groups.entries()) {
    for (const other of groups.slice(i + 1).flat()) {
      for (const node of group) await disconnectNodes(node, other);
    }
    await connectInLine(group);
  }
}

/**
 * Connects each node to the next, and waits until all have the chain with the most work. Two chains with the same work
 * do not meet: mine a block more on one of them first.
 * @throws TapstakeError `wait-timeout`
 */
export async function heal(nodes: readonly RegtestNode[]): Promise<void> {
  await connectInLine(nodes);
  await syncNodes(nodes);
}

/** What {@link syncNodes} waits for. */
export interface SyncOptions {
  /** Whether the mempools must be the same too: no by default. */
  readonly mempools?: boolean;
  /** The longest wait, in milliseconds: 120000 by default. */
  readonly deadline?: number;
}

/**
 * Waits until all nodes have the same chain, and with `mempools` the same transactions waiting.
 * @throws TapstakeError `wait-timeout`
 */
export async function syncNodes(nodes: readonly RegtestNode[], options: SyncOptions = {}): Promise<void> {
  const { mempools = false, deadline = 120_000 } = options;
  await waitFor(async () => areSame(await Promise.all(nodes.map(({ rpc }) => rpc.getbestblockhash()))), {
    deadline,
    what: "the nodes to have one chain",
  });
  for (const node of nodes) await node.mine(0);
  if (!mempools) return;
  const contentOf = async ({ rpc }: RegtestNode) => (await rpc.getrawmempool()).toSorted().join();
  await waitFor(async () => areSame(await Promise.all(nodes.map(contentOf))), {
    deadline,
    what: "the nodes to have the same transactions",
  });
}

async function connectInLine(nodes: readonly RegtestNode[]): Promise<void> {
  for (const [i, node] of nodes.slice(1).entries()) await connectNodes(nodes[i]!, node);
}

const areSame = (values: readonly string[]): boolean => new Set(values).size <= 1;
const isGreeted = ({ from, to }: Link): boolean => from.version > 0 && to.version > 0;

const peersOf = ({ rpc }: RegtestNode): Promise<Peer[]> => rpc.call("getpeerinfo");

/** Either may have called the other. */
async function linksOf(a: RegtestNode, b: RegtestNode): Promise<Link[]> {
  return [...(await linksFrom(a, b)), ...(await linksFrom(b, a))];
}

/** The connections that `from` opened to `to`: what is the one's own end is the other's address. */
async function linksFrom(from: RegtestNode, to: RegtestNode): Promise<Link[]> {
  const [own, theirs] = await Promise.all([peersOf(from), peersOf(to)]);
  return own
    .filter(({ inbound }) => !inbound)
    .flatMap((peer) => {
      const other = theirs.find(({ inbound, addr }) => inbound && addr === peer.addrbind);
      return other ? [{ from: peer, to: other }] : [];
    });
}

function assertTwo(a: RegtestNode, b: RegtestNode): void {
  if (typeof b?.rpc?.call !== "function") {
    throw new TapstakeError("invalid-argument", `a node of the harness is needed, not ${describeType(b)}`);
  }
  if (a === b || a.rpc.url === b.rpc.url) {
    throw new TapstakeError("invalid-argument", "a node cannot be connected to itself: give two nodes");
  }
}
