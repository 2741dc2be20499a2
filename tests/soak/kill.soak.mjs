/**
 * The browser is killed 200 times (or as often as the first argument says) while a guest writes to a volume;
 * the second argument is a seed to see a failure again. See kill.js.
 */
import { killTest } from "./kill.js";

const [rounds = 200, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
console.log(`${rounds} rounds with seed ${seed}`);
await killTest({ rounds, seed, log: console.log });
