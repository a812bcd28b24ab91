import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, askedOf, openBrowser, openPage, refuse } from "./browser.js";
import type { PlayedWallet } from "./wallets/inject.js";
import type { Output } from "./wallets/key.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** Presses a button of examples/browser and returns what the page then says. */
async function press(page: Page, name: string): Promise<string> {
  const lines = page.locator("#log li");
  const before = await lines.count();
  await page.getByRole("button", { name }).click();
  await lines.nth(before).waitFor();
  // The next press waits by itself: the buttons are off while the page works.
  return (await lines.nth(before).textContent())!;
}

const txidIn = (line: string): string => /[0-9a-f]{64}/.exec(line)![0];

const ROWS: readonly [PlayedWallet, Output, readonly string[]][] = [
  ["unisat", "p2tr", ["signPsbt", "signPsbt", "signMessage", "signPsbt"]],
  ["unisat", "p2wpkh", ["signPsbt", "signPsbt", "signMessage", "signPsbt"]],
  ["okx", "p2tr", ["signPsbt", "signPsbt", "signMessage", "signPsbt"]],
  ["onekey", "p2tr", ["signPsbt", "signPsbt", "signMessage", "signPsbt"]],
  ["babylon", "p2tr", ["signPsbts", "signMessage", "signPsbt"]],
  ["babylon", "p2wpkh", ["signPsbts", "signMessage", "signPsbt"]],
];

describe.each(ROWS)("a page with %s and a %s account", (wallet, output, asked) => {
  it("stakes, unbonds in a page opened later, and withdraws", async () => {
    const page = await openPage(browser, "browser/", { wallet, output });
    expect(await page.getByRole("button", { name: /^Connect/ }).allTextContents()).toEqual([
      `Connect ${wallet}`,
    ]);
    expect(await press(page, "Connect")).toMatch(
      output === "p2tr" ? /^connected bcrt1p/ : /^connected bcrt1q/,
    );
    const staked = await press(page, "Stake");
    expect(staked).toMatch(/^staked 0\.01 BTC in /);
    expect(await askedOf(page)).toEqual(asked);
    expect(await ask("confirmations", { outpoint: `${txidIn(staked)}:0` })).toBe(1);

    await page.reload();
    await press(page, "Connect");
    const unbonding = await press(page, "Unbond");
    expect(unbonding).toMatch(/^unbonding in /);
    expect(await press(page, "Withdraw")).toBe("failed: 19 blocks are left until the coins can be withdrawn");
    await press(page, "Mine");
    const withdrawn = await press(page, "Withdraw");
    expect(withdrawn).toMatch(/^withdrawn in /);
    expect(await ask("confirmations", { outpoint: `${txidIn(withdrawn)}:0` })).toBe(1);
    expect(await ask("confirmations", { outpoint: `${txidIn(unbonding)}:0` })).toBeNull();
    expect(await askedOf(page)).toEqual(["signPsbt", "signPsbt"]);
  });
});

describe("a page with a wallet", () => {
  it("withdraws the stake itself when its time lock has ended", async () => {
    const page = await openPage(browser, "browser/", { wallet: "okx", output: "p2wpkh" });
    await press(page, "Connect");
    await press(page, "Stake");
    await ask("mine", { blocks: 150 });
    expect(await press(page, "Withdraw")).toMatch(/^withdrawn in /);
  });

  it.each(["unisat", "babylon"] as const)("locks no coins when the user of %s declines", async (wallet) => {
    const page = await openPage(browser, "browser/", { wallet, output: "p2tr" });
    await press(page, "Connect");
    await refuse(page, 1);
    expect(await press(page, "Stake")).toMatch(/^failed: .*User rejected the request\.$/);
    expect(await askedOf(page)).toHaveLength(1);
    expect(await press(page, "Stake")).toMatch(/^staked /);
  });
});
