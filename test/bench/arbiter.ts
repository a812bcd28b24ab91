/**
 * `npm run bench -- arbiter`: what a claim of a vote costs beside a bare write to the same etcd cluster, in turns.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { type Claim, claimTxn } from "../../src/finality/arbiter/claim.js";
import { EtcdClient } from "../../src/finality/arbiter/client.js";
import { judge } from "../../src/finality/arbiter/judge.js";
import { arbiterKeys } from "../../src/finality/arbiter/keys.js";
import { enrolSigner, initArbiter } from "../../src/finality/arbiter/store.js";
import { Arbiter } from "../../src/finality/arbiter/arbiter.js";
import { openHome } from "../../src/finality/home.js";
import { endFile } from "../support/after-file.js";
import { Cluster, hasEtcd } from "../support/etcd.js";
import { figure, interleaved, say } from "./support/report.js";

const ROUNDS = 300;
const of = { key: new Uint8Array(32).fill(7), chainId: "bench-1" };
const digest = sha256(utf8("bench"));

if (hasEtcd) {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-bench-"));
  const cluster = await Cluster.start();
  const client = new EtcdClient({ addresses: cluster.addresses as [string], timeout: 20_000 });
  try {
    await measure(client, folder);
  } finally {
    client.close();
    await endFile();
    rmSync(folder, { recursive: true });
  }
}

async function measure(client: EtcdClient, folder: string): Promise<void> {
  const prefix = "/bench";
  const keys = arbiterKeys(prefix);
  await initArbiter(client, prefix, { ...of, fromHeight: 1n });
  const home = openHome(join(folder, "home"));
  const enrol = (endHold: boolean) =>
    enrolSigner({ home, keyChains: () => [] }, client, prefix, { publicKey: of.key }, { endHold });
  const state = await enrol(false);
  let { seal } = state;
  let height = 0n;
  const { put, claim } = await interleaved(ROUNDS, {
    put: (round) =>
      client.ask("Txn", {
        compare: [],
        success: [{ put: { key: utf8(`/bench/bare/${round}`), value: digest } }],
        failure: [],
      }),
    claim: async () => {
      const next = { counter: seal.counter + 1n, session: seal.session };
      const votes = [{ height: ++height, digest }];
      const wanted: Claim = { of, votes, signer: state.signer, store: state.store, last: seal, next };
      const answer = await client.ask("Txn", claimTxn(keys, wanted));
      const judged = judge(keys, wanted, { ...state, sessions: [seal.session] }, answer);
      if (judged.kind !== "judged" || judged.outcomes[0]!.kind !== "new") throw new Error(judged.kind);
      seal = next;
    },
  });
  say("a bare put", put, "ms");
  say("a claim", claim, "ms");
  figure("a claim / a bare put", claim / put, { atMost: 1.3 });
  const again = await enrol(true);
  const arbiter = new Arbiter(home, client, prefix);
  await arbiter.claim(
    of,
    Array.from({ length: 1_000 }, (_, i) => ({ height: 1_000_000n + BigInt(i), digest })),
  );
  const { response } = await client.ask("Range", { key: keys.seal(again.signer) });
  figure("transactions of 1,000 heights", Number(response.kvs[0]!.version) - 1, { atMost: 10 });
}
