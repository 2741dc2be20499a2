/** Elements of index.html by their ids. */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof (type ?? HTMLElement)) return /** @type {T} */ (element);
  throw new Error(`index.html has no element #${id} of the kind wanted`);
}
