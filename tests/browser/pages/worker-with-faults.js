/** The package's worker in a browser whose database can be made to fail. */

import "./with-faults.js";
import "/web/worker.js";
