import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/core/bytes.js";
import { checkpointMonitor } from "../../src/watch/index.js";
import { initStore, openWatch } from "../../src/watch/watch.js";
import { blsValidator, carried, signedCheckpoint } from "../support/bls.js";
import { newHome } from "../support/signer.js";
import { SimulatedBitcoin } from "../support/simulated-bitcoin.js";
import { readCopy } from "../support/vectors.js";
import { inProcess } from "./in-process.js";

const { path: folder } = newHome();
const published = JSON.parse(readCopy("chain/checkpoint-bls.json")) as {
  readonly blockHash: string;
  readonly bitmap: string;
  readonly blsSignature: string;
  readonly transactions: readonly [string, string];
  readonly keys: object;
};
const keys = `${folder}/keys.json`;
writeFileSync(keys, JSON.stringify(published.keys));

describe("tapstake checkpoint", () => {
  it("build writes what parse reads", async () => {
    const submitter = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const { blockHash, bitmap, blsSignature } = published;
    const args =
      `checkpoint build --tag 01020304 --epoch 2 --block-hash ${blockHash} --bitmap ${bitmap} --json ` +
      `--signature ${blsSignature} --submitter ${submitter}`;
    const built = await inProcess(args.split(" "));
    if (built.code !== 0) throw new Error(built.stderr);
    const { parts } = JSON.parse(built.stdout) as { parts: { data: string; script: string }[] };
    expect(published.transactions[1]).toContain(published.blsSignature);
    const read = await inProcess(["checkpoint", "parse", ...parts.map(({ script }) => script), "--json"]);
    expect(JSON.parse(read.stdout)).toMatchObject({
      together: true,
      parts: [
        { part: 0, epoch: "2", blockHash: published.blockHash },
        { part: 1, blsSignature: published.blsSignature },
      ],
    });
  });

  it("verify takes the transactions of the published checkpoint, and no others", async () => {
    const [first, second] = published.transactions;
    const verified = await inProcess(["checkpoint", "verify", first, second, "--keys", keys]);
    expect(verified.stdout).toContain("10000 of 10000 of the power");
    const swapped = await inProcess(["checkpoint", "verify", second, first, "--keys", keys]);
    expect([swapped.code, swapped.stderr]).toEqual([1, expect.stringContaining("invalid-checkpoint")]);
    const less = `${folder}/less.json`;
    const { validator_with_bls_keys: all } = published.keys as { validator_with_bls_keys: object[] };
    writeFileSync(less, JSON.stringify({ validator_with_bls_keys: all.slice(1) }));
    const refused = await inProcess(["checkpoint", "verify", first, second, "--keys", less]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("invalid-signature")]);
  });
});

describe("tapstake watch checkpoints", () => {
  it("shows epochs and open alarms", async () => {
    const store = `${folder}/watch.db`;
    initStore(store, { network: "regtest", first: 0, phase1: null });
    expect((await inProcess(["watch", "checkpoints", "--store", store])).stdout).toContain(
      "--checkpoint-tag",
    );
    const validator = blsValidator("of the command");
    const bitcoin = new SimulatedBitcoin();
    for (const block of ["x", "y"])
      bitcoin.mine(carried(signedCheckpoint([validator], [0], { epoch: 4n, block })));
    const monitor = checkpointMonitor({ tag: utf8("bbn1"), keys: () => [validator] });
    const watch = await openWatch({ source: bitcoin.source(), store, monitors: [monitor] });
    await watch.caughtUp();
    await monitor.settled();
    await monitor.stop();
    await watch.close();
    const text = await inProcess(["watch", "checkpoints", "--store", store]);
    expect(text.stdout).toMatch(/bbn1 \(62626e31\)[\s\S]*4 +FORK[\s\S]*checkpoint-fork/);
    const json = await inProcess(["watch", "checkpoints", "--store", store, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      parts: 4,
      epochs: [{ epoch: 4, state: "fork" }],
      alarms: [{ kind: "checkpoint-fork", facts: { verified: true } }],
    });
  });
});
