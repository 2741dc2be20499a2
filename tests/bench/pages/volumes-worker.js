// The worker of a system whose writes to IndexedDB are counted.
import "../../idbfs/count-puts.js";

// What comes before the worker listens must not be lost.
/** @type {MessageEvent[]} */
const early = [];
globalThis.onmessage = (event) => void early.push(event);
await import("../../../web/worker.js");
for (const event of early) /** @type {any} */ (globalThis).onmessage(event);
