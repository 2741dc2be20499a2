delete (/** @type {any} */ (WebAssembly).Suspending);
delete (/** @type {any} */ (WebAssembly).promising);
