import type { Logger } from "pino";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { mistrust, type MultiplesReport } from "../derivation/multiples.js";
import { held } from "../finality/arbiter/errors.js";
import type { ArbiterOptions } from "../finality/arbiter/open.js";
import type { Home } from "../finality/home.js";
import type { Passphrase } from "../finality/keys/keyfile.js";
import type { KeyInfo } from "../finality/keys/keystore.js";
import { openProtection } from "../finality/protection/protection.js";
import { addressText, isLoopback, parseAddress } from "../signer-client/endpoint.js";
import { DEFAULT_ADDRESS, healthCheck, methodNames, pathOf } from "../signer-client/wire.js";
import { operationsOn } from "./admin/operations.js";
import { serveAdmin } from "./admin/server.js";
import { AnonymousLog } from "./anonymous-log.js";
import { assertItsArbiter, openWatched, unboundWarning } from "./arbiter.js";
import { Backups } from "./backup.js";
import { AnonymousCalls, LIMITS, type Limits } from "./connections.js";
import { GrpcServer } from "./grpc-server.js";
import { createHandlers, type Facts } from "./handlers.js";
import { KeyRing } from "./key-ring.js";
import { checkTls, signerAddress, type TlsIdentity } from "./listen.js";
import { serveMetricsPage } from "./metrics-page.js";
import { createMetrics } from "./metrics.js";
import { type Permissions, readPermissions } from "./permissions.js";
import { eotsHandlers, healthHandler } from "./service.js";
import { Signer } from "./signer.js";

export interface ServeOptions {
  readonly home: Home;
  /** `host:port`; 127.0.0.1:12582 by default; port 0 takes a free one. */
  readonly address?: string;
  /** Authenticates callers (PROTOCOL 10). An address that is not loopback needs a key of 16 bytes or more. */
  readonly hmacKey?: string;
  /** The source of the HMAC key, for messages. */
  readonly hmacKeySource?: string;
  readonly tls?: TlsIdentity;
  /** The file that says which client may do what. It needs `tls.clientCa`. */
  readonly permissionsFile?: string;
  /** An address for `/metrics` and `/healthz`; without it, they are not served. */
  readonly metricsAddress?: string;
  /** Lets the metrics be on an address that other machines reach. They have no authentication. */
  readonly publicMetrics?: boolean;
  /** The keys to unlock before any call is served, by name or public key. */
  readonly unlock?: readonly { readonly key: string; readonly passphrase: Passphrase }[];
  /** Signs any digest by SignSchnorrSig. Anyone who can call the signer can then spend and slash with the key. */
  readonly openSchnorr?: boolean;
  /** Signs messages that are not votes. Anyone who can call the signer can then have a slashing transaction signed. */
  readonly openMessages?: boolean;
  /** Derives randomness by libsecp256k1 alone, in steps that do not depend on secrets; about six times as slow. */
  readonly constantTime?: boolean;
  /** For a chain id, the last vote known on that chain, of any key: nothing at or below it is signed anew. */
  readonly chainHeights?: ReadonlyMap<string, bigint>;
  /** Chains whose votes are signed even if the commitment has another signing context than `chains.json`. */
  readonly otherContexts?: ReadonlySet<string>;
  /** For a chain id, the reason for votes at heights that no stored commitment covers. Without one, they are refused. */
  readonly uncommitted?: ReadonlyMap<string, string>;
  /** Where keys that are bound to an arbiter claim their votes. Without it, they cannot be unlocked at the start. */
  readonly arbiter?: ArbiterOptions;
  /** Bech32 addresses for which SignSchnorrSig proves possession of a key. */
  readonly popAddresses?: readonly string[];
  /** Milliseconds in which callers may fetch their last answers when it stops; ten seconds by default. */
  readonly patience?: number;
  /** What callers may use; only tests have other limits. */
  readonly limits?: Partial<Limits>;
  readonly log: Logger;
}

export interface RunningSigner {
  /** The address with its real port. */
  readonly address: string;
  readonly metricsAddress: string | undefined;
  /** What the operator should know of the given options, beside the log. */
  readonly warnings: readonly string[];
  /** Why the store failed, as soon as it does: nothing is signed from then on until the signer starts again. */
  readonly storeFailure: Promise<TapstakeError>;
  /** Reads the list of permissions again. A file that cannot be used changes nothing; the log says which list holds. */
  reloadPermissions(): void;
  /** Finishes begun calls, begins no new ones, forgets the keys, and closes the store. */
  stop(): Promise<void>;
}

/** What to do instead of metrics for everyone. */
const PUBLISHED_BY_A_PROXY =
  "give it a loopback address and let a proxy publish it, or add --public-metrics: everyone who reaches it then sees " +
  "public keys and heights";

/**
 * Serves a home's keys through the interface of PROTOCOL 10. A home has one signer at a time.
 * @throws TapstakeError `insecure-address`, `invalid-certificate` before anything is opened; `listen-failed`; the codes
 * of `openProtection`, of unlocking and of `openArbiter`; `arbiter-required` for an unlocked key that is bound to another
 * arbiter, or to one where none is given. An arbiter that does not answer keeps no signer from starting.
 */
export async function serve(options: ServeOptions): Promise<RunningSigner> {
  const { home, log, unlock = [], patience = 10_000 } = options;
  const hasClientCa = options.tls?.clientCa !== undefined;
  if (hasClientCa !== (options.permissionsFile !== undefined)) {
    const text = "clients' certificates and a list of permissions go together: give both, or none";
    throw new TapstakeError("invalid-argument", text);
  }
  const { address: at = DEFAULT_ADDRESS, hmacKeySource } = options;
  const address = signerAddress(at, options.hmacKey, hmacKeySource, hasClientCa);
  for (const warning of options.tls ? checkTls(options.tls) : []) log.warn(warning);
  let permissions =
    options.permissionsFile === undefined ? undefined : readPermissions(options.permissionsFile, home);
  const closing: (() => void | Promise<void>)[] = [];
  const unwind = async () => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    const protection = openProtection(home);
    closing.push(() => protection.close());
    const keys = new KeyRing(home);
    closing.push(() => keys.wipe());
    for (const { key, passphrase } of unlock) await keys.open(key, passphrase);

    let stopping = false;
    let stopped: Promise<void> | undefined;
    let fault: TapstakeError | undefined;
    let settle: (error: TapstakeError) => void = () => {};
    const storeFailure = new Promise<TapstakeError>((resolve) => (settle = resolve));
    const storeFailed = (error: TapstakeError) => {
      if (fault || !protection.failed) return;
      fault = error;
      settle(error);
    };
    const isHealthy = () => !stopping && !protection.failed && !arbiter?.hold;
    const metrics = createMetrics({
      up: isHealthy,
      unlockedKeys: () => keys.unlocked.length,
      arbiter: () => arbiter,
    });
    const arbiter = options.arbiter && openWatched(home, options.arbiter, metrics, log);
    closing.push(() => arbiter?.close());
    for (const key of keys.unlocked) {
      assertItsArbiter(home, key, arbiter);
      const warning = unboundWarning(home, key, arbiter);
      if (warning !== undefined) log.warn(warning);
    }
    const {
      openSchnorr = false,
      openMessages = false,
      constantTime = false,
      popAddresses = [],
      chainHeights = new Map(),
      otherContexts = new Set(),
      uncommitted = new Map(),
    } = options;
    const stated = {
      popAddresses,
      openSchnorr,
      openMessages,
      constantTime,
      chainHeights,
      otherContexts,
      uncommitted,
    };
    const onReport = (report: MultiplesReport) => {
      const wrong = mistrust(report);
      if (wrong === undefined) return;
      metrics.randomnessMistrusted.inc(report.mismatches + report.collisions);
      log.error(report, wrong);
    };
    const warn = (facts: Facts, text: string) => log.warn(facts, text);
    const signer = new Signer({ home, keys, protection, metrics, onReport, warn, arbiter, ...stated });
    for (const { publicKey } of keys.unlocked) signer.showHeights(publicKey);

    const condition = () => {
      const hold = arbiter?.hold;
      const why = fault ?? (hold && held(hold));
      const serving = hold ? "held: find the cause, then enrol anew" : "serving";
      return {
        healthy: isHealthy(),
        status: stopping ? "stopping" : protection.failed ? "the store failed: restart" : serving,
        ...(arbiter && { arbiter: arbiter.health }),
        ...(why && { code: why.code, reason: why.message }),
      };
    };
    let metricsAddress: string | undefined;
    if (options.metricsAddress !== undefined) {
      const health = () => ({ ...condition(), unlockedKeys: keys.unlocked.length });
      const page = await serveMetricsPage(options.metricsAddress, {
        registry: metrics.registry,
        health,
        option: "--metrics-address",
        remedy: options.publicMetrics === true ? undefined : PUBLISHED_BY_A_PROXY,
      });
      closing.push(page.stop);
      metricsAddress = page.address;
    }

    const backups = new Backups(home, protection);
    const handlers = createHandlers({
      home,
      keys,
      signer,
      backups,
      warningOf: (key) => unboundWarning(home, key, arbiter),
    });
    const encrypted = options.tls !== undefined;
    const { hmacKey } = options;
    const isStopping = () => stopping;
    const limits = { ...LIMITS, ...options.limits };
    const anonymousLog = new AnonymousLog(log);
    const anonymousCalls = new AnonymousCalls(limits);
    const framed = eotsHandlers({
      handlers,
      hmacKey,
      encrypted,
      metrics,
      log,
      anonymousLog,
      anonymousCalls,
      stopping: isStopping,
      permissions: permissions && (() => permissions!),
      storeFailed,
    });
    const paths = new Map([[healthCheck.path as string, healthHandler(isHealthy)]]);
    for (const method of methodNames) paths.set(pathOf(method), framed[method]);
    const server = new GrpcServer({
      handlers: paths,
      limits,
      tls: options.tls,
      refused: (limit) => metrics.refusedByLimit.inc({ limit }),
      ...(hasClientCa && {
        tlsRefused: (peer: string, reason: string) =>
          anonymousLog.write("warn", { peer, reason }, "TLS refused a connection"),
      }),
    });
    closing.push(() => anonymousLog.flush());
    closing.push(() => server.stop(patience));
    const port = await server.listen(address);

    const bound = addressText({ ...address, port });
    const operations = operationsOn(protection, backups, false);
    const status = () => ({
      address: bound,
      ...condition(),
      unlocked: keys.unlocked.map(({ name, publicKey }) => ({ name, key: publicKey })),
    });
    try {
      const failed = (error: TapstakeError) => {
        if (protection.failed) metrics.storeErrors.inc();
        storeFailed(error);
      };
      const admin = await serveAdmin({ home, operations, status, failed, log });
      closing.push(() => admin.stop());
    } catch (error) {
      // The keys can vote without it.
      const reason = (error as Error).message;
      log.warn(
        { reason },
        "no admin socket: while this signer runs, its home refuses the commands that would ask it",
      );
    }
    announce(options, { address: bound, metrics: metricsAddress, keys: keys.unlocked });
    // Not waited for: a signer must not need its arbiter to start.
    void arbiter?.look();
    const unknownTo = (list: Permissions) => signer.unheardOf(list.chains).map(unheardOfIn);
    const warnings = [
      ...signer.unheardOf(chainHeights.keys()).map(unheardOf),
      ...(permissions ? unknownTo(permissions) : []),
    ];
    for (const warning of warnings) log.warn(warning);
    return {
      address: bound,
      metricsAddress,
      warnings,
      storeFailure,
      reloadPermissions() {
        if (options.permissionsFile === undefined) return;
        const file = options.permissionsFile;
        try {
          permissions = readPermissions(file, home);
          log.info({ file, clients: permissions.clients.length }, "reloaded the list of permissions");
          for (const warning of unknownTo(permissions)) log.warn({ file }, warning);
        } catch (error) {
          const { code = "signer-error", message } = error as TapstakeError;
          log.error({ file, code, reason: message }, "the earlier list of permissions holds");
        }
      },
      stop() {
        stopped ??= (async () => {
          stopping = true;
          log.info("stopping");
          await unwind();
          log.info("stopped");
        })();
        return stopped;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

const unheardOf = (chain: string): string =>
  `--chain-height: chain ${JSON.stringify(chain)} is neither configured nor known here. If its name is mistyped, the height ` +
  "keeps back nothing on the chain that is meant: see that it is written exactly as the chain has it";

const unheardOfIn = (chain: string): string =>
  `--permissions: chain ${JSON.stringify(chain)} is neither configured nor known here. If its name is mistyped, the list ` +
  "permits nothing on the chain that is meant: see that it is written exactly as the chain has it";

function announce(
  options: ServeOptions,
  where: { address: string; metrics: string | undefined; keys: readonly KeyInfo[] },
): void {
  const { home, hmacKey, tls, openSchnorr, openMessages, log } = options;
  const { address, metrics } = where;
  const encrypted = tls !== undefined;
  log.info(
    {
      home: home.path,
      keys: where.keys.map(({ name, publicKey }) => ({ name, publicKey: hex.encode(publicKey) })),
      address,
      ...(metrics !== undefined && { metrics }),
      authenticated: hmacKey !== undefined || tls?.clientCa !== undefined,
      encrypted,
      ...(options.arbiter && { arbiter: options.arbiter.arbiter }),
      ...(options.permissionsFile !== undefined && { permissions: options.permissionsFile }),
      ...(options.chainHeights && {
        chainHeights: Object.fromEntries([...options.chainHeights].map(([id, at]) => [id, `${at}`])),
      }),
    },
    "serving",
  );
  if (openSchnorr) {
    log.warn(
      "--open-schnorr: SignSchnorrSig signs ANY digest. Anyone who can call this signer can sign a slashing " +
        "transaction with its keys. Start it without this flag as soon as you can.",
    );
  }
  if (openMessages) {
    log.warn(
      "--open-messages: SignEOTS signs ANY message, also one whose hash is that of a slashing transaction. Start " +
        "it without this flag as soon as you can.",
    );
  }
  for (const chain of options.otherContexts ?? []) {
    log.warn(
      `--other-context: votes on ${chain} are signed also where the commitment has another signing context. Start it ` +
        "without this option once the heights of those commitments are over.",
    );
  }
  for (const [chain, reason] of options.uncommitted ?? []) {
    log.warn(
      `--uncommitted: votes on ${chain} are signed also where this home knows no commitment, because: ${reason}. ` +
        "Commit to the same heights with tapstake fp commit, and start it without this option.",
    );
  }
  if (!isLoopback(parseAddress(address).host) && !encrypted) {
    log.warn(
      "other machines can reach this signer, and without TLS (--tls-cert, --tls-key) everything but the HMAC " +
        "key can be read and replayed on its way; UnlockKey is refused to them",
    );
  }
}
