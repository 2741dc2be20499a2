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
  /** How many of these have not begun: they will read all that is told now. */
  let due = 0;
  /** @type {Promise<unknown>} the contents that are to be in memory come */
  let filling = Promise.resolve();

  /** @type {import("./volume.js").Store["chunks"]} */
  const chunks = async (...range) => {
    for (;;) {
      const at = taken;
      const found = await store.chunks(...range);
      if (found && at === taken) return found;
      // A writer that stores without a pause would be ahead each time: what it has stored comes with the chunks.
      const { chunks } = await read(true, range);
      if (chunks) return chunks;
    }
  };
  const volume = createVolume({ ...store, chunks }, null, on);
  const { take, fill, begin } = volume.inside;

  /**
   * Answers what more there was.
   * @param {boolean} [asView] only while it is one
   * @param {import("./volume.js").Range} [range] of chunks to be answered with it
   */
  const read = (asView = true, range) => {
    /** @returns {ReturnType<typeof take>} */
    const act = async () => {
      due--;
      if (asView && !view) return [];
      const news = await take(view, range);
      if (news.length > 0) {
        taken++;
        // Not before what is to be in memory is there.
        filling = fill().then(() => on("refresh", null));
      }
      return news;
    };
    due++;
    const turn = reading.then(act);
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
      store.onchange = () => {
        if (due === 0) read().catch((error) => on("refresh", error));
      };
      if (behind) store.onchange();
    },

    /** Brings it up to date; answers whether its writer had stored more. */
    refresh: async () => (await read()).length > 0,

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
