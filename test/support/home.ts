import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Home, openHome } from "../../src/finality/home.js";

/** Quick to guess and quick to open: for tests only. */
export const LIGHT = { n: 2, r: 1, p: 1 };

/** A folder that is removed when the test has ended. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), "tapstake-home-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A home of one test. */
export const homeOfTest = (): Home => openHome(join(folderOfTest(), "home"));
