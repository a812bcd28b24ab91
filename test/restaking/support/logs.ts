import { createContract, events, parseAbi } from "micro-eth-signer/abi.js";

/** Logs as another library encodes them: from events as Solidity writes them. */
export class LogWriter {
  readonly #abi: readonly { readonly name?: string; readonly inputs?: readonly Input[] }[];
  readonly #topics: Record<string, { topics(values: object): (string | null)[] }>;
  readonly logs: object[] = [];
  block = 100;

  constructor(solidity: readonly string[]) {
    const abi = parseAbi(solidity);
    this.#abi = abi as never;
    this.#topics = events(abi) as never;
  }

  emit(address: string, name: string, values: Readonly<Record<string, unknown>>): void {
    const inputs = this.#abi.find((each) => each.name === name)!.inputs!;
    const data = inputs.filter(({ indexed }) => indexed !== true);
    const contract = createContract([
      { type: "function", name: "f", inputs: data, outputs: [] },
    ] as never) as never as {
      f: { encodeInput(values: unknown): Uint8Array };
    };
    const given = Object.fromEntries(data.map((input) => [input.name, values[input.name]]));
    const words =
      data.length === 0
        ? new Uint8Array()
        : contract.f.encodeInput(data.length === 1 ? given[data[0]!.name] : given).subarray(4);
    const topicsOf = this.#topics[name]!.topics(
      Object.fromEntries(
        inputs.map((input) => [input.name, input.indexed === true ? values[input.name] : null]),
      ),
    );
    this.logs.push({
      address,
      topics: topicsOf,
      data: `0x${Buffer.from(words).toString("hex")}`,
      blockNumber: `0x${this.block.toString(16)}`,
      logIndex: `0x${this.logs.length.toString(16)}`,
      transactionHash: `0x${"00".repeat(32)}`,
      removed: false,
    });
  }
}

interface Input {
  readonly name: string;
  readonly indexed?: boolean;
}

/** An address that a test can read: `0x0…0aa`. */
export const addressOf = (digits: string): string => `0x${digits.padStart(40, "0")}`;
