import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { committee, type RegtestNode, startNode } from "../../regtest/index.js";
import { hex } from "../../src/core/bytes.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsObject } from "../../src/params/json.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { bridgeEsplora, type EsploraBridge } from "../support/esplora.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

let node: RegtestNode;
let bridge: EsploraBridge;
let folder: string;
const at = (name: string) => join(folder, name);
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);

/** The node's address without a password, and a file that has that, as bitcoind's own .cookie. */
let rpc: string;
let auth: string;

beforeAll(async () => {
  folder = temporaryFolder();
  node = await startNode();
  bridge = await bridgeEsplora(node.rpc);
  const { url, username, password, cookieFile } = node.connection;
  const plain = new URL(url);
  Object.assign(plain, { username: "", password: "" });
  rpc = plain.href;
  auth = at("auth");
  const secret = cookieFile ? readFileSync(cookieFile, "utf8") : `${username}:${password}`;
  writeFileSync(auth, secret, { mode: 0o600 });
  await run("stake key --new", at("staker.key"));
  await run("stake key --new", at("fp.key"));
  committee.forEach(({ secretKey }, i) =>
    writeFileSync(at(`${i}.key`), hex.encode(secretKey), { mode: 0o600 }),
  );
});
afterAll(() => {
  bridge?.close();
  return node?.stop();
});

const publicKey = async (name: string) => (await run("stake key --secret-file", at(name))).stdout.trim();

/** A stake with every signature, and its PSBT signed by bitcoind's wallet; made with these words for a server. */
async function signedStake(name: string, server: readonly string[], height = server) {
  const address = await node.rpc.getnewaddress();
  await node.rpc.call("sendtoaddress", address, 0.02);
  await node.mine(1);
  const [path, psbt] = [at(`${name}.json`), at(`${name}.psbt`)];
  const terms = ["--staker", await publicKey("staker.key"), "--fp", await publicKey("fp.key")];
  const words = [...terms, "--time", "100", "--value", "1000000", "--from-address", address];
  const made = await run(
    "stake create --params regtest --fee-rate 2",
    ...words,
    ...server,
    "--out",
    path,
    "--psbt",
    psbt,
  );
  expect(made).toMatchObject({ code: 0, stderr: "" });
  await run("stake sign", path, "--secret-file", at("staker.key"));
  for (const i of [0, 1, 2]) {
    await run("covenant sign", path, ...height, "--secret-file", at(`${i}.key`));
  }
  const { psbt: signed } = await node.rpc.call<{ psbt: string }>(
    "walletprocesspsbt",
    readFileSync(psbt, "utf8").trim(),
  );
  writeFileSync(psbt, signed);
  return { path, psbt };
}

describe("a server", () => {
  it("is a bitcoind by --rpc, its password by --rpc-auth-file; or an Esplora server by --esplora", async () => {
    const byRpc = ["--rpc", rpc, "--rpc-auth-file", auth];
    const byEsplora = ["--esplora", bridge.url];
    const { path, psbt } = await signedStake("flags", byRpc);
    expect(refusedWith(await run("stake check", path, "--rpc", rpc))).toBe("node-error");
    for (const server of [byRpc, byEsplora]) {
      const before = await run("stake check", path, ...server);
      expect(before).toMatchObject({ code: 0, stderr: "" });
      expect(before.stdout).toMatch(/on chain +not found/);
      expect(before.stdout).toContain("everything is signed: the stake can be broadcast");
    }
    const sent = await run("stake broadcast", path, "--psbt", psbt, ...byEsplora);
    expect(sent.stdout).toContain(`sent to      ${bridge.url}`);
    for (const server of [byRpc, byEsplora]) {
      expect(parsed(await run("stake check --json", path, ...server))).toMatchObject({
        onChain: { output: "staking", confirmations: 0 },
      });
    }
    await node.mine(1);
  });

  it("is read from the environment as well, and options take precedence", async () => {
    const { path } = await signedStake("environment", ["--esplora", bridge.url], ["--height", "1"]);
    const check = (env: Record<string, string>, ...words: string[]) =>
      inProcess(["stake", "check", path, ...words], { env });
    const named = { TAPSTAKE_RPC: rpc, TAPSTAKE_RPC_AUTH_FILE: auth };
    for (const outcome of [
      await check(named),
      await check({ TAPSTAKE_ESPLORA: bridge.url }),
      await check({ TAPSTAKE_RPC: "http://127.0.0.1:1", TAPSTAKE_RPC_AUTH_FILE: auth }, "--rpc", rpc),
      await check({ TAPSTAKE_RPC: "http://127.0.0.1:1" }, "--esplora", bridge.url),
      await check({ ...named, TAPSTAKE_RPC_AUTH_FILE: at("gone") }, "--rpc-auth-file", auth),
    ]) {
      expect(outcome).toMatchObject({ code: 0, stderr: "" });
      expect(outcome.stdout).toMatch(/on chain +not found/);
    }
    expect(refusedWith(await check({ TAPSTAKE_RPC: rpc }))).toBe("node-error");
  });
});

describe("the height that chooses the version of a member's parameters", () => {
  it("is read from the member's bitcoind: the tip's before the stake is mined, then that of its block", async () => {
    const server = ["--rpc", rpc, "--rpc-auth-file", auth];
    const tip = await node.rpc.getblockcount();
    const versions = [
      regtest.versions[0]!,
      { ...regtest.versions[0]!, version: 1, activationHeight: tip + 3 },
    ];
    const set = at("versions.json");
    writeFileSync(set, JSON.stringify(versions.map(paramsObject)));
    // Its coin is mined in the next block, its stake in the one after that: the last of the first version.
    const { path, psbt } = await signedStake("superseded", server);
    const check = (...words: string[]) => run("covenant check --json --params", set, path, ...words);
    expect(parsed(await check(...server))).toMatchObject({ version: 0, height: tip + 1 });
    expect((await check()).code).toBe(2);
    expect((await check("--esplora", bridge.url)).code).toBe(2);
    const refusedAt = async (height: number) => {
      for (const words of [["--height", `${height}`], server]) {
        const outcome = await run("covenant check --params", set, path, ...words);
        expect(refusedWith(outcome)).toBe("params-not-in-force");
        expect(outcome.stdout).not.toContain("all hold");
      }
      const words = ["--params", set, path, ...server, "--secret-file", at("3.key")];
      expect(refusedWith(await run("covenant sign", ...words))).toBe("params-not-in-force");
    };
    await node.mine(2);
    await refusedAt(tip + 3);
    const later = await run(
      "stake broadcast --register-later",
      path,
      "--psbt",
      psbt,
      "--params",
      set,
      ...server,
    );
    expect(refusedWith(later)).toBe("params-not-in-force");
  });

  it("is that of the block for a stake that is registered once it is mined, also long after", async () => {
    const server = ["--rpc", rpc, "--rpc-auth-file", auth];
    const { path, psbt } = await signedStake("mined", server);
    expect(await run("stake broadcast", path, "--psbt", psbt, ...server)).toMatchObject({ code: 0 });
    await node.mine(1);
    const height = await node.rpc.getblockcount();
    await node.mine(3);
    const set = at("later.json");
    const versions = [
      regtest.versions[0]!,
      { ...regtest.versions[0]!, version: 1, activationHeight: height + 1 },
    ];
    writeFileSync(set, JSON.stringify(versions.map(paramsObject)));
    const checked = await run("covenant check --json --params", set, path, ...server);
    expect(parsed(checked)).toMatchObject({ version: 0, height });
  });
});

describe("the coins of a stake that is created", () => {
  it("are compared with the chain: a reversed txid and another amount are refused, by index", async () => {
    const address = await node.rpc.getnewaddress();
    await node.rpc.call("sendtoaddress", address, 0.02);
    await node.mine(1);
    const [coin] = await node.rpc.call<{ txid: string; amount: number }[]>("listunspent", 1, 9999, [address]);
    const terms = ["--staker", await publicKey("staker.key"), "--fp", await publicKey("fp.key")];
    const create = (change: object, server: readonly string[]) => {
      writeFileSync(at("checked.json"), JSON.stringify([{ ...coin, ...change }]));
      const files = [
        "--coins",
        at("checked.json"),
        "--out",
        at("checked.stake"),
        "--psbt",
        at("checked.psbt"),
      ];
      const value = ["--value", "1000000", "--fee-rate", "2", "--change", address];
      return run("stake create --params regtest --time 100", ...terms, ...value, ...files, ...server);
    };
    const txid = hex.encode(hex.decode(coin!.txid).toReversed());
    for (const server of [
      ["--rpc", rpc, "--rpc-auth-file", auth],
      ["--esplora", bridge.url],
    ]) {
      const reversed = await create({ txid }, server);
      expect(refusedWith(reversed)).toBe("invalid-coin");
      expect(reversed.stderr).toContain(`coins[0] ${txid}:`);
      expect(reversed.stderr).toContain(`reverse order of bytes. Do: give ${coin!.txid}`);
      expect(refusedWith(await create({ amount: 0.03 }, server))).toBe("invalid-coin");
    }
    expect(await create({}, ["--esplora", bridge.url])).toMatchObject({ code: 0 });
  });
});

describe("a server without fee estimates", () => {
  it("is refused with no-fee-estimate, and the option that does without it", async () => {
    const terms = ["--staker", await publicKey("staker.key"), "--fp", await publicKey("fp.key")];
    const address = await node.rpc.getnewaddress();
    await node.rpc.call("sendtoaddress", address, 0.02);
    await node.mine(1);
    const coins = ["--value", "1000000", "--from-address", address];
    const server = ["--rpc", rpc, "--rpc-auth-file", auth];
    const out = ["--out", at("estimate.json"), "--psbt", at("estimate.psbt")];
    const words = [...terms, ...coins, ...server, ...out];
    const refused = await run("stake create --params regtest --time 100", ...words);
    expect(refusedWith(refused)).toBe("no-fee-estimate");
    expect(refused.stderr).toContain("\nDo: Give the fee rate yourself, in sat/vB: `--fee-rate 2`.\n");
  });
});

describe("the state of a stake in stake check", () => {
  const server = () => ["--rpc", rpc, "--rpc-auth-file", auth];
  const stateOf = async (path: string) => {
    const [byRpc, byEsplora] = [
      await run("stake check --json", path, ...server()),
      await run("stake check --json", path, "--esplora", bridge.url),
    ];
    const { state } = parsed<{ state: string }>(byRpc);
    expect(parsed(byEsplora)).toMatchObject({ state });
    return state;
  };
  const textOf = async (path: string) => (await run("stake check", path, ...server())).stdout;

  it("is the chain's: sent, staked, unbonding, and over once it is withdrawn", async () => {
    const { path, psbt } = await signedStake("ending", server());
    expect(await stateOf(path)).toBe("ready");
    await run("stake broadcast", path, "--psbt", psbt, ...server());
    expect(await stateOf(path)).toBe("sent");
    expect(await textOf(path)).toMatch(/on chain +in the mempool, not confirmed \([0-9a-f]{64}:0\)\n/);
    expect(await textOf(path)).toMatch(/state +it waits in the mempool\n/);
    await node.mine(1);
    expect(await stateOf(path)).toBe("staked");
    expect(await textOf(path)).toMatch(/state +it is staked\n/);
    expect(await textOf(path)).not.toContain("can be broadcast");
    const secret = ["--secret-file", at("staker.key")];
    expect(await run("unbond", path, ...secret, ...server())).toMatchObject({ code: 0 });
    await node.mine(20);
    expect(await stateOf(path)).toBe("unbonding");
    expect(await textOf(path)).toMatch(/state +it is unbonding\n/);
    const to = ["--to", await node.rpc.getnewaddress(), "--fee-rate", "2"];
    expect(await run("withdraw", path, ...to, ...secret, ...server())).toMatchObject({ code: 0 });
    await node.mine(1);
    expect(await stateOf(path)).toBe("over");
    expect(await textOf(path)).toMatch(/on chain +spent: no output of this stake is left\n/);
    expect(await textOf(path)).toMatch(/state +it is over: /);
    const slashed = await run("slash", path, "--secret-file", at("fp.key"), ...server());
    expect(refusedWith(slashed)).toBe("output-not-found");
    for (const each of [server(), ["--esplora", bridge.url]]) {
      const refused = await run("unbond", path, ...secret, ...each);
      expect(refusedWith(refused)).toBe("node-refused");
      expect(refused.stderr).toContain("\nDo: What it spends is not there, or was spent before.");
    }
  });

  it("is not broadcast, where a stake cannot be expanded yet", async () => {
    const { path } = await signedStake("unsent", server());
    const address = await node.rpc.getnewaddress();
    await node.rpc.call("sendtoaddress", address, 0.02);
    await node.mine(1);
    const files = ["--out", at("larger.json"), "--psbt", at("larger.psbt")];
    for (const each of [server(), ["--esplora", bridge.url]]) {
      const words = ["--from-address", address, "--value", "1500000", "--fee-rate", "2", ...each, ...files];
      const refused = await run("expand", path, ...words);
      expect(refusedWith(refused)).toBe("output-not-found");
      expect(refused.stderr).toContain(
        "has no unspent stake to expand: it is not broadcast yet, or was spent",
      );
    }
  });

  it("is slashed, where the refund is what is left", async () => {
    const { path, psbt } = await signedStake("slashed", server());
    await run("stake broadcast", path, "--psbt", psbt, ...server());
    await node.mine(1);
    expect(await run("slash", path, "--secret-file", at("fp.key"), ...server())).toMatchObject({ code: 0 });
    await node.mine(1);
    expect(await stateOf(path)).toBe("slashed");
    expect(await textOf(path)).toMatch(/state +it was slashed\n/);
  });

  it("is gone, where the server has neither the stake nor its coins", async () => {
    const { path, psbt } = await signedStake("spent", server());
    const coin = parsePsbt(readFileSync(psbt, "utf8").trim()).txInputs[0]!;
    const [txid, value] = [hex.encode(coin.hash.toReversed()), "0.0199"];
    const raw = await node.rpc.call(
      "createrawtransaction",
      [{ txid, vout: coin.index }],
      [{ [await node.rpc.getnewaddress()]: value }],
    );
    const { hex: signed } = await node.rpc.call<{ hex: string }>("signrawtransactionwithwallet", raw);
    await node.rpc.sendrawtransaction(signed);
    expect(await stateOf(path)).toBe("gone");
    expect(await textOf(path)).toMatch(/state +the server has neither the stake nor its coins: /);
  });

  it("is staked without the committee's signatures, which are still missing", async () => {
    const { path, psbt } = await signedStake("early", server());
    const json = JSON.parse(readFileSync(path, "utf8")) as { unbonding: object };
    const unbonding = { ...json.unbonding, covenantSignatures: [] };
    writeFileSync(path, JSON.stringify({ ...json, unbonding }));
    expect(await stateOf(path)).toBe("incomplete");
    const words = ["--register-later", "--psbt", psbt];
    expect(await run("stake broadcast", path, ...words, ...server())).toMatchObject({ code: 0 });
    await node.mine(1);
    expect(await stateOf(path)).toBe("staked");
    expect(await textOf(path)).toContain(
      "it is staked; signatures are missing: without them you cannot unbond",
    );
  });
});
