import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { loadPackage, missingPackage } from "../../src/core/optional.js";

const require = createRequire(import.meta.url);

describe("optional packages", () => {
  it("load where they are installed", () => {
    expect(loadPackage<typeof import("valibot")>(require, "valibot").object).toBeTypeOf("function");
  });

  it("are named with the command to install them where they are missing", () => {
    expect(() => loadPackage(require, "no-such-package")).toThrow(
      expect.objectContaining({
        code: "package-missing",
        details: { package: "no-such-package" },
        message: expect.stringContaining("npm install no-such-package") as string,
      }),
    );
  });

  it("are named when a nested import of them fails", () => {
    const name = "@scope/no-such-package";
    const native = Object.assign(new Error(`Cannot find package '${name}' imported from /app/main.js`), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    expect(missingPackage(native)).toMatchObject({ code: "package-missing", details: { package: name } });
  });

  it("are not named for a missing file or another error", () => {
    expect(() => loadPackage(require, "./no-such-file.js")).toThrow(
      expect.objectContaining({ code: "MODULE_NOT_FOUND" }),
    );
    expect(missingPackage(new Error("Cannot find package 'x'"))).toBeNull();
    expect(missingPackage(null)).toBeNull();
  });
});
