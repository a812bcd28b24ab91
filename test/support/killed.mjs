// Does one thing in a home, and stops at the calls that change something on the disk.
//   node killed.mjs <stop> <home> init <key> <chain> <height>   begins anew
//   node killed.mjs <stop> <home> vote                          votes at height 5 for block 1, with key 7
//   node killed.mjs <stop> <home> votes <count>                 votes at heights from 0 on, single and in batches, with key 7
//   node killed.mjs <stop> <home> command <argument>...         runs a command of tapstake in the home
// <stop> is a number n, and the process is killed before the n-th such call; or a folder, which gets the home's state
// before each call: what a process that is killed there leaves.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lightenScrypt } from "./light-scrypt.mjs";

const [stop, path, deed, ...request] = process.argv.slice(2);
lightenScrypt();
const killedBefore = /^\d+$/.test(stop) ? Number(stop) : undefined;
const recordings = killedBefore === undefined ? stop : undefined;
const steps = [];
let printed = "";
let isCounting = false;

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text, ...rest) => {
  printed += text;
  return write(text, ...rest);
};
const changing = ["renameSync", "linkSync", "rmSync", "fsyncSync", "copyFileSync", "writeFileSync"];
for (const name of [...changing, "ftruncateSync", "fdatasyncSync", "mkdirSync", "chmodSync"]) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (isCounting) step();
    return original(...args);
  };
}
syncBuiltinESMExports();

function step() {
  steps.push(printed);
  if (steps.length === killedBefore) process.kill(process.pid, "SIGKILL");
  if (recordings) record();
}

/** Notes all that is in the home, and by what each file is known. */
function record() {
  isCounting = false;
  const entries = [];
  if (fs.existsSync(path)) recordFolder("", entries);
  fs.writeFileSync(join(recordings, `${steps.length}.json`), JSON.stringify({ printed, entries }));
  isCounting = true;
}

function recordFolder(within, entries) {
  entries.push({ path: within, mode: fs.statSync(join(path, within)).mode & 0o777 });
  for (const entry of fs.readdirSync(join(path, within), { withFileTypes: true })) {
    const name = join(within, entry.name);
    if (entry.isDirectory()) recordFolder(name, entries);
    else {
      const { ino, birthtimeNs, mode } = fs.lstatSync(join(path, name), { bigint: true });
      const content = fs.readFileSync(join(path, name)).toString("base64");
      entries.push({ path: name, mode: Number(mode) & 0o777, content, place: [`${ino}`, `${birthtimeNs}`] });
    }
  }
}

const fill = (byte) => new Uint8Array(32).fill(byte);
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

if (deed === "command") {
  process.env.TAPSTAKE_HOME = path;
  const main = new URL("../../dist/cli/main.js", import.meta.url);
  process.argv.splice(1, process.argv.length, fileURLToPath(main), ...request);
  isCounting = true;
  await import(main.href);
} else await act();

async function act() {
  const { publicKeyOf } = await import("../../dist/src/core/keys.js");
  const { openHome } = await import("../../dist/src/finality/home.js");
  const { initProtection, openProtection } = await import("../../dist/src/finality/protection/protection.js");
  const { Voter } = await import("../../dist/src/finality/voter.js");
  const home = openHome(path);
  isCounting = true;
  if (deed === "init") {
    const [key, chainId, height] = request;
    initProtection(home, {
      key: Uint8Array.from(Buffer.from(key, "hex")),
      chainId,
      fromHeight: BigInt(height),
    });
    return;
  }
  const key = { name: "key-7", publicKey: publicKeyOf(fill(7)), origin: "generated", secretKey: fill(7) };
  // Small, so that the watermark log is often written anew.
  const protection = openProtection(home, { roomForWatermarks: 2000 });
  if (!protection.watermarks(key.publicKey, "bbn-test")) protection.init(key.publicKey, "bbn-test", 0n);
  const voter = new Voter({ key, protection, chain: { id: "bbn-test", minCount: 1 }, uncommitted: "a test" });
  if (deed === "vote") {
    const { kind } = voter.vote({ height: 5n, appHash: fill(1) });
    process.stdout.write(`signed ${kind}\n`);
  } else voteOn(voter, Number(request[0]));
  protection.close();
}

function voteOn(voter, count) {
  let height = 0;
  while (height < count) {
    const votes = [];
    for (let size = height % 3 === 2 ? 5 : 1; size > 0; size--) {
      votes.push({ height: BigInt(height), appHash: fill(1 + (height % 200)) });
      height++;
    }
    for (const [i, { signature }] of voter.batch(votes).entries()) {
      process.stdout.write(`${votes[i].height} ${hexOf(votes[i].appHash)} ${hexOf(signature)}\n`);
    }
  }
}
