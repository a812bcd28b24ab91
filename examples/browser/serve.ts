// `npm run example -- browser`: the pages of examples/browser and examples/react, on localhost until Ctrl-C.
import { servePages } from "./pages.js";

const { url } = await servePages();
console.log(`a page                ${url}browser/`);
console.log(`the same with React   ${url}react/`);
