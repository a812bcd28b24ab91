import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  accountSigner,
  type AccountSigner,
  babylonChain,
  type BabylonChain,
} from "../../src/babylon-client/index.js";
import { hex } from "../../src/core/bytes.js";
import { regtest } from "../../src/params/data/regtest.js";
import { paramsAt } from "../../src/params/in-force.js";
import { secretOfMnemonic } from "../../src/script/mnemonic.js";
import { freePorts } from "../../regtest/ports.js";
import { waitFor } from "../../regtest/wait.js";

/** A private chain of one node. It listens on loopback only. */
export interface Babylond {
  readonly chain: BabylonChain;
  readonly lcd: string;
  /** Has all the coins. */
  readonly rich: AccountSigner;
  readonly version: string;
  stop(): Promise<void>;
}

export const CHAIN_ID = "tapstake-test";
/** Blocks of an epoch: each needs a checkpoint before a provider that committed in it can vote. */
export const EPOCH = 10;
/** Heights in which a provider must vote half of the time, once it was active for as many. */
export const WINDOW = 20;
const REGTEST_GENESIS =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000";

/** Starts a chain with the parameters of our own regtest set. */
export async function startBabylond(program: string): Promise<Babylond> {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-babylond-"));
  // `testnet` encrypts the BLS key with this very word, whatever the variable says.
  const env = { ...process.env, BABYLON_BLS_PASSWORD: "password", HOME: folder };
  const home = join(folder, "node0", "babylond");
  execFileSync(program, ["testnet", ...testnetFlags(folder)], { env, stdio: "pipe" });
  const [api, rpc, grpc, p2p] = await freePorts(4);
  rewrite(join(home, "config/config.toml"), [
    [/^laddr = "tcp:\/\/[^"]*:26657"/m, `laddr = "tcp://127.0.0.1:${rpc}"`],
    [/^laddr = "tcp:\/\/[^"]*:26656"/m, `laddr = "tcp://127.0.0.1:${p2p}"`],
    [/^pprof_laddr = .*/m, 'pprof_laddr = ""'],
    [/^prometheus = .*/m, "prometheus = false"],
    [/^timeout_commit = .*/m, 'timeout_commit = "300ms"'],
  ]);
  rewrite(join(home, "config/app.toml"), [
    [/^address = "tcp:\/\/[^"]*:1317"/m, `address = "tcp://127.0.0.1:${api}"`],
    [/^address = "[^"]*:9090"/m, `address = "127.0.0.1:${grpc}"`],
    [/^enabled-unsafe-cors = .*/m, "enabled-unsafe-cors = false"],
  ]);

  // Its standard input closes with this process, however that ends.
  const args = ["-c", SUPERVISOR, "supervisor", folder, program, "start", "--home", home];
  // A process group of its own: Ctrl-C in the terminal must not end the supervisor before it has cleaned up.
  const shell = spawn("/bin/sh", args, { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-8000)));
  }
  const ended = once(shell, "close");
  const stop = async () => {
    shell.stdin.destroy();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const lcd = `http://127.0.0.1:${api}`;
  const chain = babylonChain({
    lcd,
    chainId: CHAIN_ID,
    network: "regtest",
    release: "v4",
    pollInterval: 200,
  });
  try {
    await waitFor(
      async () => {
        if (shell.exitCode !== null) throw new Error(`babylond ended:\n${said}`);
        return (await chain.height().catch(() => 0n)) >= 2n;
      },
      { deadline: 180_000, what: "babylond to make blocks" },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const { secret } = JSON.parse(readFileSync(join(home, "additional_key_seed.json"), "utf8")) as {
    secret: string;
  };
  const rich = accountSigner(secretOfMnemonic(secret, "m/44'/118'/0'/0/0"));
  // A build from source need not say its version.
  const version = (await chain.node()).version || process.env["BABYLOND_VERSION"] || "not stated";
  return { chain, lcd, rich, version, stop };
}

const SUPERVISOR = `
folder=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
node=$!
{ while read -r _ <&3; do :; done; kill -9 "$node"; } 2>/dev/null >/dev/null &
watcher=$!
wait "$node" 2>/dev/null
kill "$watcher" 2>/dev/null
rm -rf "$folder"
`;

function testnetFlags(folder: string): string[] {
  const { covenant, minValue, maxValue, minTime, maxTime, unbondingTime, unbondingFee, slashing } = paramsAt(
    regtest,
    0,
  );
  const flags: Readonly<Record<string, string | number | bigint>> = {
    v: 1,
    "output-dir": folder,
    "starting-ip-address": "127.0.0.1",
    "keyring-backend": "test",
    "chain-id": CHAIN_ID,
    "btc-network": "regtest",
    "btc-base-header": REGTEST_GENESIS,
    "btc-base-header-height": 0,
    "btc-confirmation-depth": 1,
    "btc-finalization-timeout": 2,
    "epoch-interval": EPOCH,
    "covenant-pks": covenant.keys.map((key) => hex.encode(key)).join(","),
    "covenant-quorum": covenant.quorum,
    "min-staking-amount-sat": minValue,
    "max-staking-amount-sat": maxValue,
    "min-staking-time-blocks": minTime,
    "max-staking-time-blocks": maxTime,
    "unbonding-time": unbondingTime,
    "unbonding-fee-sat": unbondingFee,
    "slashing-pk-script": hex.encode(slashing!.script),
    "slashing-rate": "0.1",
    "min-slashing-fee-sat": slashing!.minFee,
    "min-commission-rate": "0.03",
    "activation-height": 1,
    "signed-blocks-window": WINDOW,
    "finality-sig-timeout": 20,
    "jail-duration": "20s",
    "time-between-blocks-seconds": 1,
  };
  return [
    "--additional-sender-account",
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
  ];
}

function rewrite(path: string, changes: readonly (readonly [RegExp, string])[]): void {
  let text = readFileSync(path, "utf8");
  for (const [line, other] of changes) {
    if (!line.test(text)) throw new Error(`${path} has no line ${line}`);
    text = text.replace(line, other);
  }
  if (/0\.0\.0\.0/.test(text.replaceAll(/^\s*#.*$/gm, ""))) throw new Error(`${path} still names 0.0.0.0`);
  writeFileSync(path, text);
}
