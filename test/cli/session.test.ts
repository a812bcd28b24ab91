import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createBase58check } from "@scure/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { delegationFromJson } from "../../src/delegation/json.js";
import { mainnet } from "../../src/params/data/mainnet.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { bridgeEsplora } from "../support/esplora.js";
import { lcdDelegation, lcdVersions } from "../support/lcd.js";
import { reach } from "./bitcoin-cli.js";
import { shellInProcess } from "./shell-in-process.js";
import { lcdOf } from "./simulated-lcd.js";
import { hasBash, shell, temporaryFolder } from "./support.js";

const read = (page: string) => readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");

/** The lines of a shell below each heading of a page. */
function linesOf(page: string): (heading: string) => string {
  const sections = read(page).split(/^#+ /m);
  return (heading) => {
    const section = sections.find((text) => text.startsWith(`${heading}\n`)) ?? "";
    const lines = [...section.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block!).join("");
    if (lines === "") throw new Error(`${page}: no lines of a shell below "${heading}"`);
    return lines;
  };
}

/** The answers that a page shows, but for what differs each time: hashes, keys, addresses and places of outputs. */
const shownIn = (page: string) =>
  [...read(page).matchAll(/```text\n([\s\S]*?)```/g)].map(([, block]) => masked(block!));

const masked = (text: string) =>
  text.replace(/\bbcrt1[0-9a-z]+/g, "address").replace(/\b[0-9a-f]{64}(?::\d)?/g, "hash");

const stakers = linesOf("docs/stakers.md");
const covenant = linesOf("docs/covenant.md");
const registration = linesOf("docs/registration.md");

/** From nothing to a stake that the staker has signed, and on to one in a block. */
const signed = ["2. Make the keys", "3. Build the stake", "4. Sign the slashings"].map(stakers).join("");
const open = [signed, stakers("5. Have the committee sign"), stakers("6. Lock the coins")].join("");
const unbond = stakers("Unbond early");
const slash = stakers("If the finality provider votes twice");

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

interface Means {
  /** The address of an Esplora server, where that is asked and not the node. */
  readonly esplora?: string;
  /** What runs the lines. */
  readonly by?: typeof shell;
  /** An empty folder without it. */
  readonly cwd?: string;
}

/** Runs blocks of the session as a new user would, with the node or the Esplora server. */
async function run(
  blocks: readonly (string | undefined)[],
  { esplora, by = shellInProcess, cwd = temporaryFolder() }: Means = {},
) {
  const { prelude, url, env } = await reach(node);
  const server = esplora === undefined ? { TAPSTAKE_RPC: url } : { TAPSTAKE_ESPLORA: esplora };
  return by([prelude, ...blocks].join("\n"), { cwd, env: { HOME: cwd, ...env, ...server } });
}

let mined: Promise<string> | undefined;

/** A folder with a stake in a block, which tests share that do not spend it, and with the shell's variables in `shell`. */
const openedStake = () =>
  (mined ??= (async () => {
    const cwd = temporaryFolder();
    const names = new Set([...open.matchAll(/\b([A-Z]+)=/g)].map(([, name]) => name!));
    const { code, stderr } = await run([open, `declare -p ${[...names].join(" ")} > shell`], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return cwd;
  })());

/** Goes on from there. */
const goOn = async (...blocks: readonly string[]) =>
  run([". ./shell", ...blocks], { cwd: await openedStake() });

describe.skipIf(!hasBash)("the session of docs/stakers.md", () => {
  it("goes from no coins to a mined stake, and out again", async () => {
    const ACCOUNT = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const told = unbond.replace(
      "tapstake unbond stake.json --secret-file staker.key\n",
      `tapstake unbond stake.json --secret-file staker.key --json > unbonded.json
      UNBONDING=$(bitcoin-cli getrawtransaction $(grep -m 1 '"txid"' unbonded.json | cut -d '"' -f 4))
      bitcoin-cli -generate 1
      tapstake register undelegate stake.json --transaction $UNBONDING --address ${ACCOUNT} > undelegate.txt
      grep MsgBTCUndelegate undelegate.txt
      tapstake inspect $UNBONDING --delegation stake.json
      `,
    );
    const { code, stdout, stderr } = await run([open, told], { by: shell });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/message +\/babylon\.btcstaking\.v1\.MsgBTCUndelegate/);
    expect(shownIn("docs/stakers.md").filter((answer) => !masked(stdout).includes(answer))).toEqual([]);
    expect(stdout).toContain("everything is signed: the stake can be broadcast");
    expect(stdout).toMatch(/staked, 1 confirmation, withdrawable in 99 blocks/);
    expect(stdout).toMatch(/this unbonds a stake of 0\.01 BTC .* signed by 3 of 5 committee members/);
    expect(stdout).toMatch(/this withdraws an unbonding stake of 0\.00999 BTC/);
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("or to a slashing, after which the refund is withdrawn", async () => {
    const { code, stdout, stderr } = await run([open, slash]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/this slashes 0\.001 BTC of a stake of 0\.01 BTC/);
    expect(stdout).toMatch(/this withdraws the refund of a slashing of 0\.00899 BTC/);
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("works with an Esplora server, too", async () => {
    const bridge = await bridgeEsplora(node.rpc);
    try {
      const { code, stdout, stderr } = await run([open, unbond], { esplora: bridge.url });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/staked, 1 confirmation, withdrawable in 99 blocks/);
      expect(stdout).toMatch(/this withdraws an unbonding stake of 0\.00999 BTC/);
    } finally {
      bridge.close();
    }
  });

  it("needs no secret file where a wallet signs PSBTs: bitcoind's own signer, which has only the key", async () => {
    const secret = sha256(utf8(`session ${await node.height()}`));
    const wif = createBase58check(sha256).encode(concatBytes(Uint8Array.of(0xef), secret, Uint8Array.of(1)));
    const { checksum } = await node.rpc.getdescriptorinfo(`tr(${wif})`);
    const sign = (file: string) =>
      `bitcoin-cli -regtest descriptorprocesspsbt $(cat ${file}) '["tr(${wif})#${checksum}"]' > ${file}.json`;
    const opened = open
      .replace("stake key --new staker.key", `stake key --secret-file <(echo ${hex.encode(secret)})`)
      .replace(
        "tapstake stake sign stake.json --secret-file staker.key",
        `tapstake stake sign stake.json --export to-sign
        ${sign("to-sign/slashing.psbt")}
        ${sign("to-sign/unbonding-slashing.psbt")}
        tapstake stake sign stake.json --psbt to-sign/*.json`,
      );
    const ended = `tapstake stake sign stake.json --unbonding --export to-sign
      ${sign("to-sign/unbonding.psbt")}
      tapstake stake sign stake.json --unbonding --psbt to-sign/unbonding.psbt.json
      tapstake unbond stake.json
      bitcoin-cli -regtest -generate 20
      tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --psbt withdrawal.psbt
      ${sign("withdrawal.psbt")}
      tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --signed withdrawal.psbt.json
      bitcoin-cli -regtest -generate 1`;
    const { code, stdout, stderr } = await run([opened, ended]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("shows how long a withdrawal has to wait, and sends nothing before", async () => {
    const early = "tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --secret-file staker.key";
    const { code, stderr } = await goOn(early);
    const height = await node.height();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tapstake: timelock-running: the time lock ends in 99 blocks. Do: withdraw from height ${height + 99} on\n`,
    });
    expect(await node.rpc.getrawmempool()).toEqual([]);
  });

  it("registers the stake, and expands it to one that is withdrawn at the end of its time lock", async () => {
    // The first member signs as its own page says.
    const parts = stakers("Make the stake larger or longer").split("for i in 1 2 3; do");
    expect(parts).toHaveLength(2);
    const { code, stdout, stderr } = await run([
      open,
      stakers("Register with the staking chain"),
      "tapstake register inclusion-proof stake.json --address $ACCOUNT",
      parts.join(`${covenant("Expansions")}for i in 2 3; do`),
      "tapstake stake check stake.json | grep state",
      'echo "written: $(cat larger.psbt)"',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const psbt = parsePsbt(/^written: (.*)$/m.exec(stdout)![1]!);
    expect(psbt.data.inputs[1]!.nonWitnessUtxo).toBeDefined();
    expect(stdout).toContain("0 of 1 input signed");
    expect(stdout).toMatch(/checked +every rule holds/);
    expect(stdout).toMatch(/message +\/babylon\.btcstaking\.v1\.MsgAddBTCDelegationInclusionProof/);
    expect(stdout).toMatch(/expands {12}[0-9a-f]{64}:\d, 1000000 satoshi/);
    expect(stdout).toMatch(
      /1500000 satoshi \(0\.015 BTC\)[^]*staked, 1 confirmation, withdrawable in 149 blocks/,
    );
    expect(stdout).toMatch(/this withdraws a stake of 0\.015 BTC/);
    // Of the stake that was expanded.
    expect(stdout).toMatch(/state +it is over: the coins were withdrawn, or moved to an expanded stake/);
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("takes a wallet's key by its origin, and coins that sign before the delegation is made", async () => {
    const byWallet = stakers("Sign with a wallet instead of a secret file");
    const { code, stdout, stderr } = await goOn(byWallet, stakers("P2PKH coins"));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/signed: by-wallet\.json[^]*slashing of the unbonding +staker +1 of 1 signatures/);
    expect(stdout).toMatch(/delegation +legacy\.json, for the transaction that is signed/);
    expect(stdout).toContain("only P2PKH coins pay");
  });
});

describe.skipIf(!hasBash)("the session of docs/stakers.md on a public network", () => {
  const [compare, build, combine, status, restore, rebuild] = stakers(
    "On a public network, from terms to an active stake",
  ).split(/^(?= *tapstake (?:stake create|stake combine|stake status|stake import) )/m);
  const coin = {
    txid: "07".repeat(32),
    vout: 0,
    value: "2000000",
    scriptPubKey: `0014${"75".repeat(20)}`,
  };
  const CHANGE = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
  const DELEGATION = "babylon/btcstaking/v1/btc_delegation/";
  const VERSIONS = "babylon/btcstaking/v1/params_versions";
  const versions = { params: lcdVersions(mainnet), pagination: { next_key: null } };
  const stakeIn = (cwd: string, file = "stake.json") =>
    delegationFromJson(readFileSync(join(cwd, file), "utf8"));

  it("compares the parameters, builds the stake under mainnet's, and makes the lost file again", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "coins.json"), JSON.stringify([coin]));
    const keys = `STAKER=$(cat staker.pub); FP=$(cat fp.pub)`;
    const make = `[ -e staker.pub ] || { ${stakers("2. Make the keys").replaceAll("\n", "; ")} echo $STAKER > staker.pub; echo $FP > fp.pub; }`;
    const lines = async (block: string, answers: object, env: Readonly<Record<string, string>> = {}) => {
      const LCD = await lcdOf("bbn-1", { [VERSIONS]: versions, ...answers });
      return shellInProcess([make, keys, block].join("\n"), { cwd, env: { HOME: cwd, LCD, CHANGE, ...env } });
    };
    const built = await lines(compare! + build!, {});
    const stderr = `wrote ${mainnet.versions.length} versions of bbn-1 to params.json\n`;
    expect({ code: built.code, stderr: built.stderr }).toEqual({ code: 0, stderr });
    const stake = stakeIn(cwd);
    const text = readFileSync(join(cwd, "stake.json"), "utf8");
    writeFileSync(join(cwd, "staking.hex"), stake.staking.transaction.toHex());
    const TXID = stake.staking.transaction.getId();
    const chain = { [DELEGATION]: lcdDelegation(stake) };
    const away = "mv stake.json lost.json";
    const imported = await lines(`${away}\n${restore!}`, chain, { TXID });
    expect({ code: imported.code, stderr: imported.stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(join(cwd, "stake.json"), "utf8")).toBe(text);
    const remade = await lines(`${away}\n${rebuild!}`, {});
    expect({ code: remade.code, stderr: remade.stderr }).toEqual({ code: 0, stderr: "" });
    expect(stakeIn(cwd).slashing.transaction).toEqual(stake.slashing.transaction);
  });

  it("takes the committee's signatures from the chain, and says where the stake is", async () => {
    const cwd = temporaryFolder();
    const { prelude, url, env } = await reach(node);
    const lines = (blocks: readonly string[], more: Readonly<Record<string, string>> = {}) =>
      shellInProcess([prelude, ...blocks].join("\n"), {
        cwd,
        env: { HOME: cwd, ...env, TAPSTAKE_RPC: url, ...more },
      });
    const away = "cp stake.json mine.json";
    const back = "mv stake.json full.json && mv mine.json stake.json";
    const made = await lines([signed, away, stakers("5. Have the committee sign"), back]);
    expect({ code: made.code, stderr: made.stderr }).toEqual({ code: 0, stderr: "" });
    const LCD = await lcdOf("chain-test", {
      [DELEGATION]: lcdDelegation(stakeIn(cwd, "full.json"), { status_desc: "VERIFIED" }),
    });
    const { code, stdout, stderr } = await lines([combine!, status!], { LCD, RPC: url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("VERIFIED");
    expect(stakeIn(cwd).unbonding.covenantSignatures).toHaveLength(3);
  });
});

describe.skipIf(!hasBash)("the session of docs/covenant.md", () => {
  it("has copies checked and signed apart, then combined", async () => {
    const steps = ["1. Get the file", "2. Check", "3. Sign", "4. Hand the signatures in"];
    const { code, stdout, stderr } = await run([
      signed,
      ...steps.map(covenant),
      "tapstake stake check stake.json",
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(shownIn("docs/covenant.md").filter((answer) => !masked(stdout).includes(answer))).toEqual([]);
    expect(stdout).toContain("everything is signed: the stake can be broadcast");
  });
});

describe.skipIf(!hasBash)("the session of docs/registration.md", () => {
  it("registers a stake that is mined, and has a wallet prove its key", async () => {
    const { code, stdout, stderr } = await goOn(
      registration("The steps"),
      registration("Proofs of possession"),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/checked +every rule holds/);
    expect(stdout).toMatch(/proof +good: the key's owner chose the account/);
  });
});
