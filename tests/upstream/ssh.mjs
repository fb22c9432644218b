// Git over SSH for the repositories below the argument's directory, for whoever logs in as `git` with
// the key in its file `authorized`. Port 22 has the host key `host`; port 2222 is somebody else, who
// knows the same users.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Server, utils } = createRequire(new URL('../e2e/package.json', import.meta.url))('ssh2');

function serve(directory, hostKey) {
  const authorized = utils.parseKey(readFileSync(`${directory}/authorized`));
  return new Server({ hostKeys: [readFileSync(`${directory}/${hostKey}`)] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (ctx) => {
      const known = ctx.method === 'publickey' && ctx.username === 'git' && ctx.key.data.equals(authorized.getPublicSSH());
      if (!known) return ctx.reject(['publickey']);
      if (ctx.signature && authorized.verify(ctx.blob, ctx.signature, ctx.hashAlgo) !== true) return ctx.reject();
      return ctx.accept();
    });
    client.on('ready', () => client.on('session', (accept) => accept().on('exec', (ok, refuse, info) => {
      const wanted = /^(git-upload-pack|git-receive-pack) '\/?([a-z.]+)'$/.exec(info.command);
      if (!wanted) return refuse();
      const channel = ok();
      const git = spawn(wanted[1], [`${directory}/${wanted[2]}`], { stdio: 'pipe' });
      channel.pipe(git.stdin);
      git.stdout.pipe(channel, { end: false });
      git.stderr.pipe(channel.stderr, { end: false });
      git.on('close', (code) => { channel.exit(code ?? 1); channel.end(); });
    })));
  });
}

export function start(directory, address) {
  serve(directory, 'host').listen(22, address);
  serve(directory, 'stranger').listen(2222, address);
}
