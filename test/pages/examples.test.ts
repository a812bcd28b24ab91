import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, openBrowser, openPage } from "./browser.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const press = (page: Page, name: string) => page.getByRole("button", { name }).click();

describe("the page of examples/react", () => {
  /** Waits until the page says so. */
  const says = (page: Page, text: string | RegExp) =>
    page.getByRole("status").filter({ hasText: text }).waitFor();

  it.each([undefined, { wallet: "unisat", output: "p2tr" }] as const)(
    "stakes, unbonds and withdraws by its hook: %o",
    async (played) => {
      const page = await openPage(browser, "react/", played);
      await press(page, "Connect");
      await press(page, "Stake");
      await says(page, /^staking, [0-9a-f]{64}$/);
      await page.reload();
      await says(page, /^staking, [0-9a-f]{64}$/);
      await press(page, "Connect");
      await press(page, "Unbond");
      await says(page, /^unbonding,/);
      await press(page, "Withdraw");
      await page.getByRole("alert").filter({ hasText: "19 blocks are left" }).waitFor();
      await ask("mine", { blocks: 20 });
      await press(page, "Withdraw");
      await says(page, /^no coins staked,/);
      expect(await page.getByRole("alert").textContent()).toBe("");
    },
  );
});

describe("the page of examples/browser", () => {
  it("works with its built-in wallet where the browser has none", async () => {
    const page = await openPage(browser, "browser/");
    await press(page, "Connect babylon");
    await press(page, "Stake");
    await page.getByText("staked").waitFor();
    expect(await page.locator("#log li").last().textContent()).toMatch(/^staked 0\.01 BTC in /);
  });
});

describe.each(["browser/", "react/"] as const)("the page %s", (path) => {
  it.each(["light", "dark"] as const)("has no finding of axe in %s colours", async (colorScheme) => {
    const page = await openPage(browser, path);
    await page.emulateMedia({ colorScheme });
    await press(page, "Connect");
    await page.addScriptTag({ path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") });
    const { violations } = (await page.evaluate("axe.run()")) as {
      violations: { id: string; help: string }[];
    };
    expect(violations.map(({ id, help }) => `${id}: ${help}`)).toEqual([]);
  });
});
