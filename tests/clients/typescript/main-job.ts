/* The main job, by a client whose types openapi-typescript made of the document: `node main-job.js URL KEY`.
   The exit status decides. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Answer<T> = { data?: T; error?: unknown; response: Response };

const [url, key] = process.argv.slice(2);
assert(url !== undefined && key !== undefined, "main-job.js URL KEY");

const VOTES: Record<"executive" | "supervisor" | "practitioner", number[]> = {
  executive: [2, 1, 1, 2, 1, 1, 2, 1, 1],
  supervisor: [2, 1, 1, 2, 0, 1, 2, 1, 1],
  practitioner: [1, 1, 0, 2, 0, 1, 2, 1, 1],
};

const anybody = createClient<paths>({ baseUrl: url });
const holder = (token: string) =>
  createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const client = holder(key);

/** The body of an answer that must be good. */
function good<T>(answer: Answer<T>, status = 200): T {
  assert.equal(answer.response.status, status, JSON.stringify(answer.error));
  assert(answer.data !== undefined);
  return answer.data;
}

/** The problem of an answer that must be a failure. */
function refused(
  answer: { error?: Schemas["Problem"]; response: Response },
  status: number,
  code: string,
): Schemas["Problem"] {
  const problem = answer.error;
  assert(problem !== undefined, `${status} ${code} was expected, not ${answer.response.status}`);
  assert.deepEqual([answer.response.status, problem.status, problem.code], [status, status, code], problem.detail);
  assert.equal(answer.response.headers.get("Content-Type"), "application/problem+json");
  assert.equal(answer.response.headers.get("X-Request-Id"), problem.request_id);
  return problem;
}

function etag(answer: { response: Response }): string {
  const tag = answer.response.headers.get("ETag");
  assert(tag !== null);
  return tag;
}

/** Create, repeat, read again, change, collide, and page. */
async function makeCounty(rootId: string): Promise<Schemas["OrganizationRead"]> {
  const body: Schemas["OrganizationCreate"] = { parent_id: rootId, kind: "county", name: "South County" };
  const header = { "Idempotency-Key": randomUUID() };
  const made = await client.POST("/v1/organizations", { body, params: { header } });
  const county = good(made, 201);
  assert.equal(made.response.headers.get("Location"), `/v1/organizations/${county.id}`);
  const again = await client.POST("/v1/organizations", { body, params: { header } });
  assert.deepEqual(good(again, 201), county);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
  const rehearsed = await client.POST("/v1/organizations", { body, params: { query: { dry_run: true } } });
  assert.equal(good(rehearsed).name, "South County");

  const path = { organization_id: county.id };
  const read = await client.GET("/v1/organizations/{organization_id}", { params: { path } });
  assert.deepEqual(good(read), county);
  const tag = etag(read);
  const same = await client.GET("/v1/organizations/{organization_id}", {
    params: { path, header: { "If-None-Match": tag } },
  });
  assert.equal(same.response.status, 304);

  const change = { params: { path, header: { "If-Match": tag } }, body: { name: "South and East County" } };
  const changed = await client.PATCH("/v1/organizations/{organization_id}", change);
  assert.equal(good(changed).version, county.version + 1);
  const stale = await client.PATCH("/v1/organizations/{organization_id}", change);
  refused(stale, 412, "precondition_failed");
  assert.equal(etag(stale).split(".")[0], etag(changed).split(".")[0]);

  const wrong = await client.POST("/v1/organizations", { body: { ...body, name: "" } });
  assert.deepEqual(
    refused(wrong, 422, "invalid").errors.map((error) => error.pointer),
    ["/body/name"],
  );
  const nowhere = { params: { path: { organization_id: randomUUID() } } };
  refused(await client.GET("/v1/organizations/{organization_id}", nowhere), 404, "not_found");
  await pageThrough(county.id);
  return county;
}

/** Seven sites, two a page, each once and in order. */
async function pageThrough(countyId: string): Promise<void> {
  const sites: string[] = [];
  for (let number = 0; number < 7; number++) {
    const body: Schemas["OrganizationCreate"] = { parent_id: countyId, kind: "site", name: `Site ${number}` };
    sites.push(good(await client.POST("/v1/organizations", { body }), 201).id);
  }
  const found: string[] = [];
  const sizes: number[] = [];
  let cursor: string | null = null;
  do {
    const query: { parent_id: string; limit: number; cursor?: string } = { parent_id: countyId, limit: 2 };
    if (cursor !== null) query.cursor = cursor;
    const page: Schemas["OrganizationPage"] = good(await client.GET("/v1/organizations", { params: { query } }));
    found.push(...page.items.map((item) => item.id));
    sizes.push(page.items.length);
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(found, sites);
  assert.deepEqual(sizes, [2, 2, 2, 1]);
  const bad = await client.GET("/v1/organizations", { params: { query: { cursor: "made-up" } } });
  refused(bad, 400, "invalid_cursor");
}

/** A program, the county's use of it, and a drafted assessment of that. */
async function makeAssessment(rootId: string, countyId: string): Promise<Schemas["AssessmentRead"]> {
  const program = good(
    await client.POST("/v1/programs", { body: { organization_id: rootId, name: "Connections" } }),
    201,
  );
  const use: Schemas["ImplementationCreate"] = {
    organization_id: countyId,
    program_id: program.id,
    stage: "initial_implementation",
  };
  const implementation = good(await client.POST("/v1/implementations", { body: use }), 201);
  refused(await client.POST("/v1/implementations", { body: use }), 409, "implementation_exists");
  const body = { implementation_id: implementation.id, title: "Baseline" };
  return good(await client.POST("/v1/assessments", { body }), 201);
}

async function move(assessmentId: string, to: Schemas["AssessmentState"]): Promise<Schemas["AssessmentRead"]> {
  const params = { path: { assessment_id: assessmentId }, header: { "If-Match": "*" } };
  const moved = good(await client.POST("/v1/assessments/{assessment_id}/transitions", { params, body: { to } }));
  assert.equal(moved.state, to);
  return moved;
}

/** Invite respondents, let each claim the seat, open, and let each vote with the seat's token. */
async function vote(assessmentId: string): Promise<void> {
  const seats: [Schemas["SeatClaimed"], number[]][] = [];
  for (const perspective of ["executive", "supervisor", "practitioner"] as const) {
    const params = { path: { assessment_id: assessmentId } };
    const body: Schemas["ParticipantCreate"] = { seat: "respondent", perspective };
    const seat = good(await client.POST("/v1/assessments/{assessment_id}/participants", { params, body }), 201);
    assert(seat.invitation?.code);
    const claim = { code: seat.invitation.code };
    seats.push([good(await anybody.POST("/v1/seats/claim", { body: claim }), 201), VOTES[perspective]]);
  }
  await move(assessmentId, "collecting");
  for (const [seat, values] of seats) {
    assert(seat.token !== null);
    const respondent = holder(seat.token);
    const cast = (participantId: string, practice: string, value: number) =>
      respondent.PUT("/v1/assessments/{assessment_id}/votes/{participant_id}/{practice}", {
        params: { path: { assessment_id: assessmentId, participant_id: participantId, practice } },
        body: { value },
      });
    for (const [index, value] of values.entries()) {
      assert.equal(good(await cast(seat.participant_id, `P${index + 1}`, value), 201).value, value);
    }
    const other = seats.find(([one]) => one.participant_id !== seat.participant_id);
    assert(other !== undefined);
    refused(await cast(other[0].participant_id, "P1", 0), 403, "not_your_seat");
  }
  const sealed = await readiness(assessmentId);
  assert.deepEqual([sealed.sealed, sealed.readiness, sealed.reason], [true, null, "votes_sealed"]);
  assert.deepEqual([sealed.voting.invited, sealed.voting.voted], [3, 3]);
}

async function readiness(assessmentId: string): Promise<Schemas["ReadinessRead"]> {
  const path = { assessment_id: assessmentId };
  const answer = await client.GET("/v1/assessments/{assessment_id}/readiness", { params: { path } });
  const header = { "If-None-Match": etag(answer) };
  const same = await client.GET("/v1/assessments/{assessment_id}/readiness", { params: { path, header } });
  assert.equal(same.response.status, 304);
  return good(answer);
}

/** Close the votes, record what the team agrees on, and make it final. */
async function settle(assessmentId: string): Promise<void> {
  await move(assessmentId, "consensus");
  const early = await client.POST("/v1/assessments/{assessment_id}/transitions", {
    params: { path: { assessment_id: assessmentId }, header: { "If-Match": "*" } },
    body: { to: "final" },
  });
  assert.equal(early.error?.status, 409);
  const record = (practice: string, value: number, note: string | null, header = {}) =>
    client.PUT("/v1/assessments/{assessment_id}/consensus/{practice}", {
      params: { path: { assessment_id: assessmentId, practice }, header },
      body: { value, note },
    });
  good(await record("P1", 2, "Funded."), 201);
  good(await record("P3", 1, null), 201);
  good(await record("P5", 0, "On top of it all."), 201);
  refused(await record("P5", 1, null), 428, "precondition_required");
  const administration = await client.PUT("/v1/assessments/{assessment_id}/administration", {
    params: { path: { assessment_id: assessmentId } },
    body: { roles_present: [{ seat: "respondent", count: 3 }], evidence_reviewed: true },
  });
  good(administration, 201);
  await move(assessmentId, "final");
  refused(await record("P5", 1, null, { "If-Match": "*" }), 423, "frozen");
}

/** The score, typed down to a practice; answers the code of the widest gap. */
async function readScore(assessmentId: string): Promise<string> {
  const read = await readiness(assessmentId);
  assert(read.readiness !== null && read.bounds !== null);
  assert.equal(read.readiness.toFixed(6), "61.111111");
  assert.equal(read.band, "advancing");
  const [least, most] = read.bounds;
  assert(least !== undefined && most !== undefined && least <= read.readiness && read.readiness <= most);
  const widest = read.practices.find((practice) => practice.gap === 1);
  assert(widest !== undefined);
  assert.deepEqual([widest.code, widest.score, widest.consensus?.value], ["P5", 0, 0]);
  assert.deepEqual([widest.votes?.not_in_place, widest.votes?.partially_in_place], [2, 1]);
  const sum = read.practices.reduce((total, practice) => total + (practice.contribution ?? 0), 0);
  assert(Math.abs(sum - read.readiness) < 0.0001);
  return widest.code;
}

/** An action item of the gap, taken up and found again. */
async function act(assessmentId: string, practice: string): Promise<void> {
  const made = await client.POST("/v1/action-items", {
    body: { assessment_id: assessmentId, practices: [practice] },
  });
  const item = good(made, 201);
  const moved = await client.POST("/v1/action-items/{action_item_id}/transitions", {
    params: { path: { action_item_id: item.id }, header: { "If-Match": etag(made) } },
    body: { to: "open" },
  });
  assert.equal(good(moved).status, "open");
  const query = { assessment_id: assessmentId, status: ["open" as const] };
  const found = good(await client.GET("/v1/action-items", { params: { query } }));
  assert.deepEqual(
    found.items.map((one) => one.id),
    [item.id],
  );
}

assert.equal(good(await client.GET("/healthz/ready")).status, "ready");
refused(await holder("fa_x").GET("/v1/me"), 401, "unauthorized");
const rootId = good(await client.GET("/v1/me")).grants[0]?.organization_id;
assert(rootId !== undefined);
const county = await makeCounty(rootId);
const assessment = await makeAssessment(rootId, county.id);
await vote(assessment.id);
await settle(assessment.id);
await act(assessment.id, await readScore(assessment.id));
