// Goal: a warm pool changes how fast a create answers and nothing else. Method: a real server with
// boxes kept ready; which path a create took is in the server's log.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cove, until } from './lib/cove.mjs';

let cove;
before(async () => { cove = await Cove.start({ config: '[pool]\nsize = 2\n' }); });
after(() => cove.stop());

const claimed = (id) => cove.log().split('\n').some((l) => l.includes('"sandbox.claimed"') && l.includes(id));
// Boxes of the runner, of which those without a sandbox are pooled.
const started = () => cove.log().split('\n').filter((l) => l.includes('"box.started"')).length;

test('a create finds a box ready, with its own name, environment and host name', async () => {
  await until('two boxes are ready', () => started() >= 2);
  const box = await cove.create({ name: 'warm', env: { COLOUR: 'blue' } });
  assert.ok(claimed(box.id), 'it was made on demand');
  const r = await cove.exec(box.id, 'echo $COLOUR $COVE_SANDBOX_ID; hostname; id -un');
  assert.equal(r.result, `blue ${box.id}\n${box.id}\ndaytona\n`);
  // The door is open to it: names are answered by Cove's own DNS, and this one is refused.
  assert.notEqual((await cove.exec(box.id, 'getent ahosts nowhere.example.com')).exitCode, 0);
  assert.equal((await cove.exec(box.id, 'getent ahosts models.cove')).exitCode, 0);
  await until('the pool is full again', () => started() >= 3);
  const other = await cove.create({ memory: 2 });
  assert.ok(!claimed(other.id), 'a box with other limits was given');
  for (const b of [box, other]) await cove.remove(b.id);
});

test('a claimed sandbox outlives kill -9 of both, the pooled boxes do not', async () => {
  const before = started();
  const box = await cove.create({ env: { KEPT: 'yes' } });
  await until('the pool is full again', () => started() > before);
  await cove.exec(box.id, 'echo kept > file');
  const port = cove.port;
  await cove.kill();
  await cove.launch(`127.0.0.1:${port}`);
  assert.equal((await cove.exec(box.id, 'cat file; echo $KEPT')).result, 'kept\nyes\n');
  await until('the pooled ones are gone', () => cove.log().includes('"box.orphan_removed"'));
  assert.equal((await cove.api('GET', '/api/sandbox')).json.items.length, 1);
  await cove.remove(box.id);
});

test('pools of other snapshots are made, resized and deleted by the API', async () => {
  const base = await cove.create();
  await cove.exec(base.id, 'echo mine > /home/daytona/mark');
  await cove.api('POST', `/api/sandbox/${base.id}/snapshot`, { name: 'pool-mine' });
  await until('the snapshot is there', async () => (await cove.api('GET', '/api/snapshots/pool-mine')).json.state === 'active', 30000);
  const made = await cove.api('POST', '/api/warm-pools', { snapshot: 'pool-mine', pool: 1 });
  assert.equal(made.status, 201, made.text);
  const pool = async () => (await cove.api('GET', '/api/warm-pools')).json.find((p) => p.id === made.json.id);
  await until('its box is ready', async () => (await pool()).currentSize === 1);
  const box = await cove.create({ snapshot: 'pool-mine' });
  assert.ok(claimed(box.id));
  assert.equal((await cove.exec(box.id, 'cat mark')).result, 'mine\n');
  assert.equal((await cove.api('PATCH', `/api/warm-pools/${made.json.id}`, { pool: 0 })).json.pool, 0);
  assert.equal((await cove.api('PATCH', `/api/warm-pools/${made.json.id}`, { pool: -1 })).status, 400);
  assert.equal((await cove.api('DELETE', `/api/warm-pools/${made.json.id}`)).status, 204);
  assert.equal((await cove.api('DELETE', `/api/warm-pools/${made.json.id}`)).status, 404);
  for (const b of [base, box]) await cove.remove(b.id);
  await cove.api('DELETE', '/api/snapshots/pool-mine');
});

test('one idempotency key, one sandbox', async () => {
  const ask = () => cove.api('POST', '/api/sandbox', {}, { headers: { 'idempotency-key': 'once' } });
  const answers = await Promise.all([ask(), ask(), ask()]);
  assert.equal(new Set(answers.map((a) => a.json.id)).size, 1);
  const other = await cove.api('POST', '/api/sandbox', { labels: { a: 'b' } }, { headers: { 'idempotency-key': 'once' } });
  assert.equal(other.status, 409);
  assert.match(other.json.message, /another body: send a new key/);
  await cove.remove(answers[0].json.id);
});
