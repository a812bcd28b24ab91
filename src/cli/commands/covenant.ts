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
import { MAKE_STAKE, MEMBERS, SIGN_STAKE } from "../help.js";
import { checkOneStandardInput, readDelegation } from "../input.js";
import {
  DELEGATION,
  heightOption,
  jsonOption,
  memberOption,
  membersEsploraOption,
  membersReleaseOption,
  outOption,
  parseKey,
  previousHeightOption,
  rpcAuthOption,
  rpcOption,
  secretOption,
  trustedParamsOption,
} from "../options.js";
import { answer, table } from "../output.js";
import { withSecretKey } from "../secrets.js";
import { memberView } from "../terms.js";

const COMMANDS: LazyCommands = {
  check: { summary: "whether a member may sign a delegation", load: () => check },
  sign: { summary: "sign all that a member signs", load: () => sign },
};

const GROUP = {
  description: `What a committee member does with a delegation: check every rule, and sign.

A member signs the unbonding, and both slashings for each finality provider in a form that only the provider's own
leaked key can finish: the committee cannot slash on its own.`,
  examples: `
tapstake covenant check --help
tapstake covenant sign --help
`,
};

export const covenant = (args: readonly string[]) => groupCommand("covenant", GROUP, COMMANDS, args);

/** What a member holds a delegation against is the same, whether it signs then or not. */
const memberCommand = (name: string, about: Described) =>
  newCommand(name, about)
    .argument(...DELEGATION)
    .addOption(trustedParamsOption())
    .addOption(heightOption())
    .addOption(previousHeightOption())
    .addOption(membersReleaseOption())
    .addOption(rpcOption())
    .addOption(rpcAuthOption())
    .addOption(membersEsploraOption())
    .addOption(jsonOption());

const CHECK = {
  description: `Checks everything that a committee member must know of a delegation before it signs.

That is every rule of stake check, with the stakers' slashing signatures complete; and with --member, that this member
is in the committee and that its signatures are still needed.`,
  examples: `
${MAKE_STAKE}
tapstake stake sign stake.json --secret-file staker.key
tapstake covenant check stake.json --height 100
tapstake covenant check stake.json --params regtest --height 100 \\
  --member 3becbba47b0de6c18f7fb48e6e82cfd9858dd5b372228d32006362d84c844203
`,
  more: MEMBERS,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
};

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
  description: `Adds all signatures of one committee member to a delegation, once every rule of covenant check holds.

Members can sign one file in turn, or copies at the same time: stake combine puts these together.`,
  examples: `
# on regtest, where everybody knows the secrets of the committee
${MAKE_STAKE}
${SIGN_STAKE}
`,
  more: MEMBERS,
  refused: "the code names the rule that is broken; not-a-member, quorum-reached",
};

const sign = () =>
  memberCommand("sign", SIGN)
    .addOption(secretOption())
    .addOption(outOption())
    .action(async (path, { out = path, ...options }) => {
      checkOneStandardInput(path, options.secretFile, options.params);
      const delegation = await readDelegation(path);
      const { own, ...against } = await memberView(delegation, options);
      const signatures = await withSecretKey(options.secretFile, "the committee member", (secretKey) =>
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
