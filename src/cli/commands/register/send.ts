import {
  type AnyMessage,
  decodeMessage,
  encodeMessage,
  type NamedMessage,
} from "../../../babylon/messages.js";
import { SCHEMA } from "../../../babylon/schema.js";
import { checkRules } from "../../../babylon/rules/check.js";
import { chainState, type MessageRecords } from "../../../babylon-client/chain-state.js";
import { type BabylonChain, babylonChain } from "../../../babylon-client/client.js";
import type { SignedTransaction } from "../../../babylon-client/send.js";
import { type AccountSigner, accountSigner } from "../../../babylon-client/signer.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Release } from "../../../params/rules.js";
import { reportError, UsageError } from "../../errors.js";
import { answer, note, type Row, table, tell } from "../../output.js";
import { type SecretKeyNames, withSecretKey } from "../../secret-key.js";
import { isWatched, mustAgree } from "../../secrets.js";
import { onStopRequest } from "../../stop-request.js";
import { refusalOf } from "./check.js";

export interface SendingOptions {
  readonly lcd?: string | undefined;
  readonly chain?: string | undefined;
  readonly release?: Release | undefined;
  readonly accountKeyFile?: string | undefined;
  readonly accountPath?: string | undefined;
  readonly feeLimit: bigint;
  readonly yes?: true | undefined;
  readonly force?: true | undefined;
  readonly json?: true | undefined;
}

const ACCOUNT: SecretKeyNames = {
  file: "--account-key-file",
  path: "--account-path",
  variable: "TAPSTAKE_ACCOUNT_KEY",
  // The first account of the chain's wallets.
  defaultPath: "m/44'/118'/0'/0/0",
};

/** What makes a message, once the chain and the account that sends it are known. */
export interface Making {
  /** Of the account's key. */
  readonly account: string;
  readonly chain: BabylonChain;
  /** Of the chain. */
  readonly release: Release;
  /** Asks whether to send it, once. It is asked at the latest when the message is made. */
  agree(): Promise<void>;
}

export interface Order {
  readonly name: NamedMessage["name"];
  /** The account that the message is of; that of the key by default. */
  readonly sender?: string | undefined;
  readonly make: (making: Making) => NamedMessage | Promise<NamedMessage>;
  readonly records?: MessageRecords;
}

/** What was sent. */
export interface SentFacts {
  readonly name: string;
  readonly account: string;
  readonly chain: string;
  readonly txhash: string;
  readonly height: bigint;
  readonly gasUsed: bigint;
  readonly fee: bigint;
}

/**
 * Asks the chain's rules, then signs a message with the account's key, sends it, waits for its block and says so.
 * @throws TapstakeError the codes of {@link sendMade}; UsageError
 */
export async function sendMessage(
  named: NamedMessage,
  records: MessageRecords,
  options: SendingOptions,
): Promise<void> {
  const { name } = named;
  const sent = await sendMade({ name, sender: senderOf(named), make: () => named, records }, options);
  answer(options.json === true, sent, () => table(sentRows(sent)));
}

export const sentRows = ({ name, account, chain, txhash, height, gasUsed, fee }: SentFacts): Row[] => [
  ["sent", `${name}, from ${account}`],
  ["transaction", txhash],
  ["in block", `${height} of ${chain}`],
  ["gas", `${gasUsed}`],
  ["fee", `${fee} ubbn`],
];

/**
 * Makes a message for the account of a key, asks the chain's rules, signs it, sends it, and waits for its block.
 * @throws TapstakeError `would-be-refused`, `account-mismatch`, `unsupported-by-release`, `cancelled`, the codes of
 * `make`, `withSecretKey`, `chainState` and `send`; UsageError
 */
export async function sendMade(order: Order, options: SendingOptions): Promise<SentFacts> {
  const { lcd = process.env["TAPSTAKE_LCD"], chain: chainId } = options;
  if (lcd === undefined || chainId === undefined) {
    throw new UsageError("--send needs a server and the id of its chain: give --lcd and --chain");
  }
  const source = { secretFile: options.accountKeyFile, path: options.accountPath };
  return withSecretKey(source, { whose: "the account", names: ACCOUNT }, async (secretKey) => {
    const signer = accountSigner(secretKey);
    try {
      return await sendFrom(signer, { lcd, chainId }, order, options);
    } finally {
      signer.wipe();
    }
  });
}

async function sendFrom(
  signer: AccountSigner,
  { lcd, chainId }: { readonly lcd: string; readonly chainId: string },
  { name, sender, make, records = {} }: Order,
  { release: named, feeLimit, force, yes }: SendingOptions,
): Promise<SentFacts> {
  const account = signer.address;
  if (sender !== undefined && sender.toLowerCase() !== account) {
    const text = `the key is of the account ${account}, and the message of ${sender}. Do: give the key of ${sender}, or make the message for the account of this key`;
    throw new TapstakeError("account-mismatch", text, { expected: sender, got: account });
  }
  const release = await releaseOf(babylonChain({ lcd, chainId, ...(named && { release: named }) }), named);
  const chain = babylonChain({ lcd, chainId, release });
  let agreed: Promise<void> | undefined;
  const agree = () => {
    if (!agreed && isWatched()) tell(`${name} costs at most ${feeLimit} ubbn. Nothing takes it back.`);
    return (agreed ??= mustAgree(`Send it from ${account} on ${chainId}?`, yes === true));
  };
  const made = await make({ account, chain, release, agree });
  const message = encodeMessage(made.name, made.message as never, release);
  await checkedByChain(chain, decodeMessage(message), { records, release, force: force === true });
  await agree();
  const sent = await sentBy(chain, message, signer, feeLimit);
  for (const { message: text } of sent.warnings) note(text);
  const { txhash, height, gasUsed, fee } = sent;
  return { name, account, chain: chainId, txhash, height, gasUsed, fee };
}

/** The release that the server runs, which is the one that was named, if any was. */
async function releaseOf(chain: BabylonChain, named: Release | undefined): Promise<Release> {
  const served = await chain.release();
  if (named === undefined || named === served) return served;
  const text = `the server of ${chain.chainId} runs release ${served}, not ${named}. Do: leave out --release`;
  throw new TapstakeError("unsupported-by-release", text, { expected: named, got: served });
}

/**
 * @param except rules that the message cannot keep yet
 * @throws TapstakeError `would-be-refused`, unless it is forced
 */
export async function checkedByChain(
  chain: BabylonChain,
  named: NamedMessage,
  {
    records,
    release,
    force,
    except = [],
  }: { records: MessageRecords; release: Release; force: boolean; except?: readonly string[] },
): Promise<void> {
  const state = await chainState(chain, named, { records, release, except });
  const verdict = checkRules(release, named, state, { except });
  for (const { rule, reason } of verdict.warnings) note(`${rule}: ${reason}`);
  const broken = verdict.ok ? verdict.warnings.find(({ rule }) => DANGEROUS.has(rule)) : verdict;
  if (broken && !force) throw refusalOf(broken, verdict);
}

/** What the chain takes and punishes: only who means it sends it. */
const DANGEROUS: ReadonlySet<string> = new Set(["canonical-block", "canonical-checkpoint"]);

/** Sends; Ctrl-C after the signature says what to look for, as a block may have the transaction. */
async function sentBy(
  chain: BabylonChain,
  message: AnyMessage,
  signer: ReturnType<typeof accountSigner>,
  feeLimit: bigint,
) {
  let release = () => {};
  const onSigned = ({ txhash, sequence, timeoutHeight }: SignedTransaction) => {
    release();
    note(`signed: ${txhash}. Waiting for a block, up to height ${timeoutHeight}`);
    release = onStopRequest(() => {
      const text = `stopped before a block had ${txhash}, and one up to height ${timeoutHeight} can still have it`;
      process.exit(
        reportError(new TapstakeError("outcome-unknown", text, { txhash, timeoutHeight, sequence })),
      );
    });
  };
  try {
    return await chain.send([message], signer, { feeLimit, onSigned });
  } finally {
    release();
  }
}

/** The account of a message: the first field of its schema, wherever the record has it. */
const senderOf = ({ name, message }: NamedMessage): string => {
  const [field] = Object.keys(SCHEMA[name]);
  return (message as unknown as Readonly<Record<string, string>>)[field!]!;
};
