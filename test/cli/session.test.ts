import { readFileSync } from "node:fs";
import { createBase58check } from "@scure/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { concatBytes, hex, utf8 } from "../../src/core/bytes.js";
import { sha256 } from "../../src/core/hashes.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { bridgeEsplora } from "../support/esplora.js";
import { reach } from "./bitcoin-cli.js";
import { shellInProcess } from "./shell-in-process.js";
import { hasBash, shell, temporaryFolder } from "./support.js";

const blocksOf = (page: string) =>
  [
    ...readFileSync(new URL(`../../${page}`, import.meta.url), "utf8").matchAll(/```bash\n([\s\S]*?)```/g),
  ].map(([, block]) => block!);

/** The shortest session: up to a mined stake, then its two ends. */
const open = `# your key, and, as this is regtest, that of a finality provider
STAKER=$(tapstake stake key --new staker.key)
FP=$(tapstake stake key --new fp.key)

# terms and coins in, a delegation and a PSBT out; the coins are those of a wallet that knows nothing of staking
ADDRESS=$(bitcoin-cli -regtest getnewaddress "" bech32)
bitcoin-cli -regtest sendtoaddress $ADDRESS 0.02
bitcoin-cli -regtest -generate 1
tapstake stake create --params regtest --staker $STAKER --fp $FP --time 100 --value 1000000 \\
  --from-address $ADDRESS --fee-rate 2 --out stake.json --psbt stake.psbt

# the staker signs both slashings in advance, the committee everything; on regtest its secrets are known
tapstake stake sign stake.json --secret-file staker.key
for i in 1 2 3; do
  (umask 077; printf "tapstake regtest covenant member $i" | openssl dgst -sha256 -r | cut -c 1-64 > $i.key)
  tapstake covenant sign stake.json --secret-file $i.key
done
tapstake stake check stake.json

# only now are the coins locked: the wallet signs, and the stake is sent and mined
bitcoin-cli -regtest walletprocesspsbt $(cat stake.psbt) > signed.json
tapstake stake broadcast stake.json --psbt signed.json
bitcoin-cli -regtest -generate 1
tapstake stake check stake.json
`;
const unbond = `tapstake unbond stake.json --secret-file staker.key
bitcoin-cli -regtest -generate 20
tapstake withdraw stake.json --to $(bitcoin-cli -regtest getnewaddress) --fee-rate 2 --secret-file staker.key
bitcoin-cli -regtest -generate 1
`;
const slash = `tapstake slash stake.json --secret-file fp.key
bitcoin-cli -regtest -generate 20
tapstake withdraw stake.json --to $(bitcoin-cli -regtest getnewaddress) --fee-rate 2 --secret-file staker.key
bitcoin-cli -regtest -generate 1
`;

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

interface Means {
  /** The address of an Esplora server, where that is asked and not the node. */
  readonly esplora?: string;
  /** What runs the lines. */
  readonly by?: typeof shell;
}

/** Runs blocks of the session as a new user would, in an empty folder, with the node or the Esplora server. */
async function run(blocks: readonly string[], { esplora, by = shellInProcess }: Means = {}) {
  const { prelude, url, env } = await reach(node);
  const server = esplora === undefined ? { TAPSTAKE_RPC: url } : { TAPSTAKE_ESPLORA: esplora };
  const cwd = temporaryFolder();
  return by([prelude, ...blocks].join("\n"), { cwd, env: { HOME: cwd, ...env, ...server } });
}

describe.skipIf(!hasBash)("the shortest session", () => {
  it("goes from nothing to a mined stake, and out again", async () => {
    const ACCOUNT = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
    const told = unbond.replace(
      "tapstake unbond stake.json --secret-file staker.key\n",
      `tapstake unbond stake.json --secret-file staker.key --json > unbonded.json
      UNBONDING=$(bitcoin-cli getrawtransaction $(grep -m 1 '"txid"' unbonded.json | cut -d '"' -f 4))
      bitcoin-cli -generate 1
      tapstake register undelegate stake.json --transaction $UNBONDING --address ${ACCOUNT} > undelegate.txt
      grep MsgBTCUndelegate undelegate.txt
      tapstake inspect $UNBONDING --delegation stake.json
      `,
    );
    const { code, stdout, stderr } = await run([open, told], { by: shell });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/message +\/babylon\.btcstaking\.v1\.MsgBTCUndelegate/);
    expect(stdout).toContain("everything is signed: the stake can be broadcast");
    expect(stdout).toMatch(/staked, 1 confirmation, withdrawable in 99 blocks/);
    expect(stdout).toMatch(/this unbonds a stake of 0\.01 BTC .* signed by 3 of 5 committee members/);
    expect(stdout).toMatch(/this withdraws an unbonding stake of 0\.00999 BTC/);
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("or to a slashing, after which the refund is withdrawn", async () => {
    const { code, stdout, stderr } = await run([open, slash]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/this slashes 0\.001 BTC of a stake of 0\.01 BTC/);
    expect(stdout).toMatch(/this withdraws the refund of a slashing of 0\.00899 BTC/);
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("goes the same way by an Esplora server", async () => {
    const bridge = await bridgeEsplora(node.rpc);
    try {
      const { code, stdout, stderr } = await run([open, unbond], { esplora: bridge.url });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/staked, 1 confirmation, withdrawable in 99 blocks/);
      expect(stdout).toMatch(/this withdraws an unbonding stake of 0\.00999 BTC/);
    } finally {
      bridge.close();
    }
  });

  it("needs no secret file where a wallet signs PSBTs: bitcoind's own signer, which has only the key", async () => {
    const secret = sha256(utf8(`session ${await node.height()}`));
    const wif = createBase58check(sha256).encode(concatBytes(Uint8Array.of(0xef), secret, Uint8Array.of(1)));
    const { checksum } = await node.rpc.getdescriptorinfo(`tr(${wif})`);
    const sign = (file: string) =>
      `bitcoin-cli -regtest descriptorprocesspsbt $(cat ${file}) '["tr(${wif})#${checksum}"]' > ${file}.json`;
    const opened = open
      .replace("stake key --new staker.key", `stake key --secret-file <(echo ${hex.encode(secret)})`)
      .replace(
        "tapstake stake sign stake.json --secret-file staker.key",
        `tapstake stake sign stake.json --export to-sign
        ${sign("to-sign/slashing.psbt")}
        ${sign("to-sign/unbonding-slashing.psbt")}
        tapstake stake sign stake.json --psbt to-sign/*.json`,
      );
    const ended = `tapstake stake sign stake.json --unbonding --export to-sign
      ${sign("to-sign/unbonding.psbt")}
      tapstake stake sign stake.json --unbonding --psbt to-sign/unbonding.psbt.json
      tapstake unbond stake.json
      bitcoin-cli -regtest -generate 20
      tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --psbt withdrawal.psbt
      ${sign("withdrawal.psbt")}
      tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --signed withdrawal.psbt.json
      bitcoin-cli -regtest -generate 1`;
    const { code, stdout, stderr } = await run([opened, ended]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });

  it("says how long a withdrawal has to wait, and sends nothing before", async () => {
    const early = "tapstake withdraw stake.json --to $ADDRESS --fee-rate 2 --secret-file staker.key";
    const { code, stderr } = await run([open, early]);
    const height = await node.height();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tapstake: timelock-running: the time lock runs for 99 blocks more: nodes take the withdrawal from height ${height + 99} on\n`,
    });
    expect(await node.rpc.getrawmempool()).toEqual([]);
  });
});

describe.skipIf(!hasBash)("the session of docs/stakers.md", () => {
  it("goes through copies that the committee signs apart, and an expansion, to a withdrawal at the end of the time lock", async () => {
    const { code, stdout, stderr } = await run([
      ...blocksOf("docs/stakers.md"),
      "tapstake stake check stake.json | grep state",
      'echo "written: $(cat larger.psbt)"',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const psbt = parsePsbt(/^written: (.*)$/m.exec(stdout)![1]!);
    expect(psbt.data.inputs[1]!.nonWitnessUtxo).toBeDefined();
    expect(stdout).toContain("0 of 1 input signed");
    expect(stdout).toMatch(/checked +every rule holds/);
    expect(stdout).toMatch(/message +\/babylon\.btcstaking\.v1\.MsgAddBTCDelegationInclusionProof/);
    expect(stdout).toMatch(/expands {12}[0-9a-f]{64}:\d, 1000000 satoshi/);
    expect(stdout).toMatch(
      /1500000 satoshi \(0\.015 BTC\)[^]*staked, 1 confirmation, withdrawable in 149 blocks/,
    );
    expect(stdout).toMatch(/this withdraws a stake of 0\.015 BTC/);
    // Of the stake that was expanded.
    expect(stdout).toMatch(
      /state +its coins are not there: it has spent them, and was withdrawn or expanded/,
    );
    const txid = stdout
      .match(/transaction\s+([0-9a-f]{64})/g)!
      .at(-1)!
      .slice(-64);
    expect(await node.rpc.gettransactioninfo(txid)).toMatchObject({ confirmations: 1 });
  });
});
