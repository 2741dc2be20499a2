/**
 * What is known of one build of the compiler, `llvm.core.wasm` of `@yowasp/clang` 22.0.0-git20542-10.
 * Another build works too: its driver is asked for every plan, and each byte of it is looked at once.
 * tests/unit/toolchain/build.test.js holds these facts to that build.
 */

/** The fingerprint (../rewrite.js) of the build whose driver the kernel's planner speaks for. */
export const PLANNED_BUILD = "5f14fb0ebd3eced4";

/**
 * The function bodies with `memory.size` or `memory.grow`: malloc, and two around `sbrk`.
 * @type {Readonly<Record<string, readonly number[]>>}
 */
export const GROWING_BODIES = { [PLANNED_BUILD]: [9, 131947, 133368] };
