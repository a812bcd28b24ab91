import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { MarkdownRenderer } from "vitepress";
import { addressOf, GENERATED, root, written } from "./pages.js";

type Token = ReturnType<MarkdownRenderer["parse"]>[number];
type Children = NonNullable<Token["children"]>;

/** What VitePress tells of the page that is rendered; `realPath` is its file. */
interface PageEnvironment {
  readonly path: string;
  readonly realPath?: string;
}

/** The address of the repository without a slash at the end: package.json's `repository`, once it has one. */
const repository = repositoryOf(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));

/** Reads the pages as GitHub does: links to files, diagrams, and braces that are only text. */
export function asOnGitHub(md: MarkdownRenderer): void {
  md.core.ruler.push("links_of_the_repository", ({ tokens, env }) => {
    for (const token of tokens) if (token.children) token.children = linked(token.children, env);
  });
  const code = md.renderer.rules.code_inline!;
  md.renderer.rules.code_inline = (tokens, index, ...rest) => {
    tokens[index]!.attrSet("v-pre", "");
    return code(tokens, index, ...rest);
  };
  const text = md.renderer.rules.text!;
  md.renderer.rules.text = (...args) => text(...args).replaceAll("{{", "&#123;&#123;");
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index]!;
    if (info.trim() !== "mermaid") return fence(tokens, index, ...rest);
    return `<Diagram source="${encodeURIComponent(content)}" />\n`;
  };
}

/** Links to pages lead to the site's; links to other files lead to the repository, or say the path. */
function linked(children: Children, env: PageEnvironment): Children {
  const out: Children = [];
  for (let at = 0; at < children.length; at++) {
    const token = children[at]!;
    const target = token.type === "link_open" ? targetOf(token.attrGet("href")!, env) : undefined;
    out.push(token);
    if (target === undefined) continue;
    const { path, hash } = target;
    if (isPage(path)) token.attrSet("href", `/${addressOf(path)}${hash}`);
    else if (repository !== undefined) token.attrSet("href", `${repository}/blob/HEAD/${path}${hash}`);
    else {
      const end = children.findIndex(({ type }, index) => index > at && type === "link_close");
      out.splice(-1, 1, ...asPath(children.slice(at + 1, end), path));
      at = end;
    }
  }
  return out;
}

/** What stands for a link that leads nowhere yet: its text, and the path as code unless the text is that already. */
function asPath(text: Children, path: string): Children {
  const like = (type: string, content: string) => {
    const token = Object.create(Object.getPrototypeOf(text[0]) as object) as Token;
    return Object.assign(token, text[0], { type, tag: type === "text" ? "" : "code", content, attrs: null });
  };
  const code = like("code_inline", path);
  const [first, ...others] = text;
  const said = first!.content.replace(/^(\.\.?\/)+|\/$/g, "");
  if (others.length === 0 && path.endsWith(said)) return [code];
  return [...text, like("text", " ("), code, like("text", ")")];
}

/** The file that a relative link of a page names, from the root; undefined where it names none that is there. */
function targetOf(href: string, { realPath, path }: PageEnvironment) {
  if (/^([a-z][a-z+.-]*:|\/|#)/i.test(href)) return undefined;
  const [file, hash] = href.split(/(?=#)/, 2);
  const absolute = join(dirname(realPath ?? path), decodeURIComponent(file!));
  // A link to nothing stays: VitePress then refuses it.
  if (!existsSync(absolute)) return undefined;
  return { path: relative(root, absolute).split(sep).join("/"), hash: hash ?? "" };
}

const isPage = (path: string) =>
  written.includes(path) || (path.startsWith(`${GENERATED}/`) && path.endsWith(".md"));

function repositoryOf({ repository: given }: { repository?: string | { url: string } }): string | undefined {
  const url = typeof given === "string" ? given : given?.url;
  return url?.replace(/^git\+/, "").replace(/(\.git)?\/?$/, "");
}
