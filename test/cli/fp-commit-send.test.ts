import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { base64 } from "@scure/base";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { decodeMessage } from "../../src/babylon/messages.js";
import { accountOfKey, decodeTxBody, decodeTxRaw } from "../../src/babylon/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { FakeChain } from "../support/fake-chain.js";
import { secretOf } from "../support/stake.js";
import { chain, fp, homeWithKey, named, publicKey } from "./fp-support.js";
import { type Outcome, parsed, temporaryFolder } from "./support.js";

const secret = secretOf("account");
const address = accountOfKey(curve.pointFromScalar(secret)!);

// The command looks for its transaction each two seconds: here these pass in twenty milliseconds.
beforeAll(() => {
  const { setTimeout: original } = globalThis;
  const sooner = (work: (...given: unknown[]) => void, milliseconds?: number, ...given: unknown[]) =>
    original(work, milliseconds === 2000 ? 20 : milliseconds, ...given);
  vi.stubGlobal("setTimeout", sooner);
});
afterAll(() => void vi.unstubAllGlobals());

/** A chain that asks for 20 heights from 1100 on, and has commitments of the provider up to 1199. */
async function started() {
  const fake = await FakeChain.start();
  fake.chainId = chain;
  fake.fund(address);
  const provider = {
    description: { moniker: "m" },
    addr: address,
    btc_pk: publicKey,
    slashed_babylon_height: "0",
    slashed_btc_height: 0,
    jailed: false,
    highest_voted_height: 0,
  };
  const params = {
    max_active_finality_providers: 60,
    signed_blocks_window: "100",
    finality_sig_timeout: "3",
    min_signed_per_window: "0.5",
    min_pub_rand: "20",
    jail_duration: "600s",
    finality_activation_height: "1100",
  };
  const commits = { 1100: { num_pub_rand: "100", commitment: base64.encode(secret), epoch_num: "1" } };
  fake.lcdAnswers.push(
    [/finality_provider$/, { body: { finality_provider: provider } }],
    [/finality\/v1\/params$/, { body: { params } }],
    [/pub_rand_commit_list/, { body: { pub_rand_commit_map: commits, pagination: { next_key: null } } }],
  );
  const timer = setInterval(() => fake.mine(), 20);
  onTestFinished(() => clearInterval(timer));
  const folder = temporaryFolder();
  const keyFile = join(folder, "account.key");
  writeFileSync(keyFile, hex.encode(secret), { mode: 0o600 });
  const home = homeWithKey();
  const commit = (start: number, count: number, ...more: string[]) =>
    fp(home, [
      "commit",
      ...named,
      "--start",
      `${start}`,
      "--count",
      `${count}`,
      "--lcd",
      fake.lcd,
      "--json",
      ...more,
    ]);
  const stored = async () =>
    parsed<{ subjects: unknown[] }>(await fp(home, ["commitments", "--json"])).subjects;
  return { fake, folder, commit, stored, send: ["--send", "--account-key-file", keyFile, "--yes"] };
}

const codeOf = ({ stderr }: Outcome) => (JSON.parse(stderr) as { error: { code: string } }).error.code;

describe("tapstake fp commit --send", () => {
  it("makes the commitment, keeps it, writes it and sends it", async () => {
    const { fake, folder, commit, stored, send } = await started();
    const out = join(folder, "commitment.json");
    const outcome = await commit(1200, 20, ...send, "--out", out);
    expect(outcome.code).toBe(0);
    expect(parsed(outcome)).toMatchObject({ account: address, chain, startHeight: "1200", fee: "300" });
    const [message] = fake.handedIn
      .flatMap((bytes) => decodeTxBody(decodeTxRaw(base64.decode(bytes)).bodyBytes).messages)
      .map(decodeMessage);
    expect(message).toMatchObject({
      name: "MsgCommitPubRandList",
      message: { signer: address, startHeight: 1200n, numPubRand: 20n },
    });
    expect(existsSync(out)).toBe(true);
    expect(await stored()).toHaveLength(1);
  });

  it.each([
    ["heights that the chain has a commitment of", 1199, 20, "commitment-order"],
    ["too few heights", 1200, 19, "commitment-count"],
    ["heights before finality begins", 1099, 20, "finality-activation"],
    ["heights far ahead", 500_000, 20, "commitment-ahead"],
  ])("makes and sends nothing for %s", async (_what, start, count, rule) => {
    const { fake, commit, stored, send } = await started();
    const outcome = await commit(start, count, ...send);
    expect(codeOf(outcome)).toBe("would-be-refused");
    expect(outcome.stderr).toContain(rule);
    expect(fake.handedIn).toEqual([]);
    expect(await stored()).toEqual([]);
  });

  it("asks before it makes anything", async () => {
    const { commit, stored, send } = await started();
    expect(codeOf(await commit(1200, 20, ...send.slice(0, -1)))).toBe("usage");
    expect(await stored()).toEqual([]);
  });

  it("keeps the commitment when sending it fails, and says so", async () => {
    const { fake, commit, stored, send } = await started();
    fake.answer(/simulate/, { status: 500, body: "<html>" }, 9);
    const outcome = await commit(1200, 20, ...send);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain("tapstake register commit-randomness");
    expect(await stored()).toHaveLength(1);
  });
});

describe("tapstake fp commit --check", () => {
  it("says what the chain would answer, and makes nothing", async () => {
    const { fake, commit, stored } = await started();
    expect(parsed(await commit(1200, 20, "--check"))).toMatchObject({ verdict: "ok", unchecked: [] });
    const outcome = await commit(1199, 20, "--check");
    expect(outcome.code).toBe(1);
    expect(parsed(outcome)).toMatchObject({ verdict: "never", rule: "commitment-order" });
    expect(fake.requests.every(({ method }) => method === "GET")).toBe(true);
    expect(await stored()).toEqual([]);
  });
});
