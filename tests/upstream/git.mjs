// Git over HTTPS (git http-backend) for the repositories below the argument's directory, for whoever
// brings the user and password that lie in its file `login`.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export function handle(req, res, directory) {
  const login = readFileSync(`${directory}/login`, 'utf8').trim();
  if (req.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`) {
    res.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you?\n');
    return;
  }
  const [path, query] = req.url.split('?');
  const git = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH, GIT_PROJECT_ROOT: directory, GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path, QUERY_STRING: query ?? '', REMOTE_USER: 'git',
      REQUEST_METHOD: req.method, CONTENT_TYPE: req.headers['content-type'] ?? '', CONTENT_LENGTH: `${req.body.length}`,
      HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '', GIT_PROTOCOL: req.headers['git-protocol'] ?? '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const out = [];
  git.stdin.on('error', () => {});
  git.stdin.end(req.body);
  git.stdout.on('data', (d) => out.push(d));
  git.on('close', () => {
    const all = Buffer.concat(out);
    const end = all.indexOf('\r\n\r\n');
    const headers = {};
    let status = 200;
    for (const line of all.subarray(0, end).toString().split('\r\n')) {
      const colon = line.indexOf(':');
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (name.toLowerCase() === 'status') status = parseInt(value, 10);
      else headers[name] = value;
    }
    res.writeHead(status, headers).end(all.subarray(end + 4));
  });
}
