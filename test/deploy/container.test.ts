import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { parse } from "../cli/calls.js";
import { read } from "../support/pages.js";

/** An instruction of a container file, with its words on one line. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

const instructionsOf = (text: string): Instruction[] =>
  text
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line)!;
      return { name: name!, rest: rest! };
    });

/** What breaks the rules for an image of a signer. */
function wrongInContainerFile(text: string): string[] {
  const all = instructionsOf(text);
  const of = (name: string) => all.filter((each) => each.name === name).map(({ rest }) => rest);
  const wrong: string[] = [];
  const bases = of("FROM");
  if (!bases.every((base) => /^[a-z.]+\/[a-z/]+:\d+\.\d+\.\d+-[a-z-]+$/.test(base)))
    wrong.push("a base without its host or its whole version");
  const [user = "root", ...others] = of("USER");
  if (others.length > 0 || !/^[1-9]\d+:[1-9]\d+$/.test(user))
    wrong.push("no one user, by number, that is not root");
  const at = (name: string) => all.findIndex((each) => each.name === name);
  if (all.slice(at("USER")).some(({ name }) => name === "RUN" || name === "COPY"))
    wrong.push("files after USER");
  if (of("VOLUME").join() !== "/var/lib/tapstake") wrong.push("no volume for the home");
  if (of("HEALTHCHECK").length !== 1) wrong.push("no health check");
  if (of("ADD").length > 0) wrong.push("ADD, which takes addresses too");
  if (of("COPY").some((rest) => !rest.startsWith("tapstake-*.tgz ")))
    wrong.push("a copy of more than the package");
  const secrets = [...of("ARG"), ...of("ENV")].filter((rest) => /pass|secret|key|token|hmac/i.test(rest));
  if (secrets.length > 0) wrong.push("a secret in a variable");
  for (const name of ["ENTRYPOINT", "CMD"]) {
    const [given] = of(name);
    if (!given?.startsWith("[")) wrong.push(`${name} by a shell, which takes the signals`);
  }
  return wrong;
}

const text = read("deploy/container/Containerfile");
const instructions = instructionsOf(text);
const only = (name: string) => instructions.find((each) => each.name === name)!.rest;

interface Service {
  readonly command?: readonly string[];
  readonly hostname?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}
const compose = parseYaml(read("deploy/container/compose.yml")) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const signersCommand = JSON.parse(only("CMD")) as string[];

describe("the container file", () => {
  it("keeps the rules", () => {
    expect(wrongInContainerFile(text)).toEqual([]);
  });

  it.each([
    [/^FROM .*$/m, "FROM docker.io/library/node:22", "a base without its host or its whole version"],
    [/^USER .*$/m, "USER root", "no one user, by number, that is not root"],
    [/^USER .*$/m, "USER 10001:10001\nRUN id", "files after USER"],
    [/^VOLUME .*$/m, "", "no volume for the home"],
    [/^HEALTHCHECK(?:.*\\\n)*.*$/m, "", "no health check"],
    [/^COPY .*$/m, "COPY . /tmp", "a copy of more than the package"],
    [/^ENV HOME.*$/m, "ENV TAPSTAKE_PASSPHRASE=none", "a secret in a variable"],
    [/^ENTRYPOINT .*$/m, "ENTRYPOINT tapstake", "ENTRYPOINT by a shell, which takes the signals"],
  ])("is refused with a change of %s to %j", (line, other, wrong) => {
    expect(text).toMatch(line);
    expect(wrongInContainerFile(text.replace(line, other))).toEqual([wrong]);
  });

  it("starts a command that exists, with options that it has", async () => {
    expect(only("ENTRYPOINT")).toBe('["tapstake"]');
    await parse(signersCommand);
    expect(signersCommand).toContain("--exit-on-store-failure");
  });

  it("asks for the health where the signer serves it", () => {
    const port = signersCommand[signersCommand.indexOf("--metrics-address") + 1]!.split(":")[1];
    expect(text).toContain(`ENV HEALTH_URL=http://127.0.0.1:${port}/healthz`);
    const [, command] = /CMD (\[.*\])$/.exec(only("HEALTHCHECK"))!;
    const [program, , code] = JSON.parse(command!) as string[];
    expect(program).toBe("node");
    expect(code).toContain("fetch(process.env.HEALTH_URL)");
  });

  it("takes a Node that the package takes", () => {
    const { engines } = JSON.parse(read("package.json")) as { engines: { node: string } };
    expect(engines.node).toBe(">=20.19");
    expect(Number(/node:(\d+)/.exec(only("FROM"))![1])).toBeGreaterThan(20);
  });
});

describe.each(Object.entries(compose.services))("the service %s of the compose file", (name, service) => {
  const command = service.command ?? signersCommand;

  it("starts a command that exists, with secrets that it is given", async () => {
    await parse(command);
    const used = [...command.join(" ").matchAll(/\/run\/secrets\/([\w-]+)/g)].map(([, secret]) => secret!);
    expect(service.secrets).toEqual(used);
    // Files of the machine alone: the package and the image hold this folder.
    expect(used.filter((secret) => compose.secrets[secret]?.file !== `/etc/tapstake/${secret}`)).toEqual([]);
  });

  it("has a root that it cannot write to, no capabilities, and a volume for what it keeps", () => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(["ALL"]);
    expect(service.security_opt).toEqual(["no-new-privileges:true"]);
    expect(service.volumes).toEqual([`${name}:/var/lib/tapstake`]);
    expect(Object.keys(compose.volumes)).toContain(name);
  });

  it("is reached from this machine only, and its health check asks it", () => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    const metrics = /--metrics(?:-address)?[= ](\S+)/.exec(command.join(" "))![1]!;
    const health = service.environment?.["HEALTH_URL"] ?? /HEALTH_URL=(\S+)/.exec(text)![1]!;
    expect(new URL(health).port).toBe(metrics.split(":")[1]);
  });
});

describe("the signer of the compose file", () => {
  it("has a host name that stays, as signer.lock names it", () => {
    expect(compose.services["signer"]!.hostname).toMatch(/./);
  });
});
