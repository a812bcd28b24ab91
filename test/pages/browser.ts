import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { inject, onTestFinished } from "vitest";
import { hex } from "../../src/core/bytes.js";
import { party } from "../../regtest/parties.js";
import type { Played } from "./wallets/inject.js";

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ ...(process.env["CHROMIUM"] && { executablePath: process.env["CHROMIUM"] }) });

let bundled: Promise<string> | undefined;

/** The wallets that the tests play, as one script. */
function wallets(): Promise<string> {
  bundled ??= build({
    entryPoints: [fileURLToPath(new URL("wallets/inject.ts", import.meta.url))],
    bundle: true,
    format: "iife",
    globalName: "extension",
    write: false,
  }).then(({ outputFiles }) => outputFiles[0]!.text);
  return bundled;
}

/** A page of the examples in a profile of its own, with a wallet in it where one is asked for. */
export async function openPage(
  browser: Browser,
  path: "browser/" | "react/",
  played?: Omit<Played, "secret">,
): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  if (played) {
    const secret = hex.encode(party(`${path} ${played.wallet} ${played.output}`).secretKey);
    const argument = JSON.stringify({ ...played, secret });
    // As an extension: before any script of the page, and not in the page's scope.
    await context.addInitScript(`(() => { ${await wallets()}; extension.inject(${argument}); })()`);
  }
  const page = await context.newPage();
  // What a page throws must fail the test that opened it.
  const thrown: Error[] = [];
  page.on("pageerror", (error) => thrown.push(error));
  onTestFinished(() => {
    if (thrown.length > 0) throw new AggregateError(thrown, "the page threw");
  });
  await page.goto(inject("url") + path);
  return page;
}

/** What the wallet of a page has asked its user. */
export const askedOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate("walletWindow.asked") as Promise<string[]>;

/** Has the wallet's user say no, so many times. */
export const refuse = (page: Page, times: number): Promise<void> =>
  page.evaluate(`void (walletWindow.refusals = ${times})`);

/** What the server of the examples answers. */
export async function ask<Answer>(what: string, body: object = {}): Promise<Answer> {
  const response = await fetch(`${inject("url")}api/${what}`, { method: "POST", body: JSON.stringify(body) });
  const answer = (await response.json()) as { result?: Answer; error?: string };
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.result as Answer;
}
