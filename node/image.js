/**
 * Volumes in files of this machine, mounted in a system. Whatever ends this process but a kill, they are stored
 * before: storing is synchronous.
 */

import { mountImage } from "../web/image-volume.js";
import { imageBytes, salvageBytes } from "./assets.js";
import { openBlockFile } from "./block-file.js";

/** @typedef {Awaited<ReturnType<typeof mountImage>>} ImageVolume */

/** @type {Set<ImageVolume>} */
const open = new Set();

/**
 * Mounts the volume in a file. One that is not there is made, unless nothing may be changed.
 * @param {import("./system.js").System} system
 * @param {string} path
 * @param {string} file
 * @param {import("../web/image-volume.js").ImageOptions} [options]
 * @returns {Promise<ImageVolume>}
 */
export async function mountImageFile(system, path, file, options = {}) {
  const { readOnly = false, repair = false } = options;
  const module = await WebAssembly.compile(imageBytes());
  const device = openBlockFile(file, { create: !readOnly && !repair, readOnly });
  const volume = await mountImage(system, path, module, device, file, {
    salvage: salvageBytes,
    ...options,
  });
  if (open.size === 0) process.on("exit", storeAll);
  open.add(volume);
  return {
    ...volume,
    close() {
      open.delete(volume);
      if (open.size === 0) process.off("exit", storeAll);
      volume.close();
    },
  };
}

function storeAll() {
  for (const volume of open) {
    try {
      volume.flush();
    } catch (error) {
      process.stderr.write(`nidus: ${/** @type {Error} */ (error).message}\n`);
    }
  }
}
