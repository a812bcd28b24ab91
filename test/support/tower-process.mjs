// A watch with a tower as a process of its own, for tests that kill it. Votes come on standard input as JSON, one a line.
//   node tower-process.mjs <store> <url> <cookie> [<step> <n>]
// It prints "taken <i>" when the i-th vote is on the disk, and "idle <commits> <broadcasts>" when its input has ended and
// the tower has sent what it can. With a step, it kills itself at the n-th: "commit" and "send" before it is done,
// "committed" and "sent" after it was done and before the program goes on.
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import Database from "libsql";
import { bitcoindAccess } from "../../dist/src/chain/index.js";
import { openWatch, rpcSource, watchtower } from "../../dist/src/watch/index.js";

const [store, url, cookieFile, step, count] = process.argv.slice(2);
const counts = { commit: 0, committed: 0, send: 0, sent: 0 };
const say = (...words) => writeSync(1, `${words.join(" ")}\n`);

function reach(name) {
  counts[name] += 1;
  if (name === step && counts[name] === Number(count)) process.kill(process.pid, "SIGKILL");
}

const { exec } = Database.prototype;
Database.prototype.exec = function (text) {
  const isCommit = text === "COMMIT";
  if (isCommit) reach("commit");
  const result = exec.call(this, text);
  if (isCommit) reach("committed");
  return result;
};

const access = bitcoindAccess({ url, cookieFile });
const node = {
  transaction: (txid) => access.transaction(txid),
  async broadcast(...given) {
    reach("send");
    const txid = await access.broadcast(...given);
    reach("sent");
    return txid;
  },
};
const trouble = (error) => say("trouble", error.code ?? error.name);
const tower = watchtower({ node, onTrouble: trouble });
const watch = await openWatch({
  source: rpcSource({ url, cookieFile }),
  store,
  monitors: [tower],
  onTrouble: trouble,
});
await watch.caughtUp();
const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
let taken = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { chain, height, ...vote } = JSON.parse(line);
  const decoded = Object.fromEntries(Object.entries(vote).map(([name, text]) => [name, bytes(text)]));
  tower.addVote({ ...decoded, chain, height: BigInt(height) });
  say("taken", taken++);
}
await tower.idle();
say("idle", counts.commit, counts.send);
await tower.close();
await watch.close();
