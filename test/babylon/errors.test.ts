import { describe, expect, it } from "vitest";
import { chainError, expectedSequence, readErrorText } from "../../src/babylon/errors.js";

describe("the chain's errors", () => {
  it.each([
    ["btcstaking", 1100, "ErrFpNotFound", "later"],
    ["btcstaking", 1106, "ErrReusedStakingTx", "done"],
    ["btcstaking", 1129, "ErrInvalidStakeExpansion", "changed"],
    ["finality", 1109, "ErrDuplicatedFinalitySig", "done"],
    ["finality", 1116, "ErrSigHeightOutdated", "done"],
    ["btclightclient", 1108, "ErrForkStartWithKnownHeader", "changed"],
    ["btccheckpoint", 1105, "ErrEpochAlreadyFinalized", "done"],
    ["sdk", 32, "ErrWrongSequence", "again"],
    ["sdk", 19, "ErrTxInMempoolCache", "done"],
  ])("%s %i is %s: %s", (codespace, code, name, retry) => {
    expect(chainError(codespace, code)).toMatchObject({ codespace, code, name, retry });
  });

  it("have one row for each number of a codespace", () => {
    for (const codespace of ["btcstaking", "finality", "btclightclient", "btccheckpoint", "sdk"]) {
      const known = Array.from({ length: 1200 }, (_, code) => chainError(codespace, code)).filter(Boolean);
      expect(known.length).toBeGreaterThan(5);
    }
    expect(chainError("btcstaking", 1126)).toBeUndefined();
    expect(chainError("bank", 5)).toBeUndefined();
  });

  it("mean something else in v3 from 1125 on", () => {
    expect(chainError("btcstaking", 1129, "v3")?.name).toBe("ErrFpBSNIdNotRegistered");
    expect(chainError("btcstaking", 1130, "v3")?.name).toBe("ErrInvalidStakeExpansion");
    expect(chainError("btcstaking", 1124, "v3")?.name).toBe("ErrStakingTxIncludedTooEarly");
    expect(readErrorText("x: invalid stake expansion", "v3").code).toBe(1130);
  });
});

describe("the text of an error", () => {
  it("of a query names codespace and number", () => {
    const said = readErrorText("codespace btcstaking code 1102: the BTC delegation is not found: of ab");
    expect(said).toMatchObject({ codespace: "btcstaking", code: 1102 });
    expect(said.error?.name).toBe("ErrBTCDelegationNotFound");
  });

  it("with an unknown number has no name", () => {
    expect(readErrorText("codespace wasm code 5: execute failed")).toEqual({ codespace: "wasm", code: 5 });
  });

  it("of a simulation is recognised by its end, with the message's place", () => {
    const text =
      "failed to execute message; message index: 2: height 7: duplicated finality vote with gas used: '81234'";
    expect(readErrorText(text)).toMatchObject({
      codespace: "finality",
      code: 1109,
      messageIndex: 2,
    });
  });

  it.each([
    ["failed to execute message; message index: 0: Unexpected delegation state", "btcstaking", 1113],
    ["the BTC delegation is not found", "btcstaking", 1102],
    // As v4.3.1 says them, with its places in Go.
    [
      "failed to execute message; message index: 0: duplicated finality vote [cosmos/cosmos-sdk@v0.53.4/baseapp/baseapp.go:1051] with gas used: '66399'",
      "finality",
      1109,
    ],
    [
      "failed to execute message; message index: 0: invalid inclusion proof: not k-deep: k=1; depth=0: the BTC staking tx is not valid [/go/pkg/mod/cosmossdk.io/errors@v1.0.2/errors.go:155] [cosmos/cosmos-sdk@v0.53.4/baseapp/baseapp.go:1051] with gas used: '64465'",
      "btcstaking",
      1108,
    ],
    ["account sequence mismatch, expected 5, got 4: incorrect account sequence", "sdk", 32],
    ["spendable balance 1ubbn is smaller than 2ubbn: insufficient funds", "sdk", 5],
  ])("%j is %s %i", (text, codespace, code) => {
    expect(readErrorText(text)).toMatchObject({ codespace, code });
  });

  it("of anything else gives nothing", () => {
    expect(readErrorText("rpc error: code = Unavailable")).toEqual({});
    expect(readErrorText("undelegation is not found here")).toEqual({});
  });

  it("of a wrong sequence has the right one", () => {
    expect(
      expectedSequence(
        "account sequence mismatch, expected 18446744073709551615, got 4: incorrect account sequence",
      ),
    ).toBe(2n ** 64n - 1n);
    expect(expectedSequence("account sequence mismatch")).toBeUndefined();
  });
});
