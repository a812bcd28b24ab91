import { HEADER_LENGTH } from "../../bitcoin/header.js";
import { checkChain, type ChainTip } from "../../chain/access.js";
import { hex } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Network } from "../../core/network.js";
import { difficultyRules } from "../difficulty.js";
import type { BlockSource } from "../source.js";
import { checkBlock, checkHeader } from "./check-block.js";
import { type Answer, createServer, saidBy } from "./http.js";
import { pause } from "../pause.js";
import { blockUnavailable } from "./rpc.js";

/** An Esplora server that is watched. */
export interface EsploraSourceOptions {
  /** For example `https://blockstream.info/api`. */
  readonly url: string;
  readonly network: Network;
  /** How long to wait for an answer, in milliseconds: 60000 by default. */
  readonly timeout?: number;
  /** How often the tip is asked for, in milliseconds: 10000 by default. */
  readonly interval?: number;
}

/** How often a server that asks to wait is asked again, and the longest wait in milliseconds. */
const TRIES = 6;
const LONGEST_WAIT = 60_000;

/**
 * The blocks of an Esplora server. Each is verified: the hash, the work, the Merkle root and the witness commitment; and by
 * the scanner the target and the time, as the network asks for them. So the server can hide blocks, and can invent none
 * without the work for them.
 */
export function esploraSource(options: EsploraSourceOptions): BlockSource {
  const { url, network, timeout = 60_000, interval = 10_000 } = options;
  const server = createServer(url, timeout);
  const stop = new AbortController();
  const get = async (path: string): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      const answer = await server.get(path, { signal: stop.signal });
      if (answer.status !== 429 || attempt === TRIES) return answer;
      await pause(waitOf(answer, attempt), stop.signal);
    }
  };
  const text = async (path: string, form: RegExp): Promise<string | null> => {
    const answer = await get(path);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw refused(path, answer);
    const said = saidBy(answer);
    if (form.test(said)) return said;
    const message = `${path}: ${server.url} did not answer as an Esplora server does`;
    throw new TapstakeError("node-unreachable", message, { url: server.url, path });
  };
  const hashAt = (height: number) => text(`block-height/${height}`, HASH);
  const tip = async (): Promise<ChainTip> => {
    for (;;) {
      const hash = await text("blocks/tip/hash", HASH);
      const height = await text("blocks/tip/height", NUMBER);
      if (hash === null || height === null) throw unanswered("blocks/tip");
      // Two requests: of a block that came between, the hash is asked for again.
      if ((await text("blocks/tip/hash", HASH)) === hash) return { height: Number(height), hash };
    }
  };
  const unanswered = (path: string) =>
    new TapstakeError("node-unreachable", `${path}: ${server.url} did not answer as an Esplora server does`, {
      url: server.url,
    });
  const refused = (path: string, answer: Answer) => {
    const reason = saidBy(answer).slice(0, 200);
    const message = `${path}: ${reason || "no reason given"} (HTTP status ${answer.status})`;
    return new TapstakeError("node-error", message, { path, status: answer.status, reason });
  };
  return {
    name: server.url,
    tip,
    async header(hash) {
      const digits = await text(`block/${hash}/header`, HEADER);
      if (digits === null) throw blockUnavailable(server.url, hash, "no such block");
      const header = hex.decode(digits, HEADER_LENGTH, "header");
      checkHeader(header, hash, network, server.url);
      return header;
    },
    hashAt,
    async difficulty() {
      const genesis = await hashAt(0);
      if (genesis === null) throw unanswered("block-height/0");
      // Asked again: a server that names another first block now would choose the rules that its blocks are judged by.
      await checkChain({ url: server.url, genesis: async () => genesis }, network);
      return difficultyRules(genesis)!;
    },
    async block(hash) {
      const path = `block/${hash}/raw`;
      const answer = await get(path);
      if (answer.status === 404) throw blockUnavailable(server.url, hash, saidBy(answer));
      if (answer.status !== 200) throw refused(path, answer);
      checkBlock(answer.bytes, hash, network, server.url);
      return answer.bytes;
    },
    async waitForTip(known, signal) {
      for (;;) {
        await pause(interval, AbortSignal.any([signal, stop.signal]));
        const hash = signal.aborted ? known : await text("blocks/tip/hash", HASH);
        if (hash !== known || signal.aborted) return tip();
      }
    },
    async locate(outpoints) {
      for (;;) {
        const before = await tip();
        const heights: (number | null)[] = [];
        for (const { txid } of outpoints) {
          const answer = await get(`tx/${txid}/status`);
          if (answer.status !== 200 && answer.status !== 404) throw refused("tx", answer);
          heights.push(answer.status === 404 ? null : heightIn(answer));
        }
        if ((await tip()).hash === before.hash) return { tip: before, heights };
      }
    },
    async isUnspent({ txid, vout }) {
      const path = `tx/${txid}/outspend/${vout}`;
      const answer = await get(path);
      if (answer.status === 404) return false;
      if (answer.status !== 200) throw refused(path, answer);
      return !isSpentIn(answer);
    },
    async close() {
      stop.abort();
    },
  };
}

const HASH = /^[0-9a-f]{64}$/;
const NUMBER = /^\d{1,9}$/;
const HEADER = /^[0-9a-f]{160}$/;

/** As `Retry-After` says in seconds, or else longer each time. */
function waitOf({ headers }: Answer, attempt: number): number {
  const asked = Number(headers.get("retry-after") ?? "");
  const wait = Number.isFinite(asked) && asked > 0 ? asked * 1000 : 500 * 2 ** attempt;
  return Math.min(wait, LONGEST_WAIT);
}

/** Whether a block has the spend of an output. */
function isSpentIn(answer: Answer): boolean {
  try {
    const { spent, status } = JSON.parse(new TextDecoder().decode(answer.bytes)) as {
      spent?: unknown;
      status?: { confirmed?: unknown };
    };
    return spent === true && status?.confirmed === true;
  } catch {
    return false;
  }
}

/** A false height leads to a block without the transaction, and is of no effect. */
function heightIn(answer: Answer): number | null {
  try {
    const { confirmed, block_height: height } = JSON.parse(saidBy(answer)) as {
      confirmed?: unknown;
      block_height?: unknown;
    };
    return confirmed === true && Number.isSafeInteger(height) && (height as number) >= 0
      ? (height as number)
      : null;
  } catch {
    return null;
  }
}
