import { TapstakeError } from "./errors.js";

/**
 * Loads a package of `optionalDependencies` at its first use.
 * @param load `require` of the module that asks
 * @throws TapstakeError `package-missing`
 */
export function loadPackage<T>(load: (name: string) => unknown, name: string): T {
  try {
    return load(name) as T;
  } catch (error) {
    throw missingPackage(error) ?? error;
  }
}

/**
 * Turns Node's error about a package that is not installed into one that says how to install it; null for other errors.
 */
export function missingPackage(error: unknown): TapstakeError | null {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code !== "MODULE_NOT_FOUND" && code !== "ERR_MODULE_NOT_FOUND") return null;
  // A missing path means a damaged package, of this project or another: the user did not leave it out.
  const name = /^Cannot find (?:package|module) '(@?[a-z0-9][^'\\:]*)'/.exec(String(message))?.[1];
  if (name === undefined) return null;
  return new TapstakeError(
    "package-missing",
    `the package ${name} is not installed, and this needs it: npm install --include=optional, or npm install ${name}`,
    { package: name },
    { cause: error },
  );
}
