import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EtcdClient } from "../../../src/finality/arbiter/client.js";
import { openArbiter } from "../../../src/finality/arbiter/open.js";
import { afterFile } from "../../support/after-file.js";
import { clientOf, codeOf, kinds, signerOf, storeOf, vote } from "../../support/arbiter.js";
import { Cluster, hasEtcd } from "../../support/etcd.js";
import { homeOfTest } from "../../support/home.js";

const hasOpenssl = succeeds("openssl", "version");

describe.runIf(hasEtcd)("a full store", () => {
  it("full store: takes no claim, and takes them again once it has room", async () => {
    const cluster = await Cluster.start({ size: 1, args: ["--quota-backend-bytes", "2097152"] });
    const client = clientOf(cluster);
    const prefix = await storeOf(client);
    const signer = await signerOf(client, prefix);
    await kinds(signer, vote(1));
    const text = "x".repeat(100_000);
    for (let i = 0; i < 40 && succeedsIn(() => cluster.ctl("put", "filler", text)); i++);
    expect(await codeOf(() => kinds(signer, vote(2)))).toBe("arbiter-unclear");
    const [status] = JSON.parse(cluster.ctl("endpoint", "status", "-w", "json")) as {
      Status: { header: { revision: number } };
    }[];
    cluster.ctl("compact", `${status!.Status.header.revision}`);
    cluster.ctl("defrag");
    cluster.ctl("alarm", "disarm");
    expect(await kinds(signer, vote(1), vote(2))).toEqual(["same", "new"]);
  });
});

describe.runIf(hasEtcd && hasOpenssl)("an arbiter with TLS", () => {
  it("tls: answers a client with a certificate of its authority, and no other", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapstake-certs-"));
    afterFile(() => rmSync(folder, { recursive: true, force: true }));
    const [ca, other] = [authority(folder, "ca"), authority(folder, "other")];
    const server = issued(folder, "server", ca);
    const [own, foreign] = [issued(folder, "client", ca), issued(folder, "foreign", other)];
    const files = ["--cert-file", server.cert, "--key-file", server.key, "--trusted-ca-file", ca.cert];
    const cluster = await Cluster.start({
      size: 1,
      scheme: "https",
      args: [...files, "--client-cert-auth"],
      ctlArgs: ["--cacert", ca.cert, "--cert", own.cert, "--key", own.key],
    });
    const [address] = cluster.addresses;
    const asking = (tls: { ca: Uint8Array; cert?: Uint8Array; key?: Uint8Array } | undefined) => {
      const client = new EtcdClient({ addresses: [address!], tls, timeout: 20_000 });
      afterFile(() => client.close());
      return client;
    };
    const bytes = readFileSync;
    const pair = (of: Issued) => ({ cert: bytes(of.cert), key: bytes(of.key) });
    const client = asking({ ca: bytes(ca.cert), ...pair(own) });
    const prefix = await storeOf(client);
    const home = homeOfTest();
    expect(await kinds(await signerOf(client, prefix, home), vote(1))).toEqual(["new"]);
    for (const tls of [
      undefined,
      { ca: bytes(ca.cert) },
      { ca: bytes(ca.cert), ...pair(foreign) },
      { ca: bytes(other.cert), ...pair(own) },
    ]) {
      expect(await codeOf(() => storeOf(asking(tls)))).toBe("arbiter-unclear");
    }
    const wrong = { ca: bytes(ca.cert), cert: bytes(own.cert), key: bytes(foreign.key) };
    expect(await codeOf(() => asking(wrong))).toBe("invalid-certificate");
    const url = `etcd://${address!}${prefix}`;
    const { arbiter, close } = openArbiter(home, { arbiter: url, tls: { ca: bytes(ca.cert), ...pair(own) } });
    expect(await kinds(arbiter, vote(1), vote(2))).toEqual(["same", "new"]);
    close();
    expect(await codeOf(() => kinds(arbiter, vote(3)))).toBe("arbiter-unclear");
  });
});

interface Issued {
  readonly cert: string;
  readonly key: string;
}

const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: "ignore" });

/** A certificate that signs others. */
function authority(folder: string, name: string): Issued {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...curve, "-keyout", key, "-out", cert, "-subj", `/CN=${name}`, "-days", "2");
  return { cert, key };
}

/** A certificate for this machine, as server and as client. */
function issued(folder: string, name: string, by: Issued): Issued {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)];
  const [request, extensions] = [join(folder, `${name}.csr`), join(folder, `${name}.ext`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  writeFileSync(extensions, "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
  openssl("req", ...curve, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
  const from = ["-in", request, "-CA", by.cert, "-CAkey", by.key, "-CAcreateserial"];
  openssl("x509", "-req", ...from, "-out", cert, "-days", "2", "-extfile", extensions);
  return { cert, key };
}

function succeedsIn(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return succeedsIn(() => execFileSync(command, args, { stdio: "ignore" }));
}
