/**
 * The Web Lock of a volume, which its page holds: a second page is refused while the first lives.
 */

import { NidusError } from "./errors.js";
import { LOCK_PATIENCE } from "./limits.js";

/**
 * Makes this page the only one with volume `name`; answers what gives it back. Rejects with `EBUSY` when
 * another one has it.
 * @param {LockManager} locks
 * @param {string} name
 * @param {number} [patience] milliseconds to wait for one that is going away
 * @returns {Promise<() => void>}
 */
export function lockVolume(locks, name, patience = LOCK_PATIENCE) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patience);
    /** @type {() => Promise<void>} */
    const hold = () => new Promise((release) => resolve(release));
    locks.request(`nidus:${name}`, { signal }, hold).catch((error) => {
      if (signal.aborted) {
        error = new NidusError(
          "EBUSY",
          `Volume "${name}" is open in another tab or window: close that one, then reload this page.`,
        );
      }
      reject(error);
    });
  });
}
