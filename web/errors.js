/**
 * The one error class of Nidus and the names of errno.
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
 * | `ENOEXEC` | a program is not a WebAssembly module that Nidus can run |
 */

/** Names by WASI preview 1 errno number, without the leading E. */
const NAMES = (
  "SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED " +
  "CHILD CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG " +
  "HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP " +
  "NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM " +
  "NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO " +
  "OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE " +
  "TIMEDOUT TXTBSY XDEV NOTCAPABLE"
).split(" ");

/** @type {Readonly<Record<string, string>>} */
const MEANINGS = {
  EACCES: "permission denied",
  EAGAIN: "resource temporarily unavailable",
  EBADF: "bad file descriptor",
  EBUSY: "resource busy or locked",
  EEXIST: "file already exists",
  EFBIG: "file too large",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "illegal operation on a directory",
  ELOOP: "too many symbolic links encountered",
  EMFILE: "too many open files",
  ENAMETOOLONG: "name too long",
  ENOENT: "no such file or directory",
  ENOMEM: "not enough memory",
  ENOSPC: "no space left on device",
  ENOTCAPABLE: "outside of what the descriptor gives access to",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  ENOTSUP: "operation not supported",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EROFS: "read-only file system",
  ESRCH: "no such process",
  EXDEV: "cross-device link not permitted",
};

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
  constructor(code, message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "NidusError";
    this.code = code;
    /** @type {string | undefined} */
    this.syscall = details.syscall;
    /** @type {string | undefined} */
    this.path = details.path;
    /** @type {number | undefined} */
    this.errno = details.errno;
  }

  /**
   * The error in node's wording for an errno of the kernel.
   * @param {number} errno WASI number, positive
   * @param {string} syscall
   * @param {string} [path]
   * @param {string} [dest]
   */
  static fromErrno(errno, syscall, path, dest) {
    const code = errnoName(errno);
    const where =
      path === undefined ? "" : ` '${path}'${dest === undefined ? "" : ` -> '${dest}'`}`;
    const meaning = MEANINGS[code] ?? `error ${errno}`;
    return new NidusError(code, `${code}: ${meaning}, ${syscall}${where}`, {
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
    if (thrown instanceof Error) {
      const code = /** @type {{code?: unknown}} */ (thrown).code;
      return { code: typeof code === "string" ? code : thrown.name, message: thrown.message };
    }
    return { code: "Error", message: String(thrown) };
  }

  /** @returns {ErrorRecord} */
  toJSON() {
    const { code, message, syscall, path, errno } = this;
    return { code, message, syscall, path, errno };
  }
}

/**
 * `ENOENT` for 44.
 * @param {number} errno
 */
export function errnoName(errno) {
  const name = NAMES[errno];
  return name === undefined ? `E${errno}` : `E${name}`;
}

/**
 * 44 for `ENOENT`; `EIO` for names WASI does not know.
 * @param {string} name
 */
export function errnoNumber(name) {
  const aliased =
    name === "EOPNOTSUPP" ? "NOTSUP" : name === "EWOULDBLOCK" ? "AGAIN" : name.slice(1);
  const found = NAMES.indexOf(aliased);
  return found < 0 ? 29 : found;
}

const SIGNALS = (
  "NONE HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT STOP TSTP " +
  "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS"
).split(" ");

/**
 * `SIGKILL` for 9.
 * @param {number} number
 */
export function signalName(number) {
  return `SIG${SIGNALS[number] ?? number}`;
}

/**
 * 9 for `SIGKILL`.
 * @param {string} name
 */
export function signalNumber(name) {
  const found = SIGNALS.indexOf(name.replace(/^SIG/, ""));
  if (found < 1) {
    throw new NidusError(
      "EINVAL",
      `EINVAL: "${name}" is not a signal; use SIGTERM or SIGKILL, say`,
    );
  }
  return found;
}
