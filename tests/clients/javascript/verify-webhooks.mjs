// Verifies messages of webhooks with the libraries that receivers use, and checks that they refuse an altered one.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const { messages } = JSON.parse(readFileSync(process.argv[2], "utf8"));
let verified = 0;
for (const { body, headers, secrets, others } of messages) {
  for (const Webhook of [Standard, Svix]) {
    for (const secret of secrets) {
      assert.deepEqual(new Webhook(secret).verify(body, headers), JSON.parse(body));
      assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
      verified += 1;
    }
    for (const secret of others) {
      assert.throws(() => new Webhook(secret).verify(body, headers));
    }
  }
}
console.log(verified);
