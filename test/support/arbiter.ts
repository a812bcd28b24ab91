import { randomUUID } from "node:crypto";
import { TapstakeError } from "../../src/core/errors.js";
import { sha256 } from "../../src/core/hashes.js";
import { utf8 } from "../../src/core/bytes.js";
import { Arbiter } from "../../src/finality/arbiter/arbiter.js";
import { EtcdClient } from "../../src/finality/arbiter/client.js";
import { enrolSigner, initArbiter } from "../../src/finality/arbiter/store.js";
import type { Home } from "../../src/finality/home.js";
import type { KeyChain } from "../../src/finality/protection/key-chain.js";
import { afterFile } from "./after-file.js";
import type { Cluster } from "./etcd.js";
import { homeOfTest } from "./home.js";

/** A key and a chain whose id has a slash. */
export const of: KeyChain = { key: new Uint8Array(32).fill(7), chainId: "arbiter/1" };

export const digestOf = (text: string): Uint8Array => sha256(utf8(text));

/** More than a loaded machine needs. */
const TIMEOUT = 20_000;

export function clientOf({ addresses }: Pick<Cluster, "addresses">, timeout = TIMEOUT): EtcdClient {
  const client = new EtcdClient({ addresses: addresses as [string], timeout });
  afterFile(() => client.close());
  return client;
}

/** A prefix of its own for each test. */
export async function storeOf(client: EtcdClient, fromHeight = 1n): Promise<string> {
  const prefix = `/test-${randomUUID()}`;
  await initArbiter(client, prefix, { ...of, fromHeight });
  return prefix;
}

/** A home that knows no vote. */
export const emptyHome = (home: Home = homeOfTest()) => ({ home, keyChains: () => [] });

/** A signer with a home of its own. */
export async function signerOf(
  client: EtcdClient,
  prefix: string,
  home: Home = homeOfTest(),
): Promise<Arbiter> {
  await enrolSigner(emptyHome(home), client, prefix, { publicKey: of.key }, { endHold: true });
  return new Arbiter(home, client, prefix);
}

export const vote = (height: number | bigint, text = "a") => ({
  height: BigInt(height),
  digest: digestOf(text),
});

/** What became of votes, in a word each. */
export async function kinds(
  arbiter: Arbiter,
  ...votes: readonly { readonly height: bigint; readonly digest: Uint8Array }[]
): Promise<string[]> {
  const claimed = await arbiter.claim(of, votes);
  return claimed.map((each) => (each.kind === "refused" ? each.code : each.kind));
}

/** The digests of an arbiter by height, each written once. */
export function storedVotes(cluster: Cluster, prefix: string): Map<bigint, string> {
  const found = JSON.parse(cluster.ctl("get", "--prefix", `${prefix}/votes/`, "-w", "json")) as {
    kvs?: { key: string; value: string; version: number }[];
  };
  return new Map(
    (found.kvs ?? []).map(({ key, value, version }) => {
      if (version !== 1) throw new Error(`a vote was written ${version} times`);
      const name = Buffer.from(key, "base64").toString();
      return [BigInt(`0x${name.slice(-16)}`), Buffer.from(value, "base64").toString("hex")];
    }),
  );
}

/** The code of the refusal that work ends with. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof TapstakeError) return error.code;
    throw error;
  }
  return "no refusal";
}
