// The world outside of tests/e2e/box.test.mjs: what answers at public-looking addresses. Every
// request is one JSON line on standard output. A file FILES/HOST/PATH (or its `index`) is what HOST
// answers to PATH over TLS. Arguments: ADDRESS ADDRESS-OF-A-SECOND-RESOLVER KEY.pem CERT.pem FILES
import dgram from 'node:dgram';
import { readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join, normalize } from 'node:path';

const [address, second, key, cert, files] = process.argv.slice(2);
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const fileFor = (host, url) => {
  const path = join(files, normalize(`/${host}`), normalize(`/${new URL(url, 'https://x').pathname}`));
  for (const each of [path, join(path, 'index')]) {
    const st = statSync(each, { throwIfNoEntry: false });
    if (st?.isFile()) return { path: each, type: each === path ? 'application/octet-stream' : each.includes('/simple/') ? 'text/html' : 'application/json' };
  }
};
const answer = (kind) => (req, res) => {
  say({ kind, host: req.headers.host, path: req.url });
  const file = kind === 'https' && fileFor(req.headers.host, req.url);
  if (file) return res.writeHead(200, { 'content-type': file.type }).end(readFileSync(file.path));
  res.end(`${kind} ${req.headers.host}`);
};
const listening = (server, port) => new Promise((done) => server.listen(port, address, done));

const tls = { key: readFileSync(key), cert: readFileSync(cert) };
// Each resolver knows the names that it is given, at `address`.
function resolver(at, known) {
  const dns = dgram.createSocket('udp4');
  dns.on('message', (message, from) => {
    let end = 12; const labels = [];
    while (message[end]) { labels.push(message.toString('latin1', end + 1, end + 1 + message[end])); end += message[end] + 1; }
    const name = labels.join('.');
    say({ kind: 'dns', name, at });
    const type = message.readUInt16BE(end + 1);
    const head = Buffer.from(message.subarray(0, end + 5));
    head[2] |= 0x80; head.writeUInt16BE(0, 10);  // an answer, without what the query had besides
    if (!known.includes(name)) { head[3] = 0x83; return dns.send(head, from.port, from.address); }
    head[3] = 0x80;
    if (type !== 1) return dns.send(head, from.port, from.address);
    head.writeUInt16BE(1, 6);
    dns.send(Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])]), from.port, from.address);
  });
  return new Promise((done) => dns.bind(53, at, done));
}
const proxy = http.createServer(answer('proxy'));
proxy.on('connect', (req, client) => {
  say({ kind: 'proxy', connect: req.url });
  const up = net.connect(443, address, () => { client.write('HTTP/1.1 200 OK\r\n\r\n'); up.pipe(client).pipe(up); });
  up.on('error', () => client.destroy());
  client.on('error', () => up.destroy());
});
await resolver(address, []);
await resolver(second, ['resolved.example.org']);
await listening(http.createServer(answer('http')), 80);
await listening(https.createServer(tls, answer('https')), 443);
await listening(https.createServer(tls, answer('https8443')), 8443);
await listening(proxy, 3128);
process.stdout.write('ready bed\n');
