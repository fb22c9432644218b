// Goal: the published clients run unmodified. Method: sdk_program.mjs, which uses @daytona/sdk from
// npm, as a process of its own with only the URL and the key set; inside, @openai/codex-sdk.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Cove, startModel } from './lib/cove.mjs';

let cove, model;
before(async () => {
  model = await startModel(new URL('./sdk_model.json', import.meta.url).pathname);
  cove = await Cove.start({ config: `[ai.providers.openai]\nkind = "openai"\nbase_url = "${model.url}/v1"\n`, env: { OPENAI_API_KEY: 'scripted-key' } });
});
after(async () => { await cove.stop(); await model.stop(); });

function runProgram() {
  return new Promise((done) => {
    const child = spawn('node', [new URL('./sdk_program.mjs', import.meta.url).pathname], {
      env: { ...process.env, DAYTONA_API_URL: `${cove.url}/api`, DAYTONA_API_KEY: cove.key },
    });
    let stdout = '', stderr = '';
    child.stdout.on('data', (d) => (stdout += d));
    child.stderr.on('data', (d) => (stderr += d));
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

test('the SDK program runs to its end', { timeout: 300000 }, async () => {
  const r = await runProgram();
  assert.equal(r.code, 0, r.stderr + r.stdout);
  const seen = JSON.parse(r.stdout.trim().split('\n').at(-1));

  assert.match(seen.preview, new RegExp(`^http://1234-${seen.id}\\.localhost:${cove.port}`));
  assert.match(seen.previewPattern, /^http:\/\/PORT-/);
  assert.match(seen.home, /^\/home\/daytona\n\.codex\nhello from outside\n$/);
  assert.match(seen.uploaded, /developer_instructions/);
  assert.equal(seen.install.exitCode, 0, seen.install.tail);

  assert.equal(seen.turns.length, 2);
  const threads = seen.turns.map((t) => /thread (\S+)/.exec(t.stdout)?.[1]);
  for (const turn of seen.turns) {
    assert.equal(turn.exitCode, 0, JSON.stringify(turn));
    assert.match(turn.stderr, /Thinking/);
    assert.doesNotMatch(turn.stdout, /Thinking/);
  }
  assert.match(seen.turns[0].stdout, /first answer/);
  assert.match(seen.turns[1].stdout, /second answer/);
  assert.ok(threads[0]);
  assert.equal(threads[0], threads[1], 'the second process resumes the thread of the first');
  assert.deepEqual(seen.sessions, []);
  assert.equal(seen.deleted, true);

  // The key was added outside, on every model call, and the calls are in the books.
  const calls = model.requests().filter((q) => q.method === 'POST');
  assert.ok(calls.length >= 2);
  assert.ok(calls.every((q) => q.authorized), JSON.stringify(calls));
  const usage = await cove.api('GET', `/api/ai/calls?sandboxId=${seen.id}`);
  assert.equal(usage.status, 200, usage.text);
  assert.ok(usage.json.items.length >= 2);
  assert.ok(usage.json.items.every((u) => u.model === 'gpt-5.5' && u.status === 200 && u.inputTokens > 0));
  // To the token: what the model said that each answer used.
  assert.deepEqual(usage.json.items.reverse().map((u) => [u.inputTokens + u.cachedTokens, u.cachedTokens, u.outputTokens, u.reasoningTokens]),
    calls.map(({ usage: u }) => [u.input_tokens, u.input_tokens_details.cached_tokens, u.output_tokens, u.output_tokens_details.reasoning_tokens]));
});
