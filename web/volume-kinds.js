/**
 * The kinds of volumes, by what their names begin with. Each module has `openStore`; what only some pages use is
 * loaded when they do.
 *
 * @typedef {object} Kind
 * @property {(name: string, settings: import("./protocol.js").VolumeSettings) => Promise<import("./volume.js").Store>} openStore
 */

import { openStore } from "./database.js";

/** @type {Record<string, (() => Kind | Promise<Kind>) | undefined>} */
export const KINDS = {
  idb: () => ({ openStore }),
};
