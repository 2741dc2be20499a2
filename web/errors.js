/**
 * The one error class of Nidus and the names of errno and signals.
 *
 * Invariant: every error that reaches a caller has a stable `code`: an errno name such as `ENOENT`,
 * or one of the `NIDUS_…` codes below; and it crosses `postMessage` as a plain record, because
 * structured clone drops the own fields of errors. Recognise errors by `code`, not by class: two
 * copies of this package may be loaded.
 *
 * | code | cause |
 * | --- | --- |
 * | `NIDUS_ASSET` | a file of the package is missing, or something else was served in its place |
 * | `NIDUS_CSP` | the page's content security policy forbids WebAssembly |
 * | `NIDUS_KERNEL` | the kernel and the host library come from different versions |
 * | `NIDUS_ENGINE` | engine.wasm and the host library come from different versions |
 * | `NIDUS_CONFLICT` | another program changed files of an idbfs mount that were changed here, too |
 * | `ENOEXEC` | a program is not a WebAssembly module that Nidus can run |
 */

/**
 * What the errnos are called and mean, by number: "ENOENT: no such file or directory". The table lies in
 * the kernel (errno_text.c), and whoever gets an errno has loaded one.
 * @type {string[]}
 */
export let errnoTexts = [];

/**
 * Takes the kernel's table.
 * @param {string} lines
 */
export function learnErrnos(lines) {
  errnoTexts = lines.split("\n");
}

/**
 * @typedef {object} ErrorRecord an error as it crosses between threads
 * @property {string} code
 * @property {string} message
 * @property {string} [syscall]
 * @property {string} [path]
 * @property {number} [errno]
 */

/** An error with a stable `code`; `errno` is the WASI preview 1 number where there is one. */
export class NidusError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{syscall?: string, path?: string, errno?: number, cause?: unknown}} [details]
   */
  constructor(code, message, { syscall, path, errno, cause } = {}) {
    super(message, cause ? { cause } : {});
    this.name = "NidusError";
    this.code = code;
    this.syscall = syscall;
    this.path = path;
    this.errno = errno;
  }

  /**
   * The error in node's wording for an errno of the kernel.
   * @param {number} errno WASI number, positive
   * @param {string} syscall
   * @param {string} [path]
   * @param {string} [dest]
   */
  static fromErrno(errno, syscall, path, dest) {
    const text = errnoTexts[errno] ?? `E${errno}: error ${errno}`;
    let message = `${text}, ${syscall}`;
    if (path !== undefined) message += ` '${path}'`;
    if (dest !== undefined) message += ` -> '${dest}'`;
    return new NidusError(/** @type {string} */ (text.split(":")[0]), message, {
      syscall,
      path,
      errno,
    });
  }

  /** @param {ErrorRecord} record */
  static fromJSON(record) {
    return new NidusError(record.code, record.message, record);
  }

  /**
   * Any thrown value as a record.
   * @param {unknown} thrown
   * @returns {ErrorRecord}
   */
  static toRecord(thrown) {
    if (thrown instanceof NidusError) return thrown.toJSON();
    const { code, name = "Error" } = /** @type {{code?: unknown, name?: string}} */ (thrown ?? {});
    return { code: typeof code === "string" ? code : name, message: messageOf(thrown) };
  }

  /** @returns {ErrorRecord} */
  toJSON() {
    const { code, message, syscall, path, errno } = this;
    return { code, message, syscall, path, errno };
  }
}

/**
 * What a thrown value says.
 * @param {unknown} thrown
 */
export function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The signals from 1. */
const SIGNALS = (
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT STOP TSTP " +
  "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS"
).split(" ");

/**
 * `SIGKILL` for 9.
 * @param {number} number
 */
export function signalName(number) {
  return `SIG${SIGNALS[number - 1] ?? number}`;
}

/**
 * 9 for `SIGKILL`.
 * @param {string} name
 */
export function signalNumber(name) {
  const found = SIGNALS.indexOf(name.replace(/^SIG/, "")) + 1;
  if (found > 0) return found;
  throw new NidusError("EINVAL", `EINVAL: "${name}" is not a signal; use SIGTERM or SIGKILL, say`);
}
