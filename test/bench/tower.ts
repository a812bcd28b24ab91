/**
 * `npm run bench -- tower`: a watchtower with many stakes of one provider, from the evidence to the last broadcast, beside
 * signing the same slashings without a tower. The node answers at once: the time is the tower's own. 1,000 stakes, and
 * 10,000 with TAPSTAKE_LONG=1, which take minutes to prepare.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicKeyOf } from "../../src/core/keys.js";
import { adaptor } from "../../src/crypto/adaptor.js";
import type { Delegation } from "../../src/delegation/delegation.js";
import { delegationFromJson, delegationToJson } from "../../src/delegation/json.js";
import { slashingSpend } from "../../src/delegation/spends.js";
import { finishSlashing } from "../../src/extract/slashing.js";
import { leafSighash } from "../../src/spending/spend.js";
import type { Slashable } from "../../src/stake/slashing.js";
import { openWatch, watchtower } from "../../src/watch/index.js";
import { isLong } from "../support/runs.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { delegate, makeStake, type TestStake } from "../support/stake.js";
import { doubleVote } from "../watch/tower/support.js";
import { figure, say } from "./support/report.js";

const COUNT = isLong ? 10_000 : 1_000;
const IN_A_BLOCK = 500;

/** The committee's signatures, without its checks. */
function signed(stake: TestStake, delegation: Delegation): Delegation {
  const provider = stake.terms.finalityProviders[0]!;
  const sign = (from: Slashable) => {
    const digest = leafSighash(slashingSpend(delegation, from));
    return stake.memberSecrets.slice(0, stake.terms.covenant.quorum).map((secret) => ({
      publicKey: publicKeyOf(secret),
      finalityProvider: provider,
      signature: adaptor.sign(secret, provider, digest),
    }));
  };
  const { slashing, unbondingSlashing } = delegation;
  return {
    ...delegation,
    slashing: { ...slashing, covenantSignatures: sign("staking") },
    unbondingSlashing: { ...unbondingSlashing, covenantSignatures: sign("unbonding") },
  };
}

const folder = mkdtempSync(join(tmpdir(), "tapstake-bench-"));
try {
  const delegations: Delegation[] = [];
  let secret: Uint8Array | undefined;
  for (let i = 0; i < COUNT; i++) {
    const stake = makeStake({ seed: "bench", timelock: 1_000 + i });
    [secret] = stake.providerSecrets as [Uint8Array];
    delegations.push(signed(stake, await delegate(stake)));
  }
  const bitcoin = new SimulatedBitcoin();
  for (let i = 0; i < COUNT; i += IN_A_BLOCK) {
    bitcoin.mine(delegations.slice(i, i + IN_A_BLOCK).map(({ staking }) => staking.transaction));
  }
  let last = 0;
  let count = 0;
  const mempool: string[] = [];
  const tower = watchtower({
    node: {
      transaction: async () => null,
      mempool: async () => mempool,
      async broadcast(transaction) {
        last = performance.now();
        count += 1;
        mempool.push(transaction.getId());
        return transaction.getId();
      },
    },
  });
  const store = join(folder, "watch.db");
  const watch = await openWatch({
    source: bitcoin.source(),
    store,
    init: { network: "regtest", first: 0, phase1: null },
    monitors: [tower],
  });
  for (let i = 0; i < COUNT; i += IN_A_BLOCK) watch.add(delegations.slice(i, i + IN_A_BLOCK));
  await watch.caughtUp();

  const started = performance.now();
  tower.addEvidence(doubleVote(secret!));
  await tower.idle();
  const taken = last - started;
  if (count !== COUNT) throw new Error(`${count} of ${COUNT} slashings were sent`);

  const documents = delegations.map(delegationToJson);
  const signing = performance.now();
  for (const each of documents) finishSlashing(delegationFromJson(each), "staking", secret!);
  const alone = performance.now() - signing;

  const next = performance.now();
  bitcoin.mine();
  while (watch.tip()?.hash !== bitcoin.tip.hash) await new Promise((done) => setTimeout(done, 5));
  await tower.idle();
  const round = performance.now() - next;
  await tower.close();
  await watch.close();

  say(`from evidence to the last of ${COUNT.toLocaleString("en")} broadcasts`, taken, "ms");
  say("  reading and signing the slashings alone", alone, "ms");
  say("  a slashing", taken / COUNT, "ms");
  say("the next block, with all of them in the mempool", round, "ms");
  figure("evidence to the last broadcast, of signing", taken / alone, { atMost: 1.5 });
} finally {
  rmSync(folder, { recursive: true });
}
