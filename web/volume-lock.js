/**
 * The Web Lock of a volume, which its page holds: a second page is refused while the first lives.
 */

import { NidusError } from "./errors.js";

/** A lock just given back by a page that goes away becomes free within this time. */
const PATIENCE = 1000;

/**
 * Makes this page the only one with volume `name`; answers what gives it back. Rejects with `EBUSY` when
 * another one has it.
 * @param {LockManager} locks
 * @param {string} name
 * @param {number} [patience] milliseconds to wait for one that is going away
 * @returns {Promise<() => void>}
 */
export function lockVolume(locks, name, patience = PATIENCE) {
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
