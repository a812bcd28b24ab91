import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Logger } from "pino";
import { TapstakeError } from "../../core/errors.js";
import { parseJson, readJson } from "../../core/json.js";
import type { Home } from "../../finality/home.js";
import { makePrivateFolder } from "../../finality/private-files.js";
import type { Operations } from "./operations.js";
import { socketPath } from "./socket.js";
import { type Answer, MAX_BODY, type Request, REQUESTS, type Route, ROUTES, toWire } from "./wire.js";

interface Parts {
  readonly home: Home;
  readonly operations: Operations;
  readonly status: () => Answer<"status">;
  /** Called for each call that failed. */
  readonly failed: (error: TapstakeError) => void;
  readonly log: Logger;
}

/** A connection is one command; there are few at a time. */
const CONNECTIONS = 16;

/**
 * Answers the owner of the home on a socket in it, which no other user can open. The caller has the home's lock: a
 * socket that is there was left by a signer that was killed, and is replaced.
 * @throws TapstakeError `insecure-permissions`, `file-error`; the errors of the system
 */
export async function serveAdmin(parts: Parts): Promise<{ stop(): Promise<void> }> {
  const { home } = parts;
  makePrivateFolder(dirname(home.adminSocket));
  rmSync(home.adminSocket, { force: true });
  const { path, release } = socketPath(home);
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000 }, (request, response) => {
    void serveCall(parts, request, response);
  });
  server.maxConnections = CONNECTIONS;
  server.listen(path);
  try {
    await once(server, "listening");
    chmodSync(home.adminSocket, 0o600);
  } catch (error) {
    server.close();
    release();
    throw error;
  }
  return {
    async stop() {
      const closed = once(server, "close");
      // Also removes the socket.
      server.close();
      server.closeAllConnections();
      await closed;
      release();
    },
  };
}

async function serveCall(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { log } = parts;
  const url = new URL(request.url ?? "/", "http://localhost");
  const found = (Object.keys(ROUTES) as Route[]).find((route) => ROUTES[route][1] === url.pathname);
  const method = found && ROUTES[found][0];
  try {
    if (!found || method !== request.method) {
      const text = found ? `${url.pathname} takes ${method}` : `there is no ${url.pathname}`;
      return send(response, found ? 405 : 404, errorOf(new TapstakeError("invalid-request", text)));
    }
    const given = method === "GET" ? queryOf(url) : await bodyOf(request);
    const answer = await answers[found](parts, given as never);
    if (typeof answer === "object" && !(Symbol.asyncIterator in answer)) send(response, 200, answer);
    else await stream(response, answer);
    log.info({ admin: found, ...(given as object) }, "answered its operator");
  } catch (error) {
    const known = error instanceof TapstakeError ? error : bug(parts, error);
    log.warn({ admin: found, code: known.code }, known.message);
    parts.failed(known);
    // The connection of a text that has begun is cut: what its reader has is not whole.
    if (response.headersSent) response.destroy();
    else send(response, known.code === "signer-error" ? 500 : 400, errorOf(known));
  }
}

const answers: {
  readonly [R in Route]: (parts: Parts, given: unknown) => Promise<object | AsyncIterable<string>>;
} = {
  status: async ({ status }, given) => {
    read("status", given);
    return status();
  },
  show: async ({ operations }, given) => {
    read("show", given);
    return { subjects: await operations.show() };
  },
  vote: ({ operations }, given) => {
    const { key, chain, height } = read("vote", given);
    return operations.vote(key, chain, height);
  },
  check: async ({ operations }, given) => {
    read("check", given);
    return { subjects: await operations.check() };
  },
  export: async ({ operations }, given) => operations.exportText(read("export", given).key),
  prune: ({ operations }, given) => {
    const { key, chain, below } = read("prune", given);
    return operations.prune(key, chain, below);
  },
  retire: async ({ operations }, given) => {
    const { key, all } = read("retire", given);
    if ((key === undefined) === (all === undefined)) {
      const text = 'retire takes either "key" for one key, or "all": true for every key';
      throw new TapstakeError("invalid-request", text);
    }
    return { subjects: await operations.retire(key) };
  },
  backup: async ({ operations }, given) => {
    read("backup", given);
    return { name: await operations.backup() };
  },
  commitments: async ({ operations }, given) => {
    const { key, chain } = read("commitments", given);
    return { subjects: await operations.commitments(key, chain) };
  },
};

/** @throws TapstakeError `invalid-json`, which names the argument */
const read = <R extends Route>(route: R, given: unknown): Request<R> =>
  readJson(REQUESTS[route], given, route) as Request<R>;

const queryOf = (url: URL): object => Object.fromEntries(url.searchParams);

/** @throws TapstakeError `invalid-request` for a body that is empty or too long, `invalid-json` */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let length = 0;
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY) {
      throw new TapstakeError("invalid-request", `the body must have at most ${MAX_BODY} bytes`);
    }
    parts.push(part);
  }
  if (length === 0) {
    throw new TapstakeError("invalid-request", "the body is empty: give a JSON object, {} for no arguments");
  }
  return parseJson(Buffer.concat(parts).toString("utf8"), "the body");
}

function send(response: ServerResponse, status: number, answer: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${toWire(answer)}\n`);
}

/** Sends a text no faster than it is read. An error before its first part is still an answer of its own. */
async function stream(response: ServerResponse, text: AsyncIterable<string>): Promise<void> {
  const parts = text[Symbol.asyncIterator]();
  const first = await parts.next();
  response.writeHead(200, { "content-type": "application/json" });
  const all = async function* () {
    if (first.done) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => parts };
  };
  await pipeline(Readable.from(all()), response);
}

const errorOf = ({ code, message, details }: TapstakeError): object => ({
  error: { code, message, details },
});

/** Its message is left out: it could contain anything. */
function bug({ log }: Parts, error: unknown): TapstakeError {
  const { code, name } = error as NodeJS.ErrnoException;
  // The caller has gone.
  if (code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET") {
    return new TapstakeError("signer-stopping", "the caller did not wait for the answer");
  }
  log.error({ code: "signer-error", name }, "a bug in the signer");
  return new TapstakeError("signer-error", "a bug in the signer; see its log");
}
