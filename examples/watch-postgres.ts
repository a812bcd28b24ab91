// Events of stakes into PostgreSQL by psql. For a server: PGHOST=… PGDATABASE=… npm run example -- watch-postgres
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openWatch, restSource } from "tapstake/watch";
import { startNode } from "tapstake/regtest";

if (spawnSync("psql", ["-c", "select 1"]).status !== 0) {
  console.log("not run: no PostgreSQL server is at hand (PGHOST, PGDATABASE)");
  process.exit(0);
}
const node = await startNode({ args: ["-rest=1"] });
const source = restSource({ url: node.connection.url, rpc: node.connection });
const folder = node.connection.cookieFile!.replace(/[^/]*$/, "");
const watch = await openWatch({ source, store: `${folder}watch.db`, init: { network: "regtest" } });

const psql = spawn("psql", ["--quiet", "-v", "ON_ERROR_STOP=1"], { stdio: ["pipe", "inherit", "inherit"] });
const done = once(psql, "close");
psql.stdin.write("create table if not exists stake (outpoint text primary key, state text, seq bigint);\n");
void watch.caughtUp().then(() => watch.close());
// What is written twice is the same row: a restart may begin at any earlier number.
for await (const { kind, seq, ...item } of watch.items(0)) {
  if (kind !== "stake" || !("stake" in item)) continue;
  const { outpoint, view } = item.stake;
  psql.stdin.write(
    `insert into stake values ('${outpoint}', '${view}', ${seq}) on conflict (outpoint)
     do update set state = excluded.state, seq = excluded.seq where stake.seq < excluded.seq;\n`,
  );
}
psql.stdin.end();
await done;
await node.stop();
