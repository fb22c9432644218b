// The servers that tests of the door reach: one process, HTTPS for every name, which it tells by
// Host. Each file beside this one that is named on the command line serves a name:
//   node server.mjs --cert PEM --key PEM --log NDJSON --address IP NAME=FILE[?ARGUMENT]...
// A FILE exports handle(req, res, argument), of which every request is a line of the log, or
// start(argument, address) for another protocol.
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const options = {};
const names = new Map();
for (let i = 2; i < process.argv.length; i++) {
  const arg = process.argv[i];
  if (arg.startsWith('--')) {
    options[arg.slice(2)] = process.argv[++i];
  } else {
    const [, name, file, argument] = /^([^=]+)=([^?]+)\??(.*)$/.exec(arg);
    names.set(name, { module: await import(`./${file}`), argument });
  }
}

function serve(req, res) {
  const host = (req.headers.host ?? '').split(':')[0];
  const body = [];
  req.on('data', (d) => body.push(d));
  req.on('end', async () => {
    req.body = Buffer.concat(body);
    const text = req.body.length < 4096 ? req.body.toString('latin1') : `${req.body.length} bytes`;
    appendFileSync(options.log, `${JSON.stringify({ host, method: req.method, url: req.url, headers: req.headers, body: text })}\n`);
    const known = names.get(host);
    try {
      if (known) await known.module.handle(req, res, known.argument);
      else res.writeHead(421).end('no such host here\n');
    } catch (e) {
      res.writeHead(500).end(`${e.stack}\n`);
    }
  });
}

for (const { module, argument } of names.values()) module.start?.(argument, options.address);
const tls = { cert: readFileSync(options.cert), key: readFileSync(options.key) };
https.createServer(tls, serve).listen(443, options.address, () => {
  http.createServer(serve).listen(80, options.address, () => console.log('ready'));
});
