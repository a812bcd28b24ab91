import { Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome, openHome } from "../../../finality/home.js";
import { DEFAULT_ADDRESS } from "../../../signer-client/wire.js";
import type { ServeOptions } from "../../../signerd/serve.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import {
  chainHeights,
  chainOption,
  constantTimeOption,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  parseKey,
  passphraseOption,
  several,
  signerOption,
  tlsCaOption,
} from "../../options.js";
import { answer, table, warn } from "../../output.js";
import { readBytes, readHmacKey, withRemote } from "../../remote.js";
import { currentPassphrase, warnOfReaders, withPassphrase } from "../../secrets.js";
import { isPublicKey, publicKeyNamed } from "../../signer.js";
import { onStopRequest } from "../../stop-request.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;

const SERVE = {
  description: `Signs for finality-provider software over gRPC (proto.EOTSManager), so that software which
talks to the Go key manager can talk to this instead: nothing in it changes but the address.

Every vote is on the disk before its signature leaves, and a second message at one height is refused, whoever asks
and however often. There is one signer for a home: a second one is refused at once. SIGTERM or Ctrl-C ends it after
what it began.`,
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
timeout --preserve-status 5 \\
  tapstake fp serve --unlock validator-1 --address 127.0.0.1:0 --no-metrics
`,
  more: `
Keys are locked until their passphrase is given: at start with --unlock, or later with
tapstake fp unlock.

Callers: only this machine can reach the default address. Another address needs an HMAC key that
callers share (--hmac-key-file), and wants TLS, without which anyone on the way reads everything and
UnlockKey is refused.

SignSchnorrSig signs commitments to randomness that this signer handed out since its start, and
proofs of possession for each --pop-address. --open-schnorr lets it sign any digest, so that any
caller can have a slashing transaction signed: do not use it on a signer with stake behind it.

SignEOTS signs votes. --open-messages lets it sign any message, which is as dangerous: the signature
of a vote is a signature of its message's hash, and any hash can be a transaction's.

UnsafeSignEOTS is never served. What else differs from the Go key manager is in docs/daemon.md.

Logs are JSON lines on standard error, or in --log-file; secrets and messages are in none. Metrics
are on http://127.0.0.1:2113/metrics, health on /healthz and as grpc.health.v1.Health.`,
  refused: "an unsafe address, a wrong passphrase, a running signer, a store that lost something",
};

/** `fp serve` */
export const serve = () =>
  newCommand("serve", SERVE)
    .addOption(homeOption())
    .option("--address <address>", "where to listen, as host:port", DEFAULT_ADDRESS)
    .option("--unlock <keys...>", "open these keys at start; they share one passphrase", several)
    .addOption(passphraseOption())
    .addOption(hmacKeyOption())
    .option("--tls-cert <file>", "PEM of this signer's certificate chain")
    .option("--tls-key <file>", "PEM of the certificate's key")
    .option("--metrics-address <address>", "a loopback address for /metrics and /healthz", "127.0.0.1:2113")
    .addOption(new Option("--no-metrics", "no metrics page").conflicts("metricsAddress"))
    .option("--pop-address <addresses...>", "prove possession of keys for these bech32 addresses", several)
    .addOption(
      new Option(
        "--chain-height <chain=height>",
        "the last vote known on a chain: nothing at or below it is signed anew (repeatable)",
      ).argParser(chainHeights),
    )
    .option(
      "--other-context <chain...>",
      "vote on these chains also where the commitment has another signing context",
      several,
    )
    .addOption(constantTimeOption())
    .option("--open-schnorr", "let SignSchnorrSig sign any digest (dangerous)")
    .option("--open-messages", "let SignEOTS sign messages that are no votes (dangerous)")
    .option("--log-file <file>", "append logs to it instead of standard error")
    .addOption(new Option("--log-level <level>", "the least that is logged").choices(LEVELS).default("info"))
    .addOption(jsonOption())
    .action(async (given) => {
      // No other command needs the server's libraries.
      const { openLog } = await import("../../../signerd/log.js");
      const { serve: start } = await import("../../../signerd/serve.js");
      const home = openHome(given.home);
      const tls = await readTls(given.tlsCert, given.tlsKey);
      const hmacKey = await readHmacKey(given.hmacKeyFile);
      const log = openLog(given.logLevel, given.logFile);
      const options: ServeOptions = {
        home,
        address: given.address,
        log,
        ...(tls && { tls }),
        ...(hmacKey !== undefined && {
          hmacKey,
          hmacKeySource:
            given.hmacKeyFile === undefined ? "TAPSTAKE_HMAC_KEY" : `--hmac-key-file ${given.hmacKeyFile}`,
        }),
        ...(given.metrics && { metricsAddress: given.metricsAddress }),
        ...(given.chainHeight && { chainHeights: given.chainHeight }),
        ...(given.otherContext && { otherContexts: new Set(given.otherContext) }),
        ...(given.popAddress && { popAddresses: given.popAddress }),
        constantTime: given.constantTime ?? false,
        openSchnorr: given.openSchnorr ?? false,
        openMessages: given.openMessages ?? false,
      };
      // The first signal that asks to stop. A second one ends the process at once, which loses nothing that left it.
      const stopAsked = new Promise<NodeJS.Signals>((resolve) => onStopRequest(resolve));
      const running = await unlocking(given, (unlock) => start({ ...options, unlock }));
      const { address, metricsAddress, warnings } = running;
      // Where the log has not said so here.
      if (given.logFile !== undefined || !log.isLevelEnabled("warn")) {
        for (const message of warnings) warn({ code: "unknown-chain", message });
      }
      answer(
        given.json ?? false,
        { address, ...(metricsAddress !== undefined && { metricsAddress }) },
        () =>
          `serving on ${address}` +
          (metricsAddress === undefined ? "" : `, metrics on http://${metricsAddress}/metrics`),
      );
      log.info({ signal: await stopAsked }, "asked to stop");
      await running.stop();
    });

/** Passphrases live no longer than it takes to use them. */
async function unlocking<T>(
  { unlock, passphraseFile }: { unlock?: string[] | undefined; passphraseFile?: string | undefined },
  use: (unlock: NonNullable<ServeOptions["unlock"]>) => Promise<T>,
): Promise<T> {
  if (!unlock) {
    if (passphraseFile !== undefined) throw new UsageError("--passphrase-file is for --unlock");
    return use([]);
  }
  return withPassphrase(currentPassphrase(passphraseFile), (passphrase) =>
    use(unlock.map((key) => ({ key, passphrase }))),
  );
}

async function readTls(
  certificate: string | undefined,
  key: string | undefined,
): Promise<ServeOptions["tls"]> {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new UsageError("TLS needs both --tls-cert and --tls-key");
  }
  const read = { certificate: await readBytes(certificate), key: await readBytes(key) };
  await warnOfReaders(key);
  return { ...read, certificateFile: certificate, keyFile: key };
}

const STATUS = {
  description: `Asks whether a signer daemon answers, and says that it serves; with --key and --chain also whether it knows
us, and has the key unlocked.

The health is that of grpc.health.v1.Health, which the Go key manager does not have: of that one, only whether it
answers is known. The last question is put by asking for the public randomness of one height: nothing is signed.`,
  examples: `
tapstake fp status --remote 127.0.0.1:12582 || echo 'the signer does not answer'
`,
  refused: "no signer answers, its store has failed, it does not know us, or its key is locked",
};

/** `fp status` */
export const status = () =>
  newCommand("status", STATUS)
    .addOption(signerOption())
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { key: name, chain } = options;
      if ((name === undefined) !== (chain === undefined))
        throw new UsageError("--key and --chain go together");
      const key = name === undefined ? undefined : keyNamed(name, options.home);
      await withRemote(options, async (signer) => {
        const { address } = signer;
        const asked = performance.now();
        await signer.ping();
        const milliseconds = Math.round((performance.now() - asked) * 10) / 10;
        const health = await signer.health();
        if (health === "not-serving") throw unhealthy(address);
        if (key && chain !== undefined) {
          await signer.createRandomnessPairList({ key, chainId: chain, startHeight: 0n, count: 1 });
        }
        const known = { ...(health && { health }), ...(key && { key, unlocked: true }) };
        answer(options.json === true, { address, answers: true, milliseconds, ...known }, () =>
          table([
            ["signer", address],
            ["answers", `yes, in ${milliseconds} ms`],
            ["health", health],
            ["key", key && "unlocked, and ours to use"],
          ]),
        );
      });
    });

/** Only for its name a home is needed. */
const keyNamed = (text: string, home: string | undefined): Uint8Array =>
  isPublicKey(text) ? hex.decode(text) : publicKeyNamed(findHome(home), text);

const unhealthy = (address: string) =>
  new TapstakeError(
    "signer-unhealthy",
    `the signer at ${address} answers and signs nothing: it is stopping, or its store has failed. Its log says ` +
      "which, and /healthz on its metrics address; after a failure of the store, end it, mend what the log names " +
      "and start it again",
    { address },
  );

const UNLOCK = {
  description: `Opens a key of a signer that is running (tapstake fp serve, or the Go key manager), so that it
can sign. The key stays open until the signer ends.

After a wrong passphrase the signer takes the next one only after a second, then two, four, up to a minute.`,
  examples: `
tapstake fp unlock 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --remote 127.0.0.1:12582 || echo 'the signer did not open it'
`,
  refused: "no signer there, a wrong passphrase, a key that it does not have",
};

/** `fp unlock` */
export const unlock = () =>
  newCommand("unlock", UNLOCK)
    .argument("<key>", "its x-only public key, or its name where the home has it")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(signerOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(jsonOption())
    .action(async (text, { json, home, passphraseFile, ...remote }) => {
      const key = keyToUnlock(text, home);
      await withRemote(remote, async (signer) => {
        await signer.ping();
        await withPassphrase(currentPassphrase(passphraseFile), (passphrase) =>
          signer.unlockKey({ key, passphrase: new TextDecoder().decode(passphrase) }),
        );
        answer(json ?? false, { key, unlocked: true }, () => `unlocked at ${signer.address}`);
      });
    });

/** What is long enough to be a mistyped public key is read as one. */
function keyToUnlock(text: string, home: string | undefined): Uint8Array {
  if (/^[0-9a-fA-F]{40,}$/.test(text)) return parseKey(text, "key");
  try {
    return publicKeyNamed(findHome(home), text);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const hint =
      "Without the key in this home, give its public key, as tapstake fp keys list shows it to the signer";
    throw new TapstakeError(error.code, `${error.message}. ${hint}`, error.details, { cause: error });
  }
}
