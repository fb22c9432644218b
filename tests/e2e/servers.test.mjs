// Goal: servers of one machine do not get in each other's way, not even one that is stopped in the
// middle of something; and what the machine cannot hold is refused before any work.
// Method: two real servers with data directories of their own, one of them under SIGSTOP; a server
// with few open files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { childrenOf, Cove, dataDir } from './lib/cove.mjs';

const other = { data: `${dataDir}-other`, args: ['--images', join(dataDir, 'runner/images')] };
let cove;
before(async () => {
  cove = await Cove.start();
  await cove.remove((await cove.create()).id);  // the host's image is there now
  await cove.stop();
  // Their database knows the images that the other server uses too.
  mkdirSync(other.data, { mode: 0o711 });
  assert.equal(spawnSync('cp', ['-a', join(dataDir, 'front'), other.data]).status, 0);
  cove = await Cove.start();
});
after(async () => {
  await cove.stop();
  rmSync(other.data, { recursive: true, force: true });
});

const processes = (c) => [c.runnerPid, c.frontPid].filter(Boolean);
const signal = (pids, name) => { for (const p of pids) process.kill(p, name); };

// The uids of the boxes' toolboxes, whose parent is the runner as long as it lives. A shell that is
// no box yet has another name.
function ranges(c) {
  return childrenOf(c.runnerPid).filter((p) => readFileSync(`/proc/${p}/comm`, 'utf8') === 'cove-toolbox\n')
    .map((p) => Math.floor((Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${p}/status`, 'utf8'))[1]) - 1e9) / 131072));
}

test('a server that is stopped in the middle of a create holds no other one up', async () => {
  const seen = new Set();
  for (const ms of [1, 5, 12]) {
    const created = cove.create().catch((e) => e);
    await new Promise((r) => setTimeout(r, ms));  // somewhere in it: which step does not matter
    const stopped = processes(cove);
    signal(stopped, 'SIGSTOP');
    let second;
    try {
      second = await Cove.start(other);
      const box = await second.create();
      assert.equal((await second.exec(box.id, 'echo well')).result, 'well\n');
      signal(stopped, 'SIGCONT');
      const first = await created;
      assert.ok(first.id, String(first));
      assert.equal((await cove.exec(first.id, 'echo well')).result, 'well\n');
      const all = [...ranges(cove), ...ranges(second)];
      assert.ok(all.length >= 2 && new Set(all).size === all.length, `slots ${all}`);
      for (const slot of all) seen.add(slot);
      await cove.remove(first.id);
    } finally {
      signal(stopped, 'SIGCONT');
      await second?.stop();
    }
  }
  assert.ok(new Set([...seen].map((slot) => Math.floor(slot / 250))).size >= 2, `blocks of ${[...seen]}`);
});

test('a sandbox for which there are no open files is refused before any work', async () => {
  const small = await Cove.start({ ...other, wrap: ['prlimit', '--nofile=160'] });
  try {
    const boxes = [await small.create(), await small.create()];
    const refused = await small.api('POST', '/api/sandbox', {});
    assert.equal(refused.status, 507, refused.text);
    assert.match(refused.text, /160 open files, enough for 2 sandboxes: delete some, or raise the limit/);
    assert.doesNotMatch(small.log(), /sandbox.create_failed|request.failed/, 'neither a row nor a request was made');
    assert.doesNotMatch(small.log(), /"level":"error"/, 'images of another server are no fault: none is made or removed');
    assert.equal((await small.api('GET', '/api/sandbox')).json.items.length, 2);
    await small.remove(boxes[0].id);
    await small.create();
  } finally {
    await small.stop();
  }
});
