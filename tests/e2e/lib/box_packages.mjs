// One small package for each of the example hooks of docs/examples/box, published in a bed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function tarball(at, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(at, name, '..'), { recursive: true });
    writeFileSync(join(at, name), text, { mode: 0o755 });
  }
  return spawnSync('tar', ['-cz', '-C', at, Object.keys(files)[0].split('/')[0]]).stdout;
}

function wheel(at, files) {
  const made = spawnSync('python3', ['-c', 'import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], "w")\nfor n, t in json.load(sys.stdin).items(): z.writestr(n, t)\nz.close()', at], { input: JSON.stringify(files), encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  return readFileSync(at);
}

export function publishPackages(bed) {
  const work = mkdtempSync(join(bed.dir, 'packages-'));
  const npm = tarball(join(work, 'npm'), {
    'package/package.json': JSON.stringify({ name: 'cove-left', version: '1.0.0', main: 'index.js' }),
    'package/index.js': 'module.exports = 1;\n',
  });
  const dist = { tarball: 'https://registry.example.org/cove-left/-/cove-left-1.0.0.tgz', integrity: `sha512-${createHash('sha512').update(npm).digest('base64')}` };
  bed.publish('registry.example.org/cove-left/-/cove-left-1.0.0.tgz', npm);
  bed.publish('registry.example.org/cove-left/index', JSON.stringify({ name: 'cove-left', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { name: 'cove-left', version: '1.0.0', main: 'index.js', dist } } }));
  const name = 'cove_right-1.0-py3-none-any.whl';
  bed.publish(`pypi.example.org/files/${name}`, wheel(join(work, name), {
    'cove_right.py': 'value = 1\n',
    'cove_right-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: cove-right\nVersion: 1.0\n',
    'cove_right-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'cove_right-1.0.dist-info/RECORD': 'cove_right.py,,\ncove_right-1.0.dist-info/METADATA,,\ncove_right-1.0.dist-info/WHEEL,,\ncove_right-1.0.dist-info/RECORD,,\n',
  }));
  bed.publish('pypi.example.org/simple/cove-right/index', `<a href="/files/${name}">${name}</a>`);
  const jdk = tarball(join(work, 'jdk'), { 'jdk-25/bin/java': '#!/bin/sh\necho 25\n', 'jdk-25/lib/security/cacerts': 'its own' });
  for (const arch of ['x64', 'aarch64']) bed.publish(`api.adoptium.net/v3/binary/latest/25/ga/linux/${arch}/jdk/hotspot/normal/eclipse`, jdk);
  rmSync(work, { recursive: true });
}
