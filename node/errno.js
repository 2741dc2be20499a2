/**
 * The numbers WASI has for the errors of this machine.
 */

import { errnoTexts } from "../web/errors.js";

const EIO = 29;

/**
 * 44 for `ENOENT`; that of `EIO` for names WASI does not know.
 * @param {unknown} name
 */
export function errnoNumber(name) {
  const known =
    name === "EOPNOTSUPP" ? "ENOTSUP" : name === "EWOULDBLOCK" ? "EAGAIN" : String(name);
  const found = errnoTexts.findIndex((text) => text.startsWith(`${known}:`));
  return found < 0 ? EIO : found;
}
