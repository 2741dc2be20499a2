/**
 * Instantiates a module and calls all that it exports, in any engine with the JavaScript API of
 * WebAssembly, a page's included; what can be seen of that is a list of lines to be compared.
 */

/** Arguments that every number type takes: as text, which is converted to numbers and bigints alike. */
const VALUES =
  "0 1 -1 2 7 31 -128 255 65535 65536 -32769 2147483647 -2147483648 4294967295 4294967296 -4294967297 " +
  "9007199254740993 9223372036854775807 -9223372036854775808 305419896";

/** What can be compared of a value. @param {unknown} value @returns {string} */
function show(value) {
  if (Array.isArray(value)) return value.map(show).join(" ");
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  if (Object.is(value, -0)) return "-0";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/** The kind of an error: engines word them differently. @param {any} wasm @param {unknown} error */
function kind(wasm, error) {
  if (wasm.Exception && error instanceof wasm.Exception) return "exception";
  if (error instanceof RangeError) return "exhausted";
  if (error instanceof WebAssembly.RuntimeError) return "trap";
  if (error instanceof WebAssembly.LinkError) return "link";
  return error instanceof Error ? error.name : String(error);
}

/** FNV-1a, for what is too long to be shown. @param {Uint8Array} bytes */
function digest(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

/**
 * Something for every import of binaryen's generator; calls are noted in the log.
 * @param {any} wasm
 * @param {any} module
 * @param {string[]} log
 */
function importsFor(wasm, module, log) {
  /** @type {Record<string, Record<string, unknown>>} */
  const imports = {};
  const tag = wasm.Tag && new wasm.Tag({ parameters: ["i32"] });
  for (const { module: from, name, kind: what } of wasm.Module.imports(module)) {
    imports[from] ??= {};
    if (what === "function")
      imports[from][name] = (/** @type {unknown[]} */ ...args) => {
        log.push(`${name} ${show(args)}`);
        if (name === "throw" && tag) throw new wasm.Exception(tag, [Number(args[0])]);
        if (name === "sleep") return args[1];
      };
    else if (what === "tag") imports[from][name] = name === "jstag" ? wasm.JSTag : tag;
    else if (what === "global") imports[from][name] = new wasm.Global({ value: "externref" }, name);
    else throw new Error(`no ${what} for ${name}`);
  }
  return imports;
}

/**
 * @param {any} wasm the namespace
 * @param {Uint8Array} bytes
 * @param {number} rounds how often each function is called, with other arguments
 * @returns {{log: string[], calls: number}}
 */
export function outcomes(wasm, bytes, rounds) {
  /** @type {string[]} */
  const log = [];
  let calls = 0;
  const values = VALUES.split(" ");
  const module = new wasm.Module(bytes);
  let exports;
  try {
    exports = new wasm.Instance(module, importsFor(wasm, module, log)).exports;
  } catch (error) {
    log.push(kind(wasm, error));
    return { log, calls };
  }
  const items = Object.entries(exports);
  for (let round = 0; round < rounds; round++) {
    for (const [name, item] of items) {
      if (typeof item !== "function" || name === "hangLimitInitializer") continue;
      exports.hangLimitInitializer?.();
      const args = Array.from(
        { length: item.length },
        (_, i) => values[(round * 7 + (Math.floor(round / values.length) + 3) * i) % values.length],
      );
      calls++;
      try {
        log.push(`${name}(${args}): ${show(item(...args))}`);
      } catch (error) {
        log.push(`${name}(${args}): ${kind(wasm, error)}`);
      }
    }
  }
  for (const [name, item] of items) {
    if (item instanceof wasm.Memory) {
      const now = item.bytes ?? new Uint8Array(item.buffer);
      log.push(`${name}: ${now.length} bytes, ${digest(now)}`);
    } else if (item instanceof wasm.Global) {
      let value;
      try {
        value = show(item.value);
      } catch {
        value = "v128";
      }
      log.push(`${name}: ${value}`);
    }
  }
  return { log, calls };
}
