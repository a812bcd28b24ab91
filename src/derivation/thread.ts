import { parentPort, workerData } from "node:worker_threads";
import { BlockDeriver } from "./block.js";
import type { Asked, Task } from "./derive.js";

const { range, constantTime } = workerData as Task;
const deriver = new BlockDeriver(range, { constantTime });

parentPort!.on("message", (asked: Asked) => {
  if (asked === "end") {
    deriver.wipe();
    parentPort!.close();
    return;
  }
  const block = deriver.block(asked.first, asked.count);
  const { points, subtrees } = block;
  parentPort!.postMessage({ block, report: deriver.report }, [
    points.buffer,
    subtrees.buffer,
  ] as ArrayBuffer[]);
});
