/**
 * What a module does that can be seen: used by differential.mjs on the engine, and on a host's own
 * WebAssembly there or in a page. Plain JavaScript of any host.
 */

/** What can be compared of a value. @param {unknown} value @returns {string} */
function show(value) {
  if (Array.isArray(value)) return value.map(show).join(" ");
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return "an object";
  if (Object.is(value, -0)) return "-0";
  return typeof value === "bigint" ? `${value}n` : String(value);
}

/**
 * The kind of an error: engines word them differently.
 * @param {any} wasm the namespace
 * @param {unknown} error
 */
function kind(wasm, error) {
  if (wasm.Exception && error instanceof wasm.Exception) return "exception";
  if (error instanceof RangeError) return "exhausted";
  if (error instanceof WebAssembly.RuntimeError) return "trap";
  if (error instanceof WebAssembly.LinkError) return "link";
  return String(error);
}

/**
 * Instantiates and calls every export; tells all that can be seen.
 * @param {any} wasm the namespace
 * @param {Uint8Array} bytes
 */
export function execute(wasm, bytes) {
  /** @type {string[]} */
  const log = [];
  const module = new wasm.Module(bytes);
  /** @type {Record<string, Record<string, unknown>>} */
  const imports = {};
  const tag = wasm.Exception && new wasm.Tag({ parameters: ["i32"] });
  for (const { module: from, name, kind: what } of wasm.Module.imports(module)) {
    const say = (/** @type {unknown[]} */ ...args) => void log.push(`${name} ${show(args)}`);
    imports[from] ??= {};
    const fail = (/** @type {unknown[]} */ ...args) => {
      say(...args);
      throw tag ? new wasm.Exception(tag, [7]) : new Error("thrown by an import");
    };
    // What binaryen's modules import: functions that tell, one that throws, and these.
    if (what === "function") imports[from][name] = name === "throw" ? fail : say;
    else if (what === "tag")
      imports[from][name] = name === "jstag" ? new wasm.Tag({ parameters: ["externref"] }) : tag;
    else if (what === "global") imports[from][name] = name;
    else return [`needs a ${what}`];
  }
  let exports;
  try {
    exports = new wasm.Instance(module, imports).exports;
  } catch (error) {
    return [kind(wasm, error)];
  }
  for (const [name, item] of Object.entries(exports)) {
    if (typeof item !== "function") continue;
    for (const seed of [0, 1]) {
      exports.hangLimitInitializer?.();
      const args = Array.from({ length: item.length }, (_, i) => seed * (i + 3));
      try {
        log.push(`${name}: ${show(item(...args))}`);
      } catch (error) {
        if (error instanceof TypeError) {
          // A v128 or i64 in the signature: once more with bigints, and if that fails too, not at all.
          try {
            log.push(`${name}: ${show(item(...args.map(BigInt)))}`);
          } catch (again) {
            log.push(`${name}: ${again instanceof TypeError ? "TypeError" : kind(wasm, again)}`);
          }
        } else log.push(`${name}: ${kind(wasm, error)}`);
      }
    }
  }
  for (const [name, item] of Object.entries(exports)) {
    if (item instanceof wasm.Memory) {
      const now = item.bytes ?? new Uint8Array(item.buffer);
      let hash = 2166136261;
      for (const byte of now) hash = Math.imul(hash ^ byte, 16777619);
      log.push(`${name}: ${now.length} bytes, ${now.subarray(0, 64)}… ${hash}`);
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
  return log;
}
