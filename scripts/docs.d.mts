import type { ErrorAdvice } from "../src/core/error-codes.js";

export const SOURCE: string;
export function errorsPage(codes: Readonly<Record<string, ErrorAdvice>>, source: string): string;
