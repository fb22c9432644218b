// Goal: Codex works in the strict profile, where its own sandbox cannot: the sandbox around it is the
// one; and it speaks with its model over the Responses WebSocket. Method: the real CLI in a strict
// sandbox with the scripted model: commands, a patch, a server; then what the books say of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cove, startModel, until } from './lib/cove.mjs';

let cove, model;
before(async () => {
  model = await startModel(undefined, '--websocket');
  cove = await Cove.start({ config: `[ai.providers.openai]\nkind = "openai"\nbase_url = "${model.url}/v1"\n`, env: { OPENAI_API_KEY: 'scripted-key' } });
});
after(async () => { await cove.stop(); await model.stop(); });

test('Codex runs commands, patches files and starts a server in the strict profile', { timeout: 300000 }, async () => {
  const began = new Date().toISOString();
  // The first session makes the snapshot with Codex.
  const first = cove.cli(['codex', 'hello'], { timeoutMs: 240000 });
  assert.equal(first.status, 0, first.stdout + first.stderr);
  const snapshot = (await cove.api('GET', '/api/snapshots')).json.items.find((s) => s.name.startsWith('codex')).name;
  const box = await cove.create({ snapshot, profile: 'strict' });
  assert.equal(box.profile, 'strict');
  const nested = await cove.exec(box.id, 'unshare -U true 2>&1; bwrap --unshare-user --ro-bind / / true 2>&1; echo end');
  assert.match(nested.result, /not permitted/i, 'Codex could not have made its own sandbox');
  for (const [prompt, answer] of [['build a web page', /up on port 8080/], ['fix the bug', /Both tests pass/]]) {
    const turn = await cove.exec(box.id, `codex exec --skip-git-repo-check --json '${prompt}' < /dev/null`, { timeout: 120 });
    assert.equal(turn.exitCode, 0, turn.result);
    const items = turn.result.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l)).filter((e) => e.type === 'item.completed').map((e) => e.item);
    const commands = items.filter((i) => i.type === 'command_execution');
    assert.ok(commands.length >= 2, turn.result);
    assert.ok(items.some((i) => i.type === 'file_change' && i.status === 'completed'), turn.result);
    assert.match(items.filter((i) => i.type === 'agent_message').at(-1).text, answer);
  }
  const ended = await cove.exec(box.id, 'node --test calc.test.mjs | grep "^# "; curl -sS -m 5 -o /dev/null -w "%{http_code}" http://127.0.0.1:8080/');
  assert.match(ended.result, /# fail 0/);
  assert.match(ended.result, /200$/);

  // Every message of the WebSocket that asked for a response is a call, to the token.
  const asked = model.requests().filter((q) => q.usage);
  assert.ok(asked.length >= 4 && asked.every((q) => q.websocket && q.authorized), JSON.stringify(asked));
  const tokens = ({ input_tokens: all, input_tokens_details: details, output_tokens: out }) => `${all - details.cached_tokens} ${details.cached_tokens} ${out}`;
  const calls = await until('the calls have ended', async () => {
    const rows = (await cove.api('GET', `/api/ai/calls?limit=1000&since=${began}`)).json.items;
    return rows.length === asked.length && rows.every((r) => r.outcome === 'completed') && rows;
  });
  assert.deepEqual(calls.map((r) => `${r.inputTokens} ${r.cachedTokens} ${r.outputTokens}`).sort(), asked.map((q) => tokens(q.usage)).sort());
  assert.ok(calls.every((r) => r.stream && r.sessionId && r.requestBytes > 0), JSON.stringify(calls));
  assert.ok(calls.filter((r) => r.turnId).length >= 4, 'all but what only warms up is of a turn');
  const said = await Promise.all(calls.map(async (r) => (await cove.api('GET', `/api/ai/calls/${r.id}/texts`)).json));
  assert.ok(said.some((s) => /build a web page/.test(s.prompt)), JSON.stringify(said.map((s) => s.prompt)));
  assert.ok(said.some((s) => s.tools.some((t) => t.name === 'apply_patch' && /Begin Patch/.test(t.input))));
});
