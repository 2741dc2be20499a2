/**
 * Which scripts of the test suite are in scope: all but those listed here, each with the feature
 * that the engine does not have. Nothing leaves the run unless this table names it.
 */

/** @type {Record<string, string>} feature -> scripts, relative to the suite, without ".wast" */
const OUT_OF_SCOPE = {
  "garbage collection":
    "array array_copy array_fill array_init_data array_init_elem array_new_data array_new_elem " +
    "binary-gc br_on_cast br_on_cast_fail extern i31 ref_cast ref_eq ref_null ref_test struct " +
    "type-canon type-equivalence type-rec type-subtyping",
  "typed function references":
    "br_on_non_null br_on_null call_ref local_init ref ref_as_non_null ref_is_null return_call_ref " +
    "table-sub unreached-valid",
  "exception handling":
    "instance tag throw throw_ref try_table legacy/rethrow legacy/throw legacy/try_catch " +
    "legacy/try_delegate",
  memory64:
    "address64 align64 binary_leb128_64 bulk64 call_indirect64 endianness64 float_memory64 load64 " +
    "memory64 memory64-imports memory_copy64 memory_fill64 memory_grow64 memory_init64 " +
    "memory_redundancy64 memory_trap64 table64 table_copy64 table_copy_mixed table_fill64 " +
    "table_get64 table_grow64 table_init64 table_set64 table_size64",
  "relaxed SIMD":
    "i16x8_relaxed_q15mulr_s i32x4_relaxed_trunc i8x16_relaxed_swizzle relaxed_dot_product " +
    "relaxed_laneselect relaxed_madd_nmadd relaxed_min_max",
  "custom page sizes":
    "proposals/custom-page-sizes/binary proposals/custom-page-sizes/custom-page-sizes " +
    "proposals/custom-page-sizes/custom-page-sizes-invalid " +
    "proposals/custom-page-sizes/memory_max proposals/custom-page-sizes/memory_max_i64",
  "wide arithmetic": "proposals/wide-arithmetic/wide-arithmetic",
};

/**
 * Assertions that a later feature contradicts: the threads proposal forks from the first version of
 * WebAssembly, which allowed one table and one memory.
 * @param {string} name of the script
 * @param {string} message of the assert_invalid
 */
export function superseded(name, message) {
  return name.startsWith("proposals/threads/") && /^multiple (tables|memories)$/.test(message);
}

const reasons = new Map(
  Object.entries(OUT_OF_SCOPE).flatMap(([feature, names]) =>
    names.split(" ").map((name) => /** @type {[string, string]} */ ([name, feature])),
  ),
);

/**
 * The feature that puts a script out of scope, or undefined.
 * @param {string} name relative to the suite, without ".wast"
 */
export function outOfScope(name) {
  return reasons.get(name);
}

/**
 * Names in the table that the suite does not have: the table is then stale.
 * @param {Iterable<string>} names of all scripts
 */
export function unknownNames(names) {
  const known = new Set(names);
  return [...reasons.keys()].filter((name) => !known.has(name));
}
