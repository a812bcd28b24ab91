import { mkdirSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Checkpoint } from "../../src/babylon/checkpoint.js";
import { hex } from "../../src/core/bytes.js";
import { delegationToJson } from "../../src/delegation/json.js";
import { blocksFolderSource } from "../../src/watch/sources/blocks-folder.js";
import { evidenceToJson } from "../../src/extract/evidence.js";
import { openWriter } from "../../src/watch/store/open.js";
import { addToStore, initStore } from "../../src/watch/watch.js";
import { inProcess } from "../cli/in-process.js";
import { hasTerminal, onTerminal } from "../cli/support.js";
import { blsValidator, carried, signedCheckpoint } from "../support/bls.js";
import { closedAddress, serve } from "../support/server.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { simulatedEsplora } from "../support/simulated-esplora.js";
import { play } from "../support/simulated-stakes.js";
import { delegate, makeStake, secretOf } from "../support/stake.js";
import { doubleVote } from "./tower/support.js";

let bitcoin: SimulatedBitcoin;
let home: string;
let store: readonly string[];
let server: readonly string[];
beforeEach(async () => {
  bitcoin = new SimulatedBitcoin();
  home = newHome().path;
  store = ["--store", `${home}/watch.db`];
  server = ["--esplora", await simulatedEsplora(bitcoin)];
  await watch("init", "--network", "regtest");
});

async function watch(command: string, ...args: readonly string[]) {
  return inProcess(["watch", command, ...store, ...args]);
}

const run = (...args: readonly string[]) => watch("run", ...server, "--until-tip", ...args);

/** A change of the store behind the back of the watch. */
function tamper(text: string): void {
  const writer = openWriter(`${home}/watch.db`);
  writer.sql.run(text);
  writer.close();
}

describe("watch run --compare", () => {
  it("raises sources-disagree when a second server has another block, and none when it has the same", async () => {
    for (let i = 0; i < 5; i++) bitcoin.mine();
    const same = await simulatedEsplora(bitcoin);
    expect(await run("--compare", same)).toMatchObject({ code: 0, stderr: "stopped at block 5\n" });
    expect((await watch("alarms")).stdout).toBe("0 alarms\n");

    const other = new SimulatedBitcoin();
    other.mine();
    for (let i = 0; i < 5; i++) other.mine([], other.tip, { time: 1_700_000_000 + i });
    const url = await simulatedEsplora(other);
    bitcoin.mine();
    expect(await run("--compare", url)).toMatchObject({ code: 0 });
    const { stdout } = await watch("alarms");
    expect(stdout).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:]{8}Z  sources-disagree: block 4 is \w+ here, and \w+ at http/,
    );
  });

  it("refuses a server of another network, and warns once of one that does not answer", async () => {
    bitcoin.mine();
    const mainnet = await simulatedEsplora(bitcoin, (path) =>
      path === "/block-height/0"
        ? { body: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f" }
        : undefined,
    );
    const refused = await run("--compare", mainnet);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("wrong-network");
    const broken = await serve((_body, _request, response) => response.writeHead(500).end("down"));
    const { code, stderr } = await run("--compare", broken);
    expect(code).toBe(0);
    expect(stderr.match(/warning/g)).toHaveLength(1);
    expect(stderr).toContain("HTTP status 500");
  });
});

it("watch run --until-tip gives each sink the alarms before it ends", async () => {
  const bodies: string[] = [];
  const hook = await serve((body, _request, response) => {
    bodies.push(body);
    response.writeHead(200).end();
  });
  bitcoin.mine();
  writeFileSync(`${home}/votes.json`, evidenceToJson(doubleVote(secretOf("stranger provider 0"))));
  const { code, stderr } = await run("--evidence", `${home}/votes.json`, "--webhook", hook);
  expect(code).toBe(0);
  expect(stderr).toContain("alarm double-vote: the finality provider");
  expect(bodies.map((body) => (JSON.parse(body) as { kind: string }).kind)).toEqual(["double-vote"]);
});

it("watch run --until-tip ends when it is asked to, though the source gives no block", async () => {
  bitcoin.mine();
  let asked = 0;
  const failing = await simulatedEsplora(bitcoin, (path) => {
    if (!path.endsWith("/raw")) return undefined;
    if (++asked === 2) process.emit("SIGINT", "SIGINT");
    return { status: 500 };
  });
  const { code, stderr } = await watch("run", "--esplora", failing, "--until-tip", "--tower");
  expect({ code, asked }).toEqual({ code: 0, asked: 2 });
  expect(stderr).toContain("HTTP status 500");
});

describe("watch run --metrics", () => {
  it.each(["127.0.0.1", "127.0.0.1:65536", "http://127.0.0.1:1", "::1:1", ""])(
    "refuses an address in another form, with what it expects: '%s'",
    async (address) => {
      const { code, stderr } = await run("--metrics", address);
      expect(code).toBe(2);
      expect(stderr).toContain(
        `option '--metrics <address>' argument '${address}' is invalid. It must be host:port with a port from 0 to 65535, such as 127.0.0.1:2114`,
      );
    },
  );

  it("refuses an address that other machines reach, and names the option", async () => {
    const { code, stderr } = await run("--metrics", "0.0.0.0:0");
    expect(code).toBe(1);
    expect(stderr).toMatch(/insecure-address: .* 0\.0\.0\.0:0, .*: give a loopback address \(--metrics\)/);
  });
});

describe("watch run --checkpoint-tag --checkpoint-keys", () => {
  const validator = blsValidator("the one validator");
  const signed = (epoch: number): Checkpoint =>
    signedCheckpoint([validator], [0], { tag: "abcd", epoch: BigInt(epoch), block: `block of ${epoch}` });
  /** The chain's answer to bls_public_keys. */
  const answer = JSON.stringify({
    validator_with_bls_keys: [
      { validator_address: "", bls_pub_key_hex: hex.encode(validator.publicKey), voting_power: "1" },
    ],
  });

  it("verifies the checkpoints of epochs whose keys are in the folder, and warns of a file without keys", async () => {
    for (const epoch of [1, 2, 3]) bitcoin.mine(carried(signed(epoch)));
    const keys = `${home}/bls`;
    mkdirSync(keys);
    writeFileSync(`${keys}/1.json`, answer);
    writeFileSync(`${keys}/3.json`, "{}");
    const { code, stderr } = await run("--checkpoint-tag", "abcd", "--checkpoint-keys", keys);
    expect(code).toBe(0);
    expect(stderr).toContain("the keys of epoch 3 cannot be read");
    const shown = JSON.parse((await watch("checkpoints", "--json")).stdout) as {
      tag: string;
      epochs: { epoch: number; state: string; reason?: string }[];
    };
    expect(shown.tag).toBe("61626364");
    expect(shown.epochs.map(({ epoch, state }) => `${epoch} ${state}`)).toEqual([
      "1 verified",
      "2 unverified",
      "3 pending",
    ]);
    // The file is named, in the text and in the JSON.
    expect(shown.epochs[2]!.reason).toContain(`${keys}/3.json: keys.validator_with_bls_keys`);
    expect((await watch("checkpoints")).stdout).toMatch(
      /^ {2}3 +pending: not verified yet, block 3\n +its keys cannot be read: .*3\.json: /m,
    );
    writeFileSync(`${keys}/2.json`, answer);
    writeFileSync(`${keys}/3.json`, answer);
    expect(await run("--checkpoint-tag", "abcd", "--checkpoint-keys", keys)).toMatchObject({ code: 0 });
    const { stdout } = await watch("checkpoints");
    expect(stdout.match(/verified/g)).toHaveLength(3);
    expect(stdout).not.toContain("cannot be read");
  });

  it("watch verify compares parts and pairs, and names the ones that differ", async () => {
    const first = carried(signed(1));
    bitcoin.mine(first);
    bitcoin.mine();
    await run();
    // From here on, with checkpoints: the parts before are not of this store.
    const [head, tail] = carried(signed(2));
    bitcoin.mine([head]);
    bitcoin.mine([tail]);
    bitcoin.mine(carried(signed(3)));
    await run("--checkpoint-tag", "abcd");
    const good = await watch("verify", ...server);
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout).toBe("no difference: 6 blocks, 0 events, 0 stakes, 4 checkpoint parts\n");
    tamper("DELETE FROM checkpoint_part WHERE height = 4");
    tamper("UPDATE checkpoint SET linked = 0 WHERE epoch = 3");
    const { code, stderr } = await watch("verify", ...server);
    expect(code).toBe(1);
    expect(stderr).toContain("3 differences");
    expect(stderr).toMatch(/checkpoint part 4 1 0 \w+ \w+ \w+: only in the rescan/);
    expect(stderr).toMatch(/checkpoint 3 \w+ 5 0 \w+ \w+: only in the store/);
  });
});

it("watch verify says of how many stakes the store does not know the block", async () => {
  const { delegations, moves } = await play();
  const moveOf = (name: string) => moves.find((each) => each.name === name)!.transaction;
  bitcoin.mine([moveOf("a staking")]);
  bitcoin.mine([moveOf("a unbonding")]);
  await run();
  // Learnt after its block, of a server without an index of transactions.
  addToStore(`${home}/watch.db`, [delegations[0]!]);
  await run();
  const { code, stdout } = await watch("verify", ...server);
  expect(code).toBe(0);
  expect(stdout).toBe(
    "no difference: 3 blocks, 2 events, 1 stake\nunlocated: the store learnt of 1 stake late, and does not know the block; the state agrees\n",
  );
});

it.skipIf(!hasTerminal)(
  "watch run shows a bar with rate and time left on a terminal, and removes it",
  async () => {
    for (let i = 0; i < 130; i++) bitcoin.mine();
    // A commit has up to 2,000 blocks: a server that fails within them makes two.
    let failures = 0;
    const failing = await simulatedEsplora(bitcoin, (path) =>
      path === `/block/${bitcoin.at(60).hash}/raw` && failures++ === 0 ? { status: 500 } : undefined,
    );
    const args = ["watch", "run", ...store, "--esplora", failing, "--until-tip"];
    const { code, stdout } = await onTerminal(args, {});
    expect(code).toBe(0);
    expect(stdout).toMatch(/scanning blocks {2}.* 59 of 130, no rate yet, unknown time left/);
    // The line is cleared, the cursor is back, and the result stands alone.
    expect(stdout.split("[?25h").at(-1)).toMatch(/^[^\n]*stopped at block 130\r\n$/);
  },
);

describe("a mistake on the command line of a watch", () => {
  const outpoint = `${"ab".repeat(32)}:0`;
  const commands: readonly (readonly string[])[] = [
    ["status"],
    ["stakes"],
    ["show", outpoint],
    ["checkpoints"],
    ["duties"],
    ["alarms"],
    ["export"],
    ["run", "--esplora", "http://127.0.0.1:9"],
  ];

  it.each(commands)("is a folder in place of the store: watch %s says so", async (command, ...args) => {
    const { code, stderr } = await inProcess(["watch", command!, "--store", home, ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(`store-invalid: ${home} is a folder, not a store of a watch`);
  });

  it.each(["run", "verify"])("is an Esplora server that does not answer: watch %s ends", async (command) => {
    const { code, stderr } = await watch(command, "--esplora", await closedAddress());
    expect(code).toBe(1);
    expect(stderr).toContain("node-unreachable");
  });

  it("is a server of another network: watch verify says so of a store without blocks too", async () => {
    const path = `${home}/mainnet.db`;
    initStore(path, { network: "mainnet" });
    const { code, stderr } = await inProcess(["watch", "verify", "--store", path, ...server]);
    expect(code).toBe(1);
    expect(stderr).toContain("wrong-network");
  });

  it("is a limit of no stake", async () => {
    const { code, stderr } = await watch("stakes", "--limit", "0");
    expect(code).toBe(2);
    expect(stderr).toContain("It must be 1 or more");
  });

  it("is a file in place of the folder of block files", () => {
    const file = `${home}/file`;
    writeFileSync(file, "");
    const open = () => blocksFolderSource({ folder: file, node: bitcoin.source(), network: "regtest" });
    expect(open).toThrow(`cannot read ${file}/xor.dat: ENOTDIR`);
  });

  it("is an outpoint: its form is named, and where to look for another one", async () => {
    const typed = await watch("show", outpoint.slice(1));
    expect(typed.code).toBe(2);
    expect(typed.stderr).toContain(
      "An outpoint must be txid:vout: 64 hexadecimal digits, a colon and a number",
    );
    const unknown = await watch("show", outpoint);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain(`no stake with the staking output ${outpoint}`);
    expect(unknown.stderr).toContain("tapstake watch stakes");
    expect(unknown.stderr).not.toContain("inspect");
  });

  it("is one file among several: it is named, and no other is added", async () => {
    const delegation = delegationToJson(await delegate(makeStake()));
    writeFileSync(`${home}/good.json`, delegation);
    writeFileSync(`${home}/bad.json`, delegation.replace(/"timelock": (\d+)/, '"timelock": 1$1'));
    const { code, stderr } = await watch("add", `${home}/good.json`, `${home}/bad.json`);
    expect(code).toBe(1);
    expect(stderr).toContain(`${home}/bad.json: `);
    expect(JSON.parse((await watch("status", "--json")).stdout)).toMatchObject({ stakes: {} });
  });

  it("is the number of another store: export says so", async () => {
    const { code, stderr } = await watch("export", "--since", "7");
    expect(code).toBe(1);
    expect(stderr).toContain("the newest number of the store");
    expect(await watch("export", "--since", "0")).toMatchObject({ code: 0, stdout: "" });
  });

  it("is a folder of keys that is not there, or keys without a tag", async () => {
    const keys = ["--checkpoint-keys", `${home}/nothing`];
    const missing = await run("--checkpoint-tag", "abcd", ...keys);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`cannot read the folder ${home}/nothing: ENOENT`);
    const untagged = await run(...keys);
    expect(untagged.code).toBe(2);
    expect(untagged.stderr).toContain("give --checkpoint-tag");
  });

  it("is a password that bitcoind refuses: with --no-rest too, the command ends", async () => {
    const url = await serve((_body, _request, response) => response.writeHead(401).end());
    const { code, stderr } = await watch("run", "--rpc", url, "--no-rest");
    expect(code).toBe(1);
    expect(stderr).toContain("refused the user or password");
  });

  it("is no tower beside evidence: a note says that nothing is slashed", async () => {
    bitcoin.mine();
    expect((await run()).stderr).not.toContain("--tower");
    tamper("INSERT INTO evidence VALUES (zeroblob(32), zeroblob(32), 'votes', '{}', 'test', 0)");
    expect((await run()).stderr).toContain("this watch sends no slashing: give --tower");
  });
});
