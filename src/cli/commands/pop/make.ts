import { Command, Option } from "@commander-js/extra-typings";
import { hex } from "../../../core/bytes.js";
import { publicKeyOf } from "../../../core/keys.js";
import type { Network } from "../../../core/network.js";
import { SIGNING_OUTPUTS, type SigningOutput } from "../../../babylon/bip322.js";
import { proofToJson, type ProofRecord } from "../../../babylon/pop-json.js";
import {
  acceptProof,
  type ProofForm,
  type ProofKind,
  proofOfPossession,
  proofOfPossessionText,
  proofToSign,
} from "../../../babylon/pop.js";
import type { PsbtLike } from "../../../psbt/read.js";
import { jsonOption, networkOption } from "../../arguments.js";
import { UsageError } from "../../errors.js";
import { readPsbt, writeDocument } from "../../files.js";
import { helpText, paragraphs } from "../../help.js";
import { answer, table } from "../../output.js";
import { contextOption, kindOption, proofFacts, proofRows } from "../../pop-text.js";
import { secretOption, withSecretKey } from "../../secrets.js";
import { checkNewFiles } from "../../stake-options.js";

const DESCRIPTION = `Makes a proof of possession: with a secret key, or in two steps with any wallet.

With --key alone, it prints what the wallet is to sign: a digest, a text, or for BIP-322 also a PSBT. With --key and the
wallet's answer, --signature or --psbt, it checks that and gives the proof. --out writes it to a file, which
tapstake register takes.`;

const HELP = helpText({
  examples: `
(umask 077; openssl rand -hex 32 > key)
tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --secret-file key --out proof.json
tapstake pop verify proof.json

# by a wallet: what it is to sign; its answer comes back by --signature or --psbt
tapstake pop make --address bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu \\
  --kind bip322 --output p2tr --network signet \\
  --key 21ed83cac3dc51752ef004425b6bda2ddabeaaa3294ecf4ed596d25f863ac4c7
`,
  more: `
A P2WPKH address hides the whole key: --key is then 33 bytes, 02… or 03….`,
  refused: "an address that is mistyped, a signature that is not by this key for this account",
});

interface FormOptions {
  readonly address: string;
  readonly kind: ProofKind;
  readonly context?: string | undefined;
  readonly output?: SigningOutput | undefined;
  readonly network?: Network | undefined;
}

export function command() {
  return new Command("make")
    .description(paragraphs(DESCRIPTION))
    .requiredOption("--address <address>", "the account on the staking chain, such as bbn1…")
    .addOption(kindOption())
    .addOption(
      new Option("--output <type>", "of bip322: which address of the key signs").choices(SIGNING_OUTPUTS),
    )
    .addOption(networkOption())
    .addOption(contextOption())
    .addOption(secretOption().conflicts("key"))
    .option("--key <key>", "the public key of a signer elsewhere")
    .addOption(
      new Option("--signature <text>", "what it answered, in base64 or hexadecimal").conflicts([
        "psbt",
        "secretFile",
      ]),
    )
    .addOption(new Option("--psbt <file>", "of bip322: the PSBT that it signed").conflicts("secretFile"))
    .option("--out <file>", "write the proof to a new file; - for standard output")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async ({ out, ...options }) => {
      const form = formOf(options);
      await checkNewFiles(out);
      const answered = await readAnswer(options);
      if (options.key === undefined && answered !== undefined) {
        throw new UsageError("--signature and --psbt need the --key that signed");
      }
      if (options.key !== undefined && answered === undefined) {
        return answerToSign(options.json === true, hex.decode(options.key, undefined, "key"), form);
      }
      const record = await makeProof(options, form, answered);
      if (out !== undefined) await writeDocument(out, proofToJson(record));
      if (out === "-") return;
      const facts = { ...proofFacts(record), ...(out !== undefined && { file: out }) };
      answer(options.json === true, facts, () => table([...proofRows(record), ["written to", out]]));
    });
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
  readonly psbt?: string | undefined;
}

async function readAnswer({ signature, psbt }: AnswerOptions): Promise<PsbtLike | undefined> {
  if (psbt !== undefined) return readPsbt(psbt);
  if (signature === undefined) return undefined;
  return /^(?:[0-9a-fA-F]{2})+$/.test(signature) ? hex.decode(signature) : signature;
}

async function makeProof(
  { key, secretFile }: { readonly key?: string | undefined; readonly secretFile?: string | undefined },
  form: ProofForm,
  answered: PsbtLike | undefined,
): Promise<ProofRecord> {
  const of = {
    address: form.address,
    context: form.context,
    ...(form.kind === "bip322" && { network: form.network }),
  };
  if (key !== undefined) {
    const publicKey = hex.decode(key, undefined, "key");
    return { ...of, publicKey: publicKey.slice(-32), proof: acceptProof(publicKey, form, answered!) };
  }
  // A mistyped address is found before anyone is asked for a secret.
  proofOfPossessionText(form.address, form.context);
  return withSecretKey(secretFile, "the owner", (secretKey) => ({
    ...of,
    publicKey: publicKeyOf(secretKey),
    proof: proofOfPossession(secretKey, form),
  }));
}

function answerToSign(asJson: boolean, publicKey: Uint8Array, form: ProofForm): void {
  const { digest, text, bitcoinAddress, psbt } = proofToSign(publicKey, form);
  const facts = {
    kind: form.kind,
    ...(digest && { digest }),
    ...(text !== undefined && { text }),
    ...(bitcoinAddress !== undefined && { bitcoinAddress }),
    ...(psbt && { psbt: psbt.toBase64() }),
  };
  answer(asJson, facts, () =>
    table([
      ["sign", digest ? "this digest, by BIP-340" : "this text, as a message"],
      ["digest", digest && hex.encode(digest)],
      ["text", text],
      ["as", bitcoinAddress],
      ["or this PSBT", facts.psbt],
    ]),
  );
}
