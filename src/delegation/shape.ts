import type { Transaction } from "../bitcoin/bitcoinjs.js";
import { dustThreshold } from "../bitcoin/output-script.js";
import { type ErrorCode, TapstakeError } from "../core/errors.js";
import { FINAL_SEQUENCE, formatOutpoint, type Outpoint, spends } from "../bitcoin/transaction.js";

/** What one pre-signed transaction must look like. */
export interface Shape {
  readonly versions: readonly number[];
  /** What the first inputs spend, in order; the others, `moreInputs`, spend what is told elsewhere. */
  readonly spends: readonly Outpoint[];
  readonly moreInputs?: number;
  /** How many outputs there may be. */
  readonly outputs: readonly number[];
}

/**
 * What all pre-signed transactions have in common (PROTOCOL 3).
 * @throws TapstakeError `wrong-version`, `wrong-locktime`, `wrong-input-count`, `wrong-output-count`, `wrong-sequence`,
 * `wrong-script-sig`, `wrong-witness`, `wrong-outpoint`
 */
export function checkShape(transaction: Transaction, name: string, shape: Shape): void {
  const { version, locktime, ins, outs } = transaction;
  const { versions, moreInputs = 0, outputs } = shape;
  const inputs = shape.spends.length + moreInputs;
  const demand = (code: ErrorCode, what: string, allowed: readonly number[], got: number) => {
    if (allowed.includes(got)) return;
    const expected = allowed.length === 1 ? allowed[0]! : allowed.join(" or ");
    throw new TapstakeError(code, `${name}: expected ${what} ${expected}, got ${got}`, { expected, got });
  };
  demand("wrong-version", "version", versions, version);
  demand("wrong-locktime", "lock time", [0], locktime);
  demand("wrong-input-count", "inputs", [inputs], ins.length);
  demand("wrong-output-count", "outputs", outputs, outs.length);
  for (const [index, input] of ins.entries()) {
    const of = inputs === 1 ? "" : `input ${index}: `;
    demand("wrong-sequence", `${of}sequence`, [FINAL_SEQUENCE], input.sequence);
    // A script here would not change the signatures but the txid, and with it what the next transaction spends.
    demand("wrong-script-sig", `${of}input script bytes`, [0], input.script.length);
    const outpoint = shape.spends[index];
    if (!outpoint) continue;
    demand("wrong-witness", `${of}witness elements`, [0], input.witness.length);
    if (!spends(input, outpoint)) {
      const [expected, got] = [formatOutpoint(outpoint), formatOutpoint(input)];
      const text = `${name}: ${of}expected to spend ${expected}, got ${got}`;
      throw new TapstakeError("wrong-outpoint", text, { expected, got });
    }
  }
}

/** @throws TapstakeError `dust-output` at an output that nodes would not relay */
export function assertNoDust({ outs }: Transaction, name: string): void {
  for (const [index, { script, value }] of outs.entries()) {
    const threshold = dustThreshold(script);
    if (value >= threshold) continue;
    const text = `${name}: output ${index} holds ${value} satoshi, dust below ${threshold}`;
    throw new TapstakeError("dust-output", text, { index, value, threshold });
  }
}
