// The world outside of tests/e2e/box.test.mjs: what answers at one public-looking address. Every
// request is one JSON line on standard output. Arguments: ADDRESS KEY.pem CERT.pem
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';

const [address, key, cert] = process.argv.slice(2);
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
const answer = (kind) => (req, res) => {
  say({ kind, host: req.headers.host, path: req.url });
  res.end(`${kind} ${req.headers.host}`);
};
const listening = (server, port) => new Promise((done) => server.listen(port, address, done));

const tls = { key: readFileSync(key), cert: readFileSync(cert) };
const dns = dgram.createSocket('udp4');
dns.on('message', (message, from) => {
  let at = 12; const labels = [];
  while (message[at]) { labels.push(message.toString('latin1', at + 1, at + 1 + message[at])); at += message[at] + 1; }
  say({ kind: 'dns', name: labels.join('.') });
  const reply = Buffer.from(message);
  reply[2] |= 0x80; reply[3] = 0x83;  // no such name
  dns.send(reply, from.port, from.address);
});
const proxy = http.createServer(answer('proxy'));
proxy.on('connect', (req, client) => {
  say({ kind: 'proxy', connect: req.url });
  const up = net.connect(443, address, () => { client.write('HTTP/1.1 200 OK\r\n\r\n'); up.pipe(client).pipe(up); });
  up.on('error', () => client.destroy());
  client.on('error', () => up.destroy());
});
await new Promise((done) => dns.bind(53, address, done));
await listening(http.createServer(answer('http')), 80);
await listening(https.createServer(tls, answer('https')), 443);
await listening(https.createServer(tls, answer('https8443')), 8443);
await listening(proxy, 3128);
process.stdout.write('ready bed\n');
