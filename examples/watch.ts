// An indexer of stakes: it follows a bitcoind, and stores each stake's newest state under its outpoint.
import { paramsAt, regtest } from "tapstake";
import { openWatch, restSource } from "tapstake/watch";
import { party, stake, startNode } from "tapstake/regtest";

// A bitcoind with one stake. For a node of one's own: its address, and its cookie file.
const node = await startNode({ args: ["-rest=1"] });
const [staker, provider] = [party("staker"), party("provider")];
const params = paramsAt(regtest, 0);
const terms = {
  staker: staker.publicKey,
  finalityProviders: [provider.publicKey],
  covenant: params.covenant,
  timelock: 100,
};
const delegation = await stake(node, { terms, params, value: 1_000_000n, stakers: [staker] });

const source = restSource({ url: node.connection.url, rpc: node.connection });
const folder = node.connection.cookieFile!.replace(/[^/]*$/, "");
const watch = await openWatch({ source, store: `${folder}watch.db`, init: { network: "regtest" } });
watch.add([delegation]); // stakes of phase 1 are found by themselves

const index = new Map<string, string>();
let next = 0; // stored with the index, so that a restart goes on from here
for await (const item of watch.items(next)) {
  if (item.kind === "stake") index.set(item.stake.outpoint, item.stake.view);
  next = item.seq;
  if ([...index.values()].includes("active")) break; // an indexer of one's own goes on for ever
}
for (const [outpoint, view] of index) console.log(`${outpoint} is ${view}, at change ${next}`);
await watch.close();
await node.stop();
