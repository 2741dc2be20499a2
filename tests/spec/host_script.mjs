/**
 * A command list on the WebAssembly of whatever runs this, Node or a page: the same lines as run_commands
 * writes. It checks the translation of the scripts, with a mature engine as the oracle.
 *
 * The JavaScript API limits it: v128 and exnref cannot cross, signalling NaNs may not survive, and the exact
 * error of a trap is not compared. What the host cannot compile counts as unsupported, and so does
 * everything that fails in a script after that, for it may have needed what is missing.
 */

class Unsupported extends Error {}

const floats = new DataView(new ArrayBuffer(8));

/** @param {string} token */
function parseValue(token) {
  const [type, bits] = token.split(":");
  const number = bits ? BigInt(`0x${/^[0-9a-f]+$/.test(bits) ? bits : 0}`) : 0n;
  if (type === "i32") return Number(BigInt.asIntN(32, number));
  if (type === "i64") return BigInt.asIntN(64, number);
  if (type === "f32") {
    if ((number & 0x7fc00000n) === 0x7f800000n && (number & 0x3fffffn) !== 0n) {
      throw new Unsupported("a signalling NaN");
    }
    floats.setUint32(0, Number(number));
    return floats.getFloat32(0);
  }
  if (type === "f64") {
    if ((number & 0x7ff8000000000000n) === 0x7ff0000000000000n && (number << 12n) % 2n ** 64n) {
      throw new Unsupported("a signalling NaN");
    }
    floats.setBigUint64(0, number);
    return floats.getFloat64(0);
  }
  if (type === "null") return null;
  if (type === "extern" || type === "host") return `extern ${bits}`;
  throw new Unsupported(`JavaScript cannot hold ${type}`);
}

/** @param {string} pattern @param {unknown} value @returns {boolean} */
function matches(pattern, value) {
  if (pattern.includes("|")) return pattern.split("|").some((one) => matches(one, value));
  const [type, bits] = pattern.split(":");
  if (bits === "canonical" || bits === "arithmetic") return Number.isNaN(value);
  if (bits === undefined && type !== "null") return value !== null;
  return Object.is(parseValue(pattern), value);
}

/** @param {string} token */
const decode = (token) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    Uint8Array.from(token.slice(1).match(/../g) ?? [], (byte) => parseInt(byte, 16)),
  );

function spectest() {
  const print = () => {};
  return {
    print,
    print_i32: print,
    print_i64: print,
    print_f32: print,
    print_f64: print,
    print_i32_f32: print,
    print_f64_f64: print,
    global_i32: new WebAssembly.Global({ value: "i32" }, 666),
    global_i64: new WebAssembly.Global({ value: "i64" }, 666n),
    global_f32: new WebAssembly.Global({ value: "f32" }, 666.6),
    global_f64: new WebAssembly.Global({ value: "f64" }, 666.6),
    table: new WebAssembly.Table({ element: "anyfunc", initial: 10, maximum: 20 }),
    memory: new WebAssembly.Memory({ initial: 1, maximum: 2 }),
    shared_memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }),
  };
}

class Script {
  /**
   * @param {(number: string) => Uint8Array<ArrayBuffer>} read the bytes of a module
   * @param {((bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) | null} rewrite what the host gets instead
   */
  constructor(read, rewrite) {
    this.read = read;
    this.rewrite = rewrite;
    /** @type {Map<string, WebAssembly.Instance | Unsupported>} */
    this.instances = new Map();
    /** @type {Map<string, WebAssembly.Module>} */
    this.definitions = new Map();
    /** @type {WebAssembly.Imports} */
    this.imports = { spectest: spectest() };
    /** Did the host refuse a module? */
    this.incomplete = false;
  }

  /** @param {string} number */
  load(number) {
    const bytes = this.read(number);
    let module;
    try {
      module = new WebAssembly.Module(bytes);
    } catch (error) {
      this.incomplete = true;
      throw new Unsupported(String(error));
    }
    return this.rewrite ? new WebAssembly.Module(this.rewrite(bytes)) : module;
  }

  /** @param {WebAssembly.Module} module @param {string} name */
  instantiate(module, name) {
    const instance = new WebAssembly.Instance(module, this.imports);
    this.instances.set(name, instance);
    this.instances.set("-", instance);
  }

  /** @param {string[]} fields invoke or get, instance, export, arguments */
  act([kind, name, field, ...args]) {
    const instance = this.instances.get(name);
    if (!instance || instance instanceof Unsupported) throw new Unsupported("its module");
    const item = instance.exports[decode(field)];
    if (kind === "get" && item instanceof WebAssembly.Global) return item.value;
    if (typeof item !== "function") throw new Error(`no function ${decode(field)}`);
    const values = args.map(parseValue);
    try {
      return item(...values);
    } catch (error) {
      if (error instanceof TypeError) throw new Unsupported("what JavaScript cannot hold");
      throw error;
    }
  }

  /** @param {string[]} fields */
  execute([command, , ...rest]) {
    switch (command) {
      case "module":
        this.instances.set(rest[0], new Unsupported());
        this.instances.set("-", new Unsupported());
        return this.instantiate(this.load(rest[1]), rest[0]);
      case "definition":
        this.definitions.set(rest[0], this.load(rest[1]));
        this.definitions.set("-", this.load(rest[1]));
        return;
      case "instance": {
        const module = this.definitions.get(rest[1]);
        if (!module) throw new Unsupported("its definition");
        return this.instantiate(module, rest[0]);
      }
      case "register": {
        const instance = this.instances.get(rest[0]);
        if (!instance || instance instanceof Unsupported) throw new Unsupported("its module");
        this.imports[decode(rest[1])] = instance.exports;
        return;
      }
      case "action":
        return void this.act(rest);
      case "return": {
        const arrow = rest.indexOf("=>");
        const result = this.act(rest.slice(0, arrow));
        const expected = rest.slice(arrow + 1);
        const results = expected.length === 1 ? [result] : [.../** @type {any} */ (result ?? [])];
        if (!expected.every((pattern, i) => matches(pattern, results[i]))) {
          throw new Error(`${decode(rest[2])} returned ${results}, not ${expected}`);
        }
        return;
      }
      case "trap":
      case "exhaustion":
        return mustThrow(() => this.act(rest.slice(1)), [WebAssembly.RuntimeError, RangeError]);
      case "trap_module":
        return mustThrow(
          () => new WebAssembly.Instance(this.load(rest[1]), this.imports),
          [WebAssembly.RuntimeError, RangeError],
        );
      case "unlinkable":
        return mustThrow(
          () => new WebAssembly.Instance(this.load(rest[1]), this.imports),
          [WebAssembly.LinkError, TypeError],
        );
      case "malformed":
      case "invalid":
        if (WebAssembly.validate(this.read(rest[1]))) {
          throw new Error(`accepted, but ${command}: ${decode(rest[0])}`);
        }
        return;
      case "exception":
        return mustThrow(() => this.act(rest.slice(1)), [WebAssembly.Exception]);
    }
    throw new Error(`no such command: ${command}`);
  }
}

/** @param {() => unknown} action @param {(new (...args: any[]) => Error)[]} kinds */
function mustThrow(action, kinds) {
  try {
    action();
  } catch (error) {
    if (error instanceof Unsupported || kinds.some((kind) => error instanceof kind)) {
      if (error instanceof Unsupported) throw error;
      return;
    }
    throw error;
  }
  throw new Error("should have failed");
}

/**
 * Executes a translated script.
 * @param {string} folder what its lines of output name
 * @param {string} commands the text of commands.txt
 * @param {(number: string) => Uint8Array<ArrayBuffer>} read the bytes of a module
 * @param {((bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) | null} rewrite what the host gets instead
 * @returns {string[]} failures, and the summary
 */
export function runScript(folder, commands, read, rewrite) {
  const script = new Script(read, rewrite);
  const counts = { passed: 0, failed: 0, text: 0, superseded: 0, unsupported: 0 };
  /** @type {string[]} */
  const lines = [];
  for (const line of commands.split("\n").slice(0, -1)) {
    const fields = line.split(" ");
    if (fields[0] === "text") {
      counts.text++;
      continue;
    }
    if (fields[0] === "single") {
      // Hosts cannot be told how many memories they may allow.
      counts.superseded++;
      continue;
    }
    if (fields[0] === "refused") {
      counts.passed++;
      continue;
    }
    try {
      script.execute(fields);
      counts.passed++;
    } catch (error) {
      if (error instanceof Unsupported || script.incomplete) counts.unsupported++;
      else {
        counts.failed++;
        lines.push(`${folder}:${fields[1]}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  lines.push(`= ${folder} ${Object.values(counts).join(" ")}`);
  return lines;
}
