import { randomBytes, randomUUID } from "node:crypto";
import { concatBytes, equalBytes, hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import type { Home } from "../home.js";
import type { KeyInfo } from "../keys/keystore.js";
import { assertHeight, floorOf } from "../protection/decide.js";
import type { KeyChain } from "../protection/key-chain.js";
import type { Protection } from "../protection/store.js";
import { Arbiter } from "./arbiter.js";
import { isAbsent, isEqual, isLess, read } from "./claim.js";
import type { EtcdClient, MemberStatus } from "./client.js";
import { conflict, halted, held, isLoss, notInitialised } from "./errors.js";
import { arbiterKeys, endOf, heightIn, heightText, parseSeal, sealText, textIn } from "./keys.js";
import { type ArbiterState, enrolledWith, readState, writeState } from "./state.js";
import type { KeyValue, RequestOp, ResponseHeader, TxnRequest, TxnResponse } from "./wire.js";

/** Where votes of one key on one chain begin. */
export interface ArbiterStart extends KeyChain {
  /** The first height that may be claimed: above the key's last vote on the chain. */
  readonly fromHeight: bigint;
}

/** What an arbiter keeps, for an operator. */
export interface ArbiterReport {
  /** `<uuid> <generation>`; undefined if the arbiter was never initialised. */
  readonly store: string | undefined;
  /** Why no signer signs; undefined if they do. */
  readonly halt: string | undefined;
  /** The first height that may be claimed, of each key and chain. */
  readonly starts: readonly { readonly key: string; readonly chainId: string; readonly fromHeight: bigint }[];
  readonly signers: readonly { readonly signer: string; readonly claims: bigint }[];
  readonly members: readonly MemberStatus[];
}

/** How many rows of a kind an operator's command reads or changes: one transaction holds them. */
const MAX_ROWS = 100;

/**
 * Makes an empty store if there is none, and opens the heights of a key and chain that the store does not know. What it
 * knows stays.
 * @returns the content of the store key
 * @throws TapstakeError `arbiter-conflict` if the key and chain are known; `invalid-number`; `arbiter-unclear`
 */
export async function initArbiter(client: EtcdClient, prefix: string, start: ArbiterStart): Promise<string> {
  const keys = arbiterKeys(prefix);
  const low = closedBelow(start);
  const made = `${randomUUID()} 1`;
  const putStore = { put: { key: keys.store, value: utf8(made) } };
  await change(client, { compare: [isAbsent(keys.store)], success: [putStore], failure: [] });
  const [store] = await rows(client, [keys.store]);
  const text = storeText(store);
  const compare = [isEqual(keys.store, text), isAbsent(keys.low(start))];
  const putLow = { put: { key: keys.low(start), value: utf8(heightText(low)) } };
  const { succeeded } = await change(client, { compare, success: [putLow], failure: [] });
  if (succeeded === 1) return text;
  throw conflict(`the arbiter knows key ${hex.encode(start.key)} on chain ${start.chainId} already`);
}

/**
 * Enrols a key of a home: pins what the arbiter is now, and gives the home a name and a seal there. A further key of an
 * enrolled home takes part in its enrolment; `endHold` replaces that by a new one. The arbiter's low watermarks of the
 * key rise above what this home has signed.
 * @param options.endHold whether a person has found out why this home signs nothing, or why the key is enrolled again
 * @throws TapstakeError `arbiter-held`; `arbiter-conflict` for a key that is enrolled already, and for a home that is
 *   enrolled with another store; `arbiter-uninitialised`, `arbiter-halted`, `arbiter-unclear`
 */
export async function enrolSigner(
  protection: Pick<Protection, "home" | "keyChains">,
  client: EtcdClient,
  prefix: string,
  key: Pick<KeyInfo, "publicKey" | "arbiter">,
  { endHold = false }: { readonly endHold?: boolean } = {},
): Promise<ArbiterState> {
  const { home } = protection;
  const { publicKey } = key;
  const keys = arbiterKeys(prefix);
  const known = protection.keyChains().filter((each) => equalBytes(each.key, publicKey));
  const earlier = stateOf(home, endHold);
  if (earlier?.hold && !endHold) throw held(earlier.hold);
  const bound = key.arbiter ?? enrolledWith(earlier, publicKey);
  if (bound !== undefined && !endHold) throw enrolled(`key ${hex.encode(publicKey)}`, bound, earlier);
  const [store, halt] = await rows(client, [keys.store, keys.halt]);
  if (!store) throw notInitialised("has no store of votes");
  if (halt) throw halted(textIn(halt.value) ?? "no readable reason");
  const text = storeText(store);
  if (earlier?.store === text && earlier.hold && isLoss(earlier.hold.reason))
    throw notRenewed(earlier.hold.found);
  const isEnrolled = earlier?.prefix === prefix && earlier.store === text && !earlier.hold;
  if (earlier && !isEnrolled && !endHold) throw enrolled("this home", earlier.store, earlier);
  for (const each of known) await raiseLow(client, prefix, text, { ...each, fromHeight: floorOf(each) });
  const state =
    isEnrolled && bound !== text
      ? await joined(home, client, prefix)
      : await named(client, prefix, text, earlier);
  const others = (earlier?.keys ?? []).filter((each) => each.key !== hex.encode(publicKey));
  const all = { ...state, keys: [...others, { key: hex.encode(publicKey), store: text }] };
  writeState(home, all);
  return all;
}

/** The enrolment of a home, if its signer may claim. @throws TapstakeError as `Arbiter.look` */
async function joined(home: Home, client: EtcdClient, prefix: string): Promise<ArbiterState> {
  await new Arbiter(home, client, prefix).look();
  return readState(home)!;
}

/** A new enrolment, with a new name and seal. The earlier one ends. */
async function named(
  client: EtcdClient,
  prefix: string,
  store: string,
  earlier: ArbiterState | undefined,
): Promise<Omit<ArbiterState, "keys">> {
  const keys = arbiterKeys(prefix);
  const { response, header } = await client.ask("MemberList", { linearizable: 1 });
  const [signer, session] = [randomBytes(8), randomBytes(8)].map((bytes) => hex.encode(bytes)) as [
    string,
    string,
  ];
  const seal = { counter: 0n, session };
  const put = { put: { key: keys.seal(signer), value: utf8(sealText(seal)) } };
  const old = earlier?.prefix === prefix ? [{ deleteRange: { key: keys.seal(earlier.signer) } }] : [];
  const compare = [isEqual(keys.store, store), isAbsent(keys.seal(signer)), isAbsent(keys.halt)];
  const written = await change(client, { compare, success: [put, ...old], failure: [] });
  if (written.succeeded !== 1) throw conflict("the arbiter changed during the enrolment");
  const { clusterId, revision, memberId } = written.header;
  const members = response.members.map(({ id }) => id);
  if (clusterId !== header.clusterId || !members.includes(memberId)) {
    throw conflict("two clusters answered during the enrolment");
  }
  if (earlier?.store === store && earlier.clusterId === clusterId && revision < earlier.revision) {
    throw notRenewed(`it is at revision ${revision}, and was at ${earlier.revision}`);
  }
  return { prefix, store, clusterId, members, signer, revision, seal, sessions: [], hold: undefined };
}

function enrolled(what: string, store: string, state: ArbiterState | undefined): TapstakeError {
  const by = state ? `, as signer ${state.signer}` : "";
  return new TapstakeError(
    "arbiter-conflict",
    `${what} is enrolled with the store ${store} already${by}. Nothing was changed: vote with --arbiter. After a renewal, or once you know why the signer signs nothing, enrol it anew with --end-hold`,
    { store },
  );
}

const notRenewed = (found: string): TapstakeError =>
  conflict(
    `the arbiter lost votes and was not renewed (${found}): follow “Restore” in docs/arbiter.md first`,
  );

/** Closes heights below one: the low watermark only rises. */
async function raiseLow(
  client: EtcdClient,
  prefix: string,
  store: string,
  start: ArbiterStart,
): Promise<void> {
  const keys = arbiterKeys(prefix);
  const { chainId, fromHeight } = start;
  const [row] = await rows(client, [keys.low(start)]);
  const low = row && heightIn(row.value);
  if (low === undefined) {
    throw notInitialised(`has no low watermark of key ${hex.encode(start.key)} on chain ${chainId}`);
  }
  if (fromHeight <= low + 1n) return;
  const [old, now] = [low, fromHeight - 1n].map(heightText) as [string, string];
  const compare = [isEqual(keys.store, store), isEqual(keys.low(start), old), isLess(keys.low(start), now)];
  const put = { put: { key: keys.low(start), value: utf8(now) } };
  const { succeeded } = await change(client, { compare, success: [put], failure: [] });
  if (succeeded !== 1) throw conflict("the arbiter's low watermark changed meanwhile");
}

/**
 * Forgets the votes below a height and closes it, in one transaction.
 * @returns how many votes were forgotten
 * @throws TapstakeError `arbiter-uninitialised`, `would-lower-mark`, `arbiter-conflict`, `arbiter-unclear`
 */
export async function pruneArbiter(client: EtcdClient, prefix: string, start: ArbiterStart): Promise<bigint> {
  const keys = arbiterKeys(prefix);
  const [row] = await rows(client, [keys.low(start)]);
  const low = row && heightIn(row.value);
  if (low === undefined) {
    throw notInitialised(`has no low watermark of key ${hex.encode(start.key)} on chain ${start.chainId}`);
  }
  if (start.fromHeight <= low) {
    throw new TapstakeError(
      "would-lower-mark",
      `height ${start.fromHeight} is below ${low + 1n}, where votes begin`,
    );
  }
  const [old, now] = [low, closedBelow(start)].map(heightText) as [string, string];
  const isRaised = old === now ? [] : [isLess(keys.low(start), now)];
  const success: RequestOp[] = [
    { put: { key: keys.low(start), value: utf8(now) } },
    { deleteRange: { key: keys.vote(start, 0n), rangeEnd: keys.vote(start, start.fromHeight) } },
  ];
  const compare = [isEqual(keys.low(start), old), ...isRaised];
  const { succeeded, responses } = await change(client, { compare, success, failure: [] });
  if (succeeded !== 1) throw conflict("the arbiter's low watermark changed meanwhile");
  return responses[1]!.deleteRange!.deleted;
}

/** Ends a signer: its next claim finds no seal, and it holds. @returns whether there was such a signer */
export async function retireSigner(client: EtcdClient, prefix: string, signer: string): Promise<boolean> {
  const success = [{ deleteRange: { key: arbiterKeys(prefix).seal(signer) } }];
  const { responses } = await change(client, { compare: [], success, failure: [] });
  return responses[0]!.deleteRange!.deleted > 0n;
}

/** Stops every signer of an arbiter. */
export async function haltArbiter(client: EtcdClient, prefix: string, reason: string): Promise<void> {
  const { halt } = arbiterKeys(prefix);
  if (!/^[ -~]{1,500}$/.test(reason)) {
    const text = "the reason for a halt must be 1 to 500 printable characters of ASCII";
    throw new TapstakeError("invalid-argument", text);
  }
  const put = { put: { key: halt, value: utf8(reason) } };
  await change(client, { compare: [isAbsent(halt)], success: [put], failure: [] });
}

/** Ends a halt. @returns whether there was one */
export async function endHalt(client: EtcdClient, prefix: string): Promise<boolean> {
  const success = [{ deleteRange: { key: arbiterKeys(prefix).halt } }];
  const { responses } = await change(client, { compare: [], success, failure: [] });
  return responses[0]!.deleteRange!.deleted > 0n;
}

/**
 * The last step of a restore: the store becomes a new one of the next generation, every signer must be enrolled anew,
 * and the heights of each key and chain begin above everything that may have been voted.
 * @param starts one for each key and chain that the store knows
 * @returns the content of the store key
 * @throws TapstakeError `arbiter-uninitialised`, `invalid-argument`, `would-lower-mark`, `arbiter-conflict`,
 *   `arbiter-unclear`
 */
export async function renewArbiter(
  client: EtcdClient,
  prefix: string,
  starts: readonly ArbiterStart[],
): Promise<string> {
  const keys = arbiterKeys(prefix);
  const [store] = await rows(client, [keys.store]);
  if (!store) throw notInitialised("has no store of votes");
  const old = storeText(store);
  const lows = await rowsBelow(client, keys.lows);
  const raised = lows.map(({ key, value }) => {
    const name = nameIn(key, keys.lows);
    const start = starts.find((each) => equalBytes(keys.low(each), key));
    if (!start) {
      const text = `the arbiter knows key and chain ${name}: give the height at which its votes begin anew`;
      throw new TapstakeError("invalid-argument", text);
    }
    const low = heightIn(value);
    if (low === undefined) throw conflict(`the low watermark of ${name} is not readable`);
    const now = closedBelow(start);
    if (now < low) {
      const text = `height ${start.fromHeight} of ${name} is below ${low + 1n}, where votes begin in the restored store`;
      throw new TapstakeError("would-lower-mark", text, { height: start.fromHeight });
    }
    return { key, old: heightText(low), now: heightText(now) };
  });
  if (starts.length !== lows.length) {
    throw new TapstakeError(
      "invalid-argument",
      "give one height for each key and chain that the arbiter knows",
    );
  }
  const [, generation] = old.split(" ");
  const text = `${randomUUID()} ${BigInt(generation!) + 1n}`;
  const success: RequestOp[] = [
    { put: { key: keys.store, value: utf8(text) } },
    { deleteRange: { key: keys.seals, rangeEnd: endOf(keys.seals) } },
    { deleteRange: { key: keys.halt } },
    ...raised.map(({ key, now }) => ({ put: { key, value: utf8(now) } })),
  ];
  const compare = [isEqual(keys.store, old), ...raised.map((each) => isEqual(each.key, each.old))];
  const { succeeded } = await change(client, { compare, success, failure: [] });
  if (succeeded !== 1) throw conflict("the arbiter changed meanwhile");
  return text;
}

/** What an arbiter keeps, and how its members are. */
export async function arbiterReport(client: EtcdClient, prefix: string): Promise<ArbiterReport> {
  const keys = arbiterKeys(prefix);
  const [store, halt] = await rows(client, [keys.store, keys.halt]);
  const [lows, seals] = [await rowsBelow(client, keys.lows), await rowsBelow(client, keys.seals)];
  return {
    store: store && storeText(store),
    halt: halt && (textIn(halt.value) ?? "no readable reason"),
    starts: lows.map(({ key, value }) => {
      const [publicKey, chain] = nameIn(key, keys.lows).split("/");
      return {
        key: publicKey!,
        chainId: decodeURIComponent(chain ?? ""),
        fromHeight: (heightIn(value) ?? -1n) + 1n,
      };
    }),
    signers: seals.map(({ key, value }) => ({
      signer: nameIn(key, keys.seals),
      claims: parseSeal(textIn(value))?.counter ?? -1n,
    })),
    members: await client.status(),
  };
}

/** What a home is enrolled with. A damaged state is like a hold: a person ends it. */
function stateOf(home: Home, endHold: boolean): ArbiterState | undefined {
  try {
    return readState(home);
  } catch (error) {
    if (!endHold || !(error instanceof TapstakeError) || error.code !== "arbiter-state-damaged") throw error;
    return undefined;
  }
}

function closedBelow({ fromHeight }: ArbiterStart): bigint {
  assertHeight(fromHeight, "first height");
  if (fromHeight >= 1n) return fromHeight - 1n;
  throw new TapstakeError("invalid-number", `the first height must be at least 1, not ${fromHeight}`);
}

function storeText({ value }: KeyValue = NO_ROW): string {
  const text = textIn(value);
  if (text !== undefined && /^[0-9a-f-]{36} [1-9]\d{0,15}$/.test(text)) return text;
  throw conflict("the arbiter's store key is not readable");
}

const NO_ROW = { value: new Uint8Array() } as KeyValue;

const nameIn = (key: Uint8Array, beginning: Uint8Array): string =>
  new TextDecoder().decode(key.subarray(beginning.length));

/** Some keys at one moment, each with its row if it is there. */
async function rows(client: EtcdClient, names: readonly Uint8Array[]): Promise<(KeyValue | undefined)[]> {
  const { responses } = await change(client, { compare: [], success: names.map(read), failure: [] });
  return responses.map(({ range }) => range?.kvs[0]);
}

async function rowsBelow(client: EtcdClient, beginning: Uint8Array): Promise<readonly KeyValue[]> {
  const limit = BigInt(MAX_ROWS);
  const { response } = await client.ask("Range", { key: beginning, rangeEnd: endOf(beginning), limit });
  if (response.more === 0) return response.kvs;
  throw conflict(`the arbiter has more than ${MAX_ROWS} keys below ${nameIn(beginning, concatBytes())}`);
}

/** A transaction whose answer has the form that was asked for. */
async function change(
  client: EtcdClient,
  request: TxnRequest,
): Promise<TxnResponse & { readonly header: ResponseHeader }> {
  const { response, header } = await client.ask("Txn", request);
  const expected = response.succeeded === 1 ? request.success : request.failure;
  const isRight =
    response.responses.length === expected.length &&
    response.responses.every((part, i) => Object.keys(part).join() === Object.keys(expected[i]!).join());
  if (isRight) return { ...response, header };
  throw conflict("the arbiter answered in another form");
}
