import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import type { AddressInfo } from "node:net";

/** A moment of a request to a node: before the node has it, or when the node has answered and the client has not heard. */
export type Moment = "before" | "after";

/** A node behind a proxy by which a test sees each request, and can end the client or the node at a chosen one. */
export interface NodeProxy {
  /** Without credentials: the client has the node's own. */
  readonly url: string;
  /**
   * Called with the RPC method, or the path of REST. The request waits for it. With `false`, the client gets no answer,
   * and before the node, the node no request.
   */
  at: (method: string, moment: Moment) => boolean | Promise<boolean>;
  /** The methods and paths so far, in their order. */
  readonly seen: string[];
  /** The raw transactions that were handed in, in hexadecimal. */
  readonly sent: string[];
  close(): Promise<void>;
}

/** @param target the node's address */
export async function nodeProxy(target: string): Promise<NodeProxy> {
  const server = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      pass(Buffer.concat(parts)).catch(() => outgoing.destroy());
    });

    async function pass(body: Buffer): Promise<void> {
      const { method, raw } = callOf(incoming.url!, body);
      proxy.seen.push(method);
      if (raw !== undefined) proxy.sent.push(raw);
      if (!(await proxy.at(method, "before"))) return void outgoing.destroy();
      const { url, method: verb, headers } = incoming;
      const forwarded = ask(`${target}${url}`, {
        method: verb!,
        headers: { ...headers, connection: "close" },
      });
      outgoing.on("close", () => forwarded.destroy());
      forwarded.end(body);
      const [answer] = (await once(forwarded, "response")) as [import("node:http").IncomingMessage];
      const content: Buffer[] = [];
      for await (const part of answer) content.push(part as Buffer);
      if (!(await proxy.at(method, "after"))) return void outgoing.destroy();
      outgoing.writeHead(answer.statusCode!, { "content-type": answer.headers["content-type"] });
      outgoing.end(Buffer.concat(content));
    }
  });
  // bitcoind holds a request for the next block as long as it takes.
  server.requestTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: NodeProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    at: () => true,
    seen: [],
    sent: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

function callOf(url: string, body: Buffer): { method: string; raw?: string } {
  if (url.startsWith("/rest/")) return { method: url };
  type Call = { method: string; params: unknown[] };
  const calls = JSON.parse(body.toString("utf8")) as Call | Call[];
  const { method, params } = Array.isArray(calls) ? calls[0]! : calls;
  return method === "sendrawtransaction" ? { method, raw: params[0] as string } : { method };
}
