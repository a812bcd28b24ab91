// States of stakes into PostgreSQL by psql. For a server: PGHOST=… PGDATABASE=… npm run example -- watch-postgres
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { paramsAt, regtest } from "tapstake";
import { openWatch, restSource } from "tapstake/watch";
import { party, stake, startNode } from "tapstake/regtest";

if (spawnSync("psql", ["-c", "select 1"]).status !== 0) {
  console.log("not run: no PostgreSQL server is at hand (PGHOST, PGDATABASE)");
  process.exit(0);
}
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
watch.add([delegation]);

const psql = spawn("psql", ["--quiet", "-v", "ON_ERROR_STOP=1"], { stdio: ["pipe", "inherit", "inherit"] });
const done = once(psql, "close");
psql.stdin.write("create table if not exists stake (outpoint text primary key, state text, seq bigint);\n");
// What is written twice is the same row: a restart may begin at any earlier number.
for await (const item of watch.items(0)) {
  if (item.kind !== "stake") continue;
  const { outpoint, view } = item.stake;
  psql.stdin.write(
    `insert into stake values ('${outpoint}', '${view}', ${item.seq}) on conflict (outpoint)
     do update set state = excluded.state, seq = excluded.seq where stake.seq < excluded.seq;\n`,
  );
  if (view === "active") break; // an indexer of one's own goes on for ever
}
psql.stdin.end("select outpoint, state from stake;\n");
await done;
await watch.close();
await node.stop();
