import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { isFundable, stakeOnChain } from "../../chain/stake.js";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { publicKeyOf } from "../../core/keys.js";
import { checkSoFar, checkTransactions } from "../../delegation/check.js";
import { type Delegation, expandedStake, stakeCoin } from "../../delegation/delegation.js";
import { addStakerPsbts, stakerPsbts } from "../../delegation/psbt.js";
import { signExpansion, signSlashings, signUnbonding } from "../../delegation/sign.js";
import { signedNames, type SignedName } from "../../delegation/spends.js";
import { hideFromCoreDumps } from "../../finality/keys/core-dumps.js";
import { writePrivateFile } from "../../finality/private-files.js";
import { type Superseded, supersededSince } from "../../params/in-force.js";
import type { ProtocolParams } from "../../params/types.js";
import type { Psbt } from "../../psbt/psbt.js";
import { keySigner, type Signer } from "../../spending/spend.js";
import { openChain } from "../chain.js";
import { groupCommand, type LazyCommands, newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, makeFolder, writeDelegation, writeDocument } from "../files.js";
import {
  onChainFacts,
  onChainText,
  signatureFacts,
  signatureText,
  SIGNED_WORDS,
  stakeState,
  stateText,
} from "../format/delegation.js";
import { amount, releaseFacts, releaseText } from "../format/text.js";
import { checkOneStandardInput, readDelegation, readPsbt } from "../input.js";
import {
  DELEGATION,
  esploraOption,
  heightOption,
  jsonOption,
  networkOption,
  originOption,
  outOption,
  previousHeightOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  wordsPassphraseOption,
  wordsPathOption,
  releaseOption,
  trustedParamsOption,
} from "../options.js";
import { answer, table, warn } from "../output.js";
import { secretFiles, taprootAddressOf, withSecretKey, withStakerKey } from "../secret-key.js";
import { heldDelegation, readOrigins, trustedParams, warnOfRelease } from "../terms.js";

const COMMANDS: LazyCommands = {
  key: { summary: "Make a staker's key, or show its public key", load: () => key },
  create: {
    summary: "Build a stake from terms and coins",
    load: async () => (await import("./stake-send.js")).create,
  },
  psbt: {
    summary: "Print the PSBT of a step as a wallet wants it, with its options",
    load: () => import("./stake-psbt.js"),
  },
  sign: { summary: "Add the staker's signatures to a delegation", load: () => sign },
  import: {
    summary: "Make a delegation of a stake that the chain or Bitcoin has",
    load: async () => (await import("./stake-import.js")).importStake,
  },
  combine: {
    summary: "Add signatures that others gave: from copies, messages or the chain",
    load: async () => (await import("./stake-combine.js")).combine,
  },
  check: { summary: "Check a delegation, and show which signatures are missing", load: () => check },
  status: {
    summary: "Say where a stake is on its way, and what comes next",
    load: async () => (await import("./stake-status.js")).status,
  },
  broadcast: {
    summary: "Finish the staking transaction and send it",
    load: async () => (await import("./stake-send.js")).broadcast,
  },
};

const GROUP = {
  description: `One file, the delegation, holds the whole stake: terms, parameters, transactions and the signatures so far. Each command
reads it, checks it and adds to it.`,
  examples: `
tapstake stake create --help
tapstake stake sign --help
tapstake stake broadcast --help
`,
  more: `Steps:
  1. stake create builds the delegation, and a PSBT for the wallet with the coins.
  2. stake sign adds the staker's signatures of both slashing transactions.
  3. Each committee member runs covenant sign; stake combine joins their copies.
  4. The wallet signs the PSBT, and stake broadcast sends it. Do not send it before step 3: without
     the committee's signatures you cannot unbond.
Then unbond and withdraw end the stake. slash ends it after a double vote.`,
  topics: ["delegation", "servers", "parameters", "files"],
} as const;

export const stake = (args: readonly string[]) => groupCommand("stake", GROUP, COMMANDS, args);

const KEY = {
  description: `The key signs the slashings in advance, the unbonding and the withdrawal. It need not own the coins that pay the stake.
Danger: anyone who has the key can take the stake. Keep the file as safe as the coins.`,
  examples: `
tapstake stake key --new staker.key
tapstake stake key --secret-file staker.key
tapstake stake key --secret-file staker.key --network signet   # with its Taproot address
`,
  topics: ["secrets"],
  refused: "the file exists already, or holds no secret key",
} as const;

const key = () =>
  newCommand("key", KEY)
    .addOption(new Option("--new <file>", "new file for the secret of a new key").conflicts("secretFile"))
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(networkOption())
    .addOption(jsonOption())
    .action(async ({ network, ...options }) => {
      const publicKey =
        options.new === undefined
          ? await withSecretKey(options, { whose: "the staker", network }, publicKeyOf)
          : makeKey(options.new);
      const address = network && taprootAddressOf(publicKey, network);
      answer(options.json === true, { publicKey, ...(address !== undefined && { address }) }, () =>
        [hex.encode(publicKey), address].filter((line) => line !== undefined).join("\n"),
      );
    });

/** @throws TapstakeError `file-error` */
function makeKey(path: string): Uint8Array {
  hideFromCoreDumps();
  const secretKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const publicKey = publicKeyOf(secretKey);
    if (!writePrivateFile(path, utf8(`${hex.encode(secretKey)}\n`), "create")) {
      const text = `cannot write ${path}: it exists already. Do: give --new another name`;
      throw new TapstakeError("file-error", text, { path });
    }
    return publicKey;
  } finally {
    secretKey.fill(0);
  }
}

const SIGN = {
  description: `Signs both slashing transactions, or with --unbonding the unbonding, or with --expansion the spend of the old stake. First
builds every transaction again and compares. Several stakers sign in turn.

Signed slashings cost nothing unless the finality provider votes twice. A signed unbonding lets anyone with the file end
the stake; a signed expansion lets anyone move it. Sign these two when you need them.`,
  examples: `
tapstake stake sign stake.json --secret-file staker.key

# with a wallet: write the PSBTs that it signs; --psbt takes them back
tapstake stake sign stake.json --export to-sign
`,
  topics: ["wallets", "secrets", "parameters"],
  refused: "a broken rule, parameters of an unknown network, or a PSBT that is changed or unsigned",
} as const;

const sign = () =>
  newCommand("sign", SIGN)
    .argument(...DELEGATION)
    .addOption(
      new Option("--unbonding", "sign the unbonding instead of the slashings").conflicts("expansion"),
    )
    .option("--expansion", "sign the spend of the expanded stake instead")
    .addOption(
      new Option("--psbt <file...>", "PSBTs that a wallet signed").conflicts(["secretFile", "export"]),
    )
    .addOption(
      new Option("--export <folder>", "folder for the PSBTs to sign; sign nothing here").conflicts(
        "secretFile",
      ),
    )
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(trustedParamsOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, ...secretFiles(options), options.params, ...(options.psbt ?? []));
      const delegation = await readDelegation(path);
      await trustedParams(delegation, options);
      checkTransactions(delegation);
      const signing = whatToSign(options);
      if (options.expansion) expandedStake(delegation);
      const origins = readOrigins(options.origin);
      if (origins.length > 0 && options.export === undefined) {
        throw new UsageError("--origin is for PSBTs: give --export too");
      }
      if (options.export !== undefined) {
        const files = await exportPsbts(stakerPsbts(delegation, origins), signing.names, options.export);
        return answer(options.json === true, { psbts: files }, () =>
          table(files.map(({ transaction, file }) => [SIGNED_WORDS[transaction], file])),
        );
      }
      const signed = options.psbt
        ? addAnswers(delegation, await Promise.all(options.psbt.map(readPsbt)), options)
        : await withStakerKey(delegation, options, (secretKey) =>
            signing.sign(delegation, keySigner(secretKey)),
          );
      await writeDelegation(out, signed);
      if (out === "-") return;
      answer(options.json === true, { delegation: out, ...signatureFacts(signed) }, (facts) =>
        [`signed: ${out}`, signatureText(facts)].join("\n"),
      );
    });

interface Asked {
  readonly unbonding?: true | undefined;
  readonly expansion?: true | undefined;
}

/** A signed unbonding or expansion lets others end or move the stake: an option must ask for it. */
function addAnswers(delegation: Delegation, answers: readonly Psbt[], asked: Asked): Delegation {
  const signed = addStakerPsbts(delegation, answers, [], signedNames(delegation));
  for (const name of ["unbonding", "expansion"] as const) {
    if (asked[name] || signed[name] === delegation[name]) continue;
    const text = `a PSBT has the signature of the ${name}, which was not asked for. ${ALLOWS[name]}. Do: give --${name} if you want it; otherwise give only the PSBTs of the slashings`;
    throw new TapstakeError("psbt-mismatch", text, { what: name });
  }
  return signed;
}

const ALLOWS = {
  unbonding: "With it and the committee's signatures, anyone who has the file can end the stake",
  expansion: "With it and the committee's signatures, anyone who has the file can move the stake",
} as const;

interface Signing {
  readonly names: readonly SignedName[];
  sign(delegation: Delegation, staker: Signer): Promise<Delegation>;
}

function whatToSign(options: Asked): Signing {
  if (options.expansion) return { names: ["expansion"], sign: signExpansion };
  if (options.unbonding) return { names: ["unbonding"], sign: signUnbonding };
  return { names: ["slashing", "unbondingSlashing"], sign: signSlashings };
}

async function exportPsbts(
  psbts: Readonly<Partial<Record<SignedName, Psbt>>>,
  names: readonly SignedName[],
  folder: string,
) {
  await makeFolder(folder);
  const files = names.map((transaction) => ({ transaction, file: join(folder, FILES[transaction]) }));
  await checkNewFiles(...files.map(({ file }) => file));
  for (const { transaction, file } of files) {
    await writeDocument(file, `${psbts[transaction]!.toBase64()}\n`);
  }
  return files;
}

const FILES: Readonly<Record<SignedName, string>> = {
  unbonding: "unbonding.psbt",
  slashing: "slashing.psbt",
  unbondingSlashing: "unbonding-slashing.psbt",
  expansion: "expansion.psbt",
};

const CHECK = {
  description: `Checks all protocol rules. Builds the outputs again from the keys, compares amounts and fees with the parameters, and
verifies every signature. Counts missing signatures; they are no error. With a server, shows where the stake is.

--height decides which version of the parameters the chain takes. Without it, tapstake warns if the version is not the
newest.`,
  examples: `
tapstake stake check stake.json
tapstake stake check stake.json --params regtest --height 100 --json
`,
  topics: ["parameters", "releases", "servers"],
  refused: "the code names the broken rule: a transaction, an amount, a key, a signature",
} as const;

const check = () =>
  newCommand("check", CHECK)
    .argument(...DELEGATION)
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(releaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(esploraOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const delegation = await readDelegation(path);
      const { name, params, set } = await trustedParams(delegation, options);
      checkSoFar(delegation);
      const superseded = options.height === undefined ? supersededSince(set, params) : undefined;
      const held = heldDelegation(delegation, options);
      const chain = await openChain(options, params.network);
      const txid = delegation.staking.transaction.getId();
      const found = chain && (await stakeOnChain(delegation, chain));
      const isSent = found === null && (await chain!.transaction(txid)) !== null;
      const hasCoins = found !== null || isSent || (await isFundable(delegation, chain!));
      if (superseded) warnOfVersion(params, superseded);
      warnOfRelease(held);
      const signatures = signatureFacts(delegation);
      const facts = {
        txid,
        satoshi: stakeCoin(delegation).value,
        paramSet: name,
        version: params.version,
        ...(superseded && { superseded }),
        ...releaseFacts(held),
        state: stakeState(signatures, found === undefined ? {} : { output: found, isSent, hasCoins }),
        ...signatures,
        ...(chain && { onChain: found ? onChainFacts(found) : null }),
      };
      answer(options.json === true, facts, () => {
        const rows = table([
          ["rules", "all hold"],
          ["transaction", facts.txid],
          ["stakes", amount(facts.satoshi)],
          ["parameters", `v${params.version} of the set ${name}`],
          ["release", releaseText(held)],
          ["on chain", facts.onChain === undefined ? undefined : onChainText(facts.onChain, facts.state)],
          ["state", stateText(facts.state, facts, chain !== undefined)],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });

/** The rules hold under that version, and whether the chain takes it is not known without the height. */
function warnOfVersion({ version }: ProtocolParams, { since, newest }: Superseded): void {
  const message = `parameters v${version} hold only below height ${since}, and v${newest} is the newest version. Give --height, the Bitcoin height at which the chain takes the stake: it decides`;
  warn({ code: "params-not-in-force", message, details: { version, since, newest } });
}
