import { hex } from "../../src/core/bytes.js";
import type { Answered } from "../../src/finality/arbiter/client.js";
import type {
  Compare,
  KeyValue,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from "../../src/finality/arbiter/wire.js";

/** The content of an etcd in a model: values in hexadecimal, by key in hexadecimal. */
export interface ModelStore {
  readonly revision: number;
  readonly rows: Readonly<Record<string, ModelRow>>;
}

interface ModelRow {
  readonly value: string;
  readonly created: number;
  readonly modified: number;
  readonly version: number;
}

export const CLUSTER = 0xc1n;
export const MEMBER = 0xa1n;

/** What etcd does with a transaction, as far as claims need it. */
export function applied(
  store: ModelStore,
  request: TxnRequest,
): { store: ModelStore; answer: Answered<"Txn"> } {
  const rows: Record<string, ModelRow> = { ...store.rows };
  const next = store.revision + 1;
  const response = run(rows, next, request);
  const isChanged = Object.keys(rows).length !== Object.keys(store.rows).length || hasPut(response);
  const revision = isChanged ? next : store.revision;
  const header = { clusterId: CLUSTER, memberId: MEMBER, revision: BigInt(revision), raftTerm: 1n };
  return { store: { revision, rows }, answer: { response: { ...response, header }, header } };
}

function run(
  rows: Record<string, ModelRow>,
  revision: number,
  { compare, success, failure }: TxnRequest,
): TxnResponse {
  const holds = compare.every((each) => isTrue(rows, each));
  const responses = (holds ? success : failure).map((each) => done(rows, revision, each));
  return { succeeded: holds ? 1 : 0, responses };
}

function isTrue(rows: Readonly<Record<string, ModelRow>>, { key, result, target, value }: Compare): boolean {
  const row = rows[hex.encode(key)];
  if (target === 1) return row === undefined;
  if (!row) return false;
  const [actual, expected] = [row.value, hex.encode(value!)];
  return result === 0 ? actual === expected : actual < expected;
}

function done(rows: Record<string, ModelRow>, revision: number, operation: RequestOp): ResponseOp {
  if ("put" in operation) {
    const name = hex.encode(operation.put.key);
    const { created = revision, version = 0 } = rows[name] ?? {};
    rows[name] = {
      value: hex.encode(operation.put.value),
      created,
      modified: revision,
      version: version + 1,
    };
    return { put: {} };
  }
  if ("txn" in operation) return { txn: run(rows, revision, operation.txn) };
  if ("deleteRange" in operation) {
    const [from, to] = [operation.deleteRange.key, operation.deleteRange.rangeEnd].map(
      (key) => key && hex.encode(key),
    );
    const gone = Object.keys(rows).filter((name) => (to ? from! <= name && name < to : name === from));
    for (const name of gone) delete rows[name];
    return { deleteRange: { deleted: BigInt(gone.length) } };
  }
  const { key } = operation.range;
  const row = rows[hex.encode(key)];
  const kvs: KeyValue[] = row
    ? [
        {
          key,
          value: hex.decode(row.value),
          createRevision: BigInt(row.created),
          modRevision: BigInt(row.modified),
          version: BigInt(row.version),
          lease: 0n,
        },
      ]
    : [];
  return { range: { kvs, more: 0, count: BigInt(kvs.length) } };
}

const hasPut = ({ responses }: TxnResponse): boolean =>
  responses.some(({ put, txn }) => put !== undefined || (txn !== undefined && hasPut(txn)));
