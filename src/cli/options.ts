import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { hex } from "../core/bytes.js";
import { TapstakeError } from "../core/errors.js";
import { NETWORKS } from "../core/network.js";
import { ANY_RELEASE, ruleSets } from "../params/rules.js";
import { DEFAULT_ADDRESS } from "../signer-client/wire.js";

// Every option that more than one command has, and how the values of options are read.

/** The argument of commands that take a delegation. */
export const DELEGATION = ["<delegation>", "its file; - for standard input"] as const;

export const jsonOption = () => new Option("--json", "the same as data");

export const networkOption = () => new Option("--network <name>", "the Bitcoin network").choices(NETWORKS);

/** Of commands that extend a delegation. */
export const outOption = () =>
  new Option("--out <file>", "write the delegation there, not back into its file; - for standard output");

/** Of commands that end with a signed transaction. */
export const rawOption = () =>
  new Option("--out <file>", "send nothing: write the raw transaction to a new file; - for standard output");

/** Of commands that cannot do without terms. */
export const stakerOption = () =>
  new Option("--staker <key...>", "who owns the coins: an x-only key, or several with --staker-quorum")
    .argParser(several)
    .makeOptionMandatory();

export const stakerQuorumOption = () =>
  new Option("--staker-quorum <number>", "how many of several stakers must sign").argParser(wholeNumber);

export const providerOption = () =>
  new Option("--fp <key...>", "the finality provider's x-only key, or several")
    .argParser(several)
    .makeOptionMandatory();

export const timeOption = () =>
  new Option("--time <blocks>", "how long the stake is locked").argParser(wholeNumber).makeOptionMandatory();

/** What pays: the coins of a file, or those at addresses. */
export const coinsOption = (help = "coins to choose from (JSON); - for standard input") =>
  new Option("--coins <file>", help).conflicts("fromAddress");

export const fromAddressOption = (help = "all coins of these addresses, asked of the server") =>
  new Option("--from-address <address...>", help).argParser(several);

export const changeOption = (help = "where the rest of the coins goes") =>
  new Option("--change <address>", help);

export const allowUnconfirmedOption = (help = "spend coins that are not mined yet, too") =>
  new Option("--allow-unconfirmed", help);

/** Where stakers' keys come from: wallets find their own keys in PSBTs by it. */
export const originOption = () =>
  new Option(
    "--origin <key...>",
    "where stakers' keys come from, for PSBTs: [fingerprint/path]key as wallets write it",
  );

export const trustedParamsOption = () =>
  new Option(
    "--params <set>",
    "your own copy of the parameters: a set's name or a file; the published sets unless told",
  );

export const versionOption = (help = "a version of --params") =>
  new Option("--version <number>", help).argParser(wholeNumber).conflicts("height");

/** Which version a new stake is made under. */
export const activeAtOption = (help = "the version in force at this Bitcoin height") =>
  new Option("--height <height>", help).argParser(wholeNumber);

/** Which version a stake must have been made under. */
export const heightOption = () =>
  new Option("--height <height>", "the version must be the one in force at this height").argParser(
    wholeNumber,
  );

export const previousHeightOption = () =>
  new Option(
    "--previous-height <height>",
    "of an expansion: the previous stake's version must be the one in force at this height",
  ).argParser(wholeNumber);

/** Which member of the committee it is about. */
export const memberOption = () => new Option("--member <key>", "the member's x-only key");

/** Of commands of members, whose signatures let a stake be registered. */
export const membersReleaseOption = () =>
  new Option(
    "--release <name>",
    "refuse what the chain of this release does not accept, not of the current one; any: whatever Bitcoin takes",
  ).choices([...ruleSets.keys(), ANY_RELEASE]);

/** Of commands of stakers, whose coins are locked whether a chain accepts the stake or not. */
export const stakersReleaseOption = () =>
  new Option(
    "--release <name>",
    "refuse what the chain of this release does not accept; any: whatever Bitcoin takes",
  ).choices([...ruleSets.keys(), ANY_RELEASE]);

export const rpcOption = () =>
  new Option("--rpc <url>", "ask this bitcoind (TAPSTAKE_RPC)").conflicts("esplora");

export const rpcAuthOption = () =>
  new Option(
    "--rpc-auth-file <file>",
    "its user:password, such as bitcoind's own .cookie (TAPSTAKE_RPC_AUTH_FILE)",
  ).conflicts("esplora");

export const esploraOption = () =>
  new Option("--esplora <url>", "ask this Esplora server (TAPSTAKE_ESPLORA)");

/** Of commands of members: a server of others must not choose the parameters that a member signs under. */
export const membersEsploraOption = () =>
  new Option("--esplora <url>", "refused: see below")
    .argParser(() => {
      throw new InvalidArgumentError(
        "a false height chooses a version of the parameters that slashes less: give --height, or your own bitcoind by --rpc.",
      );
    })
    .hideHelp();

export const feeRateOption = () =>
  new Option("--fee-rate <satoshi>", "for a virtual byte; by the server's estimate unless told");

/** Ten times what Bitcoin's fullest days have asked for: above it, a decimal point or a unit has slipped. */
export const maxFeeRateOption = () =>
  new Option("--max-fee-rate <satoshi>", "refuse to pay more for a virtual byte").default("1000");

export const secretOption = () =>
  new Option("--secret-file <file>", "the secret key in hexadecimal; - for standard input (TAPSTAKE_SECRET)");

export const passphraseOption = () =>
  new Option("--passphrase-file <file>", "the key's passphrase, on its first line; - for standard input");

export const yesOption = () => new Option("--yes", "do not ask");

/** Two votes of a finality provider, of which its key follows. */
export const votesOption = () =>
  new Option("--votes <file>", "evidence of two votes at one height; - for standard input");

/** Of every command of a finality provider. */
export const homeOption = () =>
  new Option("--home <folder>", "where keys and votes are (TAPSTAKE_HOME, else ~/.tapstake)");

export const keyOption = () =>
  new Option("--key <name>", "the finality provider's key: its name, or its x-only public key");

export const chainOption = () => new Option("--chain <id>", "the chain that is voted on");

/** Keeps the derivation of randomness off tables. */
export const constantTimeOption = () =>
  new Option(
    "--constant-time",
    "derive randomness with steps that do not depend on it: for machines whose caches strangers share (slow)",
  );

/** Of commands that always ask a signer on another machine, or in another process. */
export const signerOption = () =>
  new Option("--remote <address>", `the signer, as host:port (TAPSTAKE_REMOTE, else ${DEFAULT_ADDRESS})`);

/** Of commands that sign here unless they are told to ask such a signer. */
export const remoteOption = () =>
  new Option(
    "--remote [address]",
    `ask the signer at host:port, and sign nothing here (without a value: TAPSTAKE_REMOTE, else ${DEFAULT_ADDRESS})`,
  );

export const hmacKeyOption = () =>
  new Option(
    "--hmac-key-file <file>",
    "what callers and signer share, on its first line (TAPSTAKE_HMAC_KEY)",
  );

export const tlsCaOption = () =>
  new Option(
    "--tls-ca <file>",
    "encrypt; PEM of the signer's certificate or of who signed it (TAPSTAKE_TLS_CA)",
  );

export const contextOption = () =>
  new Option("--context <hex>", "the chain's signing context, where it uses one: 64 digits");

/** A whole number of the command line: blocks, a height, a version. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError("expected a whole number.");
  return Number(text);
}

/** An amount of the command line. */
export function satoshiAmount(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError("expected a whole number of satoshi.");
  return BigInt(text);
}

/** How many heights a commitment covers: 32 bits. */
export function countOfHeights(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > 0xffff_ffff) throw new InvalidArgumentError("expected 1 to 4294967295.");
  return count;
}

/** A height of a chain: 64 bits. */
export function chainHeight(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    throw new InvalidArgumentError("expected a height, a whole number below 2^64.");
  }
  return BigInt(text);
}

/** `<chain>=<height>`, repeated for several chains. */
export function chainHeights(
  text: string,
  earlier: ReadonlyMap<string, bigint> = new Map(),
): ReadonlyMap<string, bigint> {
  // An id may hold a "=" itself.
  const at = text.lastIndexOf("=");
  if (at === -1) throw new InvalidArgumentError("expected a chain id, =, and a height.");
  const chain = text.slice(0, at);
  if (earlier.has(chain)) throw new InvalidArgumentError(`chain ${chain} has a height already.`);
  return new Map([...earlier, [chain, chainHeight(text.slice(at + 1))]]);
}

/** 32 bytes. */
export function hash32(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new InvalidArgumentError("expected 32 bytes in hexadecimal, 64 digits.");
  }
  return hex.decode(text);
}

/** For options that take several values: after one another, with commas between, or the option repeated. */
export function several(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), ...text.split(",").filter((part) => part !== "")];
}

/**
 * An x-only key in either letter case.
 * @throws TapstakeError `invalid-hex`; `invalid-public-key` for a compressed key, saying how to shorten it
 */
export function parseKey(text: string, name: string): Uint8Array {
  if (/^0[23][0-9a-fA-F]{64}$/.test(text)) {
    // Dropping the parity silently would print another key than was pasted.
    throw new TapstakeError(
      "invalid-public-key",
      `${name}: expected an x-only key of 32 bytes, got a compressed one of 33: drop its first byte (${text.slice(0, 2)})`,
    );
  }
  return hex.decode(text, 32, name);
}
