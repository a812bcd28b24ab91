import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { TapstakeError } from "../../../../core/errors.js";
import { proofOfPossessionDigest, verifyProofOfPossession } from "../../../../babylon/pop.js";
import { helpText, paragraphs } from "../../../help.js";
import { homeOption, jsonOption, parseKey } from "../../../options.js";
import { answer, table } from "../../../output.js";
import { possessionContext } from "../../../possession-context.js";

const DESCRIPTION = `Checks that a finality provider's key signed the address of an account.

Only proofs of the kind whose btc_sig_type is 0 (BIP-340) are understood.`;

const HELP = helpText({
  examples: `
tapstake fp pop verify --key 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --signature bc188db13c12aa259ac73c3ff4408e01cdecbdb258b8fcc96cd9d2393eb4a5a2b5fcac9d10a505a7fbedb06bd0a2447e570510f0753470477224a88ab112d61e
`,
  refused: "the signature is not by this key, for this address, with this context; or no known one",
});

export function command() {
  return new Command("verify")
    .description(paragraphs(DESCRIPTION))
    .requiredOption("--key <key>", "the finality provider's x-only public key")
    .requiredOption("--address <address>", "the account on the staking chain, such as bbn1…")
    .requiredOption("--signature <hex>", "64 bytes")
    .option("--chain <id>", "with this chain's context for proofs of possession, if it is configured")
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((options) => {
      const { address } = options;
      const publicKey = parseKey(options.key, "finality provider");
      const signature = hex.decode(options.signature, 64, "signature");
      const context = possessionContext(options);
      proofOfPossessionDigest(address, context);
      if (!verifyProofOfPossession(publicKey, { kind: "bip340", signature }, { address, context })) {
        const key = hex.encode(publicKey);
        const how = context === undefined ? "without a signing context" : "with the chain's signing context";
        throw new TapstakeError("invalid-signature", `not signed by ${key} for ${address} ${how}`);
      }
      answer(options.json === true, { valid: true, finalityProvider: publicKey, address }, () =>
        table([
          ["signature", "good: the key and the account belong together"],
          ["finality provider", hex.encode(publicKey)],
          ["account", address],
        ]),
      );
    });
}
