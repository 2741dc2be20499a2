/** The worker of a process, on a page that is cross-origin isolated: process-thread.js does it all. */

import { createThread } from "./process-thread.js";

const tell = (/** @type {unknown[]} */ ...message) => globalThis.postMessage(message);

globalThis.onmessage = async (/** @type {MessageEvent} */ { data }) => {
  try {
    const run = await createThread(data, tell);
    globalThis.onmessage = (/** @type {MessageEvent} */ event) => void run(event.data);
    tell("ready");
  } catch (error) {
    tell("failed", String(/** @type {Error} */ (error).message));
  }
};
