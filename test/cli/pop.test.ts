import { base64, bech32 } from "@scure/base";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { bip322 } from "../../src/babylon/bip322.js";
import { type ProofForm, proofFromJson, proofOfPossession } from "../../src/babylon/pop.js";
import { hex } from "../../src/core/bytes.js";
import { curve } from "../../src/core/curve/index.js";
import { publicKeyOf } from "../../src/core/keys.js";
import { bitcoinMessage } from "../../src/crypto/bitcoin-message.js";
import { schnorr } from "../../src/crypto/schnorr.js";
import { readWitnessStack } from "../../src/psbt/read.js";
import { secretOf } from "../support/stake.js";
import { inProcess } from "./in-process.js";
import { parsed, refusedWith, temporaryFolder } from "./support.js";

const address = "bbn1ntepzv5m9lyzuhh7jpsx93espq5pnv3ld808qu";
const context = "ab".repeat(32);
const secretKey = secretOf("owner of an account");
const publicKey = hex.encode(publicKeyOf(secretKey));
const point = hex.encode(curve.pointFromScalar(secretKey)!);

let folder: string;
const at = (name: string) => join(folder, name);
const run = (line: string, ...more: string[]) => inProcess([...line.split(" "), ...more]);
const make = (...more: string[]) => run(`pop make --address ${address}`, ...more);

beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(at("key"), hex.encode(secretKey), { mode: 0o600 });
});

const FORMS: [name: string, words: string[], form: ProofForm][] = [
  ["bip340", ["--kind", "bip340"], { kind: "bip340", address }],
  ["bip340 with a context", ["--context", context], { kind: "bip340", address, context }],
  ["ecdsa", ["--kind", "ecdsa"], { kind: "ecdsa", address }],
  ["ecdsa with a context", ["--kind", "ecdsa", "--context", context], { kind: "ecdsa", address, context }],
  ...(["p2wpkh", "p2tr"] as const).map((output): [string, string[], ProofForm] => [
    `bip322 of ${output}`,
    ["--kind", "bip322", "--output", output, "--network", "signet"],
    { kind: "bip322", address, output, network: "signet" },
  ]),
];

describe.each(FORMS)("a proof of the kind %s", (name, words, form) => {
  it("is made with a secret key, written, and verified from its file and from its parts", async () => {
    const file = at(`${name}.json`);
    const made = parsed(await make(...words, "--secret-file", at("key"), "--out", file, "--json"));
    const { proof, publicKey: owner } = proofFromJson(readFileSync(file, "utf8"));
    expect(hex.encode(owner)).toBe(publicKey);
    expect(made).toMatchObject({
      kind: form.kind,
      publicKey,
      address,
      signature: hex.encode(proof.signature),
    });
    expect(parsed(await run("pop verify --json", file))).toMatchObject({ valid: true, publicKey });
    const network = form.kind === "bip322" ? ["--network", form.network] : [];
    const parts = [
      "--kind",
      form.kind,
      "--key",
      publicKey,
      "--signature",
      hex.encode(proof.signature),
      ...network,
      ...(form.context === undefined ? [] : ["--context", form.context]),
    ];
    const verify = (account: string, ...more: string[]) =>
      run(`pop verify --address ${account}`, ...parts, ...more);
    expect((await verify(address)).stdout).toContain("good: the key's owner chose the account");
    const other = bech32.encodeFromBytes("bbn", new Uint8Array(20));
    expect(refusedWith(await verify(other))).toBe("invalid-possession");
    expect(refusedWith(await verify(address, "--context", "cd".repeat(32)))).toBe("invalid-possession");
  });

  it("is made by a wallet: what to sign, and the answer back", async () => {
    const key = form.kind === "bip322" && form.output === "p2wpkh" ? point : publicKey;
    const asked = parsed<Record<string, string>>(await make(...words, "--key", key, "--json"));
    const accepted = async (...more: string[]) =>
      parsed(await make(...words, "--key", key, "--json", ...more))["signature"];
    const expected = hex.encode(proofOfPossession(secretKey, form).signature);
    if (form.kind === "bip340") {
      const answer = schnorr.sign(secretKey, hex.decode(asked["digest"]!));
      expect(await accepted("--signature", hex.encode(answer))).toBe(hex.encode(answer));
      expect(await accepted("--signature", base64.encode(answer))).toBe(hex.encode(answer));
    } else if (form.kind === "ecdsa") {
      const answer = bitcoinMessage.sign(secretKey, asked["text"]!);
      expect(await accepted("--signature", base64.encode(answer))).toBe(expected);
    } else {
      expect(asked["psbt"]).toMatch(/^cHNidP/);
      expect(asked["bitcoinAddress"]).toMatch(form.output === "p2tr" ? /^tb1p/ : /^tb1q/);
      const answer = bip322.sign(secretKey, form.output, asked["text"]!);
      const signature = await accepted("--signature", base64.encode(answer));
      expect(signature).toMatch(/^0a/);
      const transaction = bip322.toSign(asked["text"]!, bip322.script(hex.decode(key), form.output));
      transaction.setWitness(0, readWitnessStack(answer));
      const forms = [
        `smp${base64.encode(answer)}`,
        `ful${base64.encode(transaction.toBuffer())}`,
        hex.encode(answer).toUpperCase(),
        ` "${base64.encode(answer)}"\n`,
      ];
      for (const text of forms) expect(await accepted("--signature", text)).toBe(signature);
      const funds = await make(...words, "--key", key, "--signature", `pof${asked["psbt"]}`);
      expect(refusedWith(funds)).toBe("invalid-possession");
      expect(funds.stderr).toContain("pof is a proof of funds");
      const file = at(`unsigned-${form.output}.psbt`);
      const written = await make(...words, "--key", key, "--psbt", file);
      expect(written).toMatchObject({ code: 0, stderr: "" });
      expect(written.stdout).toContain(`or this PSBT  ${file}\n`);
      expect(readFileSync(file, "utf8").trim()).toBe(asked["psbt"]);
      expect(refusedWith(await make(...words, "--key", key, "--psbt", file))).toBe("file-error");
      const unsigned = await make(...words, "--key", key, "--signed", file);
      expect(refusedWith(unsigned)).toBe("missing-signature");
    }
    const wrong = base64.encode(new Uint8Array(65).fill(31));
    expect(refusedWith(await make(...words, "--key", key, "--signature", wrong))).toBe("invalid-possession");
  });
});

describe("tapstake pop", () => {
  it("reads the secret key from the environment, and from standard input", async () => {
    const env = { TAPSTAKE_SECRET: hex.encode(secretKey) };
    const words = ["pop", "make", "--address", address, "--json"];
    expect(parsed(await inProcess(words, { env }))).toMatchObject({ publicKey, btcSigType: 0 });
    const input = `${hex.encode(secretKey)}\n`;
    expect(parsed(await inProcess([...words, "--secret-file", "-"], { input }))).toMatchObject({ publicKey });
  });

  it.each([
    ["a mistyped account", ["pop make --address bbn1x --secret-file FILE"], "invalid-address"],
    ["no secret key and no public key", [`pop make --address ${address}`], "usage"],
    ["an answer without its key", [`pop make --address ${address} --signature 00`], "usage"],
    [
      "a secret beside a key",
      [`pop make --address ${address} --key ${publicKey} --secret-file FILE`],
      "usage",
    ],
    [
      "a PSBT to be written without a wallet's key",
      [`pop make --address ${address} --psbt FILE.new`],
      "usage",
    ],
    ["a PSBT of another kind", [`pop make --address ${address} --key ${publicKey} --psbt FILE.new`], "usage"],
    ["bip322 without an output", [`pop make --address ${address} --kind bip322 --secret-file FILE`], "usage"],
    [
      "an output of another kind",
      [`pop make --address ${address} --output p2tr --secret-file FILE`],
      "usage",
    ],
    ["an invalid context", [`pop make --address ${address} --context ab --secret-file FILE`], "invalid-hex"],
    [
      "a key whose parity a P2WPKH address needs",
      [`pop make --address ${address} --kind bip322 --output p2wpkh --network signet --key ${publicKey}`],
      "invalid-public-key",
    ],
    ["an invalid key", [`pop make --address ${address} --key ${"00".repeat(32)}`], "invalid-public-key"],
    ["nothing to verify", ["pop verify"], "usage"],
    ["two things to verify", [`pop verify FILE --key ${publicKey}`], "usage"],
    ["a file without a proof", ["pop verify FILE"], "invalid-json"],
  ])("refuses %s", async (_what, [line], code) => {
    expect(refusedWith(await run(line!.replace("FILE", at("key"))))).toBe(code);
  });

  it("says where a P2WPKH address needs the compressed key, and errors.md covers both directions", async () => {
    const line = `pop make --address ${address} --kind bip322 --output p2wpkh --network signet --key ${publicKey}`;
    const { stderr } = await run(line);
    expect(stderr).toContain("not 32 bytes; give the compressed key, 66 hexadecimal digits");
    expect(stderr).toMatch(/\nDo: .*If it asks for 33 bytes, take the compressed key/);
  });
});
