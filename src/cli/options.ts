import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { hex, utf8 } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { NETWORKS } from "../core/network.js";
import { ANY_RELEASE, ruleSets } from "../params/rules.js";
import { DEFAULT_ADDRESS } from "../signer-client/wire.js";

// Every option of more than one command, and how option values are read.

/** The argument of commands that take a delegation. */
export const DELEGATION = ["<delegation>", "file of the delegation; - for standard input"] as const;

export const jsonOption = () => new Option("--json", "print the result as JSON");

export const networkOption = () =>
  new Option("--network <name>", `Bitcoin network: ${NETWORKS.join(", ")}`).choices(NETWORKS);

/** For commands that extend a delegation. */
export const outOption = () =>
  new Option("--out <file>", "file to write instead of the delegation's own; - for standard output");

/** For commands that end with a signed transaction. */
export const rawOption = () =>
  new Option("--out <file>", "new file for the raw transaction, not sent; - for standard output");

/** For commands that need terms. */
export const stakerOption = () =>
  new Option(
    "--staker <key...>",
    "public key of the staker: hex, or [origin]xpub with path; several need --staker-quorum",
  )
    .argParser(several)
    .makeOptionMandatory();

export const stakerQuorumOption = () =>
  new Option("--staker-quorum <number>", "how many of several stakers must sign").argParser(wholeNumber);

export const providerOption = () =>
  new Option("--fp <key...>", "x-only key of the finality provider, or several")
    .argParser(several)
    .makeOptionMandatory();

export const timeOption = () =>
  new Option("--time <blocks>", "time lock of the stake, in blocks")
    .argParser(wholeNumber)
    .makeOptionMandatory();

/** The coins that pay: from a file, or at addresses. */
export const coinsOption = (help = "coins to choose from (JSON); - for standard input") =>
  new Option("--coins <file>", help).conflicts("fromAddress");

export const fromAddressOption = () =>
  new Option("--from-address <addr...>", "addresses whose coins to choose from; needs a server").argParser(
    several,
  );

export const changeOption = () =>
  new Option("--change <address>", "address for the change (default: the first of --from-address)");

export const allowUnconfirmedOption = () => new Option("--allow-unconfirmed", "spend unconfirmed coins too");

/** The origins of the stakers' keys: wallets find their own keys in PSBTs by them. */
export const originOption = () =>
  new Option("--origin <key...>", "origin of a staker's key, for PSBTs: [fingerprint/path]key");

export const trustedParamsOption = () =>
  new Option("--params <set>", "your own parameters: a set or a file (default: the published sets)");

export const versionOption = (help = "version of --params (default: by height, else the newest)") =>
  new Option("--version <number>", help).argParser(wholeNumber).conflicts("height");

/** Chooses the version for a new stake. */
export const activeAtOption = (help = "Bitcoin height that chooses the version") =>
  new Option("--height <height>", help).argParser(wholeNumber);

/** Chooses the version that an existing stake must have. */
export const heightOption = () =>
  new Option("--height <height>", "Bitcoin height whose version the stake must have").argParser(wholeNumber);

export const previousHeightOption = () =>
  new Option("--previous-height <height>", "the same for the stake that an expansion spends").argParser(
    wholeNumber,
  );

/** By default members refuse what the current release does not accept, and stakers are warned about it. */
export const releaseOption = () =>
  new Option("--release <name>", `release whose rules count: ${RELEASES.join(", ")}`).choices(RELEASES);

const RELEASES = [...ruleSets.keys(), ANY_RELEASE];

/** The member of the committee that the command is about. */
export const memberOption = () => new Option("--member <key>", "x-only key of the committee member");

export const rpcOption = () =>
  new Option("--rpc <url>", "bitcoind to ask (env: TAPSTAKE_RPC)").conflicts("esplora");

export const rpcAuthOption = () =>
  new Option(
    "--rpc-auth-file <file>",
    "bitcoind's user:password or .cookie (env: TAPSTAKE_RPC_AUTH_FILE)",
  ).conflicts("esplora");

export const esploraOption = () =>
  new Option("--esplora <url>", "Esplora server to ask (env: TAPSTAKE_ESPLORA)");

/** For commands of members: another party's server must not choose the parameters that a member signs under. */
export const membersEsploraOption = () =>
  new Option("--esplora <url>", "refused for committee members")
    .argParser(() => {
      throw new InvalidArgumentError(
        "a false height chooses a version of the parameters that slashes less: give --height, or your own bitcoind by --rpc.",
      );
    })
    .hideHelp();

export const feeRateOption = () =>
  new Option("--fee-rate <sat/vB>", "fee rate in sat/vB (default: the node's estimate)");

/** Ten times the rate of Bitcoin's fullest days: a higher rate is a wrong unit or decimal point. */
export const maxFeeRateOption = () =>
  new Option("--max-fee-rate <sat/vB>", "highest fee rate to accept, in sat/vB").default("1000");

export const secretOption = () =>
  new Option("--secret-file <file>", "secret key, any form; - for standard input (env: TAPSTAKE_SECRET)");

/** For commands that spend a leaf: wallets can make the signatures. */
export const spendPsbtOption = () =>
  new Option("--psbt <file>", "new file for the PSBT, with the signatures so far; sends nothing").conflicts(
    "out",
  );

export const signedOption = () =>
  new Option("--signed <file...>", "PSBTs that wallets or other stakers signed, in any form");

/** The path for words in --secret-file. */
export const wordsPathOption = () =>
  new Option("--path <path>", "path of the key in BIP-39 words, such as m/86'/0'/0'/0/0");

export const wordsPassphraseOption = () =>
  new Option("--bip39-passphrase-file <file>", "passphrase of the words; - for standard input");

export const passphraseOption = () =>
  new Option("--passphrase-file <file>", "passphrase; - for standard input (env: TAPSTAKE_PASSPHRASE)");

/** The same from a program that asks a secret store, such as that of a cloud, systemd-creds, or a security module. */
export const passphraseCommandOption = () =>
  new Option("--passphrase-command <cmd>", "program that prints it (tapstake help secrets)").conflicts(
    "passphraseFile",
  );

export const yesOption = () => new Option("--yes", "skip the question");

/** Two votes of a finality provider, which reveal its key. */
export const votesOption = () =>
  new Option("--votes <file>", "evidence of two votes at one height (JSON); - for standard input");

/** For every command of a finality provider. */
export const homeOption = () =>
  new Option("--home <dir>", "keys and vote history (default: $TAPSTAKE_HOME or ~/.tapstake)");

export const keyOption = () =>
  new Option("--key <name>", "key of the finality provider: its name, or its x-only public key");

export const chainOption = () => new Option("--chain <id>", "id of the chain, such as bbn-1");

/** Derives randomness without tables. */
export const constantTimeOption = () =>
  new Option("--constant-time", "derive in constant time; for shared hardware (slower)");

/** For commands that always ask a signer on another machine, or in another process. */
export const signerOption = () =>
  new Option(
    "--remote <address>",
    `signer to ask, host:port (default: $TAPSTAKE_REMOTE or ${DEFAULT_ADDRESS})`,
  );

/** For commands that sign here by default, and can ask such a signer. */
export const remoteOption = () =>
  new Option(
    "--remote [address]",
    `sign with the signer at host:port (default: $TAPSTAKE_REMOTE or ${DEFAULT_ADDRESS})`,
  );

export const hmacKeyOption = () =>
  new Option("--hmac-key-file <file>", "HMAC key shared with callers, first line (env: TAPSTAKE_HMAC_KEY)");

export const tlsCaOption = () =>
  new Option("--tls-ca <file>", "use TLS; PEM of the signer's CA or certificate (env: TAPSTAKE_TLS_CA)");

/** The caller's own certificate, for a signer with --tls-client-ca. */
export const tlsClientOption = () =>
  new Option(
    "--tls-client <files...>",
    "your certificate and key (PEM) for TLS (env: TAPSTAKE_TLS_CLIENT)",
  ).argParser(several);

export const contextOption = () =>
  new Option("--context <hex>", "signing context of the chain, 64 hexadecimal digits");

/** A server of the staking chain. */
export const lcdOption = () =>
  new Option("--lcd <url>", "LCD (REST) server of the staking chain (env: TAPSTAKE_LCD)");

export const accountKeyOption = () =>
  new Option(
    "--account-key-file <file>",
    "secret key of the account that sends, any form (env: TAPSTAKE_ACCOUNT_KEY)",
  ).argParser(keyFile);

export const accountPathOption = () =>
  new Option("--account-path <path>", "path of the account's key in words (default: m/44'/118'/0'/0/0)");

export const feeLimitOption = () =>
  new Option("--fee-limit <ubbn>", "the most that it may cost").argParser(fee).default(FEE_LIMIT);

export const forceOption = () =>
  new Option("--force", "send it though a rule says that the chain refuses it");

/** The least fee of as much gas as nodes take in a transaction. */
const FEE_LIMIT = 20_000n;

function fee(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of ubbn.");
  return BigInt(text);
}

/** Standard input is for the command's own files. */
function keyFile(path: string): string {
  if (path === "-") throw new InvalidArgumentError("Give a file, or TAPSTAKE_ACCOUNT_KEY.");
  return path;
}

/** A whole number of the command line: blocks, a height, a version. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** An amount in satoshi. */
export function satoshiAmount(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of satoshi.");
  return BigInt(text);
}

/** The number of heights of a commitment: 32 bits. */
export function countOfHeights(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > 0xffff_ffff) throw new InvalidArgumentError("It must be 1 to 4294967295.");
  return count;
}

/** A height of a chain: 64 bits. */
export function chainHeight(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    throw new InvalidArgumentError("It must be a height, a whole number below 2^64.");
  }
  return BigInt(text);
}

/** `<chain>=<height>`, repeated for several chains. */
export function chainHeights(
  text: string,
  earlier: ReadonlyMap<string, bigint> = new Map(),
): ReadonlyMap<string, bigint> {
  // A chain id may contain a "=" itself.
  const at = text.lastIndexOf("=");
  if (at === -1) throw new InvalidArgumentError("It must be <chain>=<height>, such as bbn-1=5000.");
  const chain = text.slice(0, at);
  if (earlier.has(chain)) throw new InvalidArgumentError(`chain ${chain} is given twice.`);
  return new Map([...earlier, [chain, chainHeight(text.slice(at + 1))]]);
}

/** `<chain>=<reason>`, repeated for several chains. */
export function chainReasons(
  text: string,
  earlier: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const [, chain, reason] = /^([^=]+)=(.*\S.*)$/.exec(text) ?? [];
  if (chain === undefined || reason === undefined) {
    throw new InvalidArgumentError('It must be <chain>=<reason>, such as bbn-1="committed by eotsd".');
  }
  if (earlier.has(chain)) throw new InvalidArgumentError(`chain ${chain} is given twice.`);
  return new Map([...earlier, [chain, reason]]);
}

/** 32 bytes. */
export function hash32(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new InvalidArgumentError("It must be 32 bytes in hexadecimal, 64 digits.");
  }
  return hex.decode(text);
}

/** For options with several values: one after another, with commas between, or the option repeated. */
export function several(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), ...text.split(",").filter((part) => part !== "")];
}

/**
 * An x-only key in either letter case.
 * @throws TapstakeError `invalid-hex`; `invalid-public-key` for a compressed key, saying how to shorten it
 */
export function parseKey(text: string, name: string): Uint8Array {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) {
    // Without this refusal, dropping the parity would use another key than the user pasted.
    throw new TapstakeError(
      "invalid-public-key",
      `${name} must be an x-only key of 32 bytes, not a compressed one of 33: drop its first byte (${text.slice(0, 2)})`,
    );
  }
  return hex.decode(text, 32, name);
}

/** The tag of the staking chain's outputs: 4 characters, or 8 digits of hexadecimal. */
export function tagArgument(text: string): Uint8Array {
  if (/^[0-9a-f]{8}$/i.test(text)) return hex.decode(text);
  if (/^[!-~]{4}$/.test(text)) return utf8(text);
  throw new InvalidArgumentError("It must be 4 characters, or 8 digits of hexadecimal.");
}
