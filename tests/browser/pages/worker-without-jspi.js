/** The package's worker in a browser that has no JSPI. */

import "./without-jspi.js";
import "/web/worker.js";
