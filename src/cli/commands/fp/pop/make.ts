import { Command } from "@commander-js/extra-typings";
import { hex } from "../../../../core/bytes.js";
import { showKey } from "../../../../finality/keys/keystore.js";
import { findHome } from "../../../../finality/home.js";
import { proofOfPossession, proofOfPossessionDigest } from "../../../../babylon/pop.js";
import { helpText, paragraphs } from "../../../help.js";
import { homeOption, jsonOption, keyOption, passphraseOption } from "../../../options.js";
import { answer, table } from "../../../output.js";
import { possessionContext } from "../../../possession-context.js";
import { unlockFor } from "../../../signer.js";

const DESCRIPTION = `Signs the address of an account with a finality provider's key, for registering the provider.

The signature is over the 20 bytes of the address, and says nothing about votes: it can be made any number of
times. A chain of the v3 release line has a signing context: name it with --chain, once tapstake fp chains set
knows its --staking-module-address.`;

const HELP = helpText({
  examples: `
export TAPSTAKE_HOME=./home TAPSTAKE_PASSPHRASE='correct horse battery staple'
(umask 077 && tapstake fp keys new validator-1 > words)
tapstake fp pop make --key validator-1 --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  refused: "no such key, a wrong passphrase, a mistyped or unfit address, an unknown context",
});

export function command() {
  return new Command("make")
    .description(paragraphs(DESCRIPTION))
    .addOption(keyOption().makeOptionMandatory())
    .requiredOption("--address <address>", "the account on the staking chain, such as bbn1…")
    .option("--chain <id>", "sign with this chain's context for proofs of possession, if it is configured")
    .addOption(passphraseOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options) => {
      const home = findHome(options.home);
      const { name, publicKey } = showKey(home, options.key);
      const { address } = options;
      const context = possessionContext(options);
      // A mistyped address is found before anyone is asked for a passphrase.
      proofOfPossessionDigest(address, context);
      const key = await unlockFor(home, options);
      try {
        const { signature } = proofOfPossession(key.secretKey, { kind: "bip340", address, context });
        const given = { finalityProvider: publicKey, address, btcSigType: 0, signature };
        answer(options.json === true, { ...given, ...(context !== undefined && { context }) }, () =>
          table([
            ["finality provider", `${hex.encode(publicKey)} (${name})`],
            ["account", address],
            ["btc_sig_type", "0 (BIP-340)"],
            ["context", context ?? "none"],
            ["signature", hex.encode(signature)],
          ]),
        );
      } finally {
        key.wipe();
      }
    });
}
