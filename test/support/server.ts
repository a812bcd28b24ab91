import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A local HTTP server for the length of one test; returns its address. */
export async function serve(
  answer: (body: string, request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => answer(body, request, response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The address of a port on which no process listens. */
export async function closedAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}/`;
}

/** A server that gives every request the same answer. */
export const serveText = (text: string, status = 200): Promise<string> =>
  serve((_body, _request, response) => response.writeHead(status).end(text));

/** A server that gives every request this JSON-RPC result, as the JSON text it is. */
export const serveResult = (result: string): Promise<string> =>
  serveText(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
