import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { Transaction } from "../../src/bitcoin/transaction-class.js";
import { parseTransaction } from "../../src/bitcoin/transaction.js";
import { hex } from "../../src/core/bytes.js";
import { delegationFromJson } from "../../src/delegation/json.js";
import { BitcoinJsPsbt } from "../support/bitcoinjs.js";
import { checkpointParts } from "../support/checkpoints.js";
import { headerChain } from "../support/headers.js";
import { passphrase } from "./fp-support.js";
import { shellInProcess } from "./shell-in-process.js";
import { EVIDENCE, temporaryFolder, txOutProof } from "./support.js";

/** The secret key of the wallet with the coins, and what its P2WPKH outputs look like. */
const WALLET = hex.decode("01".padStart(64, "0"));
const WALLET_SCRIPT = "0014751e76e8199196d454941c45d1b3a323f1433bd6";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const ACCOUNT = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";

/** Each file by the command that the help says it is from. */
const SCRIPT = `umask 077
tapstake stake key --new staker.key > staker
tapstake extract --votes evidence.json --json | grep '"secretKey"' | cut -d '"' -f 4 > fp.key
for i in 1 2 3; do
  printf "tapstake regtest covenant member $i" | openssl dgst -sha256 -r | cut -c 1-64 > $i.key
done
cp 1.key member.key
tapstake stake create --params regtest --time 100 --value 1000000 --fee-rate 2 \\
  --staker $(cat staker) --fp ${EVIDENCE.fp_btc_pk} --coins coins.json --change ${ADDRESS} \\
  --out stake.json --psbt stake.psbt
cp stake.json unsigned.json
tapstake stake sign stake.json --secret-file staker.key
cp stake.json signed.json
for i in 1 2; do
  tapstake covenant sign stake.json --height 100 --secret-file $i.key --out member-$i.json
done
for i in 1 2 3; do tapstake covenant sign stake.json --height 100 --secret-file $i.key; done
tapstake expand stake.json --value 1500000 --time 200 --fee-rate 2 \\
  --coins more-coins.json --change ${ADDRESS} --out larger.json --psbt larger.psbt
tapstake stake sign larger.json --secret-file staker.key
tapstake unbond stake.json --secret-file staker.key --out unbonding.hex
tapstake pop make --address ${ACCOUNT} --secret-file staker.key --out pop.json
tapstake register create-delegation signed.json --proof pop.json --message > message.json
tapstake register equivocation evidence.json --release v3 --out message.bin --address ${ACCOUNT}

tapstake watch init --network regtest
tapstake watch add stake.json
tapstake fp keys new validator-1
tapstake fp commit --key validator-1 --chain bbn-1 --start 1000 --count 100 --out commitment.json
tapstake fp vote --key validator-1 --chain bbn-1 --height 1002 --hash ${"d3".repeat(32)} --out vote.json
tapstake fp proof --key validator-1 --chain bbn-1 --height 1002 --out proof.json
tapstake fp chains set bsn-old --min-count 500
tapstake fp keys new old-validator --home old
tapstake fp keys export old-validator --home old --yes --json > secret.json
tapstake fp keys import moved --secret-file secret.json
tapstake fp protection export --home old --out interchange.json
echo 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong' > words`;

/** What examples find in the environment, beside the home in the folder. */
export const environment = (folder: string) => ({
  HOME: folder,
  TAPSTAKE_HOME: join(folder, ".tapstake"),
  TAPSTAKE_PASSPHRASE: passphrase,
});

/** A folder with the files from which the examples of the help start. `unsigned.json`, `signed.json` and `stake.json` are
 * one stake: as `stake create` wrote it, with the staker's signatures, and with a quorum of the committee's. */
export async function exampleFiles(): Promise<string> {
  const folder = temporaryFolder();
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const funding = fundingTransaction();
  const coin = { scriptPubKey: WALLET_SCRIPT, vout: 0 };
  write("coins.json", JSON.stringify([{ ...coin, txid: "07".repeat(32), value: "2000000" }]));
  write("more-coins.json", JSON.stringify([{ ...coin, txid: funding.getId(), value: "600000" }]));
  write("funding.hex", funding.toHex());
  write("evidence.json", JSON.stringify(EVIDENCE));
  write("headers.txt", headerChain(2).map(hex.encode).join("\n"));
  for (const [i, { transaction }] of checkpointParts().entries()) {
    write(`part-${i}.hex`, transaction.toHex());
    write(`part-${i}.proof`, hex.encode(txOutProof(transaction)));
  }
  write("restaking.json", readFileSync(new URL("../fixtures/restaking.json", import.meta.url), "utf8"));
  const { code, stderr } = await shellInProcess(SCRIPT, { cwd: folder, env: environment(folder) });
  if (code !== 0) throw new Error(`no files for the examples: ${stderr}`);
  const { staking } = delegationFromJson(read("stake.json"));
  const unbonding = parseTransaction(hex.decode(read("unbonding.hex").trim()));
  write("staking-proof.hex", hex.encode(txOutProof(staking.transaction)));
  write("unbonding-proof.hex", hex.encode(txOutProof(unbonding)));
  write("stake.psbt", signedByWallet(read("stake.psbt")));
  return folder;
}

function fundingTransaction(): Transaction {
  const transaction = new Transaction();
  transaction.addInput(new Uint8Array(32).fill(8), 0);
  transaction.addOutput(hex.decode(WALLET_SCRIPT), 600_000n);
  return transaction;
}

function signedByWallet(base64: string): string {
  const psbt = BitcoinJsPsbt.fromBase64(base64.trim());
  const sign = (digest: Uint8Array) => secp256k1.sign(digest, WALLET, { prehash: false, lowS: true });
  psbt.signInput(0, { publicKey: secp256k1.getPublicKey(WALLET, true), sign });
  return psbt.toBase64();
}
