import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { addressText, assertSafeToListen, parseAddress } from "../signer-client/address.js";
import { listenFailed } from "./listen-failed.js";

/** How the signer is, for `/healthz`. */
export interface Health {
  readonly healthy: boolean;
  readonly status: string;
  readonly unlockedKeys: number;
}

/**
 * `/metrics` for Prometheus and `/healthz` (200 or 503), on a loopback address only: nobody has to authenticate.
 * @throws TapstakeError `insecure-address`, `listen-failed`
 */
export async function serveMetrics(
  text: string,
  registry: Registry,
  health: () => Health,
): Promise<{ address: string; stop(): Promise<void> }> {
  const address = parseAddress(text);
  assertSafeToListen(address, "the metrics page", "give it a loopback address and let a proxy publish it");
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET") response.writeHead(405).end();
    else if (path === "/metrics") {
      registry.metrics().then(
        (body) => response.writeHead(200, { "content-type": registry.contentType }).end(body),
        () => response.writeHead(500).end(),
      );
    } else if (path === "/healthz") {
      const state = health();
      const head = { "content-type": "application/json" };
      response.writeHead(state.healthy ? 200 : 503, head).end(`${JSON.stringify(state)}\n`);
    } else response.writeHead(404).end();
  });
  server.headersTimeout = 10_000;
  await listen(server, address, text);
  const { port } = server.address() as AddressInfo;
  return {
    address: addressText({ host: address.host, port }),
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, { host, port }: { host: string; port: number }, text: string) {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw listenFailed(text, "--metrics-address", cause);
  }
}
