/**
 * The Web Locks of a system's volumes, which its page holds: one page at a time writes to a volume. The browser
 * gives a lock on when the page that has it closes, crashes or is discarded.
 */

import { NidusError } from "./errors.js";
import { LOCK_PATIENCE } from "./limits.js";

/**
 * Makes this page the only one that writes to a volume; answers what gives it back. Where there are no locks, or they
 * are denied as storage then is, the store's own guards have to do.
 * @param {LockManager | undefined} locks
 * @param {string} name
 * @param {boolean} wait until it is free, however long that takes; else it rejects with `EBUSY` while another one
 *   has it
 * @param {AbortSignal} [signal] gives up waiting: it rejects with the signal's reason
 * @param {number} [patience] milliseconds to wait for one that is going away
 * @returns {Promise<() => void>}
 */
export function lockVolume(locks, name, wait, signal, patience = LOCK_PATIENCE) {
  return new Promise((resolve, reject) => {
    const until = wait ? signal : AbortSignal.timeout(patience);
    const hold = () => new Promise((release) => resolve(/** @type {() => void} */ (release)));
    Promise.resolve(locks?.request(`nidus:${name}`, until ? { signal: until } : {}, hold)).then(
      () => resolve(() => {}),
      () => {
        if (!until?.aborted) return resolve(() => {});
        reject(
          wait
            ? until.reason
            : new NidusError(
                "EBUSY",
                `Volume "${name}" is open in another tab or window: close that one, then reload this page.`,
              ),
        );
      },
    );
  });
}
