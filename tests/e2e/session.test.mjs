// Goal: the main job, as a newcomer does it. Method: ./dev run without a key, two prompts on its
// standard input, while the test looks at the sandbox from outside through the API.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Cove, dataDir, getPreview, pids, root, until } from './lib/cove.mjs';

test('./dev run < prompts.txt', { timeout: 400000 }, async (t) => {
  const key = Cove.adminKey;
  const others = new Set(pids());  // a machine may have a server of its own
  const env = { ...process.env, COVE_DATA: dataDir, COVE_LISTEN: '127.0.0.1:0', COVE_ADMIN_KEY: key };
  delete env.OPENAI_API_KEY;
  const child = spawn(join(root, 'dev'), ['run'], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let out = '', err = '';
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  let code = null;
  child.on('close', (c) => (code = c));
  // The end of its input is what ends it in order, also where an assertion did not hold.
  t.after(async () => {
    child.stdin.end();
    await until('it has ended', () => code !== null, 60000).catch((error) => {
      process.kill(-child.pid, 'SIGKILL');
      throw error;
    });
  });
  const said = (error) => { throw new Error(`${error.message}; ./dev run said:\n${out}\n${err}`); };
  const waitFor = (what, pattern, timeoutMs) => until(what, () => {
    if (code !== null) throw new Error(`it ended with ${code} before ${what}`);
    return pattern.exec(out + err);
  }, timeoutMs).catch(said);
  const prompted = (times) => until(`prompt ${times}`, () => (out.match(/User:/g) ?? []).length >= times, 60000).catch(said);

  const url = (await waitFor('it serves', /serving at (http:\S+)/, 120000))[1];
  await waitFor('the prompt', /User:/, 240000);
  assert.match(err, /scripted model stands in/);
  const prompts = readFileSync(join(root, 'tests/e2e/prompts.txt'), 'utf8').trim().split('\n');
  assert.equal(prompts.length, 2);

  child.stdin.write(prompts[0] + '\n');
  const link = (await waitFor('the preview link', /(http:\/\/8080-\S+?\.localhost:\d+\S*)/, 60000))[1];
  await prompted(2);
  const api = async (path) => (await fetch(url + path, { headers: { authorization: `Bearer ${key}` } })).json();
  const box = (await api('/api/sandbox')).items[0];
  const preview = await api(`/api/sandbox/${box.id}/ports/8080/preview-url`);
  const page = await getPreview(link, preview.token);
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /<html/i);

  // WebSockets pass the preview too.
  const port = new URL(url).port;
  const echoed = await new Promise((done, fail) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/echo`, { headers: { host: new URL(link).host, 'x-daytona-preview-token': preview.token } });
    ws.on('open', () => ws.send('ping through the preview'));
    ws.on('message', (d) => { done(d.toString()); ws.close(); });
    ws.on('error', fail);
  });
  assert.equal(echoed, 'ping through the preview');

  // No key inside: not in an environment, file, argument or log.
  const inside = async (command) => (await (await fetch(`${url}/toolbox/${box.id}/process/execute`, {
    method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ command }),
  })).json()).result;
  const search = await inside("sudo -n sh -c 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr \"\\0\" \"\\n\" | grep -c scripted-[k]ey; grep -rl --exclude-dir=proc scripted-[k]ey /home /tmp /root /etc /run /var 2>/dev/null | wc -l'");
  assert.match(search.trim(), /^0\n0$/, search);

  child.stdin.write(prompts[1] + '\n');
  await prompted(3);
  assert.match(await inside('cat calc.mjs'), /a \* b/);
  assert.match(await inside('node --test calc.test.mjs && echo passed'), /passed/);
  const threads = await inside('ls ~/.codex/sessions/*/*/* | wc -l');
  assert.equal(threads.trim(), '1', 'the second prompt resumed the thread of the first');
  child.stdin.end();
  await until('it has ended', () => code !== null, 60000);

  assert.equal(code, 0, out + err);
  assert.match(out, /✓/);
  assert.match(out, /tokens/);
  assert.doesNotMatch(out + err, /scripted-key/);
  for (const p of pids()) {
    if (others.has(p)) continue;
    let name = '';
    try { name = readFileSync(`/proc/${p}/comm`, 'utf8').trim(); } catch { /* it ended */ }
    assert.ok(!['cove', 'cove-front', 'cove-shell', 'cove-toolbox', 'codex'].includes(name), `${name} (${p}) is left`);
  }
});
