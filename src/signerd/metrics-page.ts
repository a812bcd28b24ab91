import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { addressText, parseAddress } from "../signer-client/endpoint.js";
import { assertSafeToListen, listenFailed } from "./listen.js";

/** What a page for Prometheus and a health check shows, and to whom. */
interface PageParts {
  readonly registry: Registry;
  readonly health: () => { readonly healthy: boolean };
  /** The option that named the address. */
  readonly option: string;
  /** What to do instead of listening on an address that is not loopback; undefined where that is allowed. */
  readonly remedy: string | undefined;
}

/** A page that is served. */
export interface MetricsPage {
  /** With the port that was chosen. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Serves `/metrics` and `/healthz` (200 or 503), without authentication.
 * @throws TapstakeError `insecure-address`, `listen-failed`
 */
export async function serveMetricsPage(
  text: string,
  { registry, health, option, remedy }: PageParts,
): Promise<MetricsPage> {
  const address = parseAddress(text);
  assertSafeToListen(address, "the metrics page", remedy);
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
  server.listen(address.port, address.host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw listenFailed(text, option, cause);
  }
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
