import { readChainDelegation } from "../../babylon/lcd/delegation.js";
import { addMemberMessages, memberMessage, readMemberMessages } from "../../babylon/lcd/member.js";
import { TapstakeError } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { combineDelegations } from "../../delegation/combine.js";
import type { Delegation } from "../../delegation/delegation.js";
import { delegationFromJson } from "../../delegation/json.js";
import type { ParamSet } from "../../params/types.js";
import { newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { writeDelegation } from "../files.js";
import { signatureFacts, signatureText } from "../format/delegation.js";
import { checkOneStandardInput, inFile, readContent, readDelegation } from "../input.js";
import { openLcd } from "../lcd.js";
import { DELEGATION, jsonOption, lcdOption, outOption } from "../options.js";
import { answer } from "../output.js";

const COMBINE = {
  description: `Stakers and committee members can sign copies of the file at the same time. On a public network the members send their
signatures to the staking chain: --lcd takes them from there. tapstake verifies each signature before it takes it over, and
refuses signatures of another stake.`,
  examples: `
tapstake stake combine stake.json member-1.json member-2.json
tapstake stake combine stake.json --lcd https://lcd.example
`,
  more: `A file can be a copy of the delegation, the chain's answer for it (btc_delegation), or messages
MsgAddCovenantSigs of members: bytes, or JSON (typeUrl and value, or as the chain prints it).`,
  topics: ["delegation", "servers"],
  refused: "another stake, a stake that is not registered, or a signature that does not verify",
} as const;

/** `stake combine` */
export const combine = () =>
  newCommand("combine", COMBINE)
    .argument(...DELEGATION)
    .argument("[files...]", "copies of the same stake, answers of the chain, or messages of members")
    .addOption(lcdOption())
    .addOption(outOption())
    .addOption(jsonOption())
    .action(async (path, files, { out = path, lcd, json }) => {
      if (files.length === 0 && !(lcd ?? process.env["TAPSTAKE_LCD"])) {
        throw new UsageError("give files with signatures, or --lcd, the server that has them");
      }
      checkOneStandardInput(path, ...files);
      let combined = await readDelegation(path);
      for (const file of files) combined = await withFile(combined, file);
      const isAsked = files.length === 0 || lcd !== undefined;
      const server = isAsked ? await openLcd({ lcd, network: combined.params.network }) : undefined;
      if (server) {
        const txid = combined.staking.transaction.getId();
        const raw = await server.chain.raw.delegation(txid);
        if (!raw) {
          const text = `${server.chain.url} has no delegation of ${txid}`;
          throw new TapstakeError("stake-not-registered", text, { txid });
        }
        combined = withAnswer(combined, raw);
      }
      await writeDelegation(out, combined);
      if (out === "-") return;
      answer(json === true, { delegation: out, ...signatureFacts(combined) }, (facts) =>
        [`combined: ${out}`, signatureText(facts)].join("\n"),
      );
    });

async function withFile(delegation: Delegation, path: string): Promise<Delegation> {
  const content = await readContent(path);
  const text = new TextDecoder().decode(content).trim();
  return inFile(path, () => {
    if (!/^[[{]/.test(text)) return addMemberMessages(delegation, [memberMessage(Uint8Array.from(content))]);
    const json = parseJson(text, "file");
    if (has(json, "terms")) return combineDelegations(delegation, delegationFromJson(text));
    if (has(json, "btc_delegation") || has(json, "covenant_sigs")) return withAnswer(delegation, json);
    return addMemberMessages(delegation, readMemberMessages(json));
  });
}

const has = (json: unknown, name: string) => typeof json === "object" && json !== null && name in json;

/** The answer is read under the delegation's own parameters: it must be the same stake in every field. */
function withAnswer(delegation: Delegation, answered: unknown): Delegation {
  const { params, expansion } = delegation;
  const set: ParamSet = { name: "the delegation", network: params.network, versions: [params] };
  const read = readChainDelegation(answered, { params: set, ...(expansion && { previous: expansion }) });
  return combineDelegations(delegation, read.delegation);
}
