/** The worker of a process in Node: process-thread.js of web/ does it all, on this machine's folders. */

import { parentPort, workerData } from "node:worker_threads";
import { createThread } from "../web/process-thread.js";
import { HostFolders } from "./host.js";

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
const tell = (/** @type {unknown[]} */ ...message) => port.postMessage(message);

try {
  const folders = new HostFolders();
  const run = await createThread(workerData, tell, folders.imports, (kernel) =>
    folders.attach(kernel),
  );
  port.on("message", (/** @type {import("../web/process-thread.js").Run} */ given) => {
    folders.roots = given.folders ?? [];
    run(given);
  });
  tell("ready");
} catch (error) {
  tell("failed", String(/** @type {Error} */ (error).message));
}
