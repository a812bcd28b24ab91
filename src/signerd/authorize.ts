import type { Method, Methods } from "../signer-client/wire.js";
import { TapstakeError } from "../core/errors.js";
import { chainIdOf } from "../vote/chain.js";
import type { Client, Permissions, Wanted } from "./permissions.js";

/**
 * Refuses a request that the list does not permit to a client. A digest of SignSchnorrSig does not say its chain: once
 * the signer has found it, {@link mayCommit} decides.
 * @throws TapstakeError `client-not-permitted`, `invalid-chain-id`
 */
export function authorize<M extends Method>(
  permissions: Permissions,
  client: Client | undefined,
  method: M,
  request: Methods[M]["request"],
): void {
  if (!client) throw noCertificate();
  permissions.mustKnow(client);
  if (method === "Backup") {
    throw new TapstakeError(
      "client-not-permitted",
      "a signer with a list of permissions writes no copy for callers: run tapstake fp protection backup on its machine",
    );
  }
  const wanted = WANTED[method]?.(request as never);
  if (wanted) permissions.mustAllow(client, wanted);
}

/** Refuses a commitment, or a proof of possession, to a client that the list does not permit it. */
export function mayCommit(
  permissions: Permissions,
  client: Client | undefined,
  key: Uint8Array,
  chain: string | undefined,
): void {
  if (!client) throw noCertificate();
  permissions.mustAllow(client, { kind: "commit", key, chain });
}

/** What a method is for; the others neither use a key nor reveal anything. */
const WANTED: { readonly [M in Method]?: (request: Methods[M]["request"]) => Wanted } = {
  SignEOTS: ({ uid, chainId }) => ({ kind: "vote", key: uid, chain: chainIdOf(chainId) }),
  SignBatchEOTS: ({ uid, chainId }) => ({ kind: "vote", key: uid, chain: chainIdOf(chainId) }),
  CreateRandomnessPairList: ({ uid, chainId }) => ({ kind: "info", key: uid, chain: chainIdOf(chainId) }),
  SignSchnorrSig: ({ uid }) => ({ kind: "commit", key: uid }),
  UnlockKey: ({ uid }) => ({ kind: "unlock", key: uid }),
};

const noCertificate = (): TapstakeError =>
  new TapstakeError("client-not-permitted", "the caller has no client certificate");
