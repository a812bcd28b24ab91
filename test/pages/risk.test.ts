import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { doubleSign } from "../../src/restaking/double-sign.js";
import { exposures } from "../../src/restaking/exposure.js";
import { restakingFromJson, restakingToJson } from "../../src/restaking/file.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf } from "../../src/restaking/model.js";
import { Money } from "../../src/restaking/wording.js";
import { inProcess } from "../cli/in-process.js";
import { openBrowser } from "./browser.js";

const FILE = fileURLToPath(new URL("../fixtures/restaking.json", import.meta.url));
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const graph = restakingFromJson(readFileSync(FILE, "utf8"));
const money = new Money(graph, modelOf(graph));

let browser: Browser;
let folder: string;
beforeAll(async () => {
  browser = await openBrowser();
  folder = mkdtempSync(join(tmpdir(), "tapstake-page-"));
});
afterAll(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

let pages = 0;

/** Opens the page that the command writes for a graph, from its file; whatever it throws, says or asks for fails the test. */
async function openRisk(of: RestakingGraph = graph, options: BrowserContextOptions = {}): Promise<Page> {
  const [json, html] = ["json", "html"].map((kind) => join(folder, `${pages}.${kind}`)) as [string, string];
  pages++;
  writeFileSync(json, restakingToJson(of));
  const { code, stderr } = await inProcess(["risk", "page", json, "--out", html]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `wrote the page to ${html}\n` });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const heard: string[] = [];
  page.on("pageerror", (error) => heard.push(`threw ${error}`));
  page.on("console", (message) => heard.push(`said ${message.text()}`));
  page.on("request", (request) => {
    if (request.url() !== pathToFileURL(html).href) heard.push(`asked for ${request.url()}`);
  });
  onTestFinished(async () => {
    await context.close();
    expect(heard).toEqual([]);
  });
  await page.goto(pathToFileURL(html).href);
  return page;
}

const steps = (page: Page) =>
  page.getByRole("group", { name: "What falls, step by step" }).getByRole("listitem");
const plain = (text: string | null) => text!.replace(/[\u2066-\u2069]/g, "");
const isWide = (page: Page) => page.evaluate("document.documentElement.scrollWidth > innerWidth");

describe("the page of risk page", () => {
  it("says how much stands behind what", async () => {
    const page = await openRisk();
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(
      "1050 bitcoin back 2 services through 3 operators",
    );
  });

  it("shows each stake's worst loss as the command does", async () => {
    const page = await openRisk();
    for (const { pool, amount, worstLoss } of exposures(graph)) {
      const row = page.getByRole("row").filter({ hasText: pool });
      const cells = (await row.getByRole("cell").allTextContents()).map(plain);
      expect(cells[0]).toBe(money.of(amount, "bitcoin"));
      expect(cells[2]).toContain(money.of(worstLoss, "bitcoin"));
    }
  });

  it("shows what falls when an operator signs twice, by keyboard alone", async () => {
    const page = await openRisk();
    await page.getByRole("button", { name: "south" }).focus();
    await page.keyboard.press("Enter");
    expect(await steps(page).count()).toBe(1);
    await page.getByRole("button", { name: "Next step" }).focus();
    while (await page.getByRole("button", { name: "Next step" }).isEnabled())
      await page.keyboard.press("Enter");
    const texts = (await steps(page).allTextContents()).map(plain);
    const { totals, services } = doubleSign(graph, "south");
    expect(texts[0]).toBe("south signs twice.");
    expect(texts[1]).toContain(`lose ${money.of(totals[0]!.loss, "bitcoin")}, and cannot move`);
    expect(texts[1]).toContain(`${money.of(totals[0]!.backing, "bitcoin")} of backing`);
    for (const { service, after, before } of services) {
      expect(texts.join("\n")).toContain(`${service} keeps ${money.worth(after)} of ${money.worth(before)}`);
    }
    expect(texts.at(-1)).toBe("No further attack pays (certified).");
    expect(plain(await page.locator(".picture .bar.operator.gone").textContent())).toBe(
      "✕ south 450 bitcoin",
    );
    expect((await page.locator(".picture .bar.stake.gone text").allTextContents()).map(plain)).toEqual([
      "✕ stakes-south 400 bitcoin",
    ]);
    await page.getByRole("button", { name: "Step back" }).click();
    expect(await steps(page).count()).toBe(texts.length - 1);
  });

  it("draws bars as high as their amounts", async () => {
    const page = await openRisk();
    const heights = await page
      .locator(".picture .bar.stake")
      .evaluateAll((bars) =>
        bars.map(
          (bar) => [bar.textContent, Number(bar.querySelector("rect")!.getAttribute("height"))] as const,
        ),
      );
    const height = new Map(heights.map(([text, value]) => [plain(text).split(" ")[0]!, value]));
    expect(height.get("stakes-south")! / height.get("stakes-north")!).toBeCloseTo(400 / 299, 5);
  });

  it("says what joining a service changes", async () => {
    const page = await openRisk();
    const section = page.locator("section").filter({ has: page.getByRole("heading", { name: "What if" }) });
    expect((await section.getByRole("listitem").allTextContents()).map(plain)).toEqual([
      "300 bitcoin join: the stake of bridge goes from 70 bitcoin to 370 bitcoin.",
      "The load of east goes from 0 to 107.57: above 1, so the certificate no longer holds.",
      "The load of north goes from 0.8 to 0.15: not above 1.",
      "The load of south goes from 0.8 to 0.15: not above 1.",
      "The certified margin goes from 1/4 (25 %) to -792563/800000 (about -99.0703 %).",
      "No stake can lose more than before.",
    ]);
  });

  it("reads another file, and says why it refuses one", async () => {
    const page = await openRisk();
    const open = async (text: string) => {
      const chosen = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Open a file" }).click();
      await (
        await chosen
      ).setFiles({ name: "a.json", mimeType: "application/json", buffer: Buffer.from(text) });
    };
    await open("{}");
    await page.getByText('restaking.format must be the text "tapstake-restaking"').waitFor();
    expect(await page.getByRole("alert").count()).toBe(1);
    const title = page.getByRole("heading", { level: 1 });
    await open(restakingToJson({ ...graph, pools: [], edges: [] }));
    await title.filter({ hasText: "The file has no stake behind a service" }).waitFor();
    await open(restakingToJson(graph));
    await title.filter({ hasText: "1050 bitcoin back 2 services" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("keeps nothing of what it shows in its address, title or storage", async () => {
    const page = await openRisk();
    await page.getByRole("button", { name: "north" }).click();
    const kept = await page.evaluate("[location.hash, location.search, document.title, document.cookie]");
    expect(kept).toEqual(["", "", "Restaking risk", ""]);
  });

  it("may load nothing and run nothing else", async () => {
    const page = await openRisk();
    const policy = (await page.locator("meta[http-equiv]").getAttribute("content"))!;
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-[^ ]+'; base-uri 'none'; form-action 'none'$/,
    );
    const text = await page.content();
    expect(text).not.toMatch(
      /\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|\bimport\(|\beval\(|new Function/,
    );
  });

  it.each([320, 390, 768, 1280])("fits a window of %d", async (width) => {
    const page = await openRisk(graph, { viewport: { width, height: 800 } });
    await page.getByRole("button", { name: "south" }).click();
    expect(await isWide(page)).toBe(false);
  });

  it.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 390],
  ] as const)("has no finding of axe in %s colours, %d wide", async (colorScheme, width) => {
    const page = await openRisk(graph, { colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
    await page.getByRole("button", { name: "south" }).click();
    await page.addScriptTag({ path: AXE });
    const { violations } = (await page.evaluate("axe.run()")) as {
      violations: { id: string; help: string; nodes: { html: string }[] }[];
    };
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)).toEqual([]);
  });

  it("shows hostile names as text", async () => {
    const names = {
      north: `</script><script>document.title = "owned"</script>`,
      south: `"><img src=x onerror="document.title = 'owned'">`,
      east: `\u05d0east ${"long ".repeat(38)}`,
    };
    const renamed = JSON.parse(readFileSync(FILE, "utf8"), (key, value: unknown) =>
      typeof value === "string" && key !== "group" && value in names
        ? names[value as keyof typeof names]
        : value,
    ) as object;
    const page = await openRisk(restakingFromJson(JSON.stringify(renamed)), {
      viewport: { width: 390, height: 800 },
    });
    expect(await page.title()).toBe("Restaking risk");
    const buttons = (await page.locator(".operators button").allTextContents()).map(plain);
    expect(buttons.map((text) => text.trim())).toEqual([
      `"><img src=x onerror="docum… 450 bitcoin`,
      "</script><script>document.t… 350 bitcoin",
      "\u05d0east long long long long l… 300 bitcoin",
    ]);
    expect(await isWide(page)).toBe(false);
  });

  it("shows a graph of 1,500 operators", async () => {
    const count = 1_500;
    const many: RestakingGraph = {
      ...graph,
      operators: Array.from({ length: count }, (_, i) => ({ id: `operator ${i}` })),
      pools: Array.from({ length: count }, (_, i) => ({
        ...graph.pools[0]!,
        id: `stake ${i}`,
        amount: BigInt(i + 1) * 1_000_000n,
      })),
      edges: Array.from({ length: count }, (_, i) => ({
        ...graph.edges[0]!,
        pool: `stake ${i}`,
        operator: `operator ${i}`,
        service: i % 2 === 0 ? "chain" : "bridge",
        weight: BigInt(i + 1) * 1_000_000n,
        slashable: BigInt(i + 1) * 1_000_000n,
      })),
    };
    const page = await openRisk(many);
    expect(await page.locator(".operators button").count()).toBe(12);
    await page.getByLabel("1488 others").selectOption("operator 7");
    expect(plain(await steps(page).first().textContent())).toBe("operator 7 signs twice.");
    await page.getByText("1450 further stakes can lose a smaller part").waitFor({ state: "attached" });
  });
});
