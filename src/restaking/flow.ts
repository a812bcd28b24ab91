/**
 * A network of pipes with exact capacities, and the least cut between its source and its sink (Dinic's algorithm).
 * Nodes are numbers from 0.
 */
export class FlowNetwork {
  readonly #to: number[] = [];
  /** What a pipe can still carry. A pipe and its way back stand side by side: 2i and 2i + 1. */
  readonly #left: bigint[] = [];
  readonly #pipesOf: number[][] = [];

  constructor(nodes: number) {
    for (let i = 0; i < nodes; i++) this.#pipesOf.push([]);
  }

  connect(from: number, to: number, capacity: bigint): void {
    this.#pipesOf[from]!.push(this.#to.length);
    this.#to.push(to);
    this.#left.push(capacity);
    this.#pipesOf[to]!.push(this.#to.length);
    this.#to.push(from);
    this.#left.push(0n);
  }

  /** Fills the network. @returns the value of the flow, and which nodes are on the source's side of the cut */
  cut(source: number, sink: number): { readonly value: bigint; readonly side: readonly boolean[] } {
    let value = 0n;
    for (;;) {
      const levels = this.#levels(source);
      if (levels[sink] === -1) return { value, side: levels.map((level) => level !== -1) };
      const next = this.#pipesOf.map(() => 0);
      for (let sent = -1n; sent !== 0n;) {
        sent = this.#send(source, sink, levels, next);
        value += sent;
      }
    }
  }

  #levels(source: number): number[] {
    const levels = this.#pipesOf.map(() => -1);
    levels[source] = 0;
    const queue = [source];
    for (const node of queue) {
      for (const pipe of this.#pipesOf[node]!) {
        const to = this.#to[pipe]!;
        const left = this.#left[pipe]!;
        if (levels[to] !== -1 || left === 0n) continue;
        levels[to] = levels[node]! + 1;
        queue.push(to);
      }
    }
    return levels;
  }

  /** Sends along one way to the sink as much as it carries. No recursion: ways can be long. */
  #send(source: number, sink: number, levels: readonly number[], next: number[]): bigint {
    const way: number[] = [];
    let at = source;
    while (at !== sink) {
      const pipe = this.#pipesOf[at]![next[at]!];
      if (pipe === undefined) {
        // A dead end: go back, and do not come again.
        if (at === source) return 0n;
        at = this.#to[way.pop()! ^ 1]!;
        next[at]!++;
      } else if (this.#left[pipe]! > 0n && levels[this.#to[pipe]!] === levels[at]! + 1) {
        way.push(pipe);
        at = this.#to[pipe]!;
      } else next[at]!++;
    }
    let sent = this.#left[way[0]!]!;
    for (const pipe of way) if (this.#left[pipe]! < sent) sent = this.#left[pipe]!;
    for (const pipe of way) {
      this.#left[pipe]! -= sent;
      this.#left[pipe ^ 1]! += sent;
    }
    return sent;
  }
}
