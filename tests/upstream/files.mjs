// The files below the argument's directory, which is what a package registry is to those who only
// read. Where it has a file `authorization`, requests bring that header's text.
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';

export function handle(req, res, directory) {
  const guard = `${directory}/authorization`;
  if (existsSync(guard) && req.headers.authorization !== readFileSync(guard, 'utf8')) {
    res.writeHead(401, { 'www-authenticate': 'Basic realm="packages"' }).end();
    return;
  }
  let file = join(directory, 'files', normalize(decodeURIComponent(req.url.split('?')[0])));
  if (existsSync(file) && statSync(file).isDirectory()) file = join(file, 'index.html');
  if (!existsSync(file)) {
    res.writeHead(404).end('not found\n');
    return;
  }
  const types = { html: 'text/html', json: 'application/json' };
  res.writeHead(200, { 'content-type': types[file.split('.').pop()] ?? 'application/octet-stream', 'content-length': statSync(file).size });
  createReadStream(file).pipe(res);
}
