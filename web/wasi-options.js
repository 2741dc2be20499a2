/**
 * The checks of `node:wasi` on its options and instances, with Node's codes and sentences, so that programs
 * which look at them find the same (wasi-class.js). Not loaded by a page's system.
 */

/**
 * A value as Node's messages quote it.
 * @param {unknown} value
 */
function received(value) {
  if (value === null || value === undefined) return `Received ${value}`;
  if (typeof value === "function") return `Received function ${value.name}`;
  if (typeof value === "object") {
    return `Received an instance of ${value.constructor?.name || "Object"}`;
  }
  const text = typeof value === "bigint" ? `${value}n` : quoted(value);
  return `Received type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

/** @param {unknown} value */
export function quoted(value) {
  return typeof value === "string" ? `'${value}'` : String(value);
}

/**
 * An error with the code and class that Node gives it.
 * @template {Error} E
 * @param {E} error
 * @param {string} code
 */
export function coded(error, code) {
  return Object.assign(error, { code });
}

/**
 * @param {string} name
 * @param {string} must
 * @param {unknown} value
 */
export function wrongType(name, must, value) {
  const kind = name.includes(".") ? "property" : "argument";
  return coded(
    new TypeError(`The "${name}" ${kind} must be ${must}. ${received(value)}`),
    "ERR_INVALID_ARG_TYPE",
  );
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {asserts value is object}
 */
export function mustBeObject(value, name) {
  if (value === null || Array.isArray(value) || typeof value !== "object") {
    throw wrongType(name, "of type object", value);
  }
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {string} type what `typeof` answers
 */
export function mustBe(value, name, type) {
  if (typeof value !== type) throw wrongType(name, `of type ${type}`, value);
}

/**
 * @param {unknown} value
 * @param {string} name
 */
export function mustBeUndefined(value, name) {
  if (value !== undefined) throw wrongType(name, "undefined", value);
}

/**
 * A number of a descriptor.
 * @param {unknown} value
 * @param {string} name
 * @returns {asserts value is number}
 */
export function mustBeDescriptor(value, name) {
  mustBe(value, name, "number");
  const number = /** @type {number} */ (value);
  const must = !Number.isInteger(number)
    ? "an integer"
    : number < 0 || number > 0x7fffffff
      ? ">= 0 && <= 2147483647"
      : null;
  if (must === null) return;
  const text = Number.isInteger(number) && Math.abs(number) > 2 ** 32 ? grouped(number) : number;
  throw coded(
    new RangeError(
      `The value of "${name}" is out of range. It must be ${must}. Received ${String(text)}`,
    ),
    "ERR_OUT_OF_RANGE",
  );
}

/** A large number as Node writes it: 4_294_967_297. @param {number} number */
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "_");
}

/**
 * The memory of an instance.
 * @param {unknown} memory
 * @returns {WebAssembly.Memory}
 */
export function mustBeMemory(memory) {
  // Not by class: it may come from another realm.
  if (Object.prototype.toString.call(memory) === "[object WebAssembly.Memory]") {
    return /** @type {WebAssembly.Memory} */ (memory);
  }
  throw coded(
    new TypeError('"instance.exports.memory" property must be a WebAssembly.Memory object'),
    "ERR_INVALID_ARG_TYPE",
  );
}
