/** The worker of a process, on a page that is cross-origin isolated: process-thread.js does it all. */

import { createThread } from "./process-thread.js";

const tell = (/** @type {unknown[]} */ ...message) => globalThis.postMessage(message);

globalThis.onmessage = (/** @type {MessageEvent} */ { data: settings }) => {
  const thread = createThread(settings, tell);
  // A program may come before the thread is ready.
  globalThis.onmessage = async (/** @type {MessageEvent} */ { data }) => (await thread)(data);
  thread.then(
    () => tell("ready"),
    (error) => tell("failed", String(error.message)),
  );
};
