/** Rewrites one large program, while the system's thread goes on: see rewrite-checks.js. */

import { rewriteHere } from "./rewrite-checks.js";

globalThis.onmessage = (/** @type {MessageEvent} */ { data: { module, bytes } }) => {
  const rewritten = rewriteHere(module, bytes);
  globalThis.postMessage(
    { rewritten },
    /** @type {any} */ (rewritten ? [rewritten.bytes.buffer] : []),
  );
};
