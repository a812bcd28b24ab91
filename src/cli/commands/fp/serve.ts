import { Command, Option } from "@commander-js/extra-typings";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { destination, type Logger } from "pino";
import { openHome } from "../../../finality/home.js";
import { attempt } from "../../../finality/private-files.js";
import { DEFAULT_ADDRESS } from "../../../signer-client/wire.js";
import { createLog, serve, type ServeOptions } from "../../../signerd/serve.js";
import { chainHeights, jsonOption, several } from "../../arguments.js";
import { UsageError } from "../../errors.js";
import { constantTimeOption } from "../../fp-options.js";
import { helpText, paragraphs } from "../../help.js";
import { answer } from "../../output.js";
import { hmacKeyOption, readBytes, readHmacKey } from "../../remote.js";
import {
  currentPassphrase,
  homeOption,
  passphraseOption,
  warnOfReaders,
  withPassphrase,
} from "../../secrets.js";
import { onStopRequest } from "../../stop-request.js";
import { warn } from "../../warning.js";

const DESCRIPTION = `Signs for finality-provider software over gRPC (proto.EOTSManager), so that software which
talks to the Go key manager can talk to this instead: nothing in it changes but the address.

Every vote is on the disk before its signature leaves, and a second message at one height is refused, whoever asks
and however often. There is one signer for a home: a second one is refused at once. SIGTERM or Ctrl-C ends it after
what it began.`;

const HELP = helpText({
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
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
tapstake fp keys new validator-1
timeout --preserve-status 5 \\
  tapstake fp serve --unlock validator-1 --address 127.0.0.1:0 --no-metrics
`,
  refused: "an unsafe address, a wrong passphrase, a running signer, a store that lost something",
});

const LEVELS = ["debug", "info", "warn", "error"] as const;

export function command() {
  return new Command("serve")
    .description(paragraphs(DESCRIPTION))
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
    .addHelpText("after", HELP)
    .action(async (given) => {
      // The library's own lines would stand between the log's.
      setLogVerbosity(logVerbosity.NONE);
      const home = openHome(given.home);
      const [tls, hmacKey] = [
        await readTls(given.tlsCert, given.tlsKey),
        await readHmacKey(given.hmacKeyFile),
      ];
      const log = openLog(given.logLevel, given.logFile);
      const options: ServeOptions = {
        home,
        address: given.address,
        log,
        ...(tls && { tls }),
        ...(hmacKey !== undefined && { hmacKey }),
        ...(given.metrics && { metricsAddress: given.metricsAddress }),
        ...(given.chainHeight && { chainHeights: given.chainHeight }),
        ...(given.otherContext && { otherContexts: new Set(given.otherContext) }),
        ...(given.popAddress && { popAddresses: given.popAddress }),
        constantTime: given.constantTime ?? false,
        openSchnorr: given.openSchnorr ?? false,
        openMessages: given.openMessages ?? false,
      };
      const stopAsked = signalled();
      const running = await unlocking(given, (unlock) => serve({ ...options, unlock }));
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
}

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

function openLog(level: string, file: string | undefined): Logger {
  // Written at once: the last lines before a crash are the ones that matter.
  const open = () => destination({ dest: file ?? 2, sync: true, mode: 0o600 });
  const out = file === undefined ? open() : attempt("write the log", file, open);
  // Whoever reads the log may go away; the signer stays.
  out.on("error", () => {});
  return createLog(level, out);
}

/** The first signal that asks to stop. A second one, later, ends the process at once, which loses nothing that left it. */
function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    onStopRequest(resolve);
  });
}
