/**
 * Faults of IndexedDB, injected: one step of what a store does with its database fails as browsers make it
 * fail. Works on fake-indexeddb's classes and on a browser's.
 *
 * Steps are counted from when a fault is armed. A step is: a database is opened, a transaction is started, a
 * request succeeds (unless the fault makes it fail), a transaction is committed. Each kind of fault counts
 * only the steps at which it can strike, so that armed at 1, 2, 3, ... it strikes at every one of them.
 * Invariants: a fault strikes once; nothing hangs by it, for every request and transaction still gets its
 * event; a database that was closed, or whose connection is dying, stays so until it is opened anew.
 */

/**
 * @typedef {"open" | "transaction" | "request" | "commit"} Step
 * @typedef {{at: readonly Step[], name?: string, strike: "fail" | "throw" | "close" | "change" | "lost" | "wipe"}} Fault
 */

/** What can go wrong, and at which steps. */
export const FAULTS = /** @type {const} */ ({
  /** The disk is full: Chromium tells it at the commit, Firefox at the request. */
  quota: { at: ["request", "commit"], name: "QuotaExceededError", strike: "fail" },
  /** What browsers say of everything inside them that failed. */
  unknown: { at: ["open", "request", "commit"], name: "UnknownError", strike: "fail" },
  /** The browser gives the transaction up. */
  abort: { at: ["open", "request", "commit"], name: "AbortError", strike: "fail" },
  /** WebKit's database process has died: the handle looks well and is of no use any more. */
  dying: { at: ["transaction"], name: "InvalidStateError", strike: "throw" },
  /** The browser closes the connection, as when the site's data are cleared. */
  close: { at: ["transaction", "request", "commit"], name: "AbortError", strike: "close" },
  /** Another tab wants another version. */
  versionchange: { at: ["transaction", "request", "commit"], strike: "change" },
  /** The transaction is stored, but who made it is told that it was not. */
  lost: { at: ["commit"], name: "UnknownError", strike: "lost" },
});

/** The browser cannot read the database any more, and opens it empty: nothing but memory has what was stored. */
export const WIPED = /** @type {const} */ ({
  wiped: { at: ["transaction", "request", "commit"], name: "UnknownError", strike: "wipe" },
});

/** @typedef {keyof typeof FAULTS | keyof typeof WIPED} FaultName */

/**
 * @typedef {object} Classes those of the IndexedDB to make fail
 * @property {any} IDBFactory
 * @property {any} IDBDatabase
 * @property {any} IDBObjectStore
 * @property {any} IDBTransaction
 */

const REQUESTS = "put add delete clear get getKey getAll getAllKeys count openCursor openKeyCursor";

/**
 * Makes the classes able to fail; nothing fails before a fault is armed.
 * @param {Classes} classes
 */
export function createFaults({ IDBFactory, IDBDatabase, IDBObjectStore, IDBTransaction }) {
  /** @type {Fault | null} */
  let fault = null;
  let wanted = 0;
  let steps = 0;
  /** @type {IDBFactory | undefined} that of the last database opened */
  let factory;
  /** Databases that are not to be used any more. */
  const dead = new WeakSet();
  /** Transactions of which a request will fail: they end by themselves, for one that commits cannot be aborted. */
  const doomed = new WeakSet();
  /** The transactions of a database that have not ended. @type {WeakMap<IDBDatabase, Set<IDBTransaction>>} */
  const running = new WeakMap();
  /** @type {(() => void)[]} */
  const undo = [];

  /** Does the armed fault strike now? @param {Step} step */
  const strikes = (step) =>
    fault !== null &&
    /** @type {readonly string[]} */ (fault.at).includes(step) &&
    ++steps === wanted;

  const error = () =>
    new DOMException("a fault was injected", /** @type {Fault} */ (fault).name ?? "AbortError");

  /**
   * @param {any} type
   * @param {string} name
   * @param {(original: Function) => Function} wrap
   */
  const patch = (type, name, wrap) => {
    const original = type.prototype[name];
    type.prototype[name] = wrap(original);
    undo.push(() => (type.prototype[name] = original));
  };

  /** @param {object} target @param {string} property @param {unknown} value */
  const pretend = (target, property, value) =>
    Object.defineProperty(target, property, { value, configurable: true });

  /** @param {IDBTransaction} tx @param {DOMException} why */
  const abort = (tx, why) => {
    pretend(tx, "error", why);
    try {
      tx.abort();
    } catch {} // It has ended already.
  };

  /** @param {IDBDatabase} db */
  const close = (db) => {
    const why = error();
    dead.add(db);
    for (const tx of running.get(db) ?? []) abort(tx, why);
    db.close();
    if (fault?.strike === "wipe") factory?.deleteDatabase(db.name);
    queueMicrotask(() => db.onclose?.call(db, new Event("close")));
  };

  /** @param {IDBDatabase} db */
  const change = (db) => {
    const event = new Event("versionchange");
    Object.assign(event, { oldVersion: db.version, newVersion: db.version + 1 });
    db.onversionchange?.call(db, /** @type {any} */ (event));
  };

  /**
   * What a fault does where a transaction runs.
   * @param {IDBTransaction} tx
   * @param {DOMException} why
   */
  const strikeAt = (tx, why) => {
    const { strike } = /** @type {Fault} */ (fault);
    if (strike === "close" || strike === "wipe") close(tx.db);
    else if (strike === "change") change(tx.db);
    else abort(tx, why);
    return strike;
  };

  patch(
    IDBFactory,
    "open",
    (original) =>
      /** @this {IDBFactory} @param {unknown[]} args */
      function (...args) {
        factory = this;
        if (!strikes("open")) return original.apply(this, args);
        /** @type {any} */
        const request = { error: error(), result: undefined };
        setTimeout(() => request.onerror?.(new Event("error")));
        return request;
      },
  );

  patch(
    IDBDatabase,
    "transaction",
    (original) =>
      /** @this {IDBDatabase} @param {any[]} args */
      function (...args) {
        const struck = strikes("transaction");
        if (struck && fault?.strike !== "change") dead.add(this);
        if (struck && (fault?.strike === "close" || fault?.strike === "wipe")) close(this);
        if (struck && fault?.strike === "change") change(this);
        if (dead.has(this)) throw new DOMException("a fault was injected", "InvalidStateError");
        /** @type {IDBTransaction} */
        const tx = original.apply(this, args);
        const ours = running.get(this) ?? new Set();
        running.set(this, ours.add(tx));
        for (const end of ["complete", "abort"]) tx.addEventListener(end, () => ours.delete(tx));
        return tx;
      },
  );

  patch(
    IDBTransaction,
    "commit",
    (original) =>
      /** @this {IDBTransaction} */
      function () {
        if (doomed.has(this)) return;
        if (!strikes("commit")) return original.call(this);
        const why = error();
        if (fault?.strike === "change") {
          change(this.db);
          return original.call(this);
        }
        if (fault?.strike !== "lost") return void strikeAt(this, why);
        // After the handlers were set.
        const { onabort } = this;
        this.addEventListener("complete", (event) => {
          event.stopImmediatePropagation();
          pretend(this, "error", why);
          onabort?.call(this, new Event("abort"));
        });
        return original.call(this);
      },
  );

  for (const name of REQUESTS.split(" ")) {
    patch(
      IDBObjectStore,
      name,
      (original) =>
        /** @this {IDBObjectStore} @param {unknown[]} args */
        function (...args) {
          /** @type {IDBRequest} */
          const request = original.apply(this, args);
          if (strikes("request")) {
            const why = error();
            const { strike } = /** @type {Fault} */ (fault);
            if (strike !== "change") doomed.add(this.transaction);
            // Before whoever made it can set a handler.
            request.addEventListener("success", (event) => {
              if (strike === "change") return change(this.transaction.db);
              event.stopImmediatePropagation();
              pretend(request, "error", why);
              pretend(request, "result", undefined);
              if (strike === "close" || strike === "wipe") close(this.transaction.db);
              else abort(this.transaction, why);
              request.onerror?.call(request, new Event("error"));
            });
          }
          return request;
        },
    );
  }

  return {
    /**
     * Lets a fault strike at its `n`-th step from now, counted from 1.
     * @param {FaultName} name
     * @param {number} n
     */
    arm(name, n) {
      fault = { ...FAULTS, ...WIPED }[name];
      wanted = n;
      steps = 0;
    },
    /** Ends this; answers how many steps there were. */
    disarm() {
      fault = null;
      return steps;
    },
    /** Whether the armed fault has struck. */
    struck: () => steps >= wanted,
    /** Gives the classes back as they were. */
    restore() {
      for (const each of undo) each();
    },
  };
}
