import { delegationFromJson } from "../../src/delegation/json.js";
import { grpcError } from "../support/fake-chain.js";
import { lcdDelegation } from "../support/lcd.js";
import { serve } from "../support/server.js";
import { readVectors } from "../support/vectors.js";

type Answers = Readonly<Record<string, unknown>>;

const nodeInfo = (network: string) => ({
  default_node_info: { network },
  application_version: { version: "v4.3.1" },
});
const DELEGATION = "babylon/btcstaking/v1/btc_delegation";

/** A server of a chain that answers paths from a table. */
export const lcdOf = (chainId: string, answers: Answers): Promise<string> =>
  serve((_body, request, response) => {
    const path = request.url!.slice(1);
    const all = {
      "cosmos/base/tendermint/v1beta1/node_info": {
        default_node_info: { network: chainId },
        application_version: { version: "v4.3.1" },
      },
      "babylon/btccheckpoint/v1/params": {
        params: {
          btc_confirmation_depth: 30,
          checkpoint_finalization_timeout: 300,
          checkpoint_tag: "62626e31",
        },
      },
      ...answers,
    };
    const found = Object.entries(all).find(([start]) => path.startsWith(start))?.[1];
    const { status, body } = found
      ? { status: 200, body: found }
      : grpcError(500, 2, "codespace btcstaking code 1102: the BTC delegation is not found");
    response.writeHead(status ?? 200).end(JSON.stringify(body));
  });

/**
 * A `fetch` for the servers that examples name: `lcd.mainnet.example` is of bbn-1,
 * `lcd.testnet.example` of bbn-test-5, and `lcd.example` of a chain that has the stake of the examples. Every other address is asked as always.
 */
export function simulatedLcd(delegation: string): typeof fetch {
  const stake = delegationFromJson(delegation);
  const servers: Readonly<Record<string, Answers>> = {
    "lcd.mainnet.example": {
      "cosmos/base/tendermint/v1beta1/node_info": nodeInfo("bbn-1"),
      "babylon/btcstaking/v1/params_versions": {
        params: JSON.parse(readVectors("chain/lcd-params_versions-bbn-1.json")) as unknown,
        pagination: { next_key: null, total: "6" },
      },
    },
    "lcd.example": {
      "cosmos/base/tendermint/v1beta1/node_info": nodeInfo("chain-test"),
      "babylon/btccheckpoint/v1/params": {
        params: {
          btc_confirmation_depth: 30,
          checkpoint_finalization_timeout: 300,
          checkpoint_tag: "62626e31",
        },
      },
      [`${DELEGATION}/${stake.staking.transaction.getId()}`]: lcdDelegation(stake, {
        status_desc: "VERIFIED",
      }),
    },
    "lcd.testnet.example": {
      "cosmos/base/tendermint/v1beta1/node_info": nodeInfo("bbn-test-5"),
      [DELEGATION]: JSON.parse(readVectors("chain/lcd-btc_delegation-testnet5-active.json")) as unknown,
    },
  };
  const real = fetch;
  return (input, init) => {
    const { hostname, pathname } = new URL(input as string);
    const answers = servers[hostname];
    if (!answers) return real(input, init);
    const path = pathname.slice(1);
    const found = Object.entries(answers).find(([start]) => path.startsWith(start))?.[1];
    const missing = { code: 5, message: `${path} not found`, details: [] };
    return Promise.resolve(new Response(JSON.stringify(found ?? missing), { status: found ? 200 : 404 }));
  };
}
