import { hex } from "../../core/bytes.js";
import {
  addCovenantSignatures,
  checkForCommittee,
  checkForMember,
  covenantSigner,
  signAsMember,
} from "../../covenant/member.js";
import { type Described, groupCommand, type LazyCommands, newCommand } from "../command.js";
import { writeDelegation } from "../files.js";
import { signatureFacts, signatureText } from "../format/delegation.js";
import { checkOneStandardInput, readDelegation } from "../input.js";
import {
  DELEGATION,
  heightOption,
  jsonOption,
  memberOption,
  membersEsploraOption,
  releaseOption,
  outOption,
  parseKey,
  previousHeightOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  wordsPassphraseOption,
  wordsPathOption,
  trustedParamsOption,
} from "../options.js";
import { answer, table } from "../output.js";
import { secretFiles, withSecretKey } from "../secret-key.js";
import { memberView } from "../terms.js";

const COMMANDS: LazyCommands = {
  check: { summary: "Check whether a committee member may sign a delegation", load: () => check },
  sign: { summary: "Sign a delegation as a committee member", load: () => sign },
};

const GROUP = {
  description: `A committee member signs the unbonding, and both slashings once for each finality provider. Only the provider's leaked key can
finish those slashing signatures, so the committee cannot slash alone.`,
  examples: `
tapstake covenant check --help
tapstake covenant sign --help
`,
  topics: ["delegation", "parameters"],
} as const;

export const covenant = (args: readonly string[]) => groupCommand("covenant", GROUP, COMMANDS, args);

/** A member compares a delegation with the same data, whether it then signs or not. */
const memberCommand = (name: string, about: Described) =>
  newCommand(name, about)
    .argument(...DELEGATION)
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(releaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(membersEsploraOption())
    .addOption(jsonOption());

const CHECK = {
  description: `Checks everything that a member must know before it signs: all rules of stake check, the parameters in force at the height,
the release, and the stakers' slashing signatures. With --member, also checks that this member is in the committee and
that its signatures are still needed.

Give --height (for an expansion also --previous-height), or your own bitcoind (--rpc).`,
  examples: `
# stake.json: signed by the staker
tapstake covenant check stake.json --height 100
`,
  topics: ["parameters", "releases", "servers"],
  refused: "the code names the broken rule; or not-a-member, quorum-reached",
} as const;

const check = () =>
  memberCommand("check", CHECK)
    .addOption(memberOption())
    .action(async (path, options) => {
      checkOneStandardInput(path, options.params);
      const member = options.member === undefined ? undefined : parseKey(options.member, "member");
      const delegation = await readDelegation(path);
      const { own, ...against } = await memberView(delegation, options);
      if (member) checkForMember(delegation, member, own, against);
      else checkForCommittee(delegation, own, against);
      const facts = {
        txid: delegation.staking.transaction.getId(),
        paramSet: own.set.name,
        version: delegation.params.version,
        height: own.height,
        ...signatureFacts(delegation),
      };
      answer(options.json === true, facts, () => {
        const rows = table([
          ["rules", `all hold${member ? ", and this member may sign" : ""}`],
          ["transaction", facts.txid],
          ["parameters", `v${facts.version} of the set ${facts.paramSet}, in force at height ${own.height}`],
        ]);
        return [rows, signatureText(facts)].join("\n");
      });
    });

const SIGN = {
  description: `First checks all that covenant check checks. Then adds all signatures of the member: the unbonding, both slashings for each
finality provider, and for an expansion the spend of the old stake.

Members can sign one file in turn, or copies at the same time: stake combine joins these. Give --height (for an expansion
also --previous-height), or your own bitcoind (--rpc).`,
  examples: `
# stake.json: signed by the staker
tapstake covenant sign stake.json --height 100 --secret-file member.key
`,
  topics: ["parameters", "releases", "secrets", "servers"],
  refused: "the code names the broken rule; or not-a-member, quorum-reached",
} as const;

const sign = () =>
  memberCommand("sign", SIGN)
    .addOption(secretOption())
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .addOption(outOption())
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, ...secretFiles(options), options.params);
      const delegation = await readDelegation(path);
      const { own, ...against } = await memberView(delegation, options);
      const use = { whose: "the committee member", network: delegation.params.network };
      const signatures = await withSecretKey(options, use, (secretKey) =>
        signAsMember(delegation, covenantSigner(secretKey), own, against),
      );
      const signed = addCovenantSignatures(delegation, signatures);
      await writeDelegation(out, signed);
      if (out === "-") return;
      const member = hex.encode(signatures.unbonding.publicKey);
      answer(options.json === true, { delegation: out, member, ...signatureFacts(signed) }, (facts) =>
        [`signed by ${member}: ${out}`, signatureText(facts)].join("\n"),
      );
    });
