import type { IncomingMessage, ServerResponse } from "node:http";
import { base64 } from "@scure/base";
import { chainError } from "../../src/babylon/errors.js";
import { type AnyMessage, decodeMessage, TYPE_URLS } from "../../src/babylon/messages.js";
import { checkRules } from "../../src/babylon/rules/check.js";
import type { ChainState } from "../../src/babylon/rules/types.js";
import {
  type AuthInfo,
  decodeAuthInfo,
  decodeTxBody,
  decodeTxRaw,
  type TxBody,
  txHash,
  verifySignDoc,
} from "../../src/babylon/transaction.js";
import type { Clock } from "../../src/babylon-client/lcd.js";
import type { Release } from "../../src/params/rules.js";
import { serve } from "./server.js";

/** Why a message fails, as the chain's modules say it. */
export interface Refusal {
  readonly codespace: string;
  readonly code: number;
  /** What the chain's text for the code is, with what stands before it. */
  readonly text: string;
}

/** What a request gets in place of the fake's own answer. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

type Override = Answer | "hang-up" | ((body: string) => Answer);

interface Account {
  readonly accountNumber: bigint;
  /** In the newest block. */
  sequence: bigint;
  balance: bigint;
}

interface Result {
  readonly height: bigint;
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
}

interface Pending {
  readonly hash: string;
  readonly body: TxBody;
  readonly authInfo: AuthInfo;
  readonly address: string;
}

/**
 * A server that plays the chain as CHAIN.md sections 3 and 5 have it: accounts and sequences, a mempool, blocks that
 * come when they are asked for, simulations that run the rules, and the codes of each refusal. Time is its own.
 */
export class FakeChain {
  readonly accounts = new Map<string, Account>();
  /** What each message must obey; run by simulations and in blocks. By default it is the chain's own rules. */
  rule: (message: AnyMessage, at: "simulation" | "block") => Refusal | null = (message) =>
    ruleOfChain(message, `v${this.version[1]}` as Release, this.state);
  /** What the chain's own rules know; a rule whose facts are not in it is not checked. */
  state: ChainState = {};
  gasPerMessage = 100_000n;
  height = 1000n;
  chainId = "chain-test";
  version = "v4.3.1";
  syncing = false;
  /** Whether the status of the node has the time. */
  saysTime = true;
  /** Of the RPC server, where it is another node than that of the LCD. */
  rpcHeight: bigint | undefined;
  rpcChainId: string | undefined;
  /** Whether time brings blocks. */
  isHalted = false;
  /** How many transactions the node takes and then loses. */
  losing = 0;
  /** What happens before the next block, each time that the client sleeps. */
  meanwhile: () => void = () => undefined;
  /** What else the LCD answers, by the path. */
  readonly lcdAnswers: (readonly [path: RegExp, answer: Answer])[] = [];
  readonly requests: { readonly method: string; readonly path: string; readonly body: string }[] = [];
  readonly sleeps: number[] = [];
  /** Transactions that were handed in, in base64. */
  readonly handedIn: string[] = [];

  readonly clock: Clock = {
    now: () => this.#now,
    sleep: async (milliseconds) => {
      this.sleeps.push(milliseconds);
      this.#now += milliseconds;
      this.meanwhile();
      if (!this.isHalted) this.mine();
    },
  };

  #now = 1_764_500_000_000;
  #url = "";
  #mempool: Pending[] = [];
  readonly #results = new Map<string, Result>();
  readonly #overrides: { readonly path: RegExp; left: number; readonly answer: Override }[] = [];

  /** Starts for the length of a test. */
  static async start(): Promise<FakeChain> {
    const chain = new FakeChain();
    chain.#url = await serve((body, request, response) => chain.#serve(body, request, response));
    return chain;
  }

  get lcd(): string {
    return `${this.#url}/api`;
  }

  get rpc(): string {
    return `${this.#url}/rpc`;
  }

  fund(address: string, balance = 1_000_000n, sequence = 0n): void {
    this.accounts.set(address, { accountNumber: BigInt(this.accounts.size) + 7n, sequence, balance });
  }

  /** Answers the next requests of a path, of RPC a method, in another way: `count` of them. */
  answer(path: RegExp, answer: Answer | "hang-up", count = 1): void {
    this.#overrides.push({ path, left: count, answer });
  }

  /** Answers the next transactions (`count` of them) in another way, by their own hash unless it is given. */
  answerBroadcast(said: Readonly<Record<string, unknown>>, count = 1): void {
    const answer = (body: string): Answer => {
      const { tx_bytes } = JSON.parse(body) as TxBytes;
      return { body: { tx_response: { txhash: txHash(base64.decode(tx_bytes)), ...said } } };
    };
    this.#overrides.push({ path: /^cosmos\/tx\/v1beta1\/txs$/, left: count, answer });
  }

  /** Makes a block of the mempool. */
  mine(): void {
    this.height++;
    for (const pending of this.#mempool) {
      const { timeoutHeight } = pending.body;
      if (timeoutHeight !== 0n && this.height > timeoutHeight) continue;
      this.#results.set(pending.hash, this.#execute(pending));
    }
    this.#mempool = [];
  }

  #execute({ body, authInfo, address }: Pending): Result {
    const account = this.accounts.get(address)!;
    account.sequence++;
    account.balance -= authInfo.fee.amount[0]!.amount;
    const gasWanted = authInfo.fee.gasLimit;
    const gasUsed = this.gasPerMessage * BigInt(body.messages.length);
    const base = { height: this.height, gasWanted, gasUsed };
    if (gasUsed > gasWanted) {
      const log = "out of gas in location: WritePerByte; gasWanted, gasUsed: out of gas";
      return { ...base, codespace: "sdk", code: 11, log };
    }
    const failed = this.#firstRefusal(body.messages, "block");
    if (!failed) return { ...base, code: 0, codespace: "", log: "" };
    const log = `failed to execute message; message index: ${failed.index}: ${failed.text}`;
    return { ...base, codespace: failed.codespace, code: failed.code, log };
  }

  #firstRefusal(messages: readonly AnyMessage[], at: "simulation" | "block") {
    for (const [index, message] of messages.entries()) {
      const known = (Object.values(TYPE_URLS) as string[]).includes(message.typeUrl);
      const refused = known
        ? this.rule(message, at)
        : {
            codespace: "sdk",
            code: 2,
            text: `unable to resolve type URL ${message.typeUrl}: tx parse error`,
          };
      if (refused) return { index, ...refused };
    }
    return null;
  }

  #serve(body: string, request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url!.replace(/^\/(api|rpc)\//, ""));
    this.requests.push({ method: request.method!, path, body });
    // All of RPC has one path: there it is the method.
    const isRpc = request.url!.startsWith("/rpc");
    const asked = isRpc ? (JSON.parse(body) as { method: string }).method : path;
    const override = this.#overrides.find((each) => each.left > 0 && each.path.test(asked));
    if (override) override.left--;
    if (override?.answer === "hang-up") {
      this.#answerTo(path, body, isRpc);
      response.destroy();
      return;
    }
    const given = override?.answer;
    const answer = typeof given === "function" ? given(body) : (given ?? this.#answerTo(path, body, isRpc));
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, answer.headers).end(text);
  }

  #answerTo(path: string, body: string, isRpc: boolean): Answer {
    if (isRpc) return this.#rpc(JSON.parse(body));
    if (path === "cosmos/base/tendermint/v1beta1/node_info") {
      return {
        body: {
          default_node_info: { network: this.chainId },
          application_version: { version: this.version },
        },
      };
    }
    if (path === "cosmos/base/tendermint/v1beta1/syncing") return { body: { syncing: this.syncing } };
    if (path === "cosmos/base/node/v1beta1/status") {
      const timestamp = this.saysTime ? new Date(this.#now).toISOString() : null;
      return { body: { height: `${this.height}`, timestamp } };
    }
    const [, address] = /^cosmos\/auth\/v1beta1\/accounts\/(.*)$/.exec(path) ?? [];
    if (address !== undefined) return this.#account(address);
    const [, hash] = /^cosmos\/tx\/v1beta1\/txs\/(.*)$/.exec(path) ?? [];
    if (hash !== undefined) return this.#transaction(hash);
    if (path === "cosmos/tx/v1beta1/simulate") return this.#simulate((JSON.parse(body) as TxBytes).tx_bytes);
    if (path === "cosmos/tx/v1beta1/txs") {
      const { hash: txhash, ...said } = this.#take((JSON.parse(body) as TxBytes).tx_bytes);
      const { code, codespace, log: raw_log } = said;
      return {
        body: { tx_response: { height: "0", txhash, code, codespace, raw_log, gas_used: "0", events: [] } },
      };
    }
    // A block that the node knows and has not run is newer than its state.
    if (path === `cosmos/base/tendermint/v1beta1/blocks/${this.height}`) {
      const time = new Date(this.#now).toISOString();
      return { body: { block: { header: { height: `${this.height}`, time } } } };
    }
    const known = this.lcdAnswers.find(([each]) => each.test(path));
    return known ? known[1] : grpcError(501, 12, "Not Implemented");
  }

  #account(address: string): Answer {
    const account = this.accounts.get(address);
    if (!account) return grpcError(404, 5, `account ${address} not found`);
    const { accountNumber, sequence } = account;
    return {
      body: {
        account: {
          "@type": "/cosmos.auth.v1beta1.BaseAccount",
          address,
          pub_key: null,
          account_number: `${accountNumber}`,
          sequence: `${sequence}`,
        },
      },
    };
  }

  #transaction(hash: string): Answer {
    const result = this.#results.get(hash);
    if (!result) return grpcError(404, 5, `tx not found: ${hash}`);
    const { height, code, codespace, log, gasWanted, gasUsed } = result;
    return {
      body: {
        tx_response: {
          txhash: hash,
          height: `${height}`,
          code,
          codespace,
          raw_log: log,
          gas_wanted: `${gasWanted}`,
          gas_used: `${gasUsed}`,
          events: [{ type: "message", attributes: [{ key: "action", value: "x", index: true }] }],
        },
      },
    };
  }

  #simulate(bytes: string): Answer {
    const raw = decodeTxRaw(base64.decode(bytes));
    const { messages } = decodeTxBody(raw.bodyBytes);
    const { signers } = decodeAuthInfo(raw.authInfoBytes);
    const account = this.accounts.get(addressIn(messages[0]!))!;
    const gasUsed = this.gasPerMessage * BigInt(messages.length);
    const fail = (text: string) => grpcError(500, 2, `${text} with gas used: '${gasUsed}'`);
    if (signers[0]!.sequence !== account.sequence) {
      return fail(sequenceText(account.sequence, signers[0]!.sequence));
    }
    const failed = this.#firstRefusal(messages, "simulation");
    if (failed) return fail(`failed to execute message; message index: ${failed.index}: ${failed.text}`);
    return { body: { gas_info: { gas_wanted: "0", gas_used: `${gasUsed}` }, result: null } };
  }

  #rpc({ method, params }: { method: string; params: { tx: string } }): Answer {
    if (method === "status") {
      const sync_info = {
        latest_block_height: `${this.rpcHeight ?? this.height}`,
        catching_up: this.syncing,
      };
      const result = { node_info: { network: this.rpcChainId ?? this.chainId }, sync_info };
      return { body: { jsonrpc: "2.0", id: 1, result } };
    }
    if (method !== "broadcast_tx_sync") {
      return { body: { jsonrpc: "2.0", id: 1, error: { code: -32601, message: "Method not found" } } };
    }
    const said = this.#take(params.tx);
    if (said.code !== 19) return { body: { jsonrpc: "2.0", id: 1, result: said } };
    const error = { code: -32603, message: "Internal error", data: "tx already exists in cache" };
    return { body: { jsonrpc: "2.0", id: 1, error } };
  }

  /** What CheckTx does: the rules of the messages are not run. */
  #take(bytes: string): { hash: string; code: number; codespace: string; log: string } {
    this.handedIn.push(bytes);
    const binary = base64.decode(bytes);
    const hash = txHash(binary);
    const say = (code: number, log = "", codespace = code === 0 ? "" : "sdk") => ({
      hash,
      code,
      codespace,
      log,
    });
    const raw = decodeTxRaw(binary);
    const body = decodeTxBody(raw.bodyBytes);
    const authInfo = decodeAuthInfo(raw.authInfoBytes);
    const address = addressIn(body.messages[0]!);
    const account = this.accounts.get(address)!;
    const [{ publicKey, sequence }] = authInfo.signers as [AuthInfo["signers"][0]];
    const { amount, gasLimit } = authInfo.fee;
    const fee = amount[0]?.amount ?? 0n;
    if (this.#mempool.some((each) => each.hash === hash) || this.#results.has(hash)) {
      return say(19, "tx already in mempool");
    }
    if (body.timeoutHeight !== 0n && this.height > body.timeoutHeight) return say(30, "tx timeout height");
    if (gasLimit > 10_000_000n) {
      return say(11, `Too much gas wanted: ${gasLimit}, maximum is 10000000: out of gas`);
    }
    if (fee * 1000n < gasLimit * 2n) return say(13, `insufficient fees; got: ${fee}: insufficient fee`);
    if (fee > account.balance) return say(5, `${fee}ubbn is not there: insufficient funds`);
    const next = account.sequence + BigInt(this.#mempool.filter((each) => each.address === address).length);
    if (sequence !== next) return say(32, sequenceText(next, sequence));
    const doc = { ...raw, chainId: this.chainId, accountNumber: account.accountNumber };
    if (!verifySignDoc(publicKey, doc, raw.signatures[0]!)) {
      return say(4, "signature verification failed: unauthorized");
    }
    if (this.losing > 0) this.losing--;
    else this.#mempool.push({ hash, body, authInfo, address });
    return say(0);
  }
}

/** How the chain words the refusal of {@link checkRules}; an error without a number of its own is SDK's "internal". */
function ruleOfChain(message: AnyMessage, release: Release, state: ChainState): Refusal | null {
  const answer = checkRules(release, decodeMessage(message), state);
  if (answer.ok) return null;
  const { codespace, code } = answer.error ?? { codespace: "undefined", code: 1 };
  const { meaning } = chainError(codespace, code, release) ?? { meaning: "internal" };
  return { codespace, code, text: `${answer.reason}: ${meaning}` };
}

interface TxBytes {
  readonly tx_bytes: string;
}

/** The account of a message: its first field. */
const addressIn = ({ value }: AnyMessage) => new TextDecoder().decode(value.subarray(2, 2 + value[1]!));

const sequenceText = (expected: bigint, got: bigint) =>
  `account sequence mismatch, expected ${expected}, got ${got}: incorrect account sequence`;

export const grpcError = (status: number, code: number, message: string): Answer => ({
  status,
  body: { code, message, details: [] },
});
