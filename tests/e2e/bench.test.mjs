// Goal: every row of `./dev bench` works against this server. Method: the benchmark's own program
// with very few rounds; what it measures is not judged here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cove, root, until } from './lib/cove.mjs';

const run = promisify(execFile);
let cold;
let warm;
before(async () => {
  cold = await Cove.start();
});
after(async () => {
  await cold?.stop();
  await warm?.stop();
});

async function row(cove, name, ...args) {
  const common = ['--url', cove.url, '--key', cove.key, '--runner', String(cove.runnerPid), '--data', cove.data];
  const { stdout } = await run(join(root, 'build/bin/cove_bench'), [name, ...common, ...args]);
  return stdout;
}

for (const [name, ...args] of [
  ['create', '--rounds', '2', '--peer', 'host=/bin/echo x'],
  ['exec', '--rounds', '2', '--peer', 'host=/bin/echo x'],
  ['burst', '--rounds', '1', '--many', '4'],
  ['delete', '--rounds', '2'],
  ['transfer', '--rounds', '1', '--mib', '4'],
  ['pty', '--rounds', '5'],
]) {
  test(`the row ${name} prints its table`, async () => {
    assert.match(await row(cold, name, ...args), /\| Cove.* \| \d+ \| [\d.e+]+ \| [\d.e+]+ \| 1\.00 \|/);
  });
}

test('the row churn counts', async () => {
  assert.match(await row(cold, 'churn', '--seconds', '1', '--workers', '2'), /n = [1-9]\d*: [\d.]+ per second/);
});

test('the row idle sees the memory of a toolbox and no wake-up of an idle one', async () => {
  const out = await row(cold, 'idle', '--rounds', '1', '--many', '2', '--seconds', '1', '--settle', '1');
  assert.match(out, /wake-ups of one idle sandbox in 1 s: 0\.00/);
  const memory = Number(/their private memory: ([\d.]+) MiB/.exec(out)[1]);
  assert.ok(memory > 0.1 && memory <= 3, `${memory} MiB`);
});

test('the row cycles compares what is held', async () => {
  const out = await row(cold, 'cycles', '--rounds', '20', '--settle', '0');
  assert.match(out, /\| runner's descriptors \| [1-9][\d.]* \| [1-9][\d.]* \|/);
});

test('the parts of the row ai play their provider', async (t) => {
  const program = join(root, 'build/bin/cove_bench_ai');
  const provider = spawn(program, ['provider'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => provider.kill());
  let said = '';
  provider.stdout.on('data', (d) => (said += d));
  const port = Number(await until('the provider says its port', () => /^\d+(?=\n)/.exec(said)?.[0]));
  const way = ['--peer', `direct=${port}/v1/chat/completions`];
  const first = await run(program, ['first-byte', '--rounds', '2', ...way]);
  assert.match(first.stdout, /\| direct \| 2 \| [\d.e+-]+ \|/);
  const idle = await run(program, ['idle', '--many', '3', ...way, '--direct', String(provider.pid)]);
  assert.match(idle.stdout, /- direct, memory of an idle stream: [\d.e+-]+ KiB/);
});

test('the row pool takes sandboxes that were made ahead', async () => {
  await cold.stop();
  cold = null;
  warm = await Cove.start({ config: '[pool]\nsize = 1\n' });
  assert.match(await row(warm, 'pool', '--pool', '1', '--rounds', '2'), /\| Cove, warm \| 2 \|/);
});
