/** A thread that joins the system of another one and runs a guest there, again and again. */

import { parentPort, workerData } from "node:worker_threads";
import { SHARED_KERNEL, boot } from "./support.js";

const { memory, stack, guest, name, times } = workerData;
const system = await boot({ kernel: SHARED_KERNEL, join: { memory, stack } });
/** @type {number[]} */
const codes = [];
for (let i = 0; i < times; i++) {
  const folder = `/${name}/${i}`;
  await system.fs.mkdir(folder, { recursive: true });
  const { code } = await system.exec(guest, [], { preopens: { ".": folder } });
  codes.push(code ?? -1);
}
parentPort?.postMessage({ codes, slots: system.kernel.table.length });
