import { render } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { TapstakeError } from "../../src/core/errors.js";
import { restakingFromJson } from "../../src/restaking/file.js";
import type { RestakingGraph } from "../../src/restaking/graph.js";
import { modelOf } from "../../src/restaking/model.js";
import { Money } from "../../src/restaking/wording.js";
import { Attacks } from "./attacks.js";
import { Concentrated } from "./concentrated.js";
import { Exposure, Losses } from "./losses.js";
import { Picture } from "./picture.js";
import { counted } from "./text.js";
import { WhatIf } from "./what-if.js";

/** A file of this many bytes is for the command line. */
const LARGEST = 64 * 1024 * 1024;

type Opened = { readonly graph: RestakingGraph } | { readonly refused: string };

function open(text: string): Opened {
  try {
    return { graph: restakingFromJson(text) };
  } catch (error) {
    if (!(error instanceof TapstakeError)) throw error;
    return { refused: `${error.message} (${error.code})` };
  }
}

async function openFile(file: File): Promise<Opened> {
  if (file.size > LARGEST) {
    return {
      refused: `The file has ${file.size} bytes; this page reads ${LARGEST}. Use tapstake risk report.`,
    };
  }
  return open(await file.text());
}

function App({ first }: { first: Opened }) {
  const [opened, setOpened] = useState(first);
  const input = useRef<HTMLInputElement>(null);
  const take = (file: File | undefined | null) => {
    if (file) void openFile(file).then(setOpened);
  };
  return (
    <div
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        take(event.dataTransfer?.files[0]);
      }}
    >
      <header>
        <p class="name">
          <strong>tapstake</strong> restaking risk
        </p>
        <p class="offline">Works offline. What you open stays in this window.</p>
        <button type="button" onClick={() => input.current!.click()}>
          Open a file
        </button>
        <input
          ref={input}
          type="file"
          accept=".json,application/json"
          aria-label="restaking file"
          hidden
          onChange={({ currentTarget }) => {
            take(currentTarget.files?.[0]);
            currentTarget.value = "";
          }}
        />
      </header>
      <main>
        {"graph" in opened ? (
          // A new graph starts anew: nothing of the old one may stay chosen.
          <Graph key={opened.graph} graph={opened.graph} />
        ) : (
          <section role="alert">
            <h1>The file was refused</h1>
            <p>{opened.refused}</p>
          </section>
        )}
      </main>
    </div>
  );
}

function Graph({ graph }: { graph: RestakingGraph }) {
  const model = useMemo(() => modelOf(graph), [graph]);
  const money = useMemo(() => new Money(graph, model), [graph, model]);
  const { pools, operators, services } = graph;
  if (pools.length === 0 || operators.length === 0 || services.length === 0) {
    const text = "The file has no stake behind a service";
    return (
      <section>
        <h1>{text}</h1>
        <p>It needs pools, operators, services and the edges between them: docs/restaking.md, The file.</p>
      </section>
    );
  }
  return (
    <>
      <section>
        <h1>
          {money.worth(model.total)} {services.length === 1 ? "backs" : "back"}{" "}
          {counted(services.length, "service")} through {counted(operators.length, "operator")}
        </h1>
        <Picture graph={graph} money={money} />
      </section>
      <div class="cards">
        <Attacks model={model} money={money} />
        <Concentrated graph={graph} money={money} />
        <Losses graph={graph} />
      </div>
      <Exposure graph={graph} money={money} />
      <WhatIf graph={graph} model={model} money={money} />
    </>
  );
}

const [page, given] = ["page", "graph"].map((id) => document.getElementById(id)!);
page!.replaceChildren();
render(<App first={open(given!.textContent)} />, page!);
