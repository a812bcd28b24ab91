import { once } from "node:events";
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterFile } from "./after-file.js";

/** A way to a member that passes calls on, and can lose their answers after they were executed. */
export interface LossyWay {
  readonly address: string;
  /** How many more answers to transactions are lost. */
  lose: number;
  /** Transactions that arrived. */
  sent: number;
}

/** A server in front of a member of a cluster. */
export async function lossyWay(member: string): Promise<LossyWay> {
  const server = createServer();
  const target = connect(`http://${member}`);
  const way: LossyWay = { address: "", lose: 0, sent: 0 };
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const isTxn = String(headers[":path"]).endsWith("/Txn");
    if (isTxn) way.sent++;
    const isLost = isTxn && way.lose > 0;
    if (isLost) way.lose--;
    const call = target.request({ ...headers, ":authority": member });
    stream.pipe(call);
    const parts: Buffer[] = [];
    let [answer, trailers]: object[] = [{}, {}];
    call.on("response", (head) => (answer = head));
    call.on("trailers", (tail) => (trailers = tail));
    call.on("data", (part: Buffer) => parts.push(part));
    call.on("end", () => {
      if (isLost) {
        stream.session?.destroy();
        return;
      }
      stream.respond({ ...answer }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ ...trailers }));
      stream.end(Buffer.concat(parts));
    });
    stream.on("error", () => undefined);
    call.on("error", () => stream.session?.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterFile(() => {
    target.destroy();
    server.close();
  });
  return Object.assign(way, { address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}
