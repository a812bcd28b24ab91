import { type IncomingMessage, request as httpRequest } from "node:http";
import { ERROR_CODES } from "../../core/error-codes.js";
import { type ErrorCode, type ErrorDetails, TapstakeError } from "../../core/errors.js";
import { parseJson, readJson } from "../../core/json.js";
import type { Home } from "../../finality/home.js";
import type { Operations } from "./operations.js";
import { socketPath } from "./socket.js";
import { type Answer, ANSWERS, failure, type Route, ROUTES, toWire } from "./wire.js";

/** The daemon of a home, as its owner can ask it. */
export interface Daemon extends Operations {
  status(): Promise<Answer<"status">>;
}

/**
 * The daemon that answers on the socket of a home; undefined if none does. It needs no lock.
 * @throws TapstakeError as the operations
 */
export async function daemonOf(home: Home): Promise<Daemon | undefined> {
  const daemon = clientOf(home);
  try {
    await daemon.status();
    return daemon;
  } catch (error) {
    if (error instanceof TapstakeError && error.code === "signer-unreachable") return undefined;
    throw error;
  }
}

function clientOf(home: Home): Daemon {
  const ask = async <R extends keyof typeof ANSWERS>(route: R, given: object = {}): Promise<Answer<R>> => {
    const text = await textOf(home, await call(home, route, given));
    return readJson(
      ANSWERS[route],
      parseJson(text, `the signer's ${route}`),
      `the signer's ${route}`,
    ) as Answer<R>;
  };
  return {
    status: () => ask("status"),
    show: async () => (await ask("show")).subjects,
    vote: (key, chain, height) => ask("vote", { key, chain, height }),
    check: async () => (await ask("check")).subjects,
    commitments: async (key, chain) => (await ask("commitments", { key, chain })).subjects,
    prune: (key, chain, below) => ask("prune", { key, chain, below }),
    retire: async (only) => (await ask("retire", only ? { key: only } : { all: true })).subjects,
    async *exportText(only) {
      yield* reading(home, await call(home, "export", { key: only }));
    },
    backup: async () => (await ask("backup")).name,
  };
}

/** One call. @throws TapstakeError the signer's own code; `signer-unreachable` if no signer answers */
async function call(home: Home, route: Route, given: object): Promise<IncomingMessage> {
  const [method, path] = ROUTES[route];
  const values = JSON.parse(toWire(given)) as Record<string, string>;
  const query = method === "GET" ? `?${new URLSearchParams(values)}` : "";
  const { path: at, release } = reaching(home);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: at, method, path: `${path}${query}`, agent: false };
      // A signer that hangs takes connections, and answers none. Only the status is always quick.
      const sent = httpRequest({ ...options, ...(route === "status" && { timeout: 5000 }) }, resolve);
      sent.on("timeout", () => sent.destroy());
      sent.on("error", (cause) => reject(unreachable(home, cause)));
      sent.end(method === "POST" ? JSON.stringify(values) : undefined);
    });
    if (response.statusCode === 200) return response;
    throw refusalIn(await textOf(home, response));
  } finally {
    release();
  }
}

function reaching(home: Home) {
  try {
    return socketPath(home);
  } catch (cause) {
    throw unreachable(home, cause);
  }
}

const unreachable = ({ adminSocket }: Home, cause: unknown): TapstakeError => {
  const { code = "no answer" } = cause as { readonly code?: string };
  return new TapstakeError(
    "signer-unreachable",
    `no signer answers at ${adminSocket}: ${code}`,
    { address: adminSocket },
    { cause },
  );
};

/** The parts of a text. @throws TapstakeError `signer-unreachable` if it ends early */
async function* reading(home: Home, response: IncomingMessage): AsyncGenerator<string> {
  try {
    for await (const part of response.setEncoding("utf8") as AsyncIterable<string>) yield part;
  } catch (cause) {
    throw unreachable(home, cause);
  }
}

async function textOf(home: Home, response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of reading(home, response)) text += part;
  return text;
}

/** What the signer refused, as an error of this process. */
function refusalIn(text: string): TapstakeError {
  const { error } = readJson(failure, parseJson(text, "the signer's refusal"), "the signer's refusal");
  const code = Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : "signer-error";
  return new TapstakeError(code, error.message, error.details as ErrorDetails);
}
