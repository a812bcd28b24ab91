import { workerData } from "node:worker_threads";
import { CheckQueue } from "./check-queue.js";

new CheckQueue(workerData as SharedArrayBuffer).serve();
