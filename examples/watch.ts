// An indexer of stakes: it follows a bitcoind, and stores each stake's newest state under its outpoint.
import { restSource, openWatch } from "tapstake/watch";
import { startNode } from "tapstake/regtest";

// For a node of one's own: its address, and its cookie file.
const node = await startNode({ args: ["-rest=1"] });
const source = restSource({ url: node.connection.url, rpc: node.connection });
const folder = node.connection.cookieFile!.replace(/[^/]*$/, "");
const watch = await openWatch({ source, store: `${folder}watch.db`, init: { network: "regtest" } });

// watch.add([delegation]) watches a stake of phase 2; stakes of phase 1 are found by themselves.
const index = new Map<string, string>();
let next = 0; // stored with the index, so that a restart goes on from here
void watch.caughtUp().then(() => watch.close());
for await (const item of watch.items(next)) {
  if (item.kind === "stake") index.set(item.stake.outpoint, item.stake.view);
  next = item.seq;
}
console.log(`${index.size} stakes, up to change ${next}`);
await node.stop();
