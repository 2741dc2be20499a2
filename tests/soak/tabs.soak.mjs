/**
 * Two and then five tabs write to one volume for 10 minutes (or the seconds of the first argument) each; the
 * second argument is a seed to see a failure again. See tabs.js.
 */
import { tabsTest } from "./tabs.js";

const [seconds = 600, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
for (const tabs of [2, 5]) {
  console.log(`${tabs} tabs for ${seconds} seconds with seed ${seed}`);
  await tabsTest({ tabs, seconds, seed, log: console.log });
}
