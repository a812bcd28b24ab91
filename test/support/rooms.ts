import ts from "typescript";

/** The rooms of the house in their order: each may import only from itself and from those before it. */
export const ROOMS = [
  "core",
  "crypto",
  "bitcoin",
  "script",
  "params",
  "funding",
  "spending",
  "psbt",
  "stake",
  "delegation",
  "covenant",
  "vote",
  "extract",
  "babylon",
  "wallets",
  "restaking",
  "chain",
  "babylon-client",
  "derivation",
  "signer-client",
  "finality",
  "signerd",
  "watch",
  "regtest",
  "cli",
] as const;

/** The rooms that run anywhere: what `src/index.ts` may export, `tapstake/wallets` and `tapstake/restaking`. */
export const PURE_ROOMS: readonly string[] = ROOMS.slice(0, ROOMS.indexOf("chain"));

/** Libraries that only these files may import. */
const CUSTODIANS: [library: RegExp, files: RegExp][] = [
  // For tests only: programs that show a stake's address do not bundle it.
  [/^(bitcoinjs-lib|bip174)(\/|$)/, /^$/],
  [/^@noble\/hashes\/(?!utils)/, /^src\/core\/hashing\/(noble|ripemd160)\.ts$/],
  // Another curve, of checkpoints only, which browsers do not load.
  [/^@noble\/curves\/bls12-381/, /^src\/watch\/checkpoints\/bls\.ts$/],
  [
    /^(@noble\/curves(?!\/bls12-381)|tiny-secp256k1|@bitcoinerlab\/secp256k1|secp256k1)(\/|$)/,
    /^src\/core\/(curve\/[^/]+|scalar)\.ts$/,
  ],
];

/** What the package itself chooses by environment, and the one door to it. */
const DOORS: Readonly<Record<string, string>> = {
  "#curve": "src/core/curve/index.ts",
  "#points": "src/core/curve/points.ts",
  "#hashing": "src/core/hashes.ts",
};

/** In a pure room all the same: elsewhere than in Node something else is chosen in their place. */
const ONLY_IN_NODE: ReadonlySet<string> = new Set([
  "src/core/curve/libsecp.ts",
  "src/core/curve/node.ts",
  "src/core/hashing/node.ts",
]);

/** In code, text and comments of the room that could serve any program; not in the package's own name. */
const STAKING_WORD = /(?<!tap|mi)stak(e|ing)|covenant|finality|slash|unbond/i;

const NODE_GLOBALS = new Set([
  "Buffer",
  "process",
  "require",
  "module",
  "__dirname",
  "__filename",
  "global",
  "setImmediate",
]);

/**
 * Every way in which one source file breaks the order of the house, in words.
 * @param path from the root of the project, such as `src/crypto/eots.ts`
 */
export function violations(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const room = roomOf(path);
  const isIndex = path === "src/index.ts";
  if (room === null && !isIndex) return [`${path} is in no room`];
  const pure = isIndex || PURE_ROOMS.includes(room!);
  const found: string[] = [];
  for (const specifier of importsOf(file)) {
    found.push(...violationsOfImport(path, specifier, { room, isIndex, pure }));
  }
  if (room === "bitcoin") {
    const [word] = STAKING_WORD.exec(source) ?? [];
    if (word) found.push(`${path} says ${word}, a word of staking: bitcoin knows nothing of it`);
  }
  if (pure) for (const name of nodeGlobalsOf(file)) found.push(`${path} uses ${name}, which only Node has`);
  return found;
}

function violationsOfImport(
  path: string,
  specifier: string,
  { room, isIndex, pure }: { room: string | null; isIndex: boolean; pure: boolean },
): string[] {
  if (specifier === DYNAMIC) return [`${path} imports what is not a literal: its room cannot be known`];
  const door = DOORS[specifier];
  if (door !== undefined) return path === door ? [] : [`${path} imports ${specifier}: only ${door} may`];
  if (!specifier.startsWith(".")) {
    const found: string[] = [];
    for (const [library, files] of CUSTODIANS) {
      if (library.test(specifier) && !files.test(path))
        found.push(`${path} imports ${specifier}: not its to import`);
    }
    if (pure && !ONLY_IN_NODE.has(path) && isNodeModule(specifier))
      found.push(`${path} imports ${specifier}: not in a pure room`);
    return found;
  }
  const target = resolve(path, specifier);
  const targetRoom = roomOf(target);
  if (targetRoom === null) {
    // What belongs to no room: the package's own description, and the pure surface, for rooms after the pure ones.
    const allowed = target === "package.json" || (target === "src/index.js" && !pure);
    return allowed ? [] : [`${path} imports ${target}, which is in no room`];
  }
  if (isIndex) {
    return PURE_ROOMS.includes(targetRoom) ? [] : [`${path} exports from ${targetRoom}, which is not pure`];
  }
  const [here, there] = [room, targetRoom].map((name) => (ROOMS as readonly string[]).indexOf(name!));
  return there! > here! ? [`${path} imports from ${targetRoom}, which comes after ${room}`] : [];
}

function roomOf(path: string): string | null {
  const [top, second, third] = path.split("/");
  if (top === "regtest") return "regtest";
  const room = top === "src" && third !== undefined ? second! : "";
  return (ROOMS as readonly string[]).includes(room) ? room : null;
}

function resolve(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function isNodeModule(specifier: string): boolean {
  return specifier.startsWith("node:") || NODE_MODULES.has(specifier.split("/")[0]!);
}

const NODE_MODULES = new Set(
  "assert buffer child_process crypto dgram dns events fs http http2 https net os path perf_hooks process stream timers tls tty url util v8 vm wasi worker_threads zlib".split(
    " ",
  ),
);

const DYNAMIC = "(computed)";

/** What a file imports: statements, re-exports, `import()`, `import x = require()`, and types by `import()`. */
function importsOf(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    } else if (ts.isExternalModuleReference(node) || isImportCall(node)) {
      const argument = ts.isExternalModuleReference(node) ? node.expression : node.arguments[0];
      found.push(argument && ts.isStringLiteralLike(argument) ? argument.text : DYNAMIC);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function isImportCall(node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node)) return false;
  const { expression } = node;
  return (
    expression.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(expression) && expression.text === "require")
  );
}

/** Names of Node's globals in use: as values, as types, or through globalThis; not as members or labels. */
function nodeGlobalsOf(file: ts.SourceFile): string[] {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && NODE_GLOBALS.has(node.text) && !isOnlyAName(node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return [...found];
}

function isOnlyAName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return parent.expression.getText() !== "globalThis";
  }
  const named =
    ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent);
  return (
    (named || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)) &&
    (parent as ts.NamedDeclaration).name === node
  );
}
