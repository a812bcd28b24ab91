import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { btcstaking, btcstakingpop } from "@babylonlabs-io/babylon-proto-ts";
import { build } from "esbuild";
import type { MessageName } from "../../src/babylon/messages.js";

/** A message of the published protobuf package: as far as tests need it. */
export interface PublishedMessage {
  fromPartial(message: object): object;
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

type Published = Readonly<Record<MessageName, PublishedMessage>> & {
  readonly InclusionProof: typeof btcstaking.InclusionProof;
  readonly ProofOfPossessionBTC: typeof btcstakingpop.ProofOfPossessionBTC;
  readonly BIP322Sig: typeof btcstakingpop.BIP322Sig;
  readonly packages: readonly string[];
};

/**
 * The published protobuf package. Node does not load it, as its imports leave out file endings: it is bundled first.
 * The messages of the finality module are in it and not in its index.
 */
export async function loadPublished(): Promise<Published> {
  const generated = "@babylonlabs-io/babylon-proto-ts/dist/generated/babylon";
  const result = await build({
    stdin: {
      contents: `
        export * from "${generated}/btcstaking/v1/tx";
        export * from "${generated}/finality/v1/tx";
        export { MsgUpdateParams as MsgUpdateStakingParams } from "${generated}/btcstaking/v1/tx";
        export { MsgUpdateParams as MsgUpdateFinalityParams } from "${generated}/finality/v1/tx";
        export { MsgInsertHeaders } from "${generated}/btclightclient/v1/tx";
        export { MsgInsertBTCSpvProof } from "${generated}/btccheckpoint/v1/tx";
        export { ProofOfPossessionBTC, BIP322Sig } from "${generated}/btcstaking/v1/pop";
        export { InclusionProof } from "${generated}/btcstaking/v1/btcstaking";
        import { protobufPackage as staking } from "${generated}/btcstaking/v1/tx";
        import { protobufPackage as finality } from "${generated}/finality/v1/tx";
        import { protobufPackage as lightClient } from "${generated}/btclightclient/v1/tx";
        import { protobufPackage as checkpoint } from "${generated}/btccheckpoint/v1/tx";
        export const packages = [staking, finality, lightClient, checkpoint];`,
      resolveDir: fileURLToPath(new URL("../../", import.meta.url)),
    },
    bundle: true,
    platform: "node",
    format: "cjs",
    write: false,
    logLevel: "silent",
  });
  const module = { exports: {} };
  const require = createRequire(import.meta.url);
  new Function("module", "exports", "require", result.outputFiles[0]!.text)(module, module.exports, require);
  return module.exports as Published;
}
