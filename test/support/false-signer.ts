import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { eots } from "../../src/crypto/eots.js";
import { randomness } from "../../src/crypto/randomness.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import {
  decodeRequest,
  encodeResponse,
  type Method,
  methodNames,
  type Methods,
  pathOf,
} from "../../src/signer-client/wire.js";

const asIs = (bytes: Buffer): Buffer => bytes;

/** The signer's service, bytes in and bytes out. */
const eotsService: ServiceDefinition = Object.fromEntries(
  methodNames.map((method) => [
    method,
    {
      path: pathOf(method),
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
);

type Answers = {
  readonly [M in Method]?: (request: Methods[M]["request"]) => Methods[M]["response"] | Uint8Array;
};

/**
 * A server that answers as a signer with `secretKey` does, without its protection, but for what `changed` answers
 * otherwise: a message, or bytes as they are.
 */
export async function startFalseSigner(secretKey: Uint8Array, changed: Answers = {}) {
  const asked: Method[] = [];
  const answers = { ...honest(secretKey), ...changed };
  const server = new Server();
  const handlers = Object.keys(eotsService).map((name) => {
    const method = name as Method;
    const handler = ({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      asked.push(method);
      const replyTo = answers[method] as (request: unknown) => Methods[Method]["response"] | Uint8Array;
      const reply = replyTo(decodeRequest(method, request));
      answer(null, Buffer.from(reply instanceof Uint8Array ? reply : encodeResponse(method, reply)));
    };
    return [method, handler] as const;
  });
  server.addService(eotsService, Object.fromEntries(handlers));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { address: `127.0.0.1:${port}`, asked, stop: () => server.forceShutdown() };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The answers of a signer that keeps to the interface. */
export function honest(secretKey: Uint8Array) {
  const sign = (chainId: Uint8Array, height: bigint, message: Uint8Array) =>
    eots.sign(secretKey, randomness.derive(secretKey, text(chainId), height).secret, message);
  return {
    Ping: () => ({}),
    CreateRandomnessPairList: ({ chainId, startHeight, num }) => ({
      pubRandList: Array.from(
        { length: num },
        (_, i) => randomness.derive(secretKey, text(chainId), startHeight + BigInt(i)).public,
      ),
    }),
    SignEOTS: ({ chainId, height, msg }) => ({ sig: sign(chainId, height, msg) }),
    SignBatchEOTS: ({ chainId, signRequests }) => ({
      responses: signRequests.map(({ height, msg }) => ({ height, sig: sign(chainId, height, msg) })),
    }),
    SignSchnorrSig: ({ msg }) => ({ sig: schnorr.sign(secretKey, msg) }),
  } satisfies Answers;
}
