// Names each part of the API by what a program imports.
import { Converter } from "typedoc";
import { entries } from "./entries.mjs";

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const { name, source } of entries) {
      // typedoc names a part by its file.
      const part = project.children.find((each) => `${each.name}/index.ts` === source);
      if (part === undefined) throw new Error(`typedoc has no part for ${source}`);
      part.name = name;
    }
  });
}
