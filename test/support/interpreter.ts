import { createRequire } from "node:module";
import type { Transaction } from "../../src/bitcoin/transaction-class.js";
import type { Prevout } from "../../src/bitcoin/transaction.js";
import { rememberPoints } from "./bitcore-curve.js";

/**
 * Bitcoin's script rules as bitcore-lib has them: an implementation that shares no code with the one under test.
 * It comes without typings; these are of the little that is used.
 */
interface BitcoreInput {
  output: unknown;
  readonly sequenceNumber: number;
}
interface BitcoreTransaction {
  readonly inputs: BitcoreInput[];
}
interface BitcoreInterpreter {
  errstr: string;
  verify(
    scriptSig: unknown,
    scriptPubKey: unknown,
    transaction: BitcoreTransaction,
    input: number,
    flags: number,
    witness: readonly Buffer[],
    satoshis: number,
  ): boolean;
}
interface Bitcore {
  readonly Transaction: {
    new (bytes: Buffer): BitcoreTransaction;
    readonly Output: new (fields: { satoshis: number; script: Buffer }) => unknown;
  };
  readonly Script: {
    new (bytes?: Buffer): unknown;
    readonly Interpreter: (new () => BitcoreInterpreter) & Readonly<Record<string, number>>;
  };
}

const bitcore = createRequire(import.meta.url)("bitcore-lib") as Bitcore;
rememberPoints();
const { Interpreter } = bitcore.Script;

const FLAGS = [
  "P2SH",
  "WITNESS",
  "TAPROOT",
  "CHECKLOCKTIMEVERIFY",
  "CHECKSEQUENCEVERIFY",
  "MINIMALDATA",
  "NULLFAIL",
  "DISCOURAGE_OP_SUCCESS",
].reduce((flags, name) => {
  const flag = Interpreter[`SCRIPT_VERIFY_${name}`];
  if (flag === undefined) throw new Error(`no flag ${name}`);
  return flags | flag;
}, 0);

/** What the interpreter says of one input: "ok", or the name of the rule that it breaks. */
export function verdict(transaction: Transaction, inputIndex: number, prevouts: readonly Prevout[]): string {
  const judged = new bitcore.Transaction(Buffer.from(transaction.toBuffer()));
  for (const [i, { script, value }] of prevouts.entries()) {
    // Amounts go through a float in this library: tests stay below 2^53 satoshi.
    judged.inputs[i]!.output = new bitcore.Transaction.Output({
      satoshis: Number(value),
      script: Buffer.from(script),
    });
  }
  const { script, value } = prevouts[inputIndex]!;
  const { script: scriptSig, witness } = transaction.ins[inputIndex]!;
  const interpreter = new Interpreter();
  const passes = interpreter.verify(
    new bitcore.Script(Buffer.from(scriptSig)),
    new bitcore.Script(Buffer.from(script)),
    judged,
    inputIndex,
    FLAGS,
    witness.map((element) => Buffer.from(element)),
    Number(value),
  );
  return passes ? "ok" : interpreter.errstr || "refused";
}

/** Whether Bitcoin's script rules let this input spend. */
export function executes(
  transaction: Transaction,
  inputIndex: number,
  prevouts: readonly Prevout[],
): boolean {
  return verdict(transaction, inputIndex, prevouts) === "ok";
}
