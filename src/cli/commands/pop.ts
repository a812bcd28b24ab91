import { Option } from "@commander-js/extra-typings";
import { SIGNING_OUTPUTS, type SigningOutput } from "../../babylon/bip322.js";
import {
  acceptProof,
  checkProofOfPossession,
  PROOF_KINDS,
  type ProofForm,
  proofFromJson,
  type ProofKind,
  proofOfPossession,
  proofOfPossessionText,
  type ProofRecord,
  proofToJson,
  proofToSign,
} from "../../babylon/pop.js";
import { hex } from "../../core/bytes.js";
import { publicKeyOf } from "../../core/keys.js";
import type { Network } from "../../core/network.js";
import type { PsbtLike } from "../../psbt/read.js";
import { groupCommand, type LazyCommands, newCommand } from "../command.js";
import { UsageError } from "../errors.js";
import { checkNewFiles, writeDocument } from "../files.js";
import { readPsbt, readDocument } from "../input.js";
import {
  contextOption,
  jsonOption,
  networkOption,
  parseKey,
  secretOption,
  wordsPassphraseOption,
  wordsPathOption,
} from "../options.js";
import { answer, type Row, table } from "../output.js";
import { type SecretKeySource, withSecretKey } from "../secret-key.js";

const COMMANDS: LazyCommands = {
  make: { summary: "Make a proof of possession with a secret key or a wallet", load: () => make },
  verify: { summary: "Verify a proof of possession as the staking chain does", load: () => verify },
};

const GROUP = {
  description: `A proof of possession shows that the owner of a Bitcoin key chose an account on the staking chain. Registering a stake or
a finality provider needs one. For a finality provider's key in its home, use tapstake fp pop.`,
  examples: `
tapstake pop make --help
tapstake pop verify --help
`,
  more: `Kinds: bip340, by a signer of digests. bip322, by a wallet with a P2WPKH or Taproot address. ecdsa,
by a wallet that signs messages the older way.`,
};

/** Proofs of possession by any key; `tapstake fp pop` is for keys of a home. */
export const command = (args: readonly string[]) => groupCommand("pop", GROUP, COMMANDS, args);

const kindOption = () =>
  new Option("--kind <kind>", `kind of proof: ${PROOF_KINDS.join(", ")}`)
    .choices(PROOF_KINDS)
    .default("bip340" as const);

const MAKE = {
  description: `With a secret key, makes the proof at once. With a wallet, in two steps: --key alone prints what the wallet must sign (a
digest, a text, or for bip322 also a PSBT). For bip322, --psbt writes that PSBT to a file. Then add the wallet's answer,
by --signature or --signed. tapstake verifies the answer before it gives the proof.`,
  examples: `
tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --secret-file staker.key --out pop.json

# with a wallet, first step
tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --kind bip322 --output p2tr --network signet --psbt pop.psbt \\
  --key 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7
`,
  topics: ["secrets", "wallets", "contexts"],
  refused: "an invalid address, or a signature that is not by this key for this account",
} as const;

const make = () =>
  newCommand("make", MAKE)
    .requiredOption("--address <address>", "account on the staking chain, such as bbn1…")
    .addOption(kindOption())
    .addOption(
      new Option(
        "--output <type>",
        `bip322: which address of the key signs: ${SIGNING_OUTPUTS.join(", ")}`,
      ).choices(SIGNING_OUTPUTS),
    )
    .addOption(networkOption())
    .addOption(contextOption())
    .addOption(secretOption().conflicts("key"))
    .addOption(wordsPathOption())
    .addOption(wordsPassphraseOption())
    .option("--key <key>", "public key of the wallet; 33 bytes (02… or 03…) for P2WPKH")
    .addOption(
      new Option("--signature <text>", "the wallet's answer, in base64 or hexadecimal").conflicts([
        "psbt",
        "signed",
        "secretFile",
      ]),
    )
    .addOption(
      new Option("--psbt <file>", "bip322: new file for the PSBT that the wallet signs").conflicts([
        "signed",
        "secretFile",
        "out",
      ]),
    )
    .addOption(
      new Option("--signed <file>", "bip322: the PSBT that the wallet signed").conflicts("secretFile"),
    )
    .option("--out <file>", "new file for the proof; - for standard output")
    .addOption(jsonOption())
    .action(async ({ out, ...options }) => {
      const form = formOf(options);
      await checkNewFiles(out, options.psbt);
      const answered = await readAnswer(options);
      if (options.key === undefined && answered !== undefined) {
        throw new UsageError("--signature and --signed need --key: the key that signed");
      }
      if (options.key !== undefined && answered === undefined) {
        return answerToSign(options, hex.decode(options.key, undefined, "key"), form);
      }
      if (options.psbt !== undefined) throw new UsageError("--psbt needs --key, and no answer yet");
      const record = await makeProof(options, form, answered);
      if (out !== undefined) await writeDocument(out, proofToJson(record));
      if (out === "-") return;
      const facts = { ...proofFacts(record), ...(out !== undefined && { file: out }) };
      answer(options.json === true, facts, () => table([...proofRows(record), ["written to", out]]));
    });

interface FormOptions {
  readonly address: string;
  readonly kind: ProofKind;
  readonly context?: string | undefined;
  readonly output?: SigningOutput | undefined;
  readonly network?: Network | undefined;
}

function formOf({ address, kind, context, output, network }: FormOptions): ProofForm {
  if (kind !== "bip322") {
    if (output !== undefined) throw new UsageError("--output is for --kind bip322");
    return { kind, address, context };
  }
  if (!output || !network) throw new UsageError("--kind bip322 needs --output and --network");
  return { kind, address, context, output, network };
}

interface AnswerOptions {
  readonly signature?: string | undefined;
  readonly signed?: string | undefined;
}

async function readAnswer({ signature, signed }: AnswerOptions): Promise<PsbtLike | undefined> {
  return signed === undefined ? signature : readPsbt(signed);
}

interface ProofKey {
  readonly key?: string | undefined;
  readonly network?: Network | undefined;
}

async function makeProof(
  { key, network, ...source }: SecretKeySource & ProofKey,
  form: ProofForm,
  answered: PsbtLike | undefined,
): Promise<ProofRecord> {
  const { address, context } = form;
  const of = { address, context, ...(form.kind === "bip322" && { network: form.network }) };
  if (key !== undefined) {
    const publicKey = hex.decode(key, undefined, "key");
    return { ...of, publicKey: publicKey.slice(-32), proof: acceptProof(publicKey, form, answered!) };
  }
  // Checked before the user is asked for a secret.
  proofOfPossessionText(address, context);
  return withSecretKey(source, { whose: "the owner", network }, (secretKey) => ({
    ...of,
    publicKey: publicKeyOf(secretKey),
    proof: proofOfPossession(secretKey, form),
  }));
}

interface ToSignOptions {
  readonly json?: true | undefined;
  readonly psbt?: string | undefined;
}

async function answerToSign(
  { json, psbt: file }: ToSignOptions,
  publicKey: Uint8Array,
  form: ProofForm,
): Promise<void> {
  const { digest, text, bitcoinAddress, psbt } = proofToSign(publicKey, form);
  if (file !== undefined) {
    if (!psbt) throw new UsageError("--psbt is for --kind bip322");
    await writeDocument(file, `${psbt.toBase64()}\n`);
    if (file === "-") return;
  }
  const facts = {
    kind: form.kind,
    ...(digest && { digest }),
    ...(text !== undefined && { text }),
    ...(bitcoinAddress !== undefined && { bitcoinAddress }),
    ...(psbt && { psbt: psbt.toBase64() }),
    ...(file !== undefined && { file }),
  };
  answer(json === true, facts, () =>
    table([
      ["sign", digest ? "this digest, by BIP-340" : "this text, as a message"],
      ["digest", digest && hex.encode(digest)],
      ["text", text],
      ["as", bitcoinAddress],
      ["or this PSBT", file ?? facts.psbt],
    ]),
  );
}

const VERIFY = {
  description: `The proof is the file of pop make, or a field of a message, given by options. The file names its key and account itself:
compare what is printed with what you expect.`,
  examples: `
tapstake pop verify pop.json
`,
  topics: ["contexts"],
  refused: "no valid proof by this key, for this account, of this kind, with this context",
} as const;

const verify = () =>
  newCommand("verify", VERIFY)
    .argument("[proof]", "file from pop make; - for standard input")
    .option("--key <key>", "x-only public key")
    .option("--address <address>", "account on the staking chain, such as bbn1…")
    .option("--signature <hex>", "field btc_sig of the message")
    .addOption(kindOption())
    .addOption(networkOption())
    .addOption(contextOption())
    .addOption(jsonOption())
    .action(async (path, options) => {
      const record = await readRecord(path, options);
      const { publicKey, proof, address, context, network } = record;
      checkProofOfPossession(publicKey, proof, { address, context, ...(network && { network }) });
      answer(options.json === true, { valid: true, ...proofFacts(record) }, () =>
        table([["proof", "good: the key's owner chose the account"], ...proofRows(record)]),
      );
    });

interface RecordOptions {
  readonly key?: string | undefined;
  readonly address?: string | undefined;
  readonly signature?: string | undefined;
  readonly kind: ProofKind;
  readonly network?: Network | undefined;
  readonly context?: string | undefined;
}

async function readRecord(path: string | undefined, given: RecordOptions): Promise<ProofRecord> {
  const { key, address, signature, kind, network, context } = given;
  if (path !== undefined) {
    if (key !== undefined || address !== undefined || signature !== undefined || context !== undefined) {
      throw new UsageError("give either the proof's file, or --key, --address and --signature");
    }
    return readDocument(path, proofFromJson);
  }
  if (key === undefined || address === undefined || signature === undefined) {
    throw new UsageError("give the proof's file, or all of --key, --address and --signature");
  }
  if (kind === "bip322" && network === undefined) throw new UsageError("--kind bip322 needs --network");
  return {
    publicKey: parseKey(key, "key"),
    proof: { kind, signature: hex.decode(signature, undefined, "signature") },
    address,
    context,
    network,
  };
}

/** A proof of possession as data, with its type number on the chain. */
export const proofFacts = ({ publicKey, proof, address, context, network }: ProofRecord) => ({
  kind: proof.kind,
  btcSigType: PROOF_KINDS.indexOf(proof.kind),
  publicKey,
  address,
  ...(context !== undefined && { context }),
  ...(network !== undefined && { network }),
  signature: proof.signature,
});

export const proofRows = ({ publicKey, proof, address, context, network }: ProofRecord): Row[] => [
  ["key", hex.encode(publicKey)],
  ["account", address],
  ["kind", `${proof.kind}, btc_sig_type ${PROOF_KINDS.indexOf(proof.kind)}`],
  ["network", network],
  ["context", context ?? "none"],
  ["signature", hex.encode(proof.signature)],
];
