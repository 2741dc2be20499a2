/**
 * A volume of 2 GiB (or of the MiB of the first argument) in a kernel whose memory ends at 256 MiB; the second argument
 * is a seed to see a failure again. See large.js.
 */
import { largeTest } from "./large.js";

const MIB = 1024 * 1024;
const [size = 2048, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
console.log(`${size} MiB with seed ${seed}`);
await largeTest({ bytes: size * MIB, memory: 128 * MIB, most: 256 * MIB, seed, log: console.log });
