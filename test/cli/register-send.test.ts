import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { base64 } from "@scure/base";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { decodeMessage } from "../../src/babylon/messages.js";
import { accountOfKey, decodeTxBody, decodeTxRaw } from "../../src/babylon/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { secretOfMnemonic } from "../../src/script/mnemonic.js";
import { eventually } from "../support/eventually.js";
import { FakeChain } from "../support/fake-chain.js";
import { delegate, makeStake, secretOf, signedBy } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const secret = secretOf("account");
const address = accountOfKey(curve.pointFromScalar(secret)!);
const provider = hex.encode(publicKeyOf(secretOf("provider")));
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

// The command looks for its transaction each two seconds: here these pass in twenty milliseconds.
beforeAll(() => {
  const { setTimeout: original } = globalThis;
  const sooner = (work: (...given: unknown[]) => void, milliseconds?: number, ...given: unknown[]) =>
    original(work, milliseconds === 2000 ? 20 : milliseconds, ...given);
  vi.stubGlobal("setTimeout", sooner);
});
afterAll(() => void vi.unstubAllGlobals());

/** A chain that has the provider, jailed until a day; a block comes every so often. */
async function started({ until = "2020-01-01T00:00:00Z", blocks = true } = {}) {
  const fake = await FakeChain.start();
  fake.fund(address);
  fake.lcdAnswers.push([/finality_provider$/, { body: { finality_provider: rawProvider } }]);
  const info = {
    fp_btc_pk_hex: provider,
    start_height: "1",
    missed_blocks_counter: "0",
    jailed_until: until,
  };
  fake.lcdAnswers.push([/signing_infos/, { body: { signing_info: info } }]);
  if (blocks) {
    const timer = setInterval(() => fake.mine(), 100);
    onTestFinished(() => clearInterval(timer));
  }
  const folder = temporaryFolder();
  const keyFile = join(folder, "account.key");
  writeFileSync(keyFile, hex.encode(secret), { mode: 0o600 });
  const unjail = ["register", "unjail", "--fp", provider, "--address", address, "--lcd", fake.lcd];
  const send = [...unjail, "--send", "--chain", "chain-test", "--account-key-file", keyFile, "--yes"];
  return { fake, folder, keyFile, unjail, send };
}

const rawProvider = {
  description: { moniker: "m" },
  commission: "0.05",
  addr: address,
  btc_pk: provider,
  slashed_babylon_height: "0",
  slashed_btc_height: 0,
  jailed: true,
  highest_voted_height: 0,
};

const sentMessages = (fake: FakeChain) =>
  fake.handedIn.flatMap((bytes) => decodeTxBody(decodeTxRaw(base64.decode(bytes)).bodyBytes).messages);

describe("tapstake register --send", () => {
  it("checks, signs and sends the message, and says what it cost", async () => {
    const { fake, send } = await started();
    const { code, stdout, stderr } = await inProcess([...send, "--json"]);
    expect(stderr).toContain("signed: ");
    expect(code).toBe(0);
    const facts = JSON.parse(stdout) as Record<string, unknown>;
    expect(facts).toMatchObject({ account: address, chain: "chain-test", gasUsed: "100000", fee: "300" });
    expect(facts["txhash"]).toMatch(/^[0-9A-F]{64}$/);
    expect(BigInt(facts["height"] as string)).toBeGreaterThan(1000n);
    const [message] = sentMessages(fake).map(decodeMessage);
    expect(message).toMatchObject({ name: "MsgUnjailFinalityProvider", message: { signer: address } });
    const text = await inProcess([...send]);
    expect(text.stdout).toMatch(/fee +300 ubbn/);
  });

  it("signs nothing that the chain refuses for now, unless it is forced", async () => {
    const { fake, send } = await started({ until: "2999-01-01T00:00:00Z" });
    const refused = await inProcess(send);
    expect(refusedWith(refused)).toBe("would-be-refused");
    expect(refused.stderr).toContain("(jail-time), until 2999-01-01T00:00:00.001Z");
    expect(fake.requests.some(({ method }) => method === "POST")).toBe(false);
    const forced = await inProcess([...send, "--force"]);
    expect(forced.code).toBe(0);
    expect(fake.handedIn).toHaveLength(1);
  });

  it("takes the key from the environment and as words, and asks without a terminal for --yes", async () => {
    const words =
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    const { fake, unjail, folder } = await started();
    const first = accountOfKey(curve.pointFromScalar(secretOfMnemonic(words, "m/44'/118'/0'/0/0"))!);
    fake.fund(first);
    fake.rule = () => null;
    fake.lcdAnswers.unshift([
      /finality_provider$/,
      { body: { finality_provider: { ...rawProvider, addr: first } } },
    ]);
    const of = unjail.map((word) => (word === address ? first : word));
    const send = [...of, "--send", "--chain", "chain-test"];
    const env = { TAPSTAKE_ACCOUNT_KEY: words };
    expect(refusedWith(await inProcess(send, { env }))).toBe("usage");
    expect((await inProcess([...send, "--yes"], { env })).code).toBe(0);
    const other = join(folder, "other.key");
    writeFileSync(other, words, { mode: 0o600 });
    const wrong = ["--account-key-file", other, "--account-path", "m/44'/118'/0'/0/1", "--yes"];
    expect(refusedWith(await inProcess([...send, ...wrong]))).toBe("account-mismatch");
    expect(fake.handedIn).toHaveLength(1);
  });

  it.each([
    ["a fee above the limit", ["--fee-limit", "299"], "fee-above-limit"],
    ["another chain", ["--chain", "bbn-1"], "wrong-chain"],
    ["another release than the server's", ["--release", "v2"], "unsupported-by-release"],
  ])("refuses %s", async (_what, more, code) => {
    const { fake, send } = await started();
    expect(refusedWith(await inProcess([...send, ...more]))).toBe(code);
    expect(fake.handedIn).toEqual([]);
  });

  it.each([
    ["a key on standard input", ["--account-key-file", "-"]],
    ["the bare message beside it", ["--message"]],
    ["a check beside it", ["--check"]],
  ])("has no place for %s", async (_what, more) => {
    const { send } = await started();
    expect(refusedWith(await inProcess([...send, ...more]))).toBe("usage");
  });

  it("knows the account of a message whose record begins with another field", async () => {
    const { send, folder } = await started();
    const stake = makeStake();
    const signed = await signedBy(stake, await delegate(stake), [0]);
    const [file, member] = [join(folder, "stake.json"), hex.encode(stake.params.covenant.keys[0]!)];
    writeFileSync(file, delegationToJson(signed));
    const sending = send.slice(send.indexOf("--lcd"));
    const message = ["register", "covenant-signatures", file, "--member", member, "--address"];
    // The chain is asked only once the account is right.
    const other = [...sending, "--chain", "bbn-1"];
    expect(refusedWith(await inProcess([...message, address, ...other]))).toBe("wrong-chain");
    const foreign = accountOfKey(curve.pointFromScalar(secretOf("another account"))!);
    expect(refusedWith(await inProcess([...message, foreign, ...other]))).toBe("account-mismatch");
  });

  it("shows the key in no output, whatever fails", async () => {
    const { fake, send } = await started();
    fake.answer(/simulate/, { status: 500, body: "<html>" });
    const outcome = await inProcess([...send, "--json"]);
    expect(outcome.code).toBe(1);
    expect(outcome.stdout + outcome.stderr + JSON.stringify(fake.requests)).not.toContain(hex.encode(secret));
  });

  it("says at Ctrl-C what to look for, as a block can still have the transaction", async () => {
    const { fake, send } = await started({ blocks: false });
    const child = spawn(process.execPath, [main, ...send, "--json"]);
    let stderr = "";
    child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
    const ended = new Promise<number | null>((resolve) => void child.on("close", resolve));
    await eventually(() => expect(fake.handedIn).toHaveLength(1));
    child.kill("SIGINT");
    expect(await ended).toBe(1);
    const lines = stderr.trim().split("\n");
    const { error } = JSON.parse(lines.at(-1)!) as { error: { code: string; details: object; do: string } };
    expect(error).toMatchObject({
      code: "outcome-unknown",
      details: { timeoutHeight: "1060", sequence: "0" },
    });
    expect(error.do).toContain("another server");
  });
});

describe("tapstake register --check", () => {
  it("says ok, as far as the message alone can say it, and what --lcd would check", async () => {
    const { fake, unjail } = await started();
    const offline = unjail.slice(0, -2);
    const { code, stdout } = await inProcess([...offline, "--check"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/answer +ok, as far as it was checked/);
    expect(stdout).toContain("provider-known (needs provider)");
    expect(stdout).toContain("--lcd <url>");
    expect(fake.requests).toEqual([]);
    const facts = parsed<{ unchecked: object[] }>(await inProcess([...offline, "--check", "--json"]));
    expect(facts.unchecked[0]).toEqual({ rule: "provider-known", needs: ["provider"], option: "--lcd" });
  });

  it("asks the chain, and says later or never with exit code 1", async () => {
    const { fake, unjail } = await started({ until: "2999-01-01T00:00:00Z" });
    const later = await inProcess([...unjail, "--check", "--json"]);
    expect(later.code).toBe(1);
    expect(JSON.parse(later.stdout)).toMatchObject({
      verdict: "later",
      rule: "jail-time",
      chain: "chain-test",
      error: { codespace: "finality", code: 1112 },
      until: { kind: "time", time: "2999-01-01T00:00:00.001Z" },
      unchecked: [],
    });
    expect(JSON.parse(later.stderr)).toMatchObject({
      error: { code: "would-be-refused", details: { verdict: "later", rule: "jail-time", chainCode: 1112 } },
    });
    fake.lcdAnswers.unshift([
      /finality_provider$/,
      { body: { finality_provider: { ...rawProvider, jailed: false } } },
    ]);
    const never = await inProcess([...unjail, "--check"], { env: {} });
    expect(never.code).toBe(1);
    expect(never.stdout).toMatch(/answer +never/);
    expect(never.stdout).toContain("btcstaking 1122, ErrFpNotJailed");
    expect(fake.requests.every(({ method }) => method === "GET")).toBe(true);
  });
});
