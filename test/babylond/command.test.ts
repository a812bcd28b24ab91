import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { proofOfPossession } from "../../src/babylon/pop.js";
import { createFinalityProviderMessage } from "../../src/babylon/provider.js";
import { parseRate } from "../../src/core/amount.js";
import { hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { delegationFromJson } from "../../src/delegation/json.js";
import { party } from "../../regtest/index.js";
import { CHAIN_ID } from "./node.js";
import { DEEP, named, World } from "./world.js";

/** The command as it is built: the suite builds it first. */
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const provider = party("finality provider of the command's chain test");

let world: World;
let folder: string;
let env: NodeJS.ProcessEnv;

const at = (name: string) => join(folder, name);

/** Not in step with this process: the node stands still until what it prints is read. */
async function tapstake(line: string, ...more: readonly string[]): Promise<string> {
  const args = [main, ...line.split(" "), ...more];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, env });
  return stdout;
}

const json = async (line: string, ...more: readonly string[]) =>
  JSON.parse(await tapstake(line, ...more, "--json")) as Record<string, unknown>;

beforeAll(async () => {
  world = await World.start(process.env["BABYLOND"]!);
  folder = mkdtempSync(join(tmpdir(), "tapstake-command-"));
  const { url, cookieFile } = world.bitcoin.connection;
  env = {
    PATH: process.env["PATH"],
    TAPSTAKE_RPC: url,
    TAPSTAKE_RPC_AUTH_FILE: cookieFile,
    TAPSTAKE_LCD: world.babylond.lcd,
  };
  await world.bitcoin.mine(110 - (await world.bitcoin.height()));
  await world.reportHeaders();
  const { address } = world.accounts.one;
  const message = createFinalityProviderMessage({
    address,
    publicKey: provider.publicKey,
    proof: proofOfPossession(provider.secretKey, { kind: "bip340", address }),
    description: { moniker: "command", identity: "", website: "", securityContact: "", details: "" },
    commission: {
      rate: parseRate("0.05", 18),
      maxRate: parseRate("0.2", 18),
      maxChangeRate: parseRate("0.01", 18),
    },
  });
  await world.send(named("MsgCreateFinalityProvider", message), world.accounts.one);
});
afterAll(async () => {
  await world?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** As docs/stakers.md gives it, "On a public network". A program that was built from source does not state its version. */
test("a staker goes from terms to an active stake and out again, by the commands of the page", async () => {
  const sending = [
    "--send",
    "--chain",
    CHAIN_ID,
    "--release",
    "v4",
    "--yes",
    "--account-key-file",
    "account.key",
  ];
  const address = world.accounts.staker.address;
  writeFileSync(at("account.key"), hex.encode(sha256(utf8("tapstake babylond staker"))), { mode: 0o600 });

  await tapstake("params fetch --network regtest --out params.json");
  expect(await json("params check params.json --network regtest")).toMatchObject({ chainId: CHAIN_ID });

  const staker = (await tapstake("stake key --new staker.key")).trim();
  const coin = await world.bitcoin.rpc.getnewaddress("bech32");
  await world.bitcoin.fund(coin, 2_000_000n);
  const create =
    "stake create --params params.json --time 1000 --value 1000000 --fee-rate 2 --out stake.json --psbt stake.psbt";
  await tapstake(create, "--staker", staker, "--fp", hex.encode(provider.publicKey), "--from-address", coin);
  await tapstake("stake sign stake.json --secret-file staker.key");

  await tapstake("pop make --secret-file staker.key --out proof.json --address", address);
  const register = "register create-delegation stake.json --proof proof.json";
  expect(await json(register, "--check", "--release", "v4")).toMatchObject({ verdict: "ok" });
  expect(await json(register, ...sending)).toMatchObject({ name: "MsgCreateBTCDelegation" });
  expect(await status()).toBe("PENDING");

  await world.coverBy(delegationFromJson(readFileSync(at("stake.json"), "utf8")));
  expect(await status()).toBe("VERIFIED");
  await tapstake("stake combine stake.json");
  const { psbt } = await world.bitcoin.rpc.walletprocesspsbt(readFileSync(at("stake.psbt"), "utf8").trim());
  writeFileSync(at("signed.psbt"), psbt);
  const { txid } = await json("stake broadcast stake.json --params params.json --psbt signed.psbt");

  await world.mineAndReport(DEEP);
  const prove = "register inclusion-proof stake.json --address";
  expect(await json(prove, address, ...sending)).toMatchObject({ name: "MsgAddBTCDelegationInclusionProof" });
  expect(await status()).toBe("ACTIVE");

  await tapstake("stake import --params params.json --out imported.json", String(txid));
  const imported = delegationFromJson(readFileSync(at("imported.json"), "utf8"));
  expect(imported.staking.transaction.getId()).toBe(txid);
  const answer = await fetch(`${world.babylond.lcd}/babylon/btcstaking/v1/btc_delegation/${String(txid)}`);
  writeFileSync(at("answer.json"), await answer.text());
  expect(await json("inspect answer.json --params params.json")).toMatchObject({ status: "ACTIVE" });

  await tapstake("unbond stake.json --secret-file staker.key --out unbonding.hex");
  await world.bitcoin.send(hex.decode(readFileSync(at("unbonding.hex"), "utf8").trim()));
  await world.mineAndReport(1);
  const report = "register undelegate stake.json --transaction unbonding.hex --address";
  expect(await json(report, address, ...sending)).toMatchObject({ name: "MsgBTCUndelegate" });
  expect(await status()).toBe("UNBONDED");
});

const status = async () =>
  ((await json("stake status stake.json"))["registered"] as { status: string }).status;
