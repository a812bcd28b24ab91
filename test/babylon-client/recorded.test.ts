import { describe, expect, it } from "vitest";
import { readErrorText } from "../../src/babylon/errors.js";
import { babylonChain } from "../../src/babylon-client/client.js";
import { hex } from "../../src/core/bytes.js";
import { extractFromVotes } from "../../src/extract/evidence.js";
import { base64 } from "@scure/base";
import { serve } from "../support/server.js";
import { readVectors } from "../support/vectors.js";

/** What a node of v4.3.1 answered in `npm run test:chain`. */
const { answers } = JSON.parse(readVectors("chain/lcd-babylond-answers.json")) as {
  answers: Record<string, { path: string; status: number; body: Record<string, never> }>;
};
const { refusals } = JSON.parse(readVectors("chain/lcd-babylond-refusals.json")) as {
  refusals: { what: string; code: string; body: { message: string } }[];
};

/** A client of a server that answers as the node did, to the same paths: when the chain was young, or later on. */
async function recordedChain(when: "young" | "later" = "later") {
  const then = Object.entries(answers).filter(([name]) => name.startsWith("no ") === (when === "young"));
  const url = await serve((_body, request, response) => {
    const asked = decodeURIComponent(request.url!.slice(1)).split("?")[0]!;
    const found = then.findLast(([, { path }]) => path.split("?")[0] === asked)?.[1];
    response.writeHead(found?.status ?? 418).end(JSON.stringify(found?.body ?? {}));
  });
  return babylonChain({ lcd: url, chainId: "tapstake-test" });
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of entries) list.push(each);
  return list;
}

/** The last part of a recorded path, or one of those before it. */
const partOf = (name: string, fromEnd = 1) => answers[name]!.path.split("?")[0]!.split("/").at(-fromEnd)!;

describe("a real node's refusal in a simulation", () => {
  it.each(refusals.map((each) => [each.what, each] as const))("of %s has its code", (_, { code, body }) => {
    const { codespace, code: number } = readErrorText(body.message);
    expect(codespace === undefined ? "no code" : `${codespace} ${number}`).toBe(code);
  });
});

describe("a real node's answers are read:", () => {
  it.each([
    ["active", "ACTIVE"],
    ["unbonded", "UNBONDED"],
    ["expansion", "ACTIVE"],
    ["expanded", "UNBONDED"],
  ])("the delegation %j is %s", async (name, status) => {
    const chain = await recordedChain();
    const found = await chain.raw.delegation(partOf(name));
    expect(found).toMatchObject({ status_desc: status });
  });

  it("an expansion names the stake before it, which names its spend", async () => {
    const chain = await recordedChain();
    const [child, parent] = [
      await chain.raw.delegation(partOf("expansion")),
      await chain.raw.delegation(partOf("expanded")),
    ];
    expect(child?.stk_exp?.previous_staking_tx_hash_hex).toBe(partOf("expanded"));
    expect(child?.stk_exp?.previous_stk_covenant_sigs).toHaveLength(3);
    const spend = parent?.undelegation_response?.delegator_unbonding_info_response?.spend_stake_tx_hex;
    expect(spend).toMatch(/^02000000/);
    expect(child?.staking_tx_hex).toMatch(/^02000000/);
  });

  it("the evidence of two votes gives the key away", async () => {
    const chain = await recordedChain();
    const raw = (await chain.raw.evidence(hex.decode(partOf("evidence", 2))))!;
    const secretKey = extractFromVotes({
      finalityProvider: hex.decode(raw.fp_btc_pk_hex),
      height: BigInt(raw.block_height),
      publicRandomness: base64.decode(raw.pub_rand),
      canonical: {
        appHash: base64.decode(raw.canonical_app_hash),
        signature: base64.decode(raw.canonical_finality_sig!),
      },
      fork: { appHash: base64.decode(raw.fork_app_hash), signature: base64.decode(raw.fork_finality_sig) },
    });
    expect(secretKey).toHaveLength(32);
    expect(await all(chain.raw.evidences())).toHaveLength(1);
  });

  it("heights and who voted for them, and when a provider is out of jail", async () => {
    const chain = await recordedChain();
    const height = BigInt(partOf("block"));
    expect(await chain.block(height)).toMatchObject({ height, finalized: true });
    expect((await chain.votesAt(height)).map((key) => hex.encode(key))).toEqual([partOf("evidence", 2)]);
    const { value: first } = await chain.blocks("FINALIZED", { pageSize: 2 }).next();
    expect(first).toMatchObject({ height, finalized: true });
    const info = await chain.signingInfo(hex.decode(partOf("signing info")));
    expect(new Date(info!.jailedUntil).getTime()).toBeGreaterThan(0);
    expect((await all(chain.signingInfos())).length).toBeGreaterThan(0);
    expect(await chain.activatedHeight()).toBe(height);
  });

  it("what the chain does not have is null, whatever the HTTP status", async () => {
    const chain = await recordedChain("young");
    const none = "ab".repeat(32);
    const key = hex.decode(partOf("no signing info"));
    expect(await chain.raw.provider(key)).toBeNull();
    expect(await chain.raw.evidence(key)).toBeNull();
    expect(await chain.signingInfo(key)).toBeNull();
    expect(await chain.powerAt(key, 1n)).toBe(0n);
    expect(await all(chain.raw.commits(key))).toEqual([]);
    expect(await chain.activatedHeight()).toBeNull();
    expect(await chain.raw.delegation(none)).toBeNull();
    expect(await chain.depth(none)).toBeNull();
    expect(await chain.block(1_000_000n)).toBeNull();
    expect(await chain.rawCheckpoint(1_000n)).toBeNull();
    expect(await chain.transaction(none)).toBeNull();
    expect(await chain.account(partOf("no account"))).toBeNull();
    expect(await chain.votesAt(1n)).toEqual([]);
  });

  it("a sealed checkpoint has the lengths that its transactions take", async () => {
    const chain = await recordedChain();
    const raw = await chain.rawCheckpoint(BigInt(partOf("raw checkpoint")));
    expect(raw).toMatchObject({ status: "CKPT_STATUS_FINALIZED" });
    expect([raw!.blockHash, raw!.bitmap, raw!.signature].map(({ length }) => length)).toEqual([32, 13, 48]);
  });
});

describe("a list of heights", () => {
  it.each([
    ["NON_FINALIZED", 0],
    ["FINALIZED", 1],
    ["ANY", 2],
  ] as const)(
    "of status %s is asked for by its number, as servers take no name in a query",
    async (status, number) => {
      const asked: string[] = [];
      const url = await serve((_body, request, response) => {
        asked.push(request.url!);
        response.writeHead(200).end(JSON.stringify({ blocks: [], pagination: null }));
      });
      expect(await all(babylonChain({ lcd: url, chainId: "tapstake-test" }).blocks(status))).toEqual([]);
      expect(asked[0]).toContain(`/blocks?status=${number}&`);
    },
  );
});
