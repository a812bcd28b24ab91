import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { hex } from "../../src/core/bytes.js";
import { GROUP_ORDER, scalar } from "../../src/core/scalar.js";

/** A secret of the curve in every form in which a program could write it by mistake. */
export function secretForms(secret: Uint8Array): readonly Buffer[] {
  const number = BigInt(`0x${hex.encode(secret)}`);
  // The same key: a secret, or its negation.
  const both = [secret, scalar.toBytes(GROUP_ORDER - number)];
  return both.flatMap((each) => [each, each.toReversed()]).flatMap(formsOf);
}

function formsOf(bytes: Uint8Array): Buffer[] {
  const text = hex.encode(bytes);
  const list = [...bytes];
  return [
    Buffer.from(bytes),
    ...[
      text,
      text.toUpperCase(),
      BigInt(`0x${text}`).toString(),
      list.join(","),
      list.join(", "),
      list.map((each, i) => `"${i}":${each}`).join(","),
      list.map((each) => each.toString(16).padStart(2, "0")).join(" "),
      ...["base64", "base64url"].flatMap((encoding) =>
        // In a longer text it begins at any of three places.
        [0, 1, 2].map((before) => {
          const padded = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(3)]);
          const encoded = padded.toString(encoding as BufferEncoding);
          return encoded.slice(before === 0 ? 0 : 4, 42);
        }),
      ),
    ].map((each) => Buffer.from(each)),
  ];
}

/** Places with a secret in them: what was written, by a name for each. */
export function leaksIn(
  written: Readonly<Record<string, string | Uint8Array | Error>>,
  secrets: readonly Uint8Array[],
): string[] {
  const forms = secrets.flatMap(secretForms);
  return Object.entries(written).flatMap(([name, content]) => {
    const bytes = Buffer.from(content instanceof Error ? everythingOf(content) : content);
    return forms.some((form) => bytes.includes(form)) ? [name] : [];
  });
}

/** An error with all that belongs to it: details, causes and hidden fields. Lists of numbers are in one line. */
function everythingOf(error: Error): string {
  const all = { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null } as const;
  return `${inspect(error, all).replace(/\s+/g, " ")}${JSON.stringify(error)}`;
}

/** The bytes of all files in a folder, by their paths. */
export const filesIn = (folder: string): Record<string, Uint8Array> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name))]),
  );
