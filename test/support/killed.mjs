// Does one thing in a home, and is killed before the n-th call that changes something on the disk.
//   node killed.mjs init <home> <n> <key> <chain> <height>   begins anew
//   node killed.mjs vote <home> <n>                          votes at height 5 for block 1, with key 7
//   node killed.mjs command <home> <n> <argument>...         runs a command of tapstake in the home
// Prints how many such calls there were when it got through, and before that what it has to say.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [mode, path, n, ...request] = process.argv.slice(2);
let calls = 0;
const changing = ["renameSync", "linkSync", "rmSync", "fsyncSync", "copyFileSync", "writeFileSync"];
for (const name of [...changing, "ftruncateSync", "fdatasyncSync", "mkdirSync", "chmodSync"]) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (++calls === Number(n)) process.kill(process.pid, "SIGKILL");
    return original(...args);
  };
}
syncBuiltinESMExports();

const { publicKeyOf } = await import("../../dist/src/core/keys.js");
const { openHome } = await import("../../dist/src/finality/home.js");
const { initProtection, openProtection } = await import("../../dist/src/finality/protection/protection.js");
const { Voter } = await import("../../dist/src/finality/voter.js");
const { run } = await import("../../dist/src/cli/run.js");
const home = mode === "command" ? undefined : openHome(path);
calls = 0;
if (mode === "command") {
  process.env.TAPSTAKE_HOME = path;
  process.exitCode = await run(request);
} else if (mode === "init") {
  const [key, chainId, height] = request;
  initProtection(home, {
    key: Uint8Array.from(Buffer.from(key, "hex")),
    chainId,
    fromHeight: BigInt(height),
  });
} else {
  const secretKey = new Uint8Array(32).fill(7);
  const key = { name: "key-7", publicKey: publicKeyOf(secretKey), origin: "generated", secretKey };
  const protection = openProtection(home);
  const voter = new Voter({ key, protection, chain: { id: "bbn-test", minCount: 1 } });
  const { kind } = voter.vote({ height: 5n, appHash: new Uint8Array(32).fill(1) });
  fs.writeSync(1, `signed ${kind}\n`);
  protection.close();
}
fs.writeSync(1, `${calls}\n`);
