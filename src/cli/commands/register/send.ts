import {
  type AnyMessage,
  decodeMessage,
  encodeMessage,
  type NamedMessage,
} from "../../../babylon/messages.js";
import { checkRules } from "../../../babylon/rules/check.js";
import { chainState, type MessageRecords } from "../../../babylon-client/chain-state.js";
import { type BabylonChain, babylonChain } from "../../../babylon-client/client.js";
import type { SignedTransaction } from "../../../babylon-client/send.js";
import { accountSigner } from "../../../babylon-client/signer.js";
import { TapstakeError } from "../../../core/errors.js";
import type { Release } from "../../../params/rules.js";
import { reportError, UsageError } from "../../errors.js";
import { answer, note, table, tell } from "../../output.js";
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

/**
 * Asks the chain's rules, then signs a message with the account's key, sends it, waits for its block and says so.
 * @throws TapstakeError `would-be-refused`, `account-mismatch`, `unsupported-by-release`, `cancelled`, and the codes of
 * `withSecretKey`, `chainState` and `send`; UsageError
 */
export async function sendMessage(
  named: NamedMessage,
  records: MessageRecords,
  options: SendingOptions,
): Promise<void> {
  const { lcd = process.env["TAPSTAKE_LCD"], chain: chainId } = options;
  if (lcd === undefined || chainId === undefined) {
    throw new UsageError("--send needs a server and the id of its chain: give --lcd and --chain");
  }
  const source = { secretFile: options.accountKeyFile, path: options.accountPath };
  await withSecretKey(source, { whose: "the account", names: ACCOUNT }, async (secretKey) => {
    const signer = accountSigner(secretKey);
    try {
      const sender = senderOf(named);
      if (sender.toLowerCase() !== signer.address) {
        const text = `the key is of the account ${signer.address}, and the message of ${sender}. Do: give the key of ${sender}, or make the message for the account of this key`;
        throw new TapstakeError("account-mismatch", text, { expected: sender, got: signer.address });
      }
      const release = await releaseOf(babylonChain({ lcd, chainId }), options.release);
      const chain = babylonChain({ lcd, chainId, release });
      const message = encodeMessage(named.name, named.message as never, release);
      await checkedByChain(chain, decodeMessage(message), {
        records,
        release,
        force: options.force === true,
      });
      const { feeLimit } = options;
      if (isWatched()) tell(`${named.name} costs at most ${feeLimit} ubbn. Nothing takes it back.`);
      await mustAgree(`Send it from ${signer.address} on ${chainId}?`, options.yes === true);
      const sent = await sentBy(chain, message, signer, feeLimit);
      for (const { message: text } of sent.warnings) note(text);
      const { txhash, height, gasUsed, fee } = sent;
      const facts = {
        name: named.name,
        account: signer.address,
        chain: chainId,
        txhash,
        height,
        gasUsed,
        fee,
      };
      answer(options.json === true, facts, () =>
        table([
          ["sent", `${named.name}, from ${signer.address}`],
          ["transaction", txhash],
          ["in block", `${height} of ${chainId}`],
          ["gas", `${gasUsed}`],
          ["fee", `${fee} ubbn`],
        ]),
      );
    } finally {
      signer.wipe();
    }
  });
}

/** The release that the server runs, which is the one that was named, if any was. */
async function releaseOf(chain: BabylonChain, named: Release | undefined): Promise<Release> {
  const served = await chain.release();
  if (named === undefined || named === served) return served;
  const text = `the server of ${chain.chainId} runs release ${served}, not ${named}. Do: leave out --release`;
  throw new TapstakeError("unsupported-by-release", text, { expected: named, got: served });
}

/** @throws TapstakeError `would-be-refused`, unless it is forced */
async function checkedByChain(
  chain: BabylonChain,
  named: NamedMessage,
  { records, release, force }: { records: MessageRecords; release: Release; force: boolean },
): Promise<void> {
  const verdict = checkRules(release, named, await chainState(chain, named, { records, release }));
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

/** The account of a message: its first field. */
const senderOf = ({ message }: NamedMessage): string => Object.values(message)[0] as string;
