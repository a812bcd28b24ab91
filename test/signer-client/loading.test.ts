import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

it("signer-client: loads neither SQLite nor the rooms of the signer", async () => {
  const { metafile } = await build({
    entryPoints: [`${root}src/signer-client/index.ts`],
    absWorkingDir: root,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    alias: {
      "#curve": `${root}src/core/curve/node.ts`,
      "#points": `${root}src/core/curve/node.ts`,
      "#hashing": `${root}src/core/hashing/node.ts`,
    },
    write: false,
    metafile: true,
  });
  const files = Object.keys(metafile.inputs);
  const packages = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => path),
  );
  expect(files).toContain("src/signer-client/client.ts");
  expect(files.filter((path) => /^src\/(finality|signerd|derivation)\//.test(path))).toEqual([]);
  expect(packages).not.toContain("libsql");
  // Loaded by the first connection: it is an optional package.
  expect(packages).not.toContain("@grpc/grpc-js");
});
