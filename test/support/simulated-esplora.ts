import { serve } from "./server.js";
import type { SimulatedBitcoin, SimulatedBlock } from "./simulated-bitcoin.js";

/** What answers in the place of an honest server; undefined leaves the answer to it. */
export type EsploraChange = (
  path: string,
  block: SimulatedBlock,
) => { status?: number; headers?: object; body?: string | Uint8Array } | undefined;

/** An Esplora server over a simulated chain; its address. */
export const simulatedEsplora = (
  bitcoin: SimulatedBitcoin,
  change: EsploraChange = () => undefined,
): Promise<string> =>
  serve((_body, request, response) => {
    const [, kind = "", id = "", part = ""] = request.url!.split("/");
    const block = bitcoin.blocks.get(id)!;
    const other = change(request.url!, block);
    if (other) {
      response.writeHead(other.status ?? 200, { ...other.headers }).end(other.body ?? "");
      return;
    }
    const { tip } = bitcoin;
    const answers: Record<string, () => unknown> = {
      "blocks tip hash": () => tip.hash,
      "blocks tip height": () => String(tip.height),
      "block header": () => Buffer.from(block.bytes.subarray(0, 80)).toString("hex"),
      "block raw": () => block.bytes,
      "block-height ": () => bitcoin.at(Number(id)).hash,
    };
    const key = kind === "blocks" ? `${kind} ${id} ${part}` : `${kind} ${part}`;
    const answer = answers[key];
    if (answer && (kind !== "block" || block)) response.end(answer());
    else response.writeHead(404).end("not found");
  });
