import { equalBytes, hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { findHome, homeAt } from "../../../finality/home.js";
import type { Health } from "../../../signer-client/channel.js";
import { type Daemon, daemonOf } from "../../../signerd/admin/client.js";
import type { WatermarkFacts } from "../../../signerd/admin/operations.js";
import { assertChainId } from "../../../vote/chain.js";
import { newCommand } from "../../command.js";
import { UsageError } from "../../errors.js";
import {
  chainOption,
  hmacKeyOption,
  homeOption,
  jsonOption,
  keyOption,
  signerOption,
  tlsCaOption,
  tlsClientOption,
} from "../../options.js";
import { answer, table } from "../../output.js";
import { type RemoteOptions, withRemote } from "../../remote.js";
import { isPublicKey, publicKeyNamed } from "../../signer.js";

const STATUS = {
  description: `Asks the daemon of this home for its health, without an HMAC key. With --remote or TAPSTAKE_REMOTE, and if no daemon runs here, it
asks the signer at the address. With --key and --chain, it also checks that the key is unlocked and signs on the chain; at an address, it
asks for the randomness of one height, which checks your HMAC key too but not the votes. Nothing is signed. It waits 5 seconds.

The Go key manager reports no health, so tapstake only checks that it answers.`,
  examples: `
tapstake fp status --remote 127.0.0.1:12582 || echo 'the signer does not answer'
`,
  topics: ["remote", "signer"],
  refused: "no signer answers, its store failed, a wrong HMAC key, or a key that signs nothing",
} as const;

/**
 * `fp status`
 * @param timeout milliseconds for each question: a signer that hangs takes connections, and answers none
 */
export const status = (timeout = 5000) =>
  newCommand("status", STATUS)
    .addOption(signerOption())
    .addOption(keyOption())
    .addOption(chainOption())
    .addOption(hmacKeyOption())
    .addOption(tlsCaOption())
    .addOption(tlsClientOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { key: name, chain } = options;
      if ((name === undefined) !== (chain === undefined))
        throw new UsageError("--key and --chain go together: give both");
      const key = name === undefined ? undefined : keyNamed(name, options.home);
      const own = namesSigner(options) ? undefined : await daemonOf(homeAt(options.home));
      if (own) return answerStatus(options.json === true, await statusOf(own, key, chain));
      await withRemote({ ...options, timeout }, async (signer) => {
        const { address } = signer;
        const asked = performance.now();
        await signer.ping();
        const milliseconds = Math.round((performance.now() - asked) * 10) / 10;
        const health = await signer.health();
        if (health === "not-serving") throw unhealthy(address);
        if (key && chain !== undefined) {
          await signer.createRandomnessPairList({ key, chainId: chain, startHeight: 0n, count: 1 });
        }
        answerStatus(options.json === true, { address, milliseconds, health, key, chain });
      });
    });

interface StatusFacts {
  readonly address: string;
  readonly milliseconds: number;
  readonly health: Health | undefined;
  readonly key: Uint8Array | undefined;
  readonly chain: string | undefined;
  /** Whether the key signs on the chain: only the signer's own machine can ask that. */
  readonly signs?: true;
}

function answerStatus(
  asJson: boolean,
  { address, milliseconds, health, key, chain, signs }: StatusFacts,
): void {
  const ofKey = key && { key, unlocked: true, chain, signs: signs ?? null };
  const known = { ...(health && { health }), ...ofKey };
  answer(asJson, { address, answers: true, milliseconds, ...known }, () =>
    table([
      ["signer", address],
      ["answers", `yes, in ${milliseconds} ms`],
      ["health", health],
      ["key", key && "unlocked, and ours to use"],
      [
        "chain",
        key &&
          (signs
            ? `the key signs on ${chain}`
            : `only fp status on the signer's machine knows whether the key signs on ${chain}`),
      ],
    ]),
  );
}

/** Whether the caller says which signer to ask, or how. */
const namesSigner = ({ remote, hmacKeyFile, tlsCa, tlsClient }: RemoteOptions): boolean =>
  Boolean(remote ?? hmacKeyFile ?? tlsCa ?? tlsClient ?? process.env["TAPSTAKE_REMOTE"]);

/**
 * Asks the signer of this home.
 * @throws TapstakeError `signer-unhealthy`, `key-locked`, `protection-uninitialised`, `invalid-chain-id`
 */
async function statusOf(
  daemon: Daemon,
  key: Uint8Array | undefined,
  chain: string | undefined,
): Promise<StatusFacts> {
  if (chain !== undefined) assertChainId(chain);
  const asked = performance.now();
  const { address, healthy, unlocked, code } = await daemon.status();
  const milliseconds = Math.round((performance.now() - asked) * 10) / 10;
  if (!healthy) throw unhealthy(address, code);
  if (key && !unlocked.some((one) => equalBytes(one.key, key))) {
    const id = hex.encode(key);
    throw new TapstakeError(
      "key-locked",
      `the signer at ${address} does not have the key ${id} unlocked: give its passphrase with tapstake fp unlock ${id}`,
      { address },
    );
  }
  if (!key || chain === undefined) return { address, milliseconds, health: "serving", key, chain };
  const known = (await daemon.show()).find((one) => one.chain === chain && equalBytes(one.key, key));
  if (!known || known.held) throw signsNothing(address, key, chain, known);
  return { address, milliseconds, health: "serving", key, chain, signs: true };
}

/** A key that is unlocked, and refuses every vote on the chain. */
function signsNothing(
  address: string,
  key: Uint8Array,
  chain: string,
  known: WatermarkFacts | undefined,
): TapstakeError {
  const reason = !known ? "not-begun" : known.retired ? "retired" : "locked";
  const id = hex.encode(key);
  const [why, remedy] = UNSIGNED[reason];
  return new TapstakeError(
    "protection-uninitialised",
    `the signer at ${address} signs nothing with the key ${id} on ${chain}: ${why}. Do: ${remedy}`,
    { address, key: id, chain, reason },
  );
}

const BEGIN_ABOVE =
  "find the key's last vote on the chain (docs/emergency.md), stop this signer and begin above that vote with tapstake fp protection init";

/** Why a key signs nothing on a chain, and what to do. */
const UNSIGNED = {
  "not-begun": [
    "its votes have not begun there",
    `if the key never voted, commit to its randomness first (fpd, or tapstake fp commit --remote). If it voted elsewhere, ${BEGIN_ABOVE}`,
  ],
  retired: [
    "it is retired, as its votes moved to another home (export --retire)",
    `vote in that home alone. Only if that home votes no longer, ${BEGIN_ABOVE}`,
  ],
  locked: [
    "it is locked there, as a part of its memory was lost, or the key was away from this home",
    `make sure that no other signer has the key, ${BEGIN_ABOVE}`,
  ],
} as const;

/** Only a key's name needs a home. */
const keyNamed = (text: string, home: string | undefined): Uint8Array =>
  isPublicKey(text) ? hex.decode(text) : publicKeyNamed(findHome(home), text);

const unhealthy = (address: string, code?: string) =>
  new TapstakeError(
    "signer-unhealthy",
    code === undefined
      ? `the signer at ${address} answers but signs nothing: it is stopping, or its store has failed. Do: read its log, or ` +
          "/healthz on its metrics address. If the store has failed, stop the signer, repair what the log names and start it again"
      : `the signer at ${address} answers but signs nothing: it says ${code}. Do: read tapstake help ${code}, and its log`,
    { address },
  );
