// The pages of examples/browser and examples/react, bundled by vite without plugins or a configuration, and the servers
// that they ask, played on a private regtest.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  covenantSignaturesMessage,
  covenantSigner,
  decodeMessage,
  encodeMessage,
  hex,
  paramsAt,
  readCreateDelegation,
  regtest,
  signAsMember,
} from "tapstake";
import { bitcoindAccess } from "tapstake/chain";
import { committee, type RegtestNode, startNode } from "tapstake/regtest";
import { build, preview } from "vite";

/** Bundles the pages and serves them on localhost. */
export async function servePages(): Promise<{ url: string; close(): Promise<void> }> {
  const outDir = mkdtempSync(join(tmpdir(), "tapstake-pages-"));
  const node = await startNode();
  const api = await serveApi(node);
  const root = "examples";
  const plain = { root, configFile: false, logLevel: "error" } as const;
  const input = ["browser", "react"].map((page) => `${root}/${page}/index.html`);
  await build({ ...plain, build: { outDir, emptyOutDir: true, rolldownOptions: { input } } });
  const pages = await preview({ ...plain, build: { outDir }, preview: { proxy: { "/api": api.url } } });
  return {
    url: pages.resolvedUrls!.local[0]!,
    async close() {
      await pages.close();
      api.close();
      await node.stop();
      rmSync(outDir, { recursive: true });
    },
  };
}

/** What server.ts asks. */
async function serveApi(node: RegtestNode): Promise<{ url: string; close(): void }> {
  const answers = new Map(Object.entries(answersOf(node)));
  const answered = async (request: IncomingMessage): Promise<object> => {
    try {
      const answer = answers.get(request.url!.replace("/api/", ""));
      if (!answer) return { error: `nothing answers ${request.url}` };
      return { result: await answer(await bodyOf(request)) };
    } catch (error) {
      return { error: (error as Error).message };
    }
  };
  const http = createServer((request, response) => {
    void answered(request).then((answer) =>
      response.setHeader("content-type", "application/json").end(JSON.stringify(answer)),
    );
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const { port } = http.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => http.close() };
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  let text = "";
  for await (const part of request) text += String(part);
  return JSON.parse(text) as Record<string, string>;
}

type Answer = (body: Record<string, string>) => Promise<unknown>;

function answersOf(node: RegtestNode): Record<string, Answer> {
  const chain = bitcoindAccess(node.connection);
  return {
    height: () => node.height(),
    async fund({ address }) {
      const { txid, vout, value, script } = await node.fund(address!, 1_500_000n);
      return { txid, vout, value: String(value), script: hex.encode(script) };
    },
    async broadcast({ transaction }) {
      const txid = await node.send(transaction!);
      await node.mine();
      return txid;
    },
    confirmations: async ({ outpoint }) => (await chain.unspent(outpoint!))?.confirmations ?? null,
    async mine({ blocks }) {
      await node.mine(Number(blocks));
      return node.height();
    },
    register: async ({ typeUrl, value }) =>
      committeeAnswers({ typeUrl: typeUrl!, value: hex.decode(value!) }, await node.height()),
  };
}

/** In place of the staking chain: three members read the registration, check it and answer with messages. */
async function committeeAnswers(message: { typeUrl: string; value: Uint8Array }, height: number) {
  const read = decodeMessage(message);
  if (read.name !== "MsgCreateBTCDelegation") throw new Error(`unexpected ${read.name}`);
  // Reading it checks what the chain checks: the delegation, both signatures and the proof of possession.
  const { delegation, stakerAddress } = readCreateDelegation(read.message, paramsAt(regtest, height));
  return Promise.all(
    committee.slice(0, 3).map(async ({ secretKey }) => {
      const signatures = await signAsMember(delegation, covenantSigner(secretKey), { set: regtest, height });
      const answer = covenantSignaturesMessage(delegation, { signer: stakerAddress, signatures });
      const { typeUrl, value } = encodeMessage("MsgAddCovenantSigs", answer);
      return { typeUrl, value: hex.encode(value) };
    }),
  );
}
