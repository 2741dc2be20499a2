/**
 * A view of a volume that another page, worker or system writes: loaded only where one is wanted.
 *
 * It writes nothing, and reads what its writer adds to the log: in one turn all that is there, so it shows the
 * state at some flush. Contents come from the same state: a store whose log has grown gives none, and what was asked
 * for before something was taken from the log is asked for again. A view becomes the writer by taking in the rest
 * of the log in the transaction that makes it that; until then nothing of it is ever stored.
 */

/** @typedef {import("./kernel.js").Kernel} Kernel */

/**
 * @param {typeof import("./volume.js").createVolume} createVolume given, so that pages without views load volume.js
 *   with all else, in one file
 * @param {import("./volume.js").Store} store
 * @param {import("./volume.js").Listener} on
 */
export function createView(createVolume, store, on) {
  /** @type {Kernel} */
  let kernel;
  let mount = -1;
  let view = true;
  /** How often something was taken from the log. */
  let taken = 0;
  /** @type {Promise<unknown>} what is being read of the log, one after the other */
  let reading = Promise.resolve();
  /** @type {Promise<unknown>} the contents that are to be in memory come */
  let filling = Promise.resolve();

  /** @type {import("./volume.js").Store["chunks"]} */
  const chunks = async (...range) => {
    for (;;) {
      const at = taken;
      const found = await store.chunks(...range);
      if (found && at === taken) return found;
      if (!found) await read();
    }
  };
  const volume = createVolume({ ...store, chunks }, null, on);
  const { take, fill, begin } = volume.inside;

  /** Answers whether there was more. @param {boolean} [asView] only while it is one */
  const read = (asView = true) => {
    const turn = reading.then(async () => {
      if ((asView && !view) || !(await take(view))) return false;
      taken++;
      // Not before what is to be in memory is there.
      filling = fill().then(() => on("refresh", null));
      return true;
    });
    reading = turn.catch(() => {});
    return turn;
  };
  const state = () => ({ ...volume.state(), readonly: view });

  return {
    ...volume,
    state,

    /** @type {typeof volume.load} */
    async load(of, at, most, all) {
      kernel = of;
      mount = at;
      // From before the log is read, so that nothing is missed.
      let behind = false;
      store.onchange = () => (behind = true);
      await volume.load(of, at, most, all, true);
      store.onchange = () => void read().catch((error) => on("refresh", error));
      if (behind) store.onchange();
    },

    /** Brings it up to date; answers whether its writer had stored more. */
    refresh: () => read(),

    /** @type {typeof volume.check} A view is not repaired. */
    check: (options) => volume.check(view ? {} : options),

    /** Of a view: resolves when it is all there. */
    async flush() {
      if (view) await reading.then(() => filling);
      return volume.flush();
    },

    /** Makes it the writer; the page has the right to that. */
    async takeOver() {
      if (view) {
        view = false;
        // What fails here leaves the view as it was.
        await read(false).catch((error) => {
          view = true;
          throw error;
        });
        store.onchange = null;
        kernel.exports.nidus_volume_writable(mount);
        begin();
      }
      return state();
    },
  };
}
