/**
 * Limits and time-outs of the host, in one place. Times are in milliseconds.
 */

/** Output bytes a process may have under way to the page before it waits: 256 KiB. */
export const OUTPUT_WINDOW = 0x4_0000;
/** What a message costs at least, of that window: many tiny ones are slow, too. */
export const MESSAGE_COST = 512;
/** So many messages of a process may be under way before what it writes within a frame (milliseconds) goes as one. */
export const MESSAGES_BEHIND = 8;
export const FRAME = 16;
/** The same window where a process cannot wait: beyond it, 16 MiB, writing fails. */
export const OUTPUT_LIMIT = 0x100_0000;
/** What is sent at a time at most, and by a program that cannot wait once the page is behind: 64 KiB. */
export const OUTPUT_PIECE = 0x1_0000;
/** Typed input, of which a process may have `INPUT_WINDOW` (ring.js) under way, goes in pieces of this size at most: 32 KiB. */
export const INPUT_PIECE = 0x8000;
/** How long `^C` may lie at a terminal, while a program computes without a pause, before it is sent as a kill. */
export const KEY_GRACE = 50;
/** How long a program in a thread of its own may take to see that it was killed before its worker is ended. */
export const GRACE = 30;
/** How many workers wait for programs to run. */
export const THREADS_IDLE = 2;
/** So long after the last program began, others are started in place of those that have been taken. */
export const WARM_AFTER = 250;
/** How many there may be. */
export const THREADS_MOST = 256;
/** After this time a worker that was ended computes no more: browsers let it for 2 seconds. */
export const STACK_REST = 10_000;
/** How long a kill may stay without effect, and the worker say nothing, before it is replaced, if something runs there that hears nothing. */
export const KILL_GRACE = 200;
/** So many times as long otherwise, since the worker is only slow then. */
export const KILL_PATIENCE = 10;
/** A process that keeps printing lets the worker take messages after this time. */
export const YIELD_AFTER = 50;
/**
 * After so long a program that shares its thread lets others have a turn (turns.js); with others that wait for one, after its
 * part of that, but not before TURN_LEAST.
 */
export const TURN_AFTER = 8;
export const TURN_LEAST = 1;
/**
 * How many instructions it counts until it looks at the clock, at most and at least: fewer if a look came LOOK_LATE or more
 * after the one before, because some of them take long (copies of memory, system calls), more if it came within LOOK_EARLY.
 */
export const LOOK_MOST = 50_000;
export const LOOK_LEAST = 500;
export const LOOK_LATE = 4;
export const LOOK_EARLY = 1;
/** How much of a volume's contents may lie in memory where nothing is said: 128 MiB. */
export const MEMORY = 0x800_0000;
/** Changes of a volume are looked for this often, so that they are stored within a second. */
export const WRITE_BEHIND = 500;
/** After a failed flush the next one waits twice as long, and at last so long. */
export const RETRY_LONGEST = 30_000;
/** A volume's lock just given back by a page that goes away becomes free within this time. */
export const LOCK_PATIENCE = 1000;
/** A browser's database that has not been opened within this time will not be. */
export const OPEN_PATIENCE = 30_000;
/** The file of an opfs volume that a worker had which was ended, in the middle of computing perhaps, becomes free within this time. */
export const HANDLE_PATIENCE = 20_000;
/** Numbers of a volume's mounts that are remembered: a writer overtaken so often would not be noticed. */
export const MOUNTS = 256;
/** How much the host writes to a file at a time: 256 KiB. */
export const FS_PIECE = 0x4_0000;
/** Bytes of an archive that an import is given at a time: 256 KiB. */
export const ARCHIVE_PIECE = 0x4_0000;
/** Threads that a program may have beside its first one, if nothing is said. */
export const MOST_THREADS = 64;
