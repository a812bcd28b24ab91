import { decodeProtobuf, encodeProtobuf, type Schema } from "../../core/protobuf.js";
import { TapstakeError } from "../../core/errors.js";

/**
 * The messages of etcd's API that the arbiter needs, with numbers and types as etcd 3.4 to 3.7 has them. Flags and
 * choices are numbers. A field that is unknown here is skipped in answers and refused in requests: etcd ignores a field
 * that it does not know, and a transaction without its conditions always writes.
 */
const MESSAGES: Schema = {
  ResponseHeader: {
    clusterId: { type: "uint64", id: 1 },
    memberId: { type: "uint64", id: 2 },
    revision: { type: "int64", id: 3 },
    raftTerm: { type: "uint64", id: 4 },
  },
  Compare: {
    result: { type: "uint32", id: 1 },
    target: { type: "uint32", id: 2 },
    key: { type: "bytes", id: 3 },
    createRevision: { type: "int64", id: 5, optional: true },
    value: { type: "bytes", id: 7, optional: true },
  },
  TxnRequest: {
    compare: { type: "Compare", id: 1, repeated: true },
    success: { type: "RequestOp", id: 2, repeated: true },
    failure: { type: "RequestOp", id: 3, repeated: true },
  },
  RequestOp: {
    range: { type: "RangeRequest", id: 1, optional: true },
    put: { type: "PutRequest", id: 2, optional: true },
    deleteRange: { type: "DeleteRangeRequest", id: 3, optional: true },
    txn: { type: "TxnRequest", id: 4, optional: true },
  },
  TxnResponse: {
    header: { type: "ResponseHeader", id: 1, optional: true },
    succeeded: { type: "uint32", id: 2 },
    responses: { type: "ResponseOp", id: 3, repeated: true },
  },
  ResponseOp: {
    range: { type: "RangeResponse", id: 1, optional: true },
    put: { type: "PutResponse", id: 2, optional: true },
    deleteRange: { type: "DeleteRangeResponse", id: 3, optional: true },
    txn: { type: "TxnResponse", id: 4, optional: true },
  },
  RangeRequest: {
    key: { type: "bytes", id: 1 },
    rangeEnd: { type: "bytes", id: 2, optional: true },
    limit: { type: "int64", id: 3, optional: true },
  },
  RangeResponse: {
    header: { type: "ResponseHeader", id: 1, optional: true },
    kvs: { type: "KeyValue", id: 2, repeated: true },
    more: { type: "uint32", id: 3 },
    count: { type: "int64", id: 4 },
  },
  KeyValue: {
    key: { type: "bytes", id: 1 },
    createRevision: { type: "int64", id: 2 },
    modRevision: { type: "int64", id: 3 },
    version: { type: "int64", id: 4 },
    value: { type: "bytes", id: 5 },
    lease: { type: "int64", id: 6 },
  },
  PutRequest: { key: { type: "bytes", id: 1 }, value: { type: "bytes", id: 2 } },
  PutResponse: { header: { type: "ResponseHeader", id: 1, optional: true } },
  DeleteRangeRequest: {
    key: { type: "bytes", id: 1 },
    rangeEnd: { type: "bytes", id: 2, optional: true },
  },
  DeleteRangeResponse: {
    header: { type: "ResponseHeader", id: 1, optional: true },
    deleted: { type: "int64", id: 2 },
  },
  MemberListRequest: { linearizable: { type: "uint32", id: 1 } },
  MemberListResponse: {
    header: { type: "ResponseHeader", id: 1, optional: true },
    members: { type: "Member", id: 2, repeated: true },
  },
  Member: {
    id: { type: "uint64", id: 1 },
    name: { type: "string", id: 2 },
    isLearner: { type: "uint32", id: 5 },
  },
  StatusRequest: {},
  StatusResponse: {
    header: { type: "ResponseHeader", id: 1, optional: true },
    version: { type: "string", id: 2 },
    dbSize: { type: "int64", id: 3 },
    leader: { type: "uint64", id: 4 },
    errors: { type: "string", id: 8, repeated: true },
  },
};

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  readonly raftTerm: bigint;
}

/** A condition of a transaction. */
export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Uint8Array;
  readonly createRevision?: bigint;
  readonly value?: Uint8Array;
}

/** What a transaction does: exactly one of these. */
export type RequestOp =
  | { readonly range: RangeRequest }
  | { readonly put: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly deleteRange: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array } }
  | { readonly txn: TxnRequest };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

/** A linearizable read. */
export interface RangeRequest {
  readonly key: Uint8Array;
  /** Keys below it too; the key alone if it is absent. */
  readonly rangeEnd?: Uint8Array;
  readonly limit?: bigint;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly version: bigint;
  readonly value: Uint8Array;
  readonly lease: bigint;
}

export interface RangeResponse {
  readonly header?: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: number;
  readonly count: bigint;
}

export interface ResponseOp {
  readonly range?: RangeResponse;
  readonly put?: { readonly header?: ResponseHeader };
  readonly deleteRange?: { readonly header?: ResponseHeader; readonly deleted: bigint };
  readonly txn?: TxnResponse;
}

export interface TxnResponse {
  readonly header?: ResponseHeader;
  readonly succeeded: number;
  readonly responses: readonly ResponseOp[];
}

interface MemberListResponse {
  readonly header?: ResponseHeader;
  readonly members: readonly { readonly id: bigint; readonly name: string; readonly isLearner: number }[];
}

interface StatusResponse {
  readonly header?: ResponseHeader;
  readonly version: string;
  readonly dbSize: bigint;
  readonly leader: bigint;
  readonly errors: readonly string[];
}

/** The request and the answer of each method. */
export interface Methods {
  Txn: { request: TxnRequest; response: TxnResponse };
  Range: { request: RangeRequest; response: RangeResponse };
  MemberList: { request: { readonly linearizable: number }; response: MemberListResponse };
  Status: { request: object; response: StatusResponse };
}

export type Method = keyof Methods;

const METHODS: Readonly<Record<Method, { path: string; request: string; response: string }>> = {
  Txn: { path: "/etcdserverpb.KV/Txn", request: "TxnRequest", response: "TxnResponse" },
  Range: { path: "/etcdserverpb.KV/Range", request: "RangeRequest", response: "RangeResponse" },
  MemberList: {
    path: "/etcdserverpb.Cluster/MemberList",
    request: "MemberListRequest",
    response: "MemberListResponse",
  },
  Status: {
    path: "/etcdserverpb.Maintenance/Status",
    request: "StatusRequest",
    response: "StatusResponse",
  },
};

export const pathOf = (method: Method): string => METHODS[method].path;

/** @throws TapstakeError `invalid-message` for a field that the message does not have */
export function encodeRequest<M extends Method>(method: M, request: Methods[M]["request"]): Uint8Array {
  const { request: name } = METHODS[method];
  refuseUnknown(name, request);
  return encodeProtobuf(MESSAGES, name, request);
}

/** @throws TapstakeError `invalid-message` */
export const decodeResponse = <M extends Method>(method: M, bytes: Uint8Array): Methods[M]["response"] =>
  decodeProtobuf(MESSAGES, METHODS[method].response, bytes, "skip") as unknown as Methods[M]["response"];

/** For tests that answer in etcd's place. */
export const decodeTxn = (bytes: Uint8Array): TxnRequest =>
  decodeProtobuf(MESSAGES, "TxnRequest", bytes, "refuse") as unknown as TxnRequest;

/** A misspelt field would be left out of the bytes, and etcd would do something else without an error. */
function refuseUnknown(name: string, message: object): void {
  const fields = MESSAGES[name]!;
  for (const [key, value] of Object.entries(message) as [string, unknown][]) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (!field) throw new TapstakeError("invalid-message", `${name} has no field ${key}`);
    if (!(field.type in MESSAGES) || value === undefined) continue;
    for (const part of Array.isArray(value) ? (value as object[]) : [value as object]) {
      refuseUnknown(field.type, part);
    }
  }
}
