import { useData, withBase } from "vitepress";
import { defineComponent, h, onMounted, ref, watch } from "vue";
import "./diagram.css";

interface Mermaid {
  initialize(options: object): void;
  render(id: string, source: string): Promise<{ svg: string }>;
}

/** A Mermaid diagram: its source, until the browser has drawn it. */
export const Diagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const source = decodeURIComponent(props.source);
    const svg = ref<string>();
    const draw = async () => {
      svg.value = await drawn(source, isDark.value);
    };
    onMounted(draw);
    watch(isDark, draw);
    return () =>
      svg.value === undefined ? h("pre", source) : h("div", { class: "diagram", innerHTML: svg.value });
  },
});

let turn: Promise<unknown> = Promise.resolve();
let drawings = 0;

/** Mermaid has one configuration for all diagrams, so they take turns. */
function drawn(source: string, dark: boolean): Promise<string> {
  const result = turn.then(async () => {
    const mermaid = await (library ??= load());
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      theme: dark ? "dark" : "neutral",
      // The longest name of a participant is wider than Mermaid's own 150.
      sequence: { width: 180 },
    });
    return (await mermaid.render(`diagram-${drawings++}`, source)).svg;
  });
  turn = result.catch(() => {});
  return result;
}

let library: Promise<Mermaid> | undefined;

/** The file that build.mjs puts beside the pages: only those with a diagram ask for it. */
const load = () =>
  new Promise<Mermaid>((resolve, reject) => {
    const script = document.createElement("script");
    script.src = withBase("/mermaid.js");
    script.addEventListener("load", () => resolve((globalThis as unknown as { mermaid: Mermaid }).mermaid));
    script.addEventListener("error", () => reject(new Error(`no answer for ${script.src}`)));
    document.head.append(script);
  });
