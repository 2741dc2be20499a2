/**
 * The volumes of a page's system: what kind each is, where it lies, and what becomes of one that the browser does
 * not store.
 */

import { NidusError } from "./errors.js";
import { keptStore } from "./kept-volume.js";
import { MEMORY } from "./limits.js";
import { KINDS } from "./volume-kinds.js";
import { createVolume } from "./volume.js";

/**
 * Opens and mounts a volume.
 * @param {import("./system.js").System} system
 * @param {import("./protocol.js").VolumeSettings} settings
 * @param {import("./protocol.js").Post} post
 */
export async function openVolume(system, settings, post) {
  const { path, from, kept, readonly, maxBytes, memory = MEMORY } = settings;
  const [, kind = "", name = ""] = /^([a-z]+):(.+)$/s.exec(from) ?? [];
  let store = keptStore(kept, (cut) => post(0, "keep", path, cut));
  /** @type {string | null} */
  let reason = "they were asked for in memory";
  /** @type {import("./volume-kinds.js").Mounted} */
  let volume;
  /** @type {import("./volume.js").Listener} */
  const tell = (event, error) =>
    post(0, "event", event, error && error.toJSON(), path, volume.state());
  if (from !== "mem") {
    const opened = await KINDS[kind]?.();
    if (!opened) throw system.kernel.ask("nidus_volume_failure", [from, "KindError"]);
    try {
      if ("mount" in opened) return (volume = await opened.mount(system, name, settings, tell));
      store = await opened.openStore(name, settings);
      reason = null;
    } catch (error) {
      if (error instanceof NidusError) throw error;
      const { name: thrown } = /** @type {DOMException} */ (error);
      if (/Version|Blocked|Timeout/.test(thrown))
        system.kernel.ask("nidus_volume_failure", [name, thrown]);
      reason = `the browser denies storage (${error})`;
    }
  }
  const view = readonly && reason === null;
  // Where programs cannot wait for them, all contents are in memory from the start.
  const whole = reason !== null || !system.runner.patient;
  /** @param {string} [repaired] */
  const attempt = async (repaired) => {
    const stored = view
      ? (await import("./view.js")).createView(createVolume, store, tell)
      : createVolume(store, reason, tell, repaired);
    const mount = await system.mount(path, {
      type: "volume",
      flush: stored.flush,
      settle: stored.settle,
      flags: Number(view),
      memory: whole ? undefined : memory,
    });
    volume = stored;
    try {
      await stored.load(system.kernel, mount, maxBytes, whole);
    } catch (error) {
      system.unmount(mount);
      throw error;
    }
    return stored;
  };
  return settings.repair && !view
    ? (await import("./salvage.js")).repairing(store, attempt, settings.salvage)
    : attempt();
}
