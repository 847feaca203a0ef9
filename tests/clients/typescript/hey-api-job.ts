/* A filtered list, a creation and a refusal by the functions that hey-api makes of the document:
   `node hey-api-job.js URL KEY`. The exit status decides. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { client } from "./hey-api/client.gen.js";
import { createOrganization, getMe, listActionItems, listOrganizations } from "./hey-api/sdk.gen.js";

const [url, key] = process.argv.slice(2);
assert(url !== undefined && key !== undefined, "hey-api-job.js URL KEY");
client.setConfig({ baseUrl: url, auth: () => key });

const me = await getMe();
const root = me.data?.grants[0]?.organization_id;
assert(root !== undefined, JSON.stringify(me.error));

// The service may hold what others made: the filters ask for this organization alone.
const name = `Harbour County ${randomUUID()}`;
const made = await createOrganization({ body: { parent_id: root, kind: "county", name } });
assert(made.data !== undefined, JSON.stringify(made.error));
assert.equal(made.response?.status, 201);

// Filters that are not set, one value and several values of a filter reach the service as they should.
const found = await listOrganizations({ query: { q: name.toLowerCase(), kind: "county", limit: 5 } });
assert.deepEqual(found.data?.items.map((one) => one.name), [name]);
const items = await listActionItems({
  query: { organization_id: made.data.id, status: ["open", "done"], overdue: false, sort: "-due_on" },
});
assert.deepEqual(items.data?.items, [], JSON.stringify(items.error));

const refused = await listOrganizations({ query: { limit: 0 } });
assert.equal(refused.error?.status, 422);
assert.equal(refused.error?.errors[0]?.pointer, "/query/limit");
