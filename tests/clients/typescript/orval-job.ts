/* A filtered list, a creation and a refusal by the functions that orval makes of the document:
   `node orval-job.js URL KEY`. The exit status decides. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createOrganization, getMe, listActionItems, listOrganizations } from "./orval.js";

const [url, key] = process.argv.slice(2);
assert(url !== undefined && key !== undefined, "orval-job.js URL KEY");

// The generated functions name paths only: the address and the credential are the caller's.
const send = globalThis.fetch;
globalThis.fetch = (path, options) => send(new URL(String(path), url), options);
const headers = { Authorization: `Bearer ${key}` };

const me = await getMe({ headers });
assert.equal(me.status, 200);
const root = me.data.grants[0]?.organization_id;
assert(root !== undefined);

// The service may hold what others made: the filters ask for this organization alone.
const name = `Orchard County ${randomUUID()}`;
const made = await createOrganization(
  { parent_id: root, kind: "county", name },
  { dry_run: false },
  { headers: { ...headers, "Content-Type": "application/json" } },
);
assert(made.status === 201, JSON.stringify(made.data));

// Filters that are not set, one value and several values of a filter reach the service as they should.
const found = await listOrganizations({ q: name.toLowerCase(), kind: "county", limit: 5 }, { headers });
assert.equal(found.status, 200, JSON.stringify(found.data));
assert.deepEqual(found.data.items.map((one) => one.name), [name]);
const items = await listActionItems(
  { organization_id: made.data.id, status: ["open", "done"], overdue: false, sort: "-due_on" },
  { headers },
);
assert.equal(items.status, 200, JSON.stringify(items.data));
assert.deepEqual(items.data.items, []);

const refused = await listOrganizations({ limit: 0 }, { headers });
assert(refused.status === 422);
assert.equal(refused.data.errors[0]?.pointer, "/query/limit");
