import { base64, bech32, createBase58check } from "@scure/base";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  inclusionProof,
  type InclusionProof,
  inclusionProofFromMerkleBlock,
  inclusionProofFromTxids,
  verifyInclusionProof,
} from "../src/babylon/inclusion.js";
import {
  acceptProof,
  type ProofForm,
  proofOfPossession,
  proofToSign,
  verifyProofOfPossession,
} from "../src/babylon/pop.js";
import { addressOfScript } from "../src/bitcoin/address.js";
import { hash160 } from "../src/core/hashes.js";
import { parseTransaction } from "../src/bitcoin/transaction.js";
import { bitcoindAccess } from "../src/chain/bitcoind.js";
import { esploraAccess } from "../src/chain/esplora.js";
import { concatBytes, hex, utf8 } from "../src/core/bytes.js";
import { curve } from "../src/core/curve/index.js";
import { sha256 } from "../src/core/hashes.js";
import { publicKeyOf } from "../src/core/keys.js";
import { bridgeEsplora } from "../test/support/esplora.js";
import { refusal } from "../test/support/refusal.js";
import { type RegtestNode, startNode } from "./index.js";

let node: RegtestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node?.stop());

const network = "regtest";

describe("inclusion proofs", () => {
  test.each([1, 2, 3, 4, 6, 7, 13])("of a block of %i transactions equal bitcoind's", async (count) => {
    const payments = Array.from({ length: count - 1 }, async (_, i) =>
      node.rpc.sendtoaddress(await node.rpc.getnewaddress(), 20_000n + BigInt(i)),
    );
    await Promise.all(payments);
    const [blockHash] = await node.mine(1);
    const block = hex.decode(await node.rpc.getblockhex(blockHash!));
    const header = block.slice(0, 80);
    const { tx: txids } = await node.rpc.getblock(blockHash!);
    expect(txids).toHaveLength(count);
    for (const [index, txid] of txids.entries()) {
      const proof = inclusionProof(block, txid);
      expect(proof).toEqual(inclusionProofFromTxids(header, txids, index));
      expect(hex.encode(proof.key.hash.toReversed())).toBe(blockHash);
      const transaction = parseTransaction(hex.decode(await node.rpc.getrawtransaction(txid)));
      expect(verifyInclusionProof(proof, transaction, header)).toBe(true);
      const merkleBlock = merkleBlockOf(proof, header, txid, count);
      expect(merkleBlock).toBe(await node.rpc.call("gettxoutproof", [txid], blockHash));
      expect(await node.rpc.call("verifytxoutproof", merkleBlock)).toEqual([txid]);
      expect(inclusionProofFromMerkleBlock(hex.decode(merkleBlock), transaction)).toEqual(proof);
    }
  });
});

describe("a Merkle block", () => {
  test("of several transactions proves each, and no other; altered anywhere it proves nothing", async () => {
    for (let i = 0; i < 5; i++) await node.rpc.sendtoaddress(await node.rpc.getnewaddress(), 20_000n);
    const [blockHash] = await node.mine(1);
    const block = hex.decode(await node.rpc.getblockhex(blockHash!));
    const { tx: txids } = await node.rpc.getblock(blockHash!);
    const transactionOf = async (txid: string) =>
      parseTransaction(hex.decode(await node.rpc.getrawtransaction(txid)));
    const [, second, , , fifth] = txids;
    const two = hex.decode(await node.rpc.call("gettxoutproof", [second, fifth], blockHash));
    for (const txid of [second!, fifth!]) {
      const transaction = await transactionOf(txid);
      expect(inclusionProofFromMerkleBlock(two, transaction)).toEqual(inclusionProof(block, txid));
      for (let at = 0; at < two.length; at++) {
        const altered = Uint8Array.from(two);
        altered[at]! ^= 0x80;
        // A header with other bytes outside the root is another header, and the proof leads to that one.
        if (at < 36 || (at >= 68 && at < 80)) continue;
        refusal("invalid-proof", () => inclusionProofFromMerkleBlock(altered, transaction));
      }
      for (let length = 0; length < two.length; length++) {
        refusal("invalid-proof", () => inclusionProofFromMerkleBlock(two.slice(0, length), transaction));
      }
      const longer = concatBytes(two, Uint8Array.of(0));
      refusal("invalid-proof", () => inclusionProofFromMerkleBlock(longer, transaction));
    }
    const other = await transactionOf(txids[2]!);
    refusal("invalid-proof", () => inclusionProofFromMerkleBlock(two, other));
    refusal("invalid-bytes", () => inclusionProofFromMerkleBlock("00" as never, other));
  });

  test("is found by bitcoind and by an Esplora server, and is null for a transaction in no block", async () => {
    const txid = await node.rpc.sendtoaddress(await node.rpc.getnewaddress(), 20_000n);
    const bridge = await bridgeEsplora(node.rpc);
    try {
      const servers = [bitcoindAccess(node.connection), esploraAccess({ url: bridge.url })];
      for (const server of servers) expect(await server.merkleBlock(txid)).toBeNull();
      await node.mine(1);
      const transaction = parseTransaction(hex.decode(await node.rpc.getrawtransaction(txid)));
      const [one, other] = await Promise.all(servers.map((server) => server.merkleBlock(txid)));
      expect(one).toEqual(other);
      expect(inclusionProofFromMerkleBlock(one!, transaction).key.index).toBe(1);
    } finally {
      bridge.close();
    }
  });
});

describe("proofs of possession", () => {
  const secretKey = sha256(utf8(`possession ${randomUUID()}`));
  const point = curve.pointFromScalar(secretKey)!;
  const address = bech32.encodeFromBytes("bbn", sha256(point).slice(0, 20));
  const wif = createBase58check(sha256).encode(concatBytes(Uint8Array.of(0xef), secretKey, Uint8Array.of(1)));

  test("of ECDSA equal bitcoind's signed messages, both ways", async () => {
    const form: ProofForm = { kind: "ecdsa", address };
    const { text } = proofToSign(point, form);
    const theirs = await node.rpc.call<string>("signmessagewithprivkey", wif, text);
    const proof = acceptProof(point, form, theirs);
    expect(verifyProofOfPossession(publicKeyOf(secretKey), proof, { address })).toBe(true);
    const ours = proofOfPossession(secretKey, form).signature;
    const script = concatBytes(Uint8Array.of(0x76, 0xa9, 20), hash160(point), Uint8Array.of(0x88, 0xac));
    const p2pkh = addressOfScript(script, network);
    expect(await node.rpc.call("verifymessage", p2pkh, base64.encode(ours), text)).toBe(true);
    expect(await node.rpc.call("verifymessage", p2pkh, base64.encode(ours), `${text}.`)).toBe(false);
  });

  test.each([
    ["p2wpkh", "wpkh"],
    ["p2tr", "tr"],
  ] as const)("of BIP-322 by %s are signed by bitcoind's wallet as a PSBT", async (output, descriptor) => {
    const name = `possession-${randomUUID()}`;
    await node.rpc.call("createwallet", name, false, true);
    const wallet = node.rpc.wallet(name);
    const { checksum } = await node.rpc.getdescriptorinfo(`${descriptor}(${wif})`);
    const desc = `${descriptor}(${wif})#${checksum}`;
    const [imported] = await wallet.importdescriptors([{ desc, timestamp: "now" }]);
    expect(imported!.success).toBe(true);
    const form: ProofForm = { kind: "bip322", address, output, network };
    const { psbt, bitcoinAddress } = proofToSign(point, form);
    expect(
      await node.rpc.deriveaddresses(`${descriptor}(${hex.encode(point)})#${await checksumOf()}`),
    ).toEqual([bitcoinAddress]);
    const signed = await wallet.walletprocesspsbt(psbt!.toBase64());
    const proof = acceptProof(point, form, signed.psbt);
    expect(verifyProofOfPossession(publicKeyOf(secretKey), proof, { address, network })).toBe(true);

    async function checksumOf(): Promise<string> {
      return (await node.rpc.getdescriptorinfo(`${descriptor}(${hex.encode(point)})`)).checksum;
    }
  });
});

/** The proof in bitcoind's form: the header and a partial tree, walked from the root (BIP-37). */
function merkleBlockOf(
  { key, proof }: InclusionProof,
  header: Uint8Array,
  txid: string,
  total: number,
): string {
  const hashes: Uint8Array[] = [];
  const bits: number[] = [];
  const hashAt = (level: number) => proof.slice(32 * level, 32 * level + 32);
  const walk = (level: number): void => {
    bits.push(1);
    if (level === 0) {
      hashes.push(hex.decode(txid).toReversed());
      return;
    }
    const at = key.index >> (level - 1);
    const isRight = at % 2 === 1;
    const width = Math.ceil(total / 2 ** (level - 1));
    const beside = () => {
      bits.push(0);
      hashes.push(hashAt(level - 1));
    };
    if (isRight) beside();
    walk(level - 1);
    // The last node of an odd level is its own sibling; the partial tree leaves it out.
    if (!isRight && at + 1 < width) beside();
  };
  walk(proof.length / 32);
  const flags = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) flags[i >> 3]! |= bit << (i & 7);
  const count = Uint8Array.of(total, 0, 0, 0);
  const parts = [header, count, Uint8Array.of(hashes.length), ...hashes, Uint8Array.of(flags.length), flags];
  return hex.encode(concatBytes(...parts));
}
