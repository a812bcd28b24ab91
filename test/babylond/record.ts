import { base64 } from "@scure/base";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** What a node answered, word for word: `TAPSTAKE_RECORD=1` writes it to test/vectors/chain/. */
export interface Recorder {
  /** Asks the LCD, and keeps the answer under a name. */
  answer(name: string, path: string): Promise<void>;
  /** Keeps the last simulation that failed, with the rule of ours and the code that the node means. */
  refusal(about: { what: string; message: string; rule: string; code: string }): void;
  /** Hands a transaction in, and keeps the answer. */
  broadcast(name: string, raw: Uint8Array): Promise<{ code: number; codespace: string }>;
  write(): void;
}

const folder = fileURLToPath(new URL("../vectors/chain", import.meta.url));

interface Refused {
  readonly status: number;
  readonly body: unknown;
}

export function recorder(lcd: string, version: string): Recorder {
  const answers: Record<string, object> = {};
  const refusals: object[] = [];
  let last: Refused | undefined;
  const plain = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const answer = await plain(input, init);
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
    if (url.endsWith("/simulate") && answer.status !== 200) {
      last = { status: answer.status, body: await answer.clone().json() };
    }
    return answer;
  };
  return {
    async answer(name, path) {
      const answer = await plain(`${lcd}/${path}`);
      answers[name] = { path, status: answer.status, body: await answer.json() };
    },
    refusal(about) {
      if (last) refusals.push({ ...about, ...last });
      last = undefined;
    },
    async broadcast(name, raw) {
      const path = "cosmos/tx/v1beta1/txs";
      const body = JSON.stringify({ tx_bytes: base64.encode(raw), mode: "BROADCAST_MODE_SYNC" });
      const answer = await plain(`${lcd}/${path}`, { method: "POST", body });
      const said = (await answer.json()) as { tx_response: { code: number; codespace: string } };
      answers[name] = { path, status: answer.status, body: said };
      return said.tx_response;
    },
    write() {
      if (process.env["TAPSTAKE_RECORD"] !== "1") return;
      mkdirSync(folder, { recursive: true });
      const about = { source: "test/babylond", version, taken: new Date().toISOString().slice(0, 10) };
      const files = { "lcd-babylond-answers.json": { answers }, "lcd-babylond-refusals.json": { refusals } };
      for (const [name, content] of Object.entries(files)) {
        const text = JSON.stringify({ ...about, ...content }, null, 2);
        // Errors name places of the Go sources, by the paths of the machine that built the program.
        writeFileSync(
          join(folder, name),
          `${text.replaceAll(/\/[^\s[\]"]*\/pkg\/mod\//g, "/go/pkg/mod/")}\n`,
        );
      }
    },
  };
}
