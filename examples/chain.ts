// The staking chain asked, and a message sent to it. By default a stand-in of the chain answers, so that this runs
// anywhere. For a chain: LCD=https://… CHAIN_ID=… ACCOUNT_KEY=<64 hexadecimal digits> npm run example -- chain
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeMessage, hex, TapstakeError } from "tapstake";
import { accountSigner, babylonChain, txHash } from "tapstake/babylon";

const { LCD, CHAIN_ID = "stand-in-1", ACCOUNT_KEY = "07".repeat(32) } = process.env;
const standIn = LCD === undefined ? await startStandIn() : undefined;
const lcd = LCD ?? standIn!.url;

// 1. Ask: which release runs, and what Bitcoin's newest block is to the chain.
const chain = babylonChain({ lcd, chainId: CHAIN_ID, pollInterval: 500 });
const release = await chain.release(); // "v4"; a server of another chain is refused
const { height } = await chain.tip(); // Bitcoin's newest block, as the chain knows it
console.log(`${chain.url} runs ${release}, and knows Bitcoin up to block ${height}`);

// 2. Read a list page by page: the loop asks for the next page when it comes to it.
for await (const { account, delegation } of chain.delegations({ status: "ACTIVE" })) {
  console.log(account, delegation.terms.timelock);
}

// 3. Send: a key in memory signs here. Keplr, Leap and cosmjs wallets are signers too.
const signer = accountSigner(hex.decode(ACCOUNT_KEY));
// examples/register.ts makes such messages from a stake and its Merkle branch.
const inclusion = encodeMessage("MsgAddBTCDelegationInclusionProof", {
  signer: signer.address,
  stakingTxHash: "ab".repeat(32),
  stakingTxInclusionProof: { key: { index: 1, hash: new Uint8Array(32) }, proof: new Uint8Array(32) },
});
try {
  const sent = await chain.send([inclusion], signer, { feeLimit: 2_000n }); // at most 2,000 ubbn
  console.log(`in block ${sent.height} for ${sent.fee} ubbn: ${sent.txhash}`);
} catch (error) {
  if (!(error instanceof TapstakeError)) throw error;
  const { name, retry, txhash, timeoutHeight } = error.details;
  if (error.code === "chain-refused") console.log(`refused: ${name}; send it again: ${retry}`);
  else if (error.code === "transaction-expired") console.log("no block took it: send it again");
  else if (error.code === "outcome-unknown") console.log(`look for ${txhash} up to height ${timeoutHeight}`);
  else throw error; // nothing was signed, or the wallet changed what it signed
} finally {
  signer.wipe();
  standIn?.close();
}

/** Answers as a node of the chain does, and puts each transaction into the next block. */
async function startStandIn() {
  let [newest, mined] = [1000, ""];
  const header = { header_hex: "00".repeat(80), hash_hex: "00".repeat(32), height: 900_000 };
  const answers: Record<string, (body: string) => object | null> = {
    node_info: () => ({
      default_node_info: { network: "stand-in-1" },
      application_version: { version: "v4.3.1" },
    }),
    syncing: () => ({ syncing: false }),
    status: () => ({ height: `${newest++}` }),
    tip: () => ({ header }),
    ACTIVE: () => ({ btc_delegations: [], pagination: { next_key: null } }),
    [signerAddress()]: () => ({
      account: { address: signerAddress(), account_number: "7", sequence: "0" },
    }),
    simulate: () => ({ gas_info: { gas_used: "215826" } }),
    txs(body) {
      const { tx_bytes } = JSON.parse(body) as { tx_bytes: string };
      mined = txHash(Uint8Array.from(Buffer.from(tx_bytes, "base64")));
      return { tx_response: { txhash: mined, code: 0 } };
    },
  };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const what = new URL(request.url!, "http://stand-in").pathname.split("/").at(-1)!;
    const result = { txhash: what, height: `${newest}`, code: 0, gas_wanted: "323739", gas_used: "215826" };
    const answer = what === mined ? { tx_response: result } : answers[what]?.(body);
    const missing = { code: 5, message: `${what} not found`, details: [] };
    response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer ?? missing));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

function signerAddress(): string {
  return accountSigner(hex.decode(ACCOUNT_KEY)).address;
}
