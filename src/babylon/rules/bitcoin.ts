import { type BlockHeader, hasWork, HEADER_LENGTH, parseHeader, workOf } from "../../bitcoin/header.js";
import { equalBytes, hex } from "../../core/bytes.js";
import { type Checkpoint, checkpointOf } from "../checkpoint.js";
import { verifyInclusionProof } from "../inclusion.js";
import type { MessageOf } from "../schema.js";
import { authority } from "./finality.js";
import { accountRule, isSameAccount, transactionIn } from "./shared.js";
import type { RuleError, Rule, RuleOf } from "./types.js";

type Headers = MessageOf<"MsgInsertHeaders">;
type Proofs = MessageOf<"MsgInsertBTCSpvProof">;

const lightClient = (code: number): RuleError => ({ codespace: "btclightclient", code });
const checkpoints = (code: number): RuleError => ({ codespace: "btccheckpoint", code });

const INVALID = lightClient(1104);
const headersOf = ({ headers }: Headers): BlockHeader[] => headers.map(parseHeader);

/** Bitcoin looks at so many headers for the time that the next one must exceed. */
const MEDIAN_SPAN = 11;
/** Bits change at every so many headers only. */
const PERIOD = 2016;

export const HEADERS: readonly RuleOf<"MsgInsertHeaders">[] = [
  accountRule(({ signer }) => signer),
  {
    rule: "headers",
    error: lightClient(1107),
    check: ({ headers }) =>
      headers.length > 0 && headers.every(({ length }) => length === HEADER_LENGTH)
        ? undefined
        : { reason: "headers must be of 80 bytes, and at least one" },
  },
  {
    rule: "reporter",
    error: lightClient(1106),
    needs: ["headerReporters"],
    check: ({ signer }, { headerReporters }) =>
      headerReporters!.length === 0 || headerReporters!.some((each) => isSameAccount(each, signer))
        ? undefined
        : { reason: `${signer} may not report headers on this chain` },
  },
  {
    rule: "header-chain",
    check(message) {
      const headers = headersOf(message);
      const at = headers.findIndex(({ previous }, i) => i > 0 && !equalBytes(previous, headers[i - 1]!.hash));
      return at < 0 ? undefined : { reason: `header ${at} does not follow upon header ${at - 1}` };
    },
  },
  {
    rule: "headers-unknown",
    error: lightClient(1108),
    needs: ["btcTip.hash", "headers.firstKnown"],
    check: (message, { btcTip, headers }) =>
      headers!.firstKnown && !equalBytes(headersOf(message)[0]!.previous, btcTip!.hash!)
        ? { reason: "the light client knows the first header already: begin above its tip" }
        : undefined,
  },
  {
    rule: "parent-known",
    error: lightClient(1101),
    needs: ["headers.parentKnown"],
    check: (_, { headers }) =>
      headers!.parentKnown
        ? undefined
        : {
            reason: "the light client does not know the header that the first one follows upon",
            until: { kind: "state", state: "header-reported" },
          },
  },
  {
    rule: "header-work",
    error: INVALID,
    check(message) {
      const at = headersOf(message).findIndex((header) => !hasWork(header));
      return at < 0 ? undefined : { reason: `header ${at} lacks the work that it states` };
    },
  },
  {
    rule: "header-bits",
    error: INVALID,
    needs: ["headers.parentHeight", "headers.recent", "network"],
    // Testnet lets difficulty fall for a block, and regtest has the least there is.
    when: (_, { network }) => network === undefined || network === "mainnet" || network === "signet",
    check(message, { headers: known }) {
      const { parentHeight: height, recent } = known!;
      const parent = recent!.at(-1);
      if (!parent) return undefined;
      const chain = [parseHeader(parent), ...headersOf(message)];
      const at = chain.findIndex(
        ({ bits }, i) => i > 0 && (height! + i) % PERIOD !== 0 && bits !== chain[i - 1]!.bits,
      );
      return at < 0 ? undefined : { reason: `header ${at - 1} changes the difficulty within a period` };
    },
  },
  {
    rule: "header-time",
    error: INVALID,
    needs: ["headers.recent"],
    check(message, { headers: known }) {
      const recent = known!.recent!.map(parseHeader);
      if (recent.length < MEDIAN_SPAN) return undefined;
      const times = [...recent, ...headersOf(message)].map(({ time }) => time);
      const at = times.findIndex(
        (time, i) => i >= recent.length && time <= median(times.slice(i - MEDIAN_SPAN, i)),
      );
      return at < 0
        ? undefined
        : { reason: `header ${at - recent.length} is not later than the median of the 11 before it` };
    },
  },
  {
    rule: "more-work",
    error: lightClient(1105),
    needs: ["btcTip.hash", "btcTip.work", "headers.parentWork"],
    check(message, { btcTip, headers: known }) {
      const headers = headersOf(message);
      if (equalBytes(headers[0]!.previous, btcTip!.hash!)) return undefined;
      const work = headers.reduce((sum, header) => sum + workOf(header), known!.parentWork!);
      return work > btcTip!.work!
        ? undefined
        : { reason: "the fork does not have more work than what the light client has" };
    },
  },
];

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;

/** The two parts as one; null where they are not of one checkpoint. */
function checkpointIn({ proofs }: Proofs): Checkpoint | null {
  const [first, second] = proofs.map(({ btcTransaction }) => transactionIn(btcTransaction));
  return first && second ? checkpointOf(first, second) : null;
}

const PROOF = checkpoints(1100);

export const CHECKPOINT: readonly RuleOf<"MsgInsertBTCSpvProof">[] = [
  accountRule(({ submitter }) => submitter),
  {
    rule: "proof-count",
    error: PROOF,
    check: ({ proofs }) =>
      proofs.length === 2 ? undefined : { reason: `proofs must be 2, not ${proofs.length}` },
  },
  {
    rule: "inclusion",
    error: PROOF,
    check({ proofs }) {
      const wrong = proofs.findIndex((proof) => !isProved(proof));
      return wrong < 0
        ? undefined
        : { reason: `proof ${wrong} does not show its transaction to be in the block of its header` };
    },
  },
  {
    rule: "checkpoint-parts",
    error: PROOF,
    check: (message) =>
      checkpointIn(message) ? undefined : { reason: "the two are not part 0 and part 1 of one checkpoint" },
  },
  {
    rule: "checkpoint-tag",
    error: PROOF,
    needs: ["checkpoint.tag"],
    check(message, { checkpoint }) {
      const { tag } = checkpointIn(message)!;
      return equalBytes(tag, checkpoint!.tag!)
        ? undefined
        : { reason: `the tag is ${hex.encode(tag)}; the chain's is ${hex.encode(checkpoint!.tag!)}` };
    },
  },
  {
    rule: "checkpoint-unknown",
    error: checkpoints(1101),
    needs: ["checkpoint.known"],
    check: (_, { checkpoint }) =>
      checkpoint!.known ? { reason: "the chain has this proof already" } : undefined,
  },
  {
    rule: "header-known",
    error: checkpoints(1103),
    needs: ["checkpoint.headersKnown"],
    check: (_, { checkpoint }) =>
      checkpoint!.headersKnown
        ? undefined
        : {
            reason: "the light client does not know the headers",
            until: { kind: "state", state: "header-reported" },
          },
  },
  {
    rule: "epoch-open",
    error: checkpoints(1105),
    needs: ["checkpoint.epochFinal"],
    check: (_, { checkpoint }) =>
      checkpoint!.epochFinal ? { reason: "the epoch is final already" } : undefined,
  },
  {
    rule: "previous-checkpoint",
    error: checkpoints(1102),
    needs: ["checkpoint.previousKnown"],
    check: (_, { checkpoint }) =>
      checkpoint!.previousKnown
        ? undefined
        : {
            reason: "the epoch before has no earlier checkpoint",
            until: { kind: "state", state: "previous-checkpoint" },
          },
  },
  {
    rule: "canonical-checkpoint",
    warns: true,
    needs: ["checkpoint.blockHash"],
    check: (message, { checkpoint }) =>
      equalBytes(checkpointIn(message)!.blockHash, checkpoint!.blockHash!)
        ? undefined
        : {
            reason:
              "the checkpoint is of another block than the chain's own: if its signature is valid, the chain halts",
          },
  },
];

function isProved({
  btcTransaction,
  btcTransactionIndex,
  merkleNodes,
  confirmingBtcHeader,
}: Proofs["proofs"][number]) {
  const transaction = transactionIn(btcTransaction);
  const header = parseHeader(confirmingBtcHeader);
  const inclusion = { key: { index: btcTransactionIndex, hash: header.hash }, proof: merkleNodes };
  return transaction !== null && verifyInclusionProof(inclusion, transaction, confirmingBtcHeader);
}

export const STAKING_PARAMS: readonly RuleOf<"MsgUpdateStakingParams">[] = [
  authority,
  paramsRule("params-fees", ({ params }) =>
    params.unbondingFeeSat > 0n && params.minSlashingTxFeeSat > 0n
      ? undefined
      : { reason: "both fees must be positive" },
  ),
  {
    rule: "params-unbonding-time",
    needs: ["finalizationTimeout"],
    check: ({ params: { unbondingTimeBlocks: time } }, { finalizationTimeout: timeout }) =>
      time > timeout!
        ? undefined
        : { reason: `unbonding takes ${time} blocks; it must take more than ${timeout}, the timeout` },
  },
  {
    rule: "params-activation",
    needs: ["params"],
    check({ params: { btcActivationHeight: height } }, { params: set }) {
      const last = set!.versions.at(-1)!.activationHeight;
      return height > last
        ? undefined
        : { reason: `the parameters begin at ${height}; the version before began at ${last}` };
    },
  },
];

function paramsRule(
  rule: string,
  check: RuleOf<"MsgUpdateStakingParams">["check"],
): Rule<MessageOf<"MsgUpdateStakingParams">> {
  return { rule, check };
}
