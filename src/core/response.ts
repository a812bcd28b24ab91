import { joinBytes } from "./bytes.js";

/** The text of an answer; null for one that has more bytes: the rest is not read. */
export async function textWithin(response: Response, limit: number): Promise<string | null> {
  const bytes = await bytesWithin(response, limit);
  return bytes && new TextDecoder().decode(bytes);
}

/** The bytes of an answer; null for one that has more, decompressed: the rest is not read. */
export async function bytesWithin(response: Response, limit: number): Promise<Uint8Array | null> {
  if (!response.body) return new Uint8Array();
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joinBytes(parts);
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    parts.push(value);
  }
}
