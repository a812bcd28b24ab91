import { proofOfPossession, proofOfPossessionDigest, verifyProofOfPossession } from "../../../babylon/pop.js";
import { hex } from "../../../core/bytes.js";
import { TapstakeError } from "../../../core/errors.js";
import { loadChains } from "../../../finality/chains.js";
import { findHome } from "../../../finality/home.js";
import { showKey } from "../../../finality/keys/keystore.js";
import { groupCommand, type LazyCommands, newCommand } from "../../command.js";
import {
  homeOption,
  jsonOption,
  keyOption,
  parseKey,
  passphraseCommandOption,
  passphraseOption,
} from "../../options.js";
import { answer, table, warn } from "../../output.js";
import { unlockFor } from "../../signer.js";

const COMMANDS: LazyCommands = {
  make: { summary: "Sign an account with a finality provider's key", load: () => make },
  verify: { summary: "Verify such a signature", load: () => verify },
};

const GROUP = {
  description: `The key signs the address of the account (BIP-340, btc_sig_type 0). Registering a finality provider needs this proof, so that
another person cannot register with your key.`,
  examples: `
tapstake fp pop make --help
tapstake fp pop verify --help
`,
};

/** Proofs of possession by a key of the home; `tapstake pop` is for keys elsewhere. */
export const command = (args: readonly string[]) => groupCommand("pop", GROUP, COMMANDS, args);

const MAKE = {
  description: `The signature is over the 20 bytes of the address and says nothing about votes: you can make it any number of times.

If the chain has signing contexts (v3 release line), name it with --chain. First run tapstake fp chains set with
--staking-module-address.`,
  examples: `
tapstake fp pop make --key validator-1 --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu
`,
  topics: ["home", "secrets", "contexts"],
  refused: "no such key, a wrong passphrase, an invalid address, or an unknown context",
} as const;

const make = () =>
  newCommand("make", MAKE)
    .addOption(keyOption().makeOptionMandatory())
    .requiredOption("--address <address>", "account on the staking chain, such as bbn1…")
    .option("--chain <id>", "chain whose context to sign with")
    .addOption(passphraseOption())
    .addOption(passphraseCommandOption())
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const home = findHome(options.home);
      const { name, publicKey } = showKey(home, options.key);
      const { address } = options;
      const context = possessionContext(options);
      // Checked before the user is asked for a passphrase.
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

const VERIFY = {
  description: `Reads proofs with btc_sig_type 0 (BIP-340) only. For other kinds, use tapstake pop verify.`,
  examples: `
tapstake fp pop verify --key 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7 \\
  --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --signature bc188db13c12aa259ac73c3ff4408e01cdecbdb258b8fcc96cd9d2393eb4a5a2b5fcac9d10a505a7fbedb06bd0a2447e570510f0753470477224a88ab112d61e
`,
  topics: ["contexts"],
  refused: "not signed by this key, for this address, with this context; or an unknown context",
} as const;

const verify = () =>
  newCommand("verify", VERIFY)
    .requiredOption("--key <key>", "x-only key of the finality provider")
    .requiredOption("--address <address>", "account on the staking chain, such as bbn1…")
    .requiredOption("--signature <hex>", "signature, 64 bytes")
    .option("--chain <id>", "chain whose context was signed")
    .addOption(homeOption())
    .addOption(jsonOption())
    .action((options) => {
      const { address } = options;
      const publicKey = parseKey(options.key, "finality provider");
      const signature = hex.decode(options.signature, 64, "signature");
      const context = possessionContext(options);
      proofOfPossessionDigest(address, context);
      if (!verifyProofOfPossession(publicKey, { kind: "bip340", signature }, { address, context })) {
        const key = hex.encode(publicKey);
        const how = context === undefined ? "without a signing context" : "with the chain's signing context";
        throw new TapstakeError(
          "invalid-signature",
          `${key} did not sign ${address} ${how}. Do: compare the key, the address and --chain`,
        );
      }
      answer(options.json === true, { valid: true, finalityProvider: publicKey, address }, () =>
        table([
          ["signature", "good: the key and the account belong together"],
          ["finality provider", hex.encode(publicKey)],
          ["account", address],
        ]),
      );
    });

interface ContextOptions {
  readonly home?: string | undefined;
  readonly chain?: string | undefined;
}

/**
 * The context for proofs of possession on the chain of `--chain`; undefined if the chain has none, or is not named. It
 * warns of a chain that is not configured, as that chain may have one.
 * @throws TapstakeError `context-mismatch` if the chain has contexts and this one is unknown; as `loadChains`
 */
function possessionContext({ home, chain: id }: ContextOptions): string | undefined {
  if (id === undefined) return undefined;
  const chain = loadChains(findHome(home)).get(id);
  if (!chain) {
    const message = `${id} is not configured, so no signing context is used. Check the id: tapstake fp chains list`;
    warn({ code: "unknown-chain", message, details: { chain: id } });
    return undefined;
  }
  if (chain.voteContext !== undefined && chain.popContext === undefined) {
    const text = `${id} has signing contexts, but not the one for proofs of possession. Do: run tapstake fp chains set ${id} --staking-module-address <address>`;
    throw new TapstakeError("context-mismatch", text, { chain: id });
  }
  return chain.popContext;
}
