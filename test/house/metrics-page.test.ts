import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../src/signerd/metrics.js";

const read = (path: string) => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8");

/** Without `tapstake_(`, as in a pattern for grep. */
const namesIn = (text: string) => [...text.matchAll(/\btapstake_[a-z_]*[a-z]/g)].map(([name]) => name);

const { registry } = createMetrics({ up: () => true, unlockedKeys: () => 0 });
const made = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));

describe("the metrics of the signer", () => {
  it("are listed in docs/service.md", () => {
    const rows = [...read("service.md").matchAll(/^\| `(tapstake_[a-z_]+)/gm)].map(([, name]) => name);
    expect(rows.toSorted()).toEqual([...made].toSorted());
  });

  it.each(["service.md", "recipes.md", "operators.md", "emergency.md", "daemon.md", "randomness.md"])(
    "are the only ones that docs/%s names",
    (page) => {
      const names = namesIn(read(page));
      expect(names).not.toEqual([]);
      expect(names.filter((name) => !made.has(name))).toEqual([]);
    },
  );
});
