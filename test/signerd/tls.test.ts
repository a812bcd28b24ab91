import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkTls } from "../../src/signerd/listen.js";
import { expectRefused } from "../cli/fp-support.js";
import { inProcess } from "../cli/in-process.js";
import { temporaryFile } from "../cli/support.js";
import { failure as expectFailure } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { refusal } from "../support/refusal.js";
import {
  connect,
  type DaemonProcess,
  HMAC_KEY,
  homeWithKey,
  startDaemon,
  startSigner,
  text,
} from "./support.js";

const path = (name: string) => fileURLToPath(new URL(`../fixtures/signer-tls-${name}.pem`, import.meta.url));
const read = (name: string) => readFileSync(path(name));
const identity = {
  certificate: read("cert"),
  key: read("key"),
  certificateFile: "cert.pem",
  keyFile: "key.pem",
};
const valid = new Date("2030-01-01");

const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const strangers = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const otherKey = strangers.export(pkcs8) as string;
const lockedKey = strangers.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "p" }) as string;
const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;

describe("the files for TLS", () => {
  it.each<[string, object, RegExp]>([
    ["no certificate", { certificate: text("no PEM") }, /^cert\.pem must have a certificate in PEM$/],
    ["the key in its place", { certificate: identity.key }, /^cert\.pem must have a certificate in PEM/],
    [
      "a damaged certificate",
      { certificate: text(identity.certificate.toString().replace(/^MII/m, "AAA")) },
      /^cert\.pem: a certificate in it cannot be read: /,
    ],
    [
      "a damaged certificate of who vouches for it",
      { certificate: text(`${identity.certificate}${`${identity.certificate}`.replace(/^MII/m, "AAA")}`) },
      /^cert\.pem: a certificate in it cannot be read: /,
    ],
    ["no key", { key: text("no PEM") }, /^key\.pem must have a private key .*not other content$/],
    ["the certificate in its place", { key: identity.certificate }, /^key\.pem must have a private key/],
    [
      "a public key",
      { key: text(publicKey.export({ type: "spki", format: "pem" }) as string) },
      /^key\.pem must have a private key/,
    ],
    [
      "a key with a passphrase",
      { key: text(lockedKey) },
      /^key\.pem must .*without a passphrase, not an encrypted one$/,
    ],
    [
      "the key of another certificate",
      { key: text(otherKey) },
      /^key\.pem is the key of another certificate than cert\.pem$/,
    ],
  ])("are refused with %s, and the error names the file", (_what, change, message) => {
    const error = refusal("invalid-certificate", () => checkTls({ ...identity, ...change }, valid));
    expect(error.message).toMatch(message);
    expect(error.details["path"]).toBe(error.message.startsWith("key") ? "key.pem" : "cert.pem");
  });

  it("are refused with a key that is too weak, in OpenSSL's words without its numbers", async () => {
    // A certificate of 512 bits, as was usual decades ago.
    const weak = { certificate: read("weak-cert"), key: read("weak-key"), certificateFile: "cert.pem" };
    const { message } = refusal("invalid-certificate", () => checkTls(weak, valid));
    expect(message).toBe("cert.pem with its key: ee key too small");
  });

  it("are accepted without a warning while each certificate of the chain is valid", () => {
    expect(checkTls(identity, valid)).toEqual([]);
    const chain = { ...identity, certificate: text(`${identity.certificate}${identity.certificate}`) };
    expect(checkTls(chain, valid)).toEqual([]);
  });

  it("give a warning before a certificate is valid and after it, for each of the chain", () => {
    const before = "cert.pem: CN=localhost is not valid before Nov 22 23:24:16 2026 GMT: callers refuse it";
    const after = "cert.pem: CN=localhost has expired on Oct 29 23:24:16 2126 GMT: callers refuse it";
    expect(checkTls(identity, new Date("2026-11-22T23:24:15Z"))).toEqual([before]);
    expect(checkTls(identity, new Date("2026-11-22T23:24:16Z"))).toEqual([]);
    expect(checkTls(identity, new Date("2126-10-29T23:24:16Z"))).toEqual([]);
    expect(checkTls(identity, new Date("2126-10-29T23:24:17Z"))).toEqual([after]);
    const chain = { ...identity, certificate: text(`${identity.certificate}${read("expired-cert")}`) };
    expect(checkTls(chain, valid)).toEqual([
      "cert.pem: CN=localhost has expired on Jan  1 00:00:00 2021 GMT: callers refuse it",
    ]);
  });

  it("are checked before anything is opened", async () => {
    const made = homeWithKey();
    const wrong = { certificate: identity.certificate, key: text(otherKey) };
    const error = await expectFailure(startSigner(made, { tls: wrong }), "invalid-certificate");
    expect(error.message).toBe("its key is the key of another certificate than the certificate");
    await startSigner(made);
  });
});

/** What is logged comes by another way than the answer. */
const untilServing = ({ logged }: DaemonProcess) =>
  eventually(() => expect(logged()).toContain('"msg":"serving"'));

describe("tapstake fp serve --tls-cert --tls-key", () => {
  const serve = (certificate: string, key: string) =>
    inProcess(
      ["fp", "serve", "--home", homeWithKey().home.path, "--address", "127.0.0.1:0", "--no-metrics"].concat([
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
      ]),
    );

  it("names the file that is unusable", async () => {
    const bad = temporaryFile("bad.pem", "nothing");
    const other = temporaryFile("other.pem", otherKey);
    expect(expectRefused(await serve(bad, bad), "invalid-certificate")).toContain(
      `${bad} must have a certificate`,
    );
    expect(expectRefused(await serve(path("cert"), other), "invalid-certificate")).toContain(
      `${other} is the key of another certificate than ${path("cert")}`,
    );
  });

  it("warns of a key that others can read", async () => {
    const open = temporaryFile("open.pem", identity.key.toString());
    chmodSync(open, 0o644);
    const daemon = await startDaemon(homeWithKey(), ["--tls-cert", path("cert"), "--tls-key", open]);
    await untilServing(daemon);
    expect(daemon.logged()).toContain(`"message":"${open} holds a secret`);
  });

  it("is called with --tls-ca by holders of its certificate, by its IP address and without another option", async () => {
    const own = temporaryFile("own.pem", identity.key.toString());
    const daemon = await startDaemon(homeWithKey(), ["--tls-cert", path("cert"), "--tls-key", own]);
    const outcome = await inProcess(["fp", "status", "--remote", daemon.address, "--tls-ca", path("cert")]);
    expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: "" });
    expect(daemon.address).toMatch(/^127\.0\.0\.1:/);
    // Its key is for its owner alone.
    await untilServing(daemon);
    expect(daemon.logged()).not.toContain("warning");
  });

  it("is called by its IP address without a server's name, about which Node warns", async () => {
    const warnings: string[] = [];
    const listen = ({ name, message }: Error) => warnings.push(`${name}: ${message}`);
    process.on("warning", listen);
    onTestFinished(() => void process.off("warning", listen));
    const signer = await startSigner(homeWithKey(), { tls: identity });
    await connect(signer.address, { tls: { ca: identity.certificate } }).ping();
    expect(warnings).toEqual([]);
  });

  it("is not called by an IP address that its certificate does not name", async () => {
    const signer = await startSigner(homeWithKey(), {
      tls: identity,
      address: "127.0.0.2:0",
      hmacKey: HMAC_KEY,
    });
    const client = connect(signer.address, { tls: { ca: identity.certificate }, hmacKey: HMAC_KEY });
    const { message } = await expectFailure(client.ping(), "signer-unreachable");
    expect(message).toContain("IP: 127.0.0.2 is not in the cert's list: 127.0.0.1");
  });

  it("serves with an expired certificate, logs that, and callers refuse it", async () => {
    const own = temporaryFile("own.pem", identity.key.toString());
    const daemon = await startDaemon(homeWithKey(), ["--tls-cert", path("expired-cert"), "--tls-key", own]);
    await untilServing(daemon);
    expect(daemon.logged()).toMatch(/"level":"warn".*"msg":"[^"]*CN=localhost has expired on Jan {2}1/);
    const client = connect(daemon.address, { tls: { ca: read("expired-cert") } });
    const { message } = await expectFailure(client.ping(), "signer-unreachable");
    expect(message).toContain("certificate has expired");
  });
});
