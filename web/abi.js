/**
 * Numbers that the kernel's C and this JavaScript agree on; docs/kernel-abi.md is the contract.
 */

/** What a host may lack (lacks.h). */
export const NO_JSPI = 1;
export const NO_ISOLATION = 2;
export const NO_MULTI_MEMORY = 4;
export const NO_TOOLCHAIN = 8;

/** What a process waits for, in bits. */
export const WAITS_CLOCK = 1;
export const WAITS_FLUSH = 8;
export const WAITS_CHUNK = 16;

/** The numbers of one record of `nidus_flush_record`, of which the first is its kind. */
export const RECORD_LENGTH = 5;
export const FLUSH_RESTART = 1;
export const FLUSH_SEGMENT = 2;
export const FLUSH_CUT = 3;
export const FLUSH_CHUNK = 4;
/** In what `nidus_volume_wants` answers: a writer waits for room, which a flush makes. */
export const WANTS_ROOM = 64;

/** Operations of `nidus_fs` (fs.h): the first of those that take one path, and those after node's own. */
export const FS_ONE_PATH = 5;
export const FS_EXISTS = 19;
export const FS_OPEN = 20;
export const FS_READ = 21;
export const FS_WRITE = 22;
export const FS_CLOSE = 23;
/** It waits for contents of files, or for room, and is to be asked again. */
export const FS_WAITS = -0x1_0000;
/** What an answer is, by its kind: 0 nothing, 1 text; from NUMBER on a number. Below 0 it is an errno. */
export const FS_LIST = 2;
export const FS_STATS = 4;
export const FS_NUMBER = 5;
/** The size of the numbers that STATS are; their names follow. */
export const FS_FIELDS = 128;
