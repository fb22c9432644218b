// One server under test: started, killed at a chosen system call, cut off like a machine without
// power, and started again; and what of it can be seen from outside.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import http from 'node:http';
import { alive, bin, childrenOf, cmdline, freePort, until } from '../e2e/lib/cove.mjs';

const tool = join(resolve(bin, '..'), 'crash_tool');
const key = 'cove_crash_admin_key_0123456789abcdef';
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

// The steps of each process that another one, or the next of its kind, can see. The runner has one
// thread and its children are not traced, so clone is a step of it too.
export const steps = {
  runner: 'mkdirat,mkdir,renameat,renameat2,unlinkat,unlink,rmdir,fsync,fdatasync,openat,write,pwrite64,sendmsg,clone,setresuid,dup3,fchownat,fchown,mount_setattr,move_mount,open_tree,bind,pidfd_send_signal,waitid,kill',
  front: 'pwrite64,write,fdatasync,fsync,ftruncate,sendmsg,recvmsg,connect,sendto,writev,unlink,epoll_ctl',
};

export function list(dir) { try { return readdirSync(dir); } catch { return []; } }

function walk(dir) {  // the cgroups below `dir`, deepest first
  let out = [];
  for (const name of list(dir)) {
    const path = join(dir, name);
    try { if (statSync(path).isDirectory()) out = [...out, ...walk(path), path]; } catch { /* gone meanwhile */ }
  }
  return out;
}

export class Server {
  constructor(data, { config = '', onLine = () => {} } = {}) {
    this.data = data;
    this.onLine = onLine;
    mkdirSync(data, { recursive: true });
    this.config = `${data}.toml`;
    this.logFile = `${data}.log`;
    writeFileSync(this.config, config);
    writeFileSync(this.logFile, '');
    this.cgroup = `cove-${createHash('sha256').update(data).digest('hex').slice(0, 12)}`;
    this.port = 0;  // until it is launched
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  }

  // Resolves once it serves. `early(child)` is called as soon as the process exists.
  async launch(early = () => {}) {
    this.port ||= await freePort();
    const log = openSync(this.logFile, 'a');
    const child = spawn(bin, ['serve', '--listen', `127.0.0.1:${this.port}`, '--data', this.data, '--config', this.config],
      { stdio: ['ignore', 'pipe', log], detached: true, env: { PATH: process.env.PATH, COVE_ADMIN_KEY: key } });
    closeSync(log);
    this.child = child;
    child.once('exit', () => { child.over = true; });
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (d) => { text += d; });
    early(child);
    const started = Date.now();
    while (!/^ready /m.test(text)) {
      if (this.ended) return false;
      if (Date.now() - started > 30000) throw new Error('the server was not ready within 30 s');
      await new Promise((r) => setTimeout(r, 2));
    }
    return true;
  }

  get ended() { return this.child?.over === true; }
  get frontPid() { return childrenOf(this.child.pid).find((p) => cmdline(p).includes(' front ')); }

  // Kills `pid` at that step; resolves with what it was doing.
  killAt(pid, calls, { side, when, ms }) {
    return new Promise((done) => {
      const child = spawn(tool, ['kill', String(pid), side, String(when), String(ms), calls], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (d) => { text += d; });
      child.once('close', () => done(text.trim()));
    });
  }

  cgroupDirs() {
    const found = [];
    for (const name of list('/sys/fs/cgroup')) {
      const dir = join('/sys/fs/cgroup', name, this.cgroup);
      if (existsSync(dir)) found.push(dir);
    }
    if (existsSync(join('/sys/fs/cgroup', this.cgroup))) found.push(join('/sys/fs/cgroup', this.cgroup));
    return found;
  }

  boxProcesses() {
    const pids = new Set();
    for (const root of this.cgroupDirs()) {
      for (const dir of [...walk(root), root]) {
        try { for (const p of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n')) if (p) pids.add(Number(p)); } catch { /* gone */ }
      }
    }
    return [...pids];
  }

  // As when the machine loses power, after `runner` and `front` are dead: no process and no cgroup is
  // left, and what records say of processes was said in another boot.
  async powerCut() {
    // Once it has ended, its number may be another's.
    for (const p of this.ended ? [] : [this.frontPid, this.child.pid]) try { process.kill(p, 'SIGKILL'); } catch { /* dead */ }
    await until('the server is dead', () => this.ended);
    await until('all boxes are dead', () => {
      for (const dir of this.cgroupDirs()) {
        if (!dir.includes('freezer')) continue;
        for (const d of walk(dir)) try { writeFileSync(join(d, 'freezer.state'), 'THAWED'); } catch { /* gone */ }
      }
      const pids = this.boxProcesses();
      for (const p of pids) try { process.kill(p, 'SIGKILL'); } catch { /* dead */ }
      return pids.length === 0;
    });
    for (const root of this.cgroupDirs()) {
      for (const dir of walk(root)) await until('its cgroup is gone', () => { try { rmdirSync(dir); } catch { /* busy */ } return !existsSync(dir); });
    }
    const other = randomUUID();
    for (const id of list(join(this.data, 'runner/boxes'))) {
      for (const name of ['run', '.run']) {
        const file = join(this.data, 'runner/boxes', id, name);
        try { writeFileSync(file, Buffer.from(readFileSync(file, 'latin1').replaceAll(bootId, other), 'latin1')); } catch { /* none */ }
      }
    }
  }

  // One attempt; rejects when the connection breaks, or when nothing is said for `ms`.
  request(method, path, body, { headers = {}, raw, ms = 15000 } = {}) {
    return new Promise((done, fail) => {
      const data = raw ?? (body === undefined ? '' : JSON.stringify(body));
      const req = http.request({ host: '127.0.0.1', port: this.port, agent: this.agent, method, path, timeout: ms,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(data), ...headers } }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (d) => { text += d; });
        res.on('error', fail);
        res.on('aborted', () => fail(new Error('cut off')));
        res.on('end', () => { let json; try { json = JSON.parse(text); } catch { /* no JSON */ } done({ status: res.statusCode, text, json }); });
      });
      req.on('timeout', () => { const e = new Error(`no answer within ${ms} ms: ${method} ${path}`); e.hung = true; req.destroy(e); });
      req.on('error', fail);
      req.end(data);
    });
  }

  boxDirs() { return list(join(this.data, 'runner/boxes')); }
  // Only the runner's mount namespace has the disk of the boxes.
  disks() { return list(join(`/proc/${this.child.pid}/root`, this.data, 'runner/disk')); }
  // Loop devices on its image: the kernel drops one with the last user of its file system.
  loops() {
    return list('/sys/block').filter((name) => {
      try { return readFileSync(join('/sys/block', name, 'loop/backing_file'), 'utf8').startsWith(this.data + '/'); } catch { return false; }
    });
  }
  // What the kernel says of a box's cgroups, version 1 or 2.
  ofCgroup(id, ...names) {
    for (const dir of this.cgroupDirs()) {
      for (const name of names) try { return readFileSync(join(dir, id, name), 'utf8').trim(); } catch { /* another hierarchy */ }
    }
    return '';
  }
  frozen(id) { return /^(FROZEN|1)$/.test(this.ofCgroup(id, 'freezer.state', 'cgroup.freeze')); }
  memoryLimit(id) { return Number(this.ofCgroup(id, 'work/memory.limit_in_bytes', 'work/memory.max')); }
  sockets() { return list(join(this.data, 'run')).map((n) => n.replace(/^box-|\.sock$/g, '')); }
  // Of boxes; a dot begins what is kept for the next one.
  cgroups() {
    const names = this.cgroupDirs().flatMap((d) => walk(d).map((p) => p.slice(d.length + 1).split('/')[0]));
    return [...new Set(names.filter((name) => !name.startsWith('.')))];
  }
  // Processes of boxes by uid: two boxes with one uid would share a range.
  toolboxUids() {
    const uids = [];
    for (const root of this.cgroupDirs().slice(0, 1)) {
      for (const dir of walk(root).filter((d) => d.endsWith('/toolbox'))) {
        try {
          const pid = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n')[0];
          if (pid) uids.push(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
        } catch { /* gone */ }
      }
    }
    return uids;
  }
  mounts() {
    const out = [];
    for (const pid of list('/proc').filter((n) => /^\d+$/.test(n))) {
      try { if (readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(this.data + '/')) out.push(`${pid} ${cmdline(pid)}`); } catch { /* gone */ }
    }
    return out;
  }
  auditRecords() {
    const r = spawnSync(tool, ['audit', join(this.data, 'front/audit')], { encoding: 'utf8' });
    if (r.status !== 0) throw new Error(`the audit chain is broken: ${r.stderr}`);
    return Number(r.stdout);
  }
  async end() {
    this.agent.destroy();
    if (!this.child || this.ended) return;
    process.kill(this.child.pid, 'SIGTERM');
    await until('the server ended', () => this.ended, 20000);
  }
  alive() { return !this.ended && alive(this.child.pid); }
  log() { return readFileSync(this.logFile, 'utf8'); }
  // An image of the host is many files: rm is several times faster than fs.rm.
  remove() { spawnSync('rm', ['-rf', this.data, this.config, this.logFile]); }
}
