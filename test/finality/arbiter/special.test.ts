import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
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

describe.runIf(hasEtcd && hasOpenssl)("an arbiter with users and roles", () => {
  it("roles: the name in its certificate is a signer's user, and needs no token that could expire", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapstake-roles-"));
    afterFile(() => rmSync(folder, { recursive: true, force: true }));
    const ca = authority(folder, "ca");
    const [server, root, signer, reader] = ["server", "root", "signer", "reader"].map((name) =>
      issued(folder, name, ca),
    ) as [Issued, Issued, Issued, Issued];
    const files = ["--cert-file", server.cert, "--key-file", server.key, "--trusted-ca-file", ca.cert];
    const cluster = await Cluster.start({
      size: 1,
      scheme: "https",
      args: [...files, "--client-cert-auth"],
      ctlArgs: ["--cacert", ca.cert, "--cert", root.cert, "--key", root.key],
    });
    const as = (one: Issued) => {
      const tls = { ca: readFileSync(ca.cert), cert: readFileSync(one.cert), key: readFileSync(one.key) };
      const client = new EtcdClient({ addresses: [cluster.addresses[0]!], tls, timeout: 20_000 });
      afterFile(() => client.close());
      return client;
    };
    const client = as(signer);
    const prefix = await storeOf(client);
    const arbiter = await signerOf(client, prefix);
    for (const [user, permission] of [
      ["root", ""],
      ["signer", "readwrite"],
      ["reader", "read"],
    ] as const) {
      cluster.ctl("user", "add", user, "--no-password");
      const role = user === "root" ? "root" : `role-${user}`;
      if (permission !== "") {
        cluster.ctl("role", "add", role);
        cluster.ctl("role", "grant-permission", role, "--prefix=true", permission, `${prefix}/`);
      }
      cluster.ctl("user", "grant-role", user, role);
    }
    cluster.ctl("auth", "enable");
    expect(await kinds(arbiter, vote(1))).toEqual(["new"]);
    // Who may only read claims nothing, and a claim below another prefix is refused too.
    expect(await codeOf(() => signerOf(as(reader), prefix))).toBe("arbiter-unclear");
    expect(await codeOf(() => storeOf(client))).toBe("arbiter-unclear");
    expect(await kinds(arbiter, vote(1), vote(2))).toEqual(["same", "new"]);
  });

  it("roles: an answer that a token has expired is an unclear one", async () => {
    const server = createServer();
    let asked = 0;
    server.on("stream", (stream) => {
      asked++;
      const status = { "grpc-status": "16", "grpc-message": "etcdserver: invalid auth token" };
      stream.respond({ ":status": 200, "content-type": "application/grpc", ...status }, { endStream: true });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    afterFile(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const client = clientOf({ addresses: [`127.0.0.1:${port}`] });
    expect(await codeOf(() => client.ask("Range", { key: new Uint8Array([1]) }))).toBe("arbiter-unclear");
    expect(asked).toBe(3);
    client.close();
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
