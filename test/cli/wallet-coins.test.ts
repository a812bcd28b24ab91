import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RegtestNode, startNode } from "../../regtest/index.js";
import { parsePsbt } from "../../src/psbt/read.js";
import { reach } from "./bitcoin-cli.js";
import { shellInProcess } from "./shell-in-process.js";
import { hasBash, temporaryFolder } from "./support.js";

let node: RegtestNode;
let prelude: string;
let env: Record<string, string>;
beforeAll(async () => {
  node = await startNode();
  const reached = await reach(node);
  prelude = reached.prelude;
  env = { ...reached.env, TAPSTAKE_RPC: reached.url };
});
afterAll(() => node?.stop());

const run = (script: string) => {
  const cwd = temporaryFolder();
  return shellInProcess([prelude, script].join("\n"), { cwd, env: { HOME: cwd, ...env } });
};

const pay = (type: string) => `
  STAKER=$(tapstake stake key --new staker.key)
  FP=$(tapstake stake key --new fp.key)
  TERMS="--params regtest --staker $STAKER --fp $FP --time 100"
  ADDRESS=$(bitcoin-cli -regtest getnewaddress "" ${type})
  bitcoin-cli -regtest sendtoaddress $ADDRESS 0.02
  bitcoin-cli -regtest -generate 1`;

/** From a PSBT on: the wallet signs, staker and committee sign, and it is sent and mined. */
const finish = (type: string) => {
  const [create, made] =
    type === "legacy"
      ? ["", "tapstake stake create $TERMS --signed signed.json --psbt stake.psbt --out stake.json"]
      : ["--out stake.json", ""];
  return {
    create,
    rest: `
  bitcoin-cli -regtest walletprocesspsbt $(cat stake.psbt) > signed.json
  ${made}
  tapstake stake sign stake.json --secret-file staker.key
  for i in 1 2 3; do
    (umask 077; printf "tapstake regtest covenant member $i" | openssl dgst -sha256 -r | cut -c 1-64 > $i.key)
    tapstake covenant sign stake.json --secret-file $i.key
  done
  tapstake stake broadcast stake.json --psbt signed.json
  bitcoin-cli -regtest -generate 1
  tapstake stake check stake.json
  tapstake unbond stake.json --secret-file staker.key
  bitcoin-cli -regtest -generate 1`,
  };
};

const expectMined = async ({ code, stdout, stderr }: Awaited<ReturnType<typeof run>>) => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/staked, 1 confirmation, withdrawable in 99 blocks/);
  const unbonding = [...stdout.matchAll(/transaction\s+([0-9a-f]{64})/g)].at(-1)![1]!;
  expect(await node.rpc.gettransactioninfo(unbonding)).toMatchObject({ confirmations: 1 });
};

describe.skipIf(!hasBash)("a stake that is funded by a plain coin of bitcoind's wallet", () => {
  it.each(["legacy", "p2sh-segwit", "bech32", "bech32m"])(
    "as listunspent gives it, of a %s address, is signed by walletprocesspsbt, mined and unbonded",
    async (type) => {
      const { create, rest } = finish(type);
      await expectMined(
        await run(`${pay(type)}
  bitcoin-cli -regtest listunspent 1 9999999 "[\\"$ADDRESS\\"]" > coins.json
  tapstake stake create $TERMS --value 1000000 --coins coins.json --change $ADDRESS --fee-rate 2 \\
    --psbt stake.psbt ${create}${rest}`),
      );
    },
  );

  it.each(["legacy", "bech32", "bech32m"])(
    "as the server finds it by a %s address, all of it, is signed by walletprocesspsbt, mined and unbonded",
    async (type) => {
      const { create, rest } = finish(type);
      const outcome = await run(`${pay(type)}
  tapstake stake create $TERMS --value all --from-address $ADDRESS --fee-rate 2 --psbt stake.psbt ${create}${rest}
  echo "written: $(cat stake.psbt)"`);
      await expectMined(outcome);
      const psbt = parsePsbt(/^written: (.*)$/m.exec(outcome.stdout)![1]!);
      // Whatever the kind: some signers want to see where a coin comes from.
      for (const { nonWitnessUtxo } of psbt.data.inputs) expect(nonWitnessUtxo).toBeDefined();
    },
  );

  it("is refused by a P2SH address alone, which hides its script, with what to do", async () => {
    const { code, stderr } = await run(`${pay("p2sh-segwit")}
  tapstake stake create $TERMS --value all --from-address $ADDRESS --fee-rate 2 --psbt stake.psbt`);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tapstake: invalid-coin: .* take them from the wallet's own list, which has it\nDo: .*\n$/,
    );
  });
});
