/** The package's worker in a browser that denies storage. */

import "./without-storage.js";
import "/web/worker.js";
