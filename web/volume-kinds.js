/**
 * The kinds of volumes, by what their names begin with. Each module has `openStore`, or mounts by itself; what only some
 * pages use is loaded when they do.
 *
 * @typedef {object} Kind
 * @property {(name: string, settings: import("./protocol.js").VolumeSettings) => Promise<import("./volume.js").Store>} openStore
 */
/**
 * @typedef {object} OwnKind
 * @property {(system: import("./system.js").System, name: string, settings: import("./protocol.js").VolumeSettings, tell: import("./volume.js").Listener) => Promise<Mounted>} mount
 */
/** @typedef {Pick<import("./volume.js").Volume, "state" | "flush" | "close">} Mounted */

import { openStore } from "./database.js";

/** @type {Record<string, (() => Kind | Promise<Kind | OwnKind>) | undefined>} */
export const KINDS = {
  idb: () => ({ openStore }),
  idbfs: () => import("./idbfs.js"),
  opfs: () => import("./opfs.js"),
};
