// Begins anew in a broken home, and is killed before the n-th call that changes something on the disk.
//   node killed-init.mjs <home> <key> <chain> <height> <n>
// Prints how many such calls there were when it got through.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [path, key, chainId, height, n] = process.argv.slice(2);
let calls = 0;
for (const name of ["renameSync", "linkSync", "rmSync", "fsyncSync", "copyFileSync", "writeFileSync"]) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (++calls === Number(n)) process.kill(process.pid, "SIGKILL");
    return original(...args);
  };
}
syncBuiltinESMExports();

const { openHome } = await import("../../dist/src/finality/home.js");
const { initProtection } = await import("../../dist/src/finality/protection.js");
const home = openHome(path);
calls = 0;
initProtection(home, { key: Uint8Array.from(Buffer.from(key, "hex")), chainId, fromHeight: BigInt(height) });
fs.writeSync(1, `${calls}\n`);
