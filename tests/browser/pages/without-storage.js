/** Makes the browser deny storage, as it does in frames of other sites. */

Object.defineProperty(globalThis, "indexedDB", {
  get() {
    throw new DOMException("storage is denied", "SecurityError");
  },
});
