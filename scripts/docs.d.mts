import type { ErrorGroup } from "../src/core/error-codes/advice.js";

export function errorsPage(groups: Readonly<Record<string, ErrorGroup>>): string;
