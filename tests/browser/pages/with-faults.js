/** Lets a test make the browser's database fail: it says what on the channel "faults". */

import { createFaults } from "/tests/unit/volume/faults.js";

const faults = createFaults(/** @type {any} */ (globalThis));
const channel = new BroadcastChannel("faults");
channel.onmessage = ({ data }) => {
  channel.postMessage(data ? faults.arm(data[0], data[1]) : faults.disarm());
};
