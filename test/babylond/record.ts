import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** What a node answered, word for word: `TAPSTAKE_RECORD=1` writes it to test/vectors/chain/. */
export interface Recorder {
  /** Asks the LCD, and keeps the answer under a name. */
  answer(name: string, path: string): Promise<void>;
  /** Keeps the last simulation that failed. */
  refusal(what: string, message: string): Promise<void>;
  /** Keeps any exchange. */
  keep(name: string, exchange: object): void;
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
    async refusal(what, message) {
      if (last) refusals.push({ what, message, ...last });
      last = undefined;
    },
    keep: (name, exchange) => void (answers[name] = exchange),
    write() {
      if (process.env["TAPSTAKE_RECORD"] !== "1") return;
      mkdirSync(folder, { recursive: true });
      const about = { source: "test/babylond", version, taken: new Date().toISOString().slice(0, 10) };
      const files = { "lcd-babylond-answers.json": { answers }, "lcd-babylond-refusals.json": { refusals } };
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(folder, name), `${JSON.stringify({ ...about, ...content }, null, 2)}\n`);
      }
    },
  };
}
