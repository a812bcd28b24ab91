import type { ErrorAdvice, ErrorGroup } from "./error-codes/advice.js";
import { BITCOIN_NODES, CHAIN_SERVERS, WATCHING } from "./error-codes/chain.js";
import { DELEGATION, EVIDENCE, PARAMETERS, REGISTRATION, RESTAKING } from "./error-codes/delegation.js";
import { ARBITER, PROTECTION } from "./error-codes/protection.js";
import { DAEMON, HOME } from "./error-codes/signer.js";
import { SCRIPTS, TRANSACTIONS } from "./error-codes/transactions.js";
import { COMMAND_LINE, SIGNATURES, VALUES } from "./error-codes/values.js";

/** The codes by subject, in the order of docs/errors.md. */
export const ERROR_GROUPS = {
  "Values and formats": VALUES,
  "Signatures and proofs": SIGNATURES,
  "Scripts, descriptors and addresses": SCRIPTS,
  "Protocol parameters": PARAMETERS,
  "Transactions, coins and PSBTs": TRANSACTIONS,
  "Rules of a delegation": DELEGATION,
  "Registration on the staking chain": REGISTRATION,
  "Evidence and slashing": EVIDENCE,
  "Restaking graphs": RESTAKING,
  "The finality provider's home and keys": HOME,
  "The signer daemon": DAEMON,
  "Votes and their protection": PROTECTION,
  "An arbiter between several machines": ARBITER,
  "Bitcoin nodes and regtest": BITCOIN_NODES,
  "The staking chain's servers": CHAIN_SERVERS,
  "Watching Bitcoin": WATCHING,
  "The command line": COMMAND_LINE,
} as const satisfies Readonly<Record<string, ErrorGroup>>;

/**
 * Every code that a `TapstakeError` can carry, with what it means, what to do and what never to do. It is the one source
 * of docs/errors.md, of `tapstake help <code>` and of the advice in refusals.
 */
export const ERROR_CODES = {
  ...VALUES,
  ...SIGNATURES,
  ...SCRIPTS,
  ...PARAMETERS,
  ...TRANSACTIONS,
  ...DELEGATION,
  ...REGISTRATION,
  ...EVIDENCE,
  ...RESTAKING,
  ...HOME,
  ...DAEMON,
  ...PROTECTION,
  ...ARBITER,
  ...BITCOIN_NODES,
  ...CHAIN_SERVERS,
  ...WATCHING,
  ...COMMAND_LINE,
} as const;

/** The advice of a code, with every part that an advice can have. */
export const adviceOf = (code: keyof typeof ERROR_CODES): ErrorAdvice => ERROR_CODES[code];
