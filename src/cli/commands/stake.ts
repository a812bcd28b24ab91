import { join } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { isFundable, stakeOnChain } from "../../chain/stake.js";
import { hex, utf8 } from "../../core/bytes.js";
import { TapstakeError } from "../../core/errors.js";
import { publicKeyOf } from "../../core/keys.js";
import { checkSoFar, checkTransactions } from "../../delegation/check.js";
import { combineDelegations } from "../../delegation/combine.js";
import { type Delegation, expandedStake, stakeCoin } from "../../delegation/delegation.js";
import { addStakerPsbts, stakerPsbts } from "../../delegation/psbt.js";
import { signExpansion, signSlashings, signUnbonding } from "../../delegation/sign.js";
import type { SignedName } from "../../delegation/spends.js";
import { hideFromCoreDumps } from "../../finality/keys/core-dumps.js";
import { writePrivateFile } from "../../finality/private-files.js";
import { type Superseded, supersededSince } from "../../params/in-force.js";
import type { ProtocolParams } from "../../params/types.js";
import type { Psbt } from "../../psbt/bitcoinjs.js";
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
import { MAKE_STAKE, RELEASES, SERVERS, SIGN_STAKE } from "../help.js";
import { checkOneStandardInput, readDelegation, readPsbt } from "../input.js";
import {
  DELEGATION,
  esploraOption,
  heightOption,
  jsonOption,
  originOption,
  outOption,
  previousHeightOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  stakersReleaseOption,
  trustedParamsOption,
} from "../options.js";
import { answer, table, warn } from "../output.js";
import { withSecretKey } from "../secrets.js";
import { heldDelegation, readOrigins, trustedParams, warnOfRelease } from "../terms.js";

const COMMANDS: LazyCommands = {
  key: { summary: "make a staker's key, or show its public key", load: () => key },
  create: {
    summary: "terms and coins in, a delegation and a PSBT out",
    load: async () => (await import("./stake-send.js")).create,
  },
  sign: { summary: "add the staker's signatures: by secret, or any wallet", load: () => sign },
  combine: { summary: "put copies together that others signed", load: () => combine },
  check: { summary: "hold every rule; what is signed, what is missing", load: () => check },
  broadcast: {
    summary: "finish the staking transaction and send it",
    load: async () => (await import("./stake-send.js")).broadcast,
  },
};

const GROUP = {
  description: `Stakes bitcoin: from terms and coins to a staking transaction in a block.

All of it is in one file, the delegation: terms, parameters, transactions and the signatures so far. Each step takes
it, checks it, and writes more into it. In this order:

1. stake create builds the delegation, and a PSBT for the wallet that has the coins.

2. stake sign adds the staker's signatures of both slashing transactions.

3. The committee signs, each member with covenant sign; stake combine puts their copies together.

4. The wallet signs the PSBT, and stake broadcast sends it. Not before: without the committee's signatures nobody
can unbond.

Then the stake ends by unbond and withdraw, or by slash.`,
  examples: `
tapstake stake create --help
tapstake stake sign --help
tapstake stake broadcast --help
`,
};

export const stake = (args: readonly string[]) => groupCommand("stake", GROUP, COMMANDS, args);

const KEY = {
  description: `Shows the x-only public key of a secret key, or makes a new one.

A staker's key signs slashings in advance, the unbonding, and the withdrawal. It need not own the coins that are
staked, and whoever has it owns what is staked: keep the file as you would keep the coins.`,
  examples: `
tapstake stake key --new staker.key
tapstake stake key --secret-file staker.key
`,
  refused: "the file is there already, or holds no secret key",
};

const key = () =>
  newCommand("key", KEY)
    .addOption(
      new Option("--new <file>", "make a new key and write its secret to a new file").conflicts("secretFile"),
    )
    .addOption(secretOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const publicKey =
        options.new === undefined
          ? await withSecretKey(options.secretFile, "the staker", publicKeyOf)
          : makeKey(options.new);
      answer(options.json === true, { publicKey }, () => hex.encode(publicKey));
    });

/** @throws TapstakeError `file-error` */
function makeKey(path: string): Uint8Array {
  hideFromCoreDumps();
  const secretKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const publicKey = publicKeyOf(secretKey);
    if (!writePrivateFile(path, utf8(`${hex.encode(secretKey)}\n`), "create")) {
      const text = `cannot write ${path}: it is there already, and is not replaced`;
      throw new TapstakeError("file-error", text, { path });
    }
    return publicKey;
  } finally {
    secretKey.fill(0);
  }
}

const SIGN = {
  description: `Adds the staker's signatures to a delegation: of both slashing transactions, or (--unbonding) of the unbonding, or
(--expansion) of the spend of the stake that is expanded.

Before anything is signed, every transaction is built again from the terms and compared, and the parameters are held
against the published ones, or your own copy. Sign with a secret key, or with any wallet: --export writes PSBTs, and
--psbt takes them back. Each of several stakers signs in turn.

Signed slashings cost the staker nothing unless the finality provider votes twice. A signed unbonding lets whoever has
the file end the stake, and a signed expansion lets the stake move over: sign these on the day.`,
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key

# the same by a wallet: it signs the PSBTs in the folder, and --psbt takes them back
tapstake stake sign stake.json --export to-sign
`,
  refused: "a broken rule, parameters of no known network, a PSBT altered or not signed",
};

const sign = () =>
  newCommand("sign", SIGN)
    .argument(...DELEGATION)
    .addOption(
      new Option("--unbonding", "the unbonding transaction, not the slashings").conflicts("expansion"),
    )
    .option("--expansion", "the spend of the stake that this one expands, not the slashings")
    .addOption(
      new Option("--psbt <file...>", "take signatures from PSBTs that a wallet signed").conflicts([
        "secretFile",
        "export",
      ]),
    )
    .addOption(
      new Option("--export <folder>", "only write the PSBTs that are to be signed").conflicts("secretFile"),
    )
    .addOption(originOption())
    .addOption(secretOption())
    .addOption(trustedParamsOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, options.secretFile, options.params, ...(options.psbt ?? []));
      const delegation = await readDelegation(path);
      await trustedParams(delegation, options);
      checkTransactions(delegation);
      const signing = whatToSign(options);
      if (options.expansion) expandedStake(delegation);
      const origins = readOrigins(options.origin);
      if (origins.length > 0 && options.export === undefined) {
        throw new UsageError("--origin goes into PSBTs: give --export too");
      }
      if (options.export !== undefined) {
        const files = await exportPsbts(stakerPsbts(delegation, origins), signing.names, options.export);
        return answer(options.json === true, { psbts: files }, () =>
          table(files.map(({ transaction, file }) => [SIGNED_WORDS[transaction], file])),
        );
      }
      const signed = options.psbt
        ? addStakerPsbts(delegation, await Promise.all(options.psbt.map(readPsbt)))
        : await withSecretKey(options.secretFile, "the staker", (secretKey) =>
            signing.sign(delegation, keySigner(secretKey)),
          );
      await writeDelegation(out, signed);
      if (out === "-") return;
      answer(options.json === true, { delegation: out, ...signatureFacts(signed) }, (facts) =>
        [`signed: ${out}`, signatureText(facts)].join("\n"),
      );
    });

interface Signing {
  readonly names: readonly SignedName[];
  sign(delegation: Delegation, staker: Signer): Promise<Delegation>;
}

function whatToSign(options: { readonly unbonding?: true; readonly expansion?: true }): Signing {
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

const COMBINE = {
  description: `Puts the signatures of several copies of a delegation into one.

Stakers and committee members can sign copies of their own, at the same time. Each signature is verified before it is
taken over, and a copy of another stake is refused.`,
  examples: `
${MAKE_STAKE}
cp stake.json signed-copy.json
tapstake stake sign signed-copy.json --secret-file staker.key
tapstake stake combine stake.json signed-copy.json
`,
  refused: "a copy of another stake, or with a signature that does not verify",
};

const combine = () =>
  newCommand("combine", COMBINE)
    .argument(...DELEGATION)
    .argument("<copies...>", "files of the same stake")
    .addOption(outOption())
    .addOption(jsonOption())
    .action(async (path, copies, { out = path, json }) => {
      checkOneStandardInput(path, ...copies);
      let combined = await readDelegation(path);
      for (const copy of copies) combined = combineDelegations(combined, await readDelegation(copy));
      await writeDelegation(out, combined);
      if (out === "-") return;
      answer(json === true, { delegation: out, ...signatureFacts(combined) }, (facts) =>
        [`combined: ${out}`, signatureText(facts)].join("\n"),
      );
    });

const CHECK = {
  description: `Holds every rule of the protocol against a delegation, and says what is signed and what is missing.

Outputs are built again from the keys and compared, amounts and fees held against the parameters, and every signature
that is there is verified. Missing ones are no error here: they are counted. Asked with a server, it also says where
the stake is.

Which version of the parameters the chain takes is decided by --height. Without it, a version that is not the newest is
said in a warning.`,
  examples: `
${MAKE_STAKE}
${SIGN_STAKE}
tapstake stake check stake.json
tapstake stake check stake.json --params regtest --height 100 --json
`,
  more: `${RELEASES}
${SERVERS}`,
  refused: "the code names the rule that is broken: a transaction, an amount, a key, a signature",
};

const check = () =>
  newCommand("check", CHECK)
    .argument(...DELEGATION)
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(stakersReleaseOption())
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
      const found = chain && (await stakeOnChain(delegation, chain));
      const fundable = found !== null || (await isFundable(delegation, chain!));
      if (superseded) warnOfVersion(params, superseded);
      warnOfRelease(held);
      const signatures = signatureFacts(delegation);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        satoshi: stakeCoin(delegation).value,
        paramSet: name,
        version: params.version,
        ...(superseded && { superseded }),
        ...releaseFacts(held),
        state: stakeState(signatures, found === undefined ? undefined : { output: found, fundable }),
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
          ["on chain", facts.onChain === undefined ? undefined : onChainText(facts.onChain)],
          ["state", stateText(facts.state, facts)],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });

/** The rules hold under that version, and whether the chain takes it is not known without the height. */
function warnOfVersion({ version }: ProtocolParams, { since, newest }: Superseded): void {
  const message = `parameters v${version} hold only below height ${since}, and v${newest} are the newest. Give --height, the Bitcoin height at which the chain takes the stake: it decides`;
  warn({ code: "params-not-in-force", message, details: { version, since, newest } });
}
