import { Option } from "@commander-js/extra-typings";
import { TapstakeError } from "../../../core/errors.js";
import { findHome, type Home } from "../../../finality/home.js";
import { showKey } from "../../../finality/keys/keystore.js";
import { parseAddress } from "../../../signer-client/endpoint.js";
import { DEFAULT_ADDRESS } from "../../../signer-client/wire.js";
import type { RunningSigner, ServeOptions } from "../../../signerd/serve.js";
import { arbiterOption, arbiterOptions, arbiterTlsOption, namesArbiter } from "../../arbiter.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import {
  chainHeights,
  chainReasons,
  constantTimeOption,
  hmacKeyOption,
  homeOption,
  jsonOption,
  parseKey,
  passphraseCommandOption,
  passphraseOption,
  several,
  signerOption,
  tlsCaOption,
  tlsClientOption,
} from "../../options.js";
import { answer, warn } from "../../output.js";
import { readBytes, readHmacKey, withRemote } from "../../remote.js";
import { currentPassphrase, type PassphraseFlags, warnOfReaders, withPassphrase } from "../../secrets.js";
import { publicKeyNamed } from "../../signer.js";
import { onStopRequest } from "../../stop-request.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;

const SERVE = {
  description: `Speaks the interface of the Go key manager (proto.EOTSManager), so the finality-provider software only needs another address.
Each vote is on disk before its signature leaves. The signer refuses a second message at the same height.
With --arbiter, it claims each vote of a bound key first.

tapstake refuses a second signer on the same home. SIGTERM or Ctrl-C stops the signer after the calls that it began.
SIGHUP opens the file of --log-file again, and reads --permissions again.`,
  examples: `
tapstake fp serve --unlock validator-1
`,
  topics: ["signer", "home", "secrets", "contexts"],
  refused: "an unsafe address, a wrong passphrase, another signer runs, or a store that lost votes",
} as const;

/** `fp serve` */
export const serve = () =>
  newCommand("serve", SERVE)
    .addOption(homeOption())
    .option("--address <address>", "address to listen on, host:port", DEFAULT_ADDRESS)
    .option("--unlock <keys...>", "keys to unlock at start", several)
    .option(
      "--passphrase-file <files...>",
      "one for all keys, or one for each (env: TAPSTAKE_PASSPHRASE)",
      several,
    )
    .addOption(
      new Option(
        "--passphrase-command <cmd...>",
        "one program that prints the passphrase, or one for each key",
      )
        .argParser(oneAfterAnother)
        .conflicts("passphraseFile"),
    )
    .addOption(hmacKeyOption())
    .option("--tls-cert <file>", "certificate chain of this signer (PEM)")
    .option("--tls-key <file>", "key of the certificate (PEM)")
    .option("--tls-client-ca <file>", "authority of clients (PEM); refuse all others")
    .option("--permissions <file>", "which of these clients may use which key and chain (JSON)")
    .option("--metrics-address <address>", "address for /metrics and /healthz", "127.0.0.1:2113")
    .addOption(new Option("--no-metrics", "serve no metrics").conflicts("metricsAddress"))
    .option("--public-metrics", "let --metrics-address be one that other machines reach")
    .option("--pop-address <addresses...>", "accounts for which to sign proofs of possession", several)
    .addOption(
      new Option(
        "--chain-height <chain=height>",
        "last vote on a chain; nothing new at or below (repeatable)",
      ).argParser(chainHeights),
    )
    .option(
      "--other-context <chain...>",
      "chains to vote on although a commitment has another context",
      several,
    )
    .addOption(
      new Option(
        "--uncommitted <chain=reason>",
        "vote where this home knows no commitment, and why (repeatable)",
      ).argParser(chainReasons),
    )
    .addOption(arbiterOption())
    .addOption(arbiterTlsOption())
    .addOption(constantTimeOption())
    .option("--open-schnorr", "danger: let SignSchnorrSig sign any digest")
    .option("--open-messages", "danger: let SignEOTS sign messages other than votes")
    .option("--exit-on-store-failure", "exit with code 1 once the store fails (default under systemd)")
    .option("--no-exit-on-store-failure", "keep running, and sign nothing, once the store fails")
    .option("--log-file <file>", "file to append logs to (default: standard error)")
    .addOption(
      new Option("--log-level <level>", `lowest level to log: ${LEVELS.join(", ")}`)
        .choices(LEVELS)
        .default("info"),
    )
    .addOption(jsonOption())
    .action(async (given) => {
      // Loaded here: no other command needs the server's libraries.
      const { openLog } = await import("../../../signerd/log.js");
      const { serve: start } = await import("../../../signerd/serve.js");
      // Never made here: a mistyped path would be a home without keys and without a store.
      const { isUnderSystemd, supervisor } = await import("../../../signerd/supervisor.js");
      const home = findHome(given.home);
      assertListenAddress("--address", given.address);
      if (given.metrics) assertListenAddress("--metrics-address", given.metricsAddress);
      const tls = await readTls(given);
      const hmacKey = await readHmacKey(given.hmacKeyFile);
      const { log, reopen } = openLog(given.logLevel, given.logFile);
      const options: ServeOptions = {
        home,
        address: given.address,
        log,
        ...(tls && { tls }),
        ...(given.permissions !== undefined && { permissionsFile: given.permissions }),
        ...(hmacKey !== undefined && {
          hmacKey,
          hmacKeySource:
            given.hmacKeyFile === undefined ? "TAPSTAKE_HMAC_KEY" : `--hmac-key-file ${given.hmacKeyFile}`,
        }),
        ...(given.metrics && { metricsAddress: given.metricsAddress }),
        ...(given.chainHeight && { chainHeights: given.chainHeight }),
        ...(given.otherContext && { otherContexts: new Set(given.otherContext) }),
        ...(given.uncommitted && { uncommitted: given.uncommitted }),
        ...(namesArbiter(given) && { arbiter: await arbiterOptions(given) }),
        ...(given.popAddress && { popAddresses: given.popAddress }),
        publicMetrics: given.publicMetrics ?? false,
        constantTime: given.constantTime ?? false,
        openSchnorr: given.openSchnorr ?? false,
        openMessages: given.openMessages ?? false,
      };
      // Waits for the first signal that asks to stop. A second one ends the process at once, which loses nothing that
      // was sent.
      let heedNoSignal = () => {};
      const stopAsked = new Promise<NodeJS.Signals>((resolve) => {
        heedNoSignal = onStopRequest(resolve, ["SIGINT", "SIGTERM"]);
      });
      let running: RunningSigner | undefined;
      const hangUp = () => {
        reopen();
        running?.reloadPermissions();
      };
      process.on("SIGHUP", hangUp);
      try {
        running = await unlocking(home, given, (unlock) => start({ ...options, unlock }));
      } catch (error) {
        heedNoSignal();
        process.off("SIGHUP", hangUp);
        throw error;
      }
      const { address, metricsAddress, warnings } = running;
      // Said here unless the log has said so.
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
      const systemd = supervisor(log);
      systemd.ready(`serving on ${address}`);
      const leaves = given.exitOnStoreFailure ?? isUnderSystemd();
      const why = await (leaves ? Promise.race([stopAsked, running.storeFailure]) : stopAsked);
      if (typeof why === "string") log.info({ signal: why }, "asked to stop");
      else
        log.error(
          { code: why.code },
          "the store has failed: leaving, so that a supervisor starts the signer again",
        );
      systemd.stopping(typeof why === "string" ? "stopping" : `the store has failed: ${why.code}`);
      await running.stop();
      if (typeof why !== "string") throw why;
    });

/** @throws UsageError unless it is a host with a port */
function assertListenAddress(option: string, text: string): void {
  try {
    parseAddress(text);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const given = text === "" ? "empty" : text;
    throw new UsageError(
      `${option} must be host:port with a port from 0 to 65535, such as 127.0.0.1:12582, not ${given}`,
    );
  }
}

/** The values of an option as they are: a command may have commas. */
const oneAfterAnother = (text: string, earlier: string[] | undefined): string[] => [...(earlier ?? []), text];

/** Passphrases exist no longer than `use` needs them. */
async function unlocking<T>(
  home: Home,
  {
    unlock,
    passphraseFile: files = [],
    passphraseCommand: commands = [],
  }: {
    unlock?: string[] | undefined;
    passphraseFile?: string[] | undefined;
    passphraseCommand?: string[] | undefined;
  },
  use: (unlock: NonNullable<ServeOptions["unlock"]>) => Promise<T>,
): Promise<T> {
  const [option, what] =
    commands.length > 0 ? ["--passphrase-command", "commands"] : ["--passphrase-file", "files"];
  const sources: PassphraseFlags[] = [
    ...files.map((passphraseFile) => ({ passphraseFile })),
    ...commands.map((passphraseCommand) => ({ passphraseCommand })),
  ];
  if (!unlock) {
    if (sources.length > 0) throw new UsageError(`${option} is for --unlock: give both`);
    return use([]);
  }
  if (sources.length > 1 && sources.length !== unlock.length) {
    throw new UsageError(
      `${option} has ${sources.length} ${what} for ${unlock.length} keys: give one for all keys, or one for each in the order of --unlock`,
    );
  }
  // Before a passphrase is asked for.
  for (const key of unlock) showKey(home, key);
  if (sources.length <= 1) {
    return withPassphrase(currentPassphrase(sources[0] ?? {}), (passphrase) =>
      use(unlock.map((key) => ({ key, passphrase }))),
    );
  }
  if (files.filter((file) => file === "-").length > 1) {
    throw new UsageError("--passphrase-file reads standard input (-) once: give files for the other keys");
  }
  const readNext = (done: NonNullable<ServeOptions["unlock"]>): Promise<T> => {
    const key = unlock[done.length];
    if (key === undefined) return use(done);
    return withPassphrase(currentPassphrase(sources[done.length]!), (passphrase) =>
      readNext([...done, { key, passphrase }]),
    );
  };
  return readNext([]);
}

interface TlsGiven {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsClientCa?: string | undefined;
  readonly permissions?: string | undefined;
  readonly openSchnorr?: true | undefined;
  readonly openMessages?: true | undefined;
}

async function readTls(given: TlsGiven): Promise<ServeOptions["tls"]> {
  const { tlsCert: certificate, tlsKey: key, tlsClientCa, permissions, openSchnorr, openMessages } = given;
  if ((tlsClientCa === undefined) !== (permissions === undefined)) {
    throw new UsageError("--tls-client-ca and --permissions go together: give both");
  }
  if (permissions !== undefined && (openSchnorr || openMessages)) {
    throw new UsageError(
      "--open-schnorr and --open-messages sign what no list of permissions can judge: leave them out, or --permissions",
    );
  }
  if (certificate === undefined && key === undefined && tlsClientCa === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new UsageError("TLS needs --tls-cert and --tls-key: give both");
  }
  const clients = tlsClientCa !== undefined && {
    clientCa: await readBytes(tlsClientCa),
    clientCaFile: tlsClientCa,
  };
  const read = { certificate: await readBytes(certificate), key: await readBytes(key) };
  await warnOfReaders(key);
  return { ...read, ...clients, certificateFile: certificate, keyFile: key };
}

const UNLOCK = {
  description: `The signer is tapstake fp serve or the Go key manager. The key stays unlocked until the signer stops. After each wrong
passphrase, the signer waits longer before it takes the next one: a second, then two, four, up to a minute.`,
  examples: `
tapstake fp unlock 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --remote 127.0.0.1:12582 || echo 'the signer did not unlock the key'
`,
  topics: ["remote", "secrets"],
  refused: "no signer answers, a wrong passphrase, or a key that the signer does not have",
} as const;

/** `fp unlock` */
export const unlock = () =>
  newCommand("unlock", UNLOCK)
    .argument("<key>", "x-only public key, or the name of a key in this home")
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(homeOption())
    .addOption(signerOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(tlsClientOption())
    .addOption(jsonOption())
    .action(async (text, { json, home, passphraseFile, passphraseCommand, ...remote }) => {
      const key = keyToUnlock(text, home);
      await withRemote(remote, async (signer) => {
        await signer.ping();
        await withPassphrase(currentPassphrase({ passphraseFile, passphraseCommand }), (passphrase) =>
          signer.unlockKey({ key, passphrase: new TextDecoder().decode(passphrase) }),
        );
        answer(json ?? false, { key, unlocked: true }, () => `unlocked at ${signer.address}`);
      });
    });

/** Text that is long enough to be a mistyped public key is read as one. */
function keyToUnlock(text: string, home: string | undefined): Uint8Array {
  if (/^[0-9a-fA-F]{40,}$/.test(text)) return parseKey(text, "key");
  try {
    return publicKeyNamed(findHome(home), text);
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    const hint = "Do: give the public key instead, as tapstake fp keys list shows it on the signer's machine";
    throw new TapstakeError(error.code, `${error.message}. ${hint}`, error.details, { cause: error });
  }
}
