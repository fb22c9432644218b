// Goal: every model call is priced and shown to whom it belongs, budgets hold however many calls
// come at once and whatever dies, and tokens let agents outside in for a while. Method: the scripted
// model, whose every answer costs the same; calls from inside a sandbox and from outside.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Cove, startModel, until } from './lib/cove.mjs';

// 600 input at $5, 400 cached at $0.50 and 100 output at $30 a million: gpt-5.5's shipped price.
const cost = 3000 + 200 + 3000;
let cove, model, box, collector;
const spans = [];

// An OpenTelemetry collector: what it was sent is in `spans`.
async function startCollector() {
  const server = http.createServer(async (q, r) => {
    let text = '';
    for await (const piece of q) text += piece;
    for (const resource of JSON.parse(text).resourceSpans) for (const scope of resource.scopeSpans) spans.push(...scope.spans);
    r.end('{}');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

before(async () => {
  collector = await startCollector();
  model = await startModel(new URL('./usage_model.json', import.meta.url).pathname);
  const config = `[ai.providers.openai]\nbase_url = "${model.url}/v1"\n[ai]\ncalls_at_once = 500\n[otel]\nendpoint = "http://127.0.0.1:${collector.address().port}"\n`;
  cove = await Cove.start({ config, env: { OPENAI_API_KEY: 'scripted-key' } });
  box = await cove.create({ name: 'spender' });
});
after(async () => {
  for (const b of (await cove.api('GET', '/api/ai/budgets')).json.items) await cove.api('DELETE', `/api/ai/budgets/${b.id}`);
  await cove.stop();
  await model.stop();
  collector.closeAllConnections();
  collector.close();
});

const request = (input = 'call', name = 'gpt-5.5') => ({ model: name, input, max_output_tokens: 200 });
const call = (options = {}, body = request()) => cove.api('POST', '/ai/openai/v1/responses', body, options);
const inside = (body = request()) => cove.exec('spender',
  `curl -s -w '\\n%{http_code}' -H 'content-type: application/json' -d '${JSON.stringify(body)}' http://models.cove/openai/v1/responses`);
const calls = async (query = '') => (await cove.api('GET', `/api/ai/calls?v=1${query}`)).json.items;
const ended = (query, n) => until(`${n} calls have ended`, async () => {
  const rows = await calls(`&limit=1000${query}`);
  return rows.length === n && rows.every((r) => r.outcome !== 'running') && rows;
});
const budget = async (body) => {
  const r = await cove.api('PUT', '/api/ai/budgets', body);
  assert.equal(r.status, 201, r.text);
  return r.json;
};
const use = async (id) => (await cove.api('GET', `/api/ai/budgets/${id}`)).json.use[0];

test('a call from inside is in the book with who, what and the price that was used', async () => {
  const r = await inside();
  assert.match(r.result, /\n200$/);
  const [row] = await ended('&sandboxId=spender', 1);
  assert.equal(row.sandboxId, box.id);
  assert.equal(row.userId, 'admin');
  assert.equal(row.template, 'host');
  assert.equal(row.costMicroUsd, cost);
  assert.equal(row.costBasis, 'usage');
  assert.equal(row.price.outputMicroUsd, 30_000_000);
  assert.match(row.price.from, /^2026-/);
  assert.ok(row.durationMs > 0 && row.requestBytes > 0 && row.responseBytes > 0);

  const span = await until('the span has come', () => spans.find((x) => x.traceId === row.id.replaceAll('-', '')));
  const attributes = Object.fromEntries(span.attributes.map((a) => [a.key, a.value.stringValue ?? Number(a.value.intValue)]));
  assert.equal(span.name, 'chat gpt-5.5');
  assert.equal(attributes['gen_ai.usage.input_tokens'], 1000);
  assert.equal(attributes['gen_ai.provider.name'], 'openai');
  assert.equal(attributes['gen_ai.request.max_tokens'], 200);
  assert.match(attributes['gen_ai.response.model'], /^gpt-5\.5/);
  assert.equal(attributes['cove.sandbox.id'], box.id);
  assert.equal(attributes['cove.cost.micro_usd'], cost);

  await inside(request('call', 'mystery'));
  await ended('&sandboxId=spender', 2);
  const usage = (await cove.api('GET', '/api/ai/usage?by=model,sandbox&sandboxId=spender')).json;
  assert.deepEqual(usage.items.map((i) => [i.model, i.sandbox, i.costMicroUsd, i.unpriced]),
    [['gpt-5.5', box.id, cost, 0], ['mystery', box.id, 0, 1]]);
  assert.equal(usage.total.unpriced, 1);
  const csv = (await cove.api('GET', '/api/ai/usage?by=day,user&sandboxId=spender&format=csv')).text.split('\r\n');
  assert.match(csv[0], /^day,user,calls,failed/);
  assert.match(csv[1], /^\d{4}-\d\d-\d\d,admin,2,0,0,1,/);
  const lines = cove.cli(['logs', '--ai', 'spender', '--ndjson']).stdout.trim().split('\n').map(JSON.parse);
  assert.deepEqual(lines.map((l) => l.model), ['mystery', 'gpt-5.5']);
  const table = cove.cli(['usage', '--by', 'model', '--sandbox', 'spender']);
  assert.match(table.stdout, /gpt-5\.5 .*\$0\.0062/);
  assert.match(table.stdout, /mystery .*1 UNPRICED/);
});

test('200 calls at once meet a budget for ten', { timeout: 60000 }, async () => {
  const key = (await cove.api('POST', '/api/api-keys', { name: `crowd ${Date.now()}`, permissions: ['use:models'] })).json.value;
  const limited = await budget({ scope: 'key', subject: '*', period: 'day', limitMicroUsd: 10 * cost });
  const before = model.requests().length;
  const answers = await Promise.all(Array.from({ length: 200 }, () => call({ key })));
  const made = answers.filter((a) => a.status === 200).length;
  const refused = answers.filter((a) => a.status === 403);
  assert.equal(made, 10);
  assert.equal(refused.length, 190);
  assert.equal(refused[0].json.error.code, 'cove_budget_exhausted');
  assert.equal(model.requests().length - before, 10, 'the others never left');
  const uses = (await cove.api('GET', `/api/ai/budgets/${limited.id}`)).json.use.filter((u) => u.calls === 10);
  assert.ok(uses.length > 0 && uses.every((u) => u.spentMicroUsd === 10 * cost && u.heldMicroUsd === 0), JSON.stringify(uses));
  assert.equal((await cove.api('DELETE', `/api/ai/budgets/${limited.id}`)).status, 204);
  assert.equal((await call({ key })).status, 200);
  // A key that is nobody's administrator sees its own calls and changes no budget.
  assert.equal((await cove.api('PUT', '/api/ai/budgets', { scope: 'organization', limitUsd: '1' }, { key })).status, 403);
  assert.equal((await cove.api('GET', '/api/ai/calls?userId=somebody', undefined, { key })).status, 403);
});

test('a front that dies between the start of a call and its end leaves no debt', { timeout: 60000 }, async () => {
  await ended('&outcome=running', 0);  // an answer is there before its call is booked
  const limited = await budget({ scope: 'organization', period: 'total', limitUsd: '100' });
  const before = (await use(limited.id)).spentMicroUsd;
  assert.ok(before >= 12 * cost, 'what was spent before counts');
  const lost = call({}, { ...request('slow'), stream: true }).catch(() => null);
  await until('the call is under way', async () => (await use(limited.id)).inFlight === 1);
  assert.ok((await use(limited.id)).heldMicroUsd > 0);
  process.kill(cove.frontPid, 'SIGKILL');
  await lost;
  const after = await until('the next front answers', () => use(limited.id).catch(() => null));
  assert.equal(after.heldMicroUsd, 0);
  assert.equal(after.inFlight, 0);
  const [row] = await calls('&limit=1');
  assert.equal(row.outcome, 'abandoned');
  assert.equal(row.costBasis, 'estimated');
  assert.equal(after.spentMicroUsd, before + row.costMicroUsd);
  await cove.api('DELETE', `/api/ai/budgets/${limited.id}`);
});

test('a budget may pause the sandbox', async () => {
  const set = cove.cli(['budget', 'set', 'sandbox', 'spender', '0', '--per', 'day', '--on-exhausted', 'pause', '--unpriced', 'allow']);
  assert.equal(set.status, 0, set.stderr);
  const stopped = inside().catch(() => null);
  await until('it is paused', async () => (await cove.api('GET', `/api/sandbox/${box.id}`)).json.state === 'paused');
  const raised = cove.cli(['budget', 'set', 'sandbox', 'spender', '1', '--per', 'day', '--on-exhausted', 'refuse']);
  assert.equal(raised.status, 0, raised.stderr);
  assert.match(raised.stdout, /\$1\.00 a day, then refuse/);
  assert.equal(cove.cli(['start', 'spender']).status, 0);
  const r = await stopped;
  assert.match(r.result, /cove_budget_exhausted[\s\S]*\n429$/);
  assert.match((await inside()).result, /\n200$/);
});

test('a token lets an agent outside in, as its sandbox, within its budget, until it ends', async () => {
  const made = cove.cli(['token', '--sandbox', 'spender', '--budget', '0.009', '--for', '2m']);
  assert.match(made.stdout, /^covet_[0-9a-f]{64}\n$/, 'and nothing else: it stands as auth.command');
  const token = made.stdout.trim();
  assert.equal((await call({ key: token })).status, 200);
  assert.equal((await call({ key: null, headers: { 'x-api-key': token } })).status, 200);
  const spent = await call({ key: token });
  assert.equal(spent.status, 403, spent.text);
  assert.match(spent.json.error.message, /budget of the token/);
  const [row] = await calls('&limit=1');
  assert.equal(row.sandboxId, box.id);
  assert.ok(row.tokenId);
  assert.ok(model.requests().filter((q) => q.method === 'POST').every((q) => q.authorized), 'the key was added, the token not sent');
  assert.equal((await cove.api('GET', '/api/sandbox', undefined, { key: token })).status, 401);
  assert.equal(cove.cli(['token', 'rm', row.tokenId]).status, 0);
  assert.equal((await call({ key: token })).status, 401);
  assert.ok(!cove.cli(['token', 'ls']).stdout.includes(row.tokenId));
});

test('metrics name no sandbox and no model of a client', async () => {
  const open = await cove.api('GET', '/metrics', undefined, { key: null });
  assert.equal(open.status, 401);
  const { text } = await cove.api('GET', '/metrics');
  assert.match(text, /cove_ai_calls_total\{provider="openai",model="gpt-5\.5",outcome="completed"\} \d+/);
  assert.match(text, /cove_ai_refused_total\{reason="cove_budget_exhausted"\} \d+/);
  assert.match(text, /cove_ai_first_byte_seconds_count\{provider="openai"\} \d+/);
  assert.doesNotMatch(text, /mystery/);
  assert.ok(!text.includes(box.id));
});

test('what Cove refuses is in the book, and a key without the scope of models is refused', async () => {
  const key = (await cove.api('POST', '/api/api-keys', { name: `daytona ${Date.now()}`, permissions: ['write:sandboxes'] })).json.value;
  const refused = await call({ key });
  assert.equal(refused.status, 403);
  assert.equal(refused.json.error.code, 'cove_key_without_models');
  const stranger = await cove.api('POST', '/ai/anthropic/v1/messages', {}, { key: 'cove_nobody' });
  assert.equal(stranger.status, 401);
  assert.equal(stranger.json.error.type, 'authentication_error');
  assert.equal((await cove.api('POST', '/ai/openai/v1/files', {})).status, 404);
  const rows = await until('two refusals are in the book, and none of the stranger', async () => {
    const found = (await calls('&outcome=refused&limit=2'));
    return found.length === 2 && found[0].refusal === 'cove_no_route' && found;
  });
  assert.deepEqual(rows.map((r) => [r.outcome, r.status, r.refusal, r.costMicroUsd, r.costBasis]), [
    ['refused', 404, 'cove_no_route', 0, 'none'],
    ['refused', 403, 'cove_key_without_models', 0, 'none']]);
  assert.ok(rows[1].keyId);
  assert.match((await cove.api('GET', '/metrics')).text, /cove_ai_refused_total\{reason="cove_unauthenticated"\} \d+/);
  const log = cove.cli(['logs', '--ai', '--outcome', 'refused', '--limit', '1']).stdout;
  assert.match(log, /refused +openai\/POST \/openai\/v1\/files 404 cove_no_route/);
  assert.match(cove.cli(['usage', '--by', 'provider']).stdout, /\d+ REFUSED/);
  assert.match((await cove.api('GET', '/metrics')).text, /cove_ai_refused_total\{reason="cove_key_without_models"\} 1/);
});

test("what a policy says about models holds for a running sandbox's next call", async () => {
  const put = (layer, toml) => cove.api('PUT', `/api/policy/${layer}`, { toml });
  assert.equal((await put('sandbox/spender', '[models]\nallow = ["gpt-*"]')).status, 200);
  assert.match((await inside()).result, /\n200$/);
  assert.equal((await put('organization', '[ceiling.models]\ndeny = ["gpt-5*"]')).status, 200);
  const refused = (await inside()).result;
  assert.match(refused, /cove_model_not_allowed/);
  assert.match(refused, /the policy of the organization does not allow/);
  assert.match(refused, /\n403$/);
  for (const layer of ['organization', 'sandbox/spender']) assert.ok((await cove.api('DELETE', `/api/policy/${layer}`)).status < 300);
  assert.match((await inside()).result, /\n200$/);
});

test('a server that ends in order while calls come leaves no journal of them', { timeout: 60000 }, async () => {
  const busy = `for i in 1 2 3 4; do (while :; do curl -s -o /dev/null -H 'content-type: application/json' -d '${JSON.stringify(request())}' http://models.cove/openai/v1/responses; done) & done; wait`;
  const mine = async () => (await calls(`&limit=1000&sandboxId=${box.id}`)).length;
  const before = await mine();
  const lost = cove.exec('spender', busy).catch(() => null);
  await until('calls come', async () => await mine() > before + 20);
  cove.server.child.kill('SIGTERM');
  await until('the server has ended', () => cove.server.ended, 30000);
  assert.equal(cove.server.ended.code, 0);
  const journals = `/dev/shm/cove-calls-${readFileSync(join(cove.data, 'front/calls.id'), 'utf8')}`;
  assert.ok(!existsSync(journals), 'every call is in the book');
  await lost;
  await cove.launch('127.0.0.1:0');
});
