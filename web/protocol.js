/**
 * What crosses between a page and the worker its system lives in, and nothing else.
 *
 * ```
 *   page (nidus.js, page-process.js)                       worker (worker.js)
 *      [call, verb, ...arguments] ────────────────────────▶  Verbs
 *      [null, "tell", process, word, value] ──────────────▶  what ring.js says; not answered
 *      ◀──── [call, "resolve" | "reject", ...]               Answers
 *      ◀──── [process, "output" | "stdin" | "exit", ...]     ProcessEvents
 *      ◀──── [0, "progress" | "keep" | "part" | "deaf" | "event", …]  SystemEvents
 * ```
 *
 * Invariants: the page numbers calls and processes, one counter for both, never reused, also not
 * after the worker was replaced; each call gets exactly one answer, each process that started exactly one
 * exit; errors cross as `NidusError.toJSON` and keep their code. Output is paid for by `ACKED`,
 * input by `stdin`.
 */

/**
 * @typedef {object} Capabilities what this browser, on this page, lets a system do
 * @property {boolean} isolated the page is cross-origin isolated: shared memory may be used
 * @property {boolean} jspi a program can wait without holding its worker up
 * @property {boolean} multiMemory system calls copy without JavaScript
 * @property {"workers" | "jspi" | "interp"} waiting how a program waits for input: `workers`, in a worker of its
 *   own, which can be ended at any moment; `interp`, on the interpreter
 * @property {readonly string[]} notes one sentence for each thing missing: why, and what it costs
 */

/**
 * @typedef {object} VolumeState whether files outlive the page
 * @property {boolean} persistent
 * @property {string | null} reason why not
 * @property {boolean} readonly it is a view: another page or worker may write
 * @property {string} [repaired] what `repair` found damaged when it was mounted, and made of it
 */

/**
 * @typedef {object} VolumeSettings
 * @property {string} path where it lies
 * @property {string} from its kind and name, as `idb:lab`; `mem`
 * @property {boolean} readonly
 * @property {number} [maxBytes] the most it may hold
 * @property {number} [memory] bytes of it that are kept in memory, if more is stored
 * @property {import("./kept-volume.js").Kept} kept what the page keeps of a volume in memory
 * @property {boolean} [repair] keep what can be read of one that is damaged, instead of refusing it
 * @property {string | WebAssembly.Module} [image] where image.wasm is, for kinds that need it
 * @property {string | WebAssembly.Module} [salvage] where salvage.wasm is, for a repair
 */

/** @typedef {{phase: "download" | "compile" | "mount", file: string, loaded: number, total: number}} Progress */

/**
 * Modules and archives by address, kept by the page, so that a worker neither downloads nor compiles what
 * an earlier one has.
 * @typedef {Map<unknown, WebAssembly.Module | Blob>} Parts
 */

/**
 * @typedef {object} SpawnSettings
 * @property {string} [cwd]
 * @property {Record<string, string>} [env]
 * @property {{cols: number, rows: number}} [terminal]
 * @property {"direct" | "interp" | "auto"} [tier]
 * @property {import("./process.js").Limits} [limits]
 * @property {Uint8Array} [input] all of standard input, instead of what the ring brings
 * @property {import("./stdio.js").Inherited} [stdin] the end of a pipe, instead of either
 * @property {import("./stdio.js").Inherited} [stdout]
 * @property {import("./stdio.js").Inherited} [stderr]
 */

/** @typedef {import("./process.js").ExitStatus} ExitStatus */
/** @typedef {import("./errors.js").ErrorRecord} ErrorRecord */

/** @typedef {{capabilities: Capabilities, volumes: VolumeState[], fs: string[]}} Booted `fs`: its methods */

/**
 * What a page asks for.
 * @typedef {object} Verbs
 * @property {(volumes: VolumeSettings[], kept: Parts, kernel?: string | WebAssembly.Module, compiler?: string | WebAssembly.Module, resources?: string | Blob, tools?: string | WebAssembly.Module, shell?: string | boolean, env?: Record<string, string>, threads?: {kernel?: string | WebAssembly.Module, worker?: string, library?: string, rewriter?: string | WebAssembly.Module}) => Promise<Booted>} boot
 *   without `kernel`, it comes from beside worker.js, as do what `threads` has; without `compiler`, the system has no `cc`; without `shell`, no `sh`
 * @property {(process: number, command: string, args: string[], settings: SpawnSettings, ring: ArrayBuffer) => Promise<number>} spawn
 *   answers the process number in the system
 * @property {(process: number, word: number, value: number | Uint8Array) => void} tell
 * @property {(method: string, ...values: unknown[]) => Promise<unknown>} fs
 * @property {() => Promise<import("./system.js").ProcessState[]>} processes
 * @property {(end?: import("./stdio.js").Inherited) => Promise<unknown>} pipe makes one, or closes an end
 * @property {(source: string | WebAssembly.Module | undefined, ...step: Parameters<import("./archive.js").Step>) => Promise<unknown>} archive
 *   `source`: archive.wasm, where it is not beside worker.js
 * @property {(path: string, method: string, ...values: unknown[]) => Promise<unknown>} volume of the one that lies there
 * @property {() => Promise<unknown>} prepare
 * @property {() => Promise<unknown>} flush
 * @property {() => Promise<unknown>} close
 */

/**
 * @typedef {object} Answers
 * @property {(value: unknown) => void} resolve
 * @property {(error: ErrorRecord) => void} reject
 */

/**
 * @typedef {object} ProcessEvents
 * @property {(fd: number, bytes: Uint8Array) => void} output
 * @property {() => void} caught a signal has not ended it
 * @property {(taken: number, waiting: boolean) => void} stdin bytes taken, and whether it waits for more, which of one
 *   on a terminal is not known by this
 * @property {(state: number) => void} terminal as `stream_state` of docs/kernel-abi.md tells it
 * @property {(status: ExitStatus & {diagnostics?: unknown[]}) => void} exit
 */

/**
 * @typedef {object} SystemEvents
 * @property {(progress: Progress) => void} progress
 * @property {(path: string, cut: import("./volume.js").Cut) => void} keep of a volume in memory
 * @property {(source: unknown, part: WebAssembly.Module | Blob) => void} part what came from an address
 * @property {(change: number) => void} deaf so many programs more run in the worker that nothing interrupts
 * @property {(name: VolumeEvent, error: ErrorRecord | null, path: string, volume: VolumeState) => void} event
 */

/**
 * What a volume tells: all changes are stored; storing failed and is tried again; it is not stored any more; a view
 * shows what its writer stored; another program changed files that were changed here, too.
 * @typedef {"flush" | "flusherror" | "nopersist" | "refresh" | "conflict"} VolumeEvent
 */

/**
 * Sends the page an event.
 * @typedef {(target: number, ...event: Event<Answers> | Event<ProcessEvents> | Event<SystemEvents>) => void} Post
 */

/**
 * @template T
 * @typedef {{[K in keyof T]: T[K] extends (...args: infer A) => unknown ? [name: K, ...args: A] : never}[keyof T]} Event
 */

// A module, though it has nothing but types.
export {};
