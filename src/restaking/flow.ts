import type { Budget } from "./budget.js";

/**
 * A network of pipes with exact capacities, and the least cut between its source and its sink (Dinic's algorithm).
 * Nodes are numbers from 0.
 */
export class FlowNetwork {
  readonly #nodes: number;
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  /** What a pipe can still carry. A pipe and its way back stand side by side: 2i and 2i + 1. */
  readonly #left: bigint[] = [];

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  connect(from: number, to: number, capacity: bigint): void {
    this.#from.push(from, to);
    this.#to.push(to, from);
    this.#left.push(capacity, 0n);
  }

  /**
   * Fills the network. The budget counts the pipes that are looked at.
   * @returns the value of the flow, and which nodes are on the source's side of the cut; null where the budget is too small
   */
  cut(source: number, sink: number, budget: Budget): Cut | null {
    const pipes = this.#byNode();
    let value = 0n;
    for (;;) {
      if (!budget.take(pipes.list.length)) return null;
      const levels = this.#levels(pipes, source);
      if (levels[sink] === -1) return { value, side: Array.from(levels, (level) => level !== -1) };
      const more = this.#fill(pipes, levels, { source, sink, budget });
      if (more === null) return null;
      value += more;
    }
  }

  /** The pipes that begin at each node, one node after another. */
  #byNode(): Pipes {
    const starts = new Int32Array(this.#nodes + 1);
    for (const node of this.#from) starts[node + 1]!++;
    for (let node = 0; node < this.#nodes; node++) starts[node + 1]! += starts[node]!;
    const next = starts.slice();
    const list = new Int32Array(this.#from.length);
    this.#from.forEach((node, pipe) => {
      list[next[node]!++] = pipe;
    });
    return { list, starts };
  }

  /** How many pipes lead to each node from the source at least; -1 where none do. */
  #levels({ list, starts }: Pipes, source: number): Int32Array {
    const levels = new Int32Array(this.#nodes).fill(-1);
    levels[source] = 0;
    const queue = new Int32Array(this.#nodes);
    queue[0] = source;
    let count = 1;
    for (let first = 0; first < count; first++) {
      const node = queue[first]!;
      for (let i = starts[node]!; i < starts[node + 1]!; i++) {
        const to = this.#to[list[i]!]!;
        if (levels[to] !== -1 || this.#left[list[i]!] === 0n) continue;
        levels[to] = levels[node]! + 1;
        queue[count++] = to;
      }
    }
    return levels;
  }

  /** Sends along all shortest ways to the sink what they carry. No recursion: ways can be long. */
  #fill({ list, starts }: Pipes, levels: Int32Array, { source, sink, budget }: Ends): bigint | null {
    const next = starts.slice();
    const way: number[] = [];
    let value = 0n;
    for (let at = source; ;) {
      if (at === sink) {
        if (!budget.take(way.length)) return null;
        value += this.#send(way);
        // Up to the first pipe that is full, the way can be taken again.
        const full = way.findIndex((pipe) => this.#left[pipe] === 0n);
        at = this.#from[way[full]!]!;
        way.length = full;
      }
      const i = next[at]!;
      if (i < starts[at + 1]!) {
        const pipe = list[i]!;
        const to = this.#to[pipe]!;
        if (levels[to] === levels[at]! + 1 && this.#left[pipe]! > 0n) {
          way.push(pipe);
          at = to;
        } else next[at]!++;
        continue;
      }
      // A dead end: go back, and do not come again.
      if (at === source) return value;
      at = this.#from[way.pop()!]!;
      next[at]!++;
    }
  }

  #send(way: readonly number[]): bigint {
    let sent = this.#left[way[0]!]!;
    for (const pipe of way) if (this.#left[pipe]! < sent) sent = this.#left[pipe]!;
    for (const pipe of way) {
      this.#left[pipe]! -= sent;
      this.#left[pipe ^ 1]! += sent;
    }
    return sent;
  }
}

interface Cut {
  readonly value: bigint;
  readonly side: readonly boolean[];
}

interface Ends {
  readonly source: number;
  readonly sink: number;
  readonly budget: Budget;
}

interface Pipes {
  readonly list: Int32Array;
  readonly starts: Int32Array;
}
