import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** What build.mjs writes: pages of the command line and of the API, and files to copy. */
export const GENERATED = "site/generated";

/** The pages that people write, by reader. A page that stands in no group is listed last. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Start: ["README.md", "docs/concepts.md", "docs/glossary.md", "docs/comparison.md"],
  "Build a wallet": [
    "docs/wallets.md",
    "docs/signing.md",
    "docs/transactions.md",
    "docs/forms.md",
    "docs/registration.md",
    "docs/testing.md",
    "docs/recipes.md",
  ],
  "Stake by hand": ["docs/stakers.md", "docs/covenant.md", "docs/restaking.md"],
  "Run a finality provider": [
    "docs/operators.md",
    "docs/emergency.md",
    "docs/arbiter.md",
    "docs/errors.md",
    "docs/keys.md",
    "docs/service.md",
    "docs/daemon.md",
    "docs/security.md",
  ],
  "Watch Bitcoin": ["docs/watching.md", "docs/checkpoints.md"],
  Internals: ["docs/protocol.md", "docs/protection.md", "docs/randomness.md", "docs/peer.md"],
  Project: ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
};

const filesIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => (folder === "." ? name : `${folder}/${name}`));

/** Every page of the site that lies in the repository, as a path from its root. */
export const written = [
  ...Object.values(GROUPS).flat().filter(isThere),
  ...filesIn("docs").filter(isUnlisted),
];

/** The files of the repository that are no pages: VitePress is to pass over them. */
export const notPages = [
  "!(docs|site)/**/*",
  "site/!(generated)/**/*",
  `!(${written
    .filter((path) => !path.includes("/"))
    .map((path) => path.replace(/\.md$/, ""))
    .join("|")}).md`,
];

interface Entry {
  readonly text: string;
  readonly link: string;
}

/** Where a file of the repository is on the site. */
export function addressOf(path: string): string {
  if (path === "README.md") return "index.md";
  return path.startsWith(`${GENERATED}/`) ? path.slice(GENERATED.length + 1) : path;
}

export function sidebar() {
  const groups = Object.entries(GROUPS).map(([text, pages]) => ({
    text,
    items: pages.filter(isThere).map(entry),
  }));
  const others = written.filter(isUnlisted).map(entry);
  return [
    ...groups,
    ...(others.length > 0 ? [{ text: "More", items: others }] : []),
    { text: "Commands", collapsed: true, items: generated("cli") },
    { text: "API", collapsed: true, items: generated("api") },
  ];
}

/** The lists that build.mjs and typedoc write beside their pages. */
function generated(part: string): Entry[] {
  const path = join(root, GENERATED, part, "sidebar.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Entry[]) : [];
}

const entry = (path: string): Entry => ({
  text: titleOf(path),
  link: `/${addressOf(path).replace(/^index\.md$/, "")}`,
});

function titleOf(path: string): string {
  const [, title] = /^# (.*)$/m.exec(readFileSync(join(root, path), "utf8")) ?? [];
  return title?.replaceAll("`", "") ?? path;
}

function isThere(path: string): boolean {
  return existsSync(join(root, path));
}

function isUnlisted(path: string): boolean {
  return !Object.values(GROUPS).flat().includes(path);
}
