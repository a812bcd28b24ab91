/** A unit file's settings: each name with its values in order. An empty value begins the list anew, as for systemd. */
export function parseUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of text.replace(/\\\n\s*/g, "").split("\n")) {
    const [, name, value] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    settings.set(name, value === "" ? [] : [...(settings.get(name) ?? []), value!]);
  }
  return settings;
}

/** The arguments of `tapstake` in a unit's ExecStart, with a folder in the place of the credentials. */
export function serviceArguments(text: string, credentials = "/run/credentials/unit"): string[] {
  const [program, ...args] = parseUnit(text).get("ExecStart")!.at(-1)!.split(/\s+/);
  if (program !== PROGRAM) throw new Error(`ExecStart begins with ${program}, not with ${PROGRAM}`);
  return args.map((word) => word.replaceAll("%d", credentials));
}

/** Where docs/operators.md installs the command. */
export const PROGRAM = "/opt/tapstake/bin/tapstake";
