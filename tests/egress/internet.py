"""The internet of the egress test bed: what Cove's front can reach, and what watches it.

    internet.py serve LOG CERT KEY     in the namespace `inet`: DNS, the allowed servers, the canary
    internet.py watch LOG INTERFACE MARKER...   in the namespace `router`: every packet on the uplink

Both print `ready` and write one JSON object a line to LOG: {"t": seconds, "what": …}.
"""
import base64
import ctypes
import hashlib
import json
import re
import socket
import ssl
import struct
import sys
import threading
import time

ALLOWED4, ALLOWED6 = '203.0.113.20', '2001:db8::20'
CANARY4, CANARY6 = '203.0.113.10', '2001:db8::10'
DNS4 = '203.0.113.53'
SERVED = re.compile(r'^(allowed|git|clone|plain|open|raw|model)\.test$|(^|\.)pkgs\.test$')
SO_ORIGINAL_DST = 80

_lock = threading.Lock()
_log = None


def note(what, **more):
    with _lock:
        _log.write(json.dumps({'t': time.time(), 'what': what, **more}) + '\n')
        _log.flush()


def text(data, most=4000):
    return data[:most].decode('latin-1')


# --- DNS: logs each question; a name's first label can say what is answered -----------------------

def answers_for(name, qtype):
    """Records (type, data, ttl) for a name. `a-7f000001-cb007114.pkgs.test` has those two A records,
    `q-<32 hex>.pkgs.test` that AAAA record, `many.pkgs.test` a thousand, `cname-…pkgs.test` is an
    alias of evil.test, which leads to the allowed server or to a private address here."""
    first = name.split('.')[0]
    if name.endswith('pkgs.test'):
        if first.startswith('a-'):
            return [(1, bytes.fromhex(h), 60) for h in first[2:].split('-')] if qtype == 1 else []
        if first.startswith('q-'):
            return [(28, bytes.fromhex(h), 60) for h in first[2:].split('-')] if qtype == 28 else []
        if first.startswith('many'):
            if qtype != 1:
                return []
            return [(1, bytes([10, 9, i >> 8, i & 255]), 0x7fffffff) for i in range(999)] + \
                [(1, socket.inet_aton(ALLOWED4), 0)]
        if first.startswith('cname-'):
            target = bytes([10, 0, 0, 9]) if first.startswith('cname-private') else socket.inet_aton(ALLOWED4)
            return [(5, wire('evil.test'), 60), (1, target, 60)] if qtype == 1 else []
    if SERVED.search(name):
        if qtype == 1:
            return [(1, socket.inet_aton(ALLOWED4), 60)]
        return [(28, socket.inet_pton(socket.AF_INET6, ALLOWED6), 60)] if qtype == 28 else []
    if name == 'evil.test' or name.endswith('.evil.test'):
        if qtype == 1:
            return [(1, socket.inet_aton(CANARY4), 60)]
        return [(28, socket.inet_pton(socket.AF_INET6, CANARY6), 60)] if qtype == 28 else []
    return None


def wire(name):
    return b''.join(bytes([len(p)]) + p.encode() for p in name.split('.')) + b'\0'


def dns_answer(query, most):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode('latin-1'))
        at += 1 + query[at]
    qtype = struct.unpack('!H', query[at + 1:at + 3])[0]
    question = query[12:at + 5]
    name = '.'.join(labels).lower()
    note('dns', name=name, type=qtype, raw=text(query))
    found = answers_for(name, qtype)
    body, owner = b'', b'\xc0\x0c'
    for kind, data, ttl in found or []:
        body += owner + struct.pack('!HHIH', kind, 1, ttl, len(data)) + data
        if kind == 5:
            owner = data
    flags, count = (0x8183, 0) if found is None else (0x8180, len(found))
    if len(question) + len(body) + 12 > most:
        flags, count, body = 0x8380, 0, b''
    return query[:2] + struct.pack('!HHHHH', flags, 1, count, 0, 0) + question + body


def serve_dns():
    def udp():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((DNS4, 53))
        while True:
            query, peer = s.recvfrom(4096)
            s.sendto(dns_answer(query, 512), peer)

    def tcp(c):
        with c:
            size = c.recv(2)
            answer = dns_answer(c.recv(struct.unpack('!H', size)[0]), 65535)
            c.sendall(struct.pack('!H', len(answer)) + answer)

    start(udp)
    listen(DNS4, 53, tcp)


# --- the servers that rules allow -----------------------------------------------------------------

def http(c, scheme):
    """HTTP/1.1, strict about lengths, so that what is logged is what a server would have obeyed."""
    with c:
        data = b''
        while True:
            while b'\r\n\r\n' not in data:
                more = c.recv(65536)
                if not more:
                    if data:
                        note('leftover', raw=text(data))
                    return
                data += more
            head, data = data.split(b'\r\n\r\n', 1)
            fields = [line.split(':', 1) for line in text(head, 1 << 20).split('\r\n')[1:]]
            field = {k.strip().lower(): v.strip() for k, v in fields}
            body = b''
            if 'content-length' in field:
                while len(data) < int(field['content-length']):
                    data += c.recv(65536)
                cut = int(field['content-length'])
                body, data = data[:cut], data[cut:]
            elif 'transfer-encoding' in field:
                while True:
                    while b'\r\n' not in data:
                        data += c.recv(65536)
                    size, data = data.split(b'\r\n', 1)
                    n = int(size, 16)
                    while len(data) < n + 2:
                        data += c.recv(65536)
                    body, data = body + data[:n], data[n + 2:]
                    if n == 0:
                        break
            line = text(head, 1 << 20).split('\r\n')[0]
            note('request', scheme=scheme, line=line[:300], size=len(line), raw=text(head), body=text(body))
            if not answer(c, line.split(' ')[1], field, body):
                return


def answer(c, path, field, body):
    def reply(status, content, extra=''):
        c.sendall(f'HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{extra}\r\n'.encode() + content)

    path = path.split('?')[0]
    if path.endswith('/redirect-evil'):
        reply('302 Found', b'', 'Location: https://evil.test/taken\r\n')
    elif path.endswith('/big'):
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n')
        for _ in range(256):
            c.sendall(b'x' * 65536)
    elif path.endswith('/endless'):
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
        try:
            while True:
                c.sendall(b'9\r\ndata: x\n\n\r\n')
                time.sleep(0.05)
        except OSError:
            note('endless_over')
        return False
    elif path.endswith('/bomb'):
        import gzip
        reply('200 OK', gzip.compress(b'\0' * (8 << 20)), 'Content-Encoding: gzip\r\n')
    elif path.endswith(('/switch', '/switch-bare')):
        key = field.get('sec-websocket-key', '') + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        proof = b'Sec-WebSocket-Accept: ' + base64.b64encode(hashlib.sha1(key.encode()).digest()) + b'\r\n'
        c.sendall(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: '
                  + field.get('upgrade', 'tcp').encode() + b'\r\n' + (b'' if path.endswith('bare') else proof) + b'\r\n')
        data = c.recv(65536)
        note('upgraded', raw=text(data))
        c.sendall(b'echo:' + data)
        return False
    elif path.endswith('/echo'):
        reply('200 OK', body or b'empty')
    else:
        reply('200 OK', b'twin')
    return True


def serve_allowed(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(['http/1.1'])
    # Which name was really asked for, whatever was judged.
    context.sni_callback = lambda s, name, _: note('sni', name=name)

    def tls(c):
        try:
            c = context.wrap_socket(c, server_side=True)
        except (OSError, ssl.SSLError) as e:
            note('tls_failed', error=str(e))
            return
        note('tls', alpn=c.selected_alpn_protocol(), version=c.version())
        http(c, 'https')

    def raw(c):
        with c:
            data = c.recv(65536)
            note('raw', raw=text(data))
            c.sendall(b'echo:' + data)

    for ip in (ALLOWED4, ALLOWED6):
        listen(ip, 443, tls)
        listen(ip, 8443, tls)
        listen(ip, 80, lambda c: http(c, 'http'))
        listen(ip, 5000, raw)


# --- the canary: every port; nothing may ever arrive ----------------------------------------------

def serve_canary():
    def tcp(c):
        with c:
            note('canary', proto='tcp', peer=c.getpeername()[0], port=original_port(c))
            c.settimeout(2)
            try:
                note('canary_bytes', raw=text(c.recv(65536)))
                c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary')
            except OSError:
                pass

    def udp(ip):
        s = socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((ip, 9998))
        while True:
            data, peer = s.recvfrom(65536)
            note('canary', proto='udp', peer=peer[0], raw=text(data))

    for ip in (CANARY4, CANARY6):
        listen(ip, 9999, tcp)
        start(udp, ip)


def original_port(c):
    level = socket.SOL_IP if c.family == socket.AF_INET else socket.IPPROTO_IPV6
    try:
        return struct.unpack('!H', c.getsockopt(level, SO_ORIGINAL_DST, 28)[2:4])[0]
    except OSError:
        return 0


# --- the watch on the uplink ----------------------------------------------------------------------

PLAIN = {(ALLOWED4, 6), (ALLOWED6, 6), (DNS4, 6), (DNS4, 17)}


def watch(interface, markers):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((interface, 0))
    print('ready', flush=True)
    markers = [m.encode() for m in markers]
    count, last = 0, time.time()
    while True:
        s.settimeout(1)
        try:
            frame = s.recv(65536)
        except TimeoutError:
            frame = None
        if frame:
            count += 1
            packet(frame, markers)
        if not frame or time.time() - last > 1:
            last = time.time()
            drops = struct.unpack('II', s.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
            note('watched', frames=count, drops=drops)


def packet(frame, markers):
    ethertype = struct.unpack('!H', frame[12:14])[0]
    for m in markers:
        if m in frame:
            note('marker', marker=m.decode(), frame=frame.hex())
    if ethertype == 0x0806:
        return  # ARP of the uplink itself
    if ethertype == 0x0800:
        src, dst, proto = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), frame[23]
        at = 14 + (frame[14] & 15) * 4
    elif ethertype == 0x86dd:
        src, dst = (socket.inet_ntop(socket.AF_INET6, frame[i:i + 16]) for i in (22, 38))
        proto, at = frame[20], 54
        if proto in (58, 0) and (dst.startswith('ff02:') or src.startswith('fe80:') or dst.startswith('fe80:')
                                 or (proto == 58 and frame[54] in range(133, 138))):
            return  # neighbour discovery
    else:
        note('frame', ethertype=hex(ethertype), frame=frame.hex())
        return
    if (dst, proto) in PLAIN or (src, proto) in PLAIN:
        return
    if dst == DNS4 and proto == 1 and frame[at:at + 2] == b'\x03\x03':
        return  # an answer that came when the front's resolver had gone on
    note('packet', src=src, dst=dst, proto=proto, head=frame[at:at + 4].hex(), frame=frame.hex()[:400])


# --------------------------------------------------------------------------------------------------

def start(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def listen(ip, port, serve):
    s = socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((ip, port))
    s.listen(1024)

    def quiet(c):
        try:
            c.settimeout(60)
            serve(c)
        except (OSError, ValueError, IndexError) as e:
            note('server_error', error=repr(e))

    def accept():
        while True:
            start(quiet, s.accept()[0])

    start(accept)


def main():
    global _log
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: never outlives the test
    _log = open(sys.argv[2], 'w')
    if sys.argv[1] == 'watch':
        watch(sys.argv[3], sys.argv[4:])
    serve_dns()
    serve_allowed(sys.argv[3], sys.argv[4])
    serve_canary()
    print('ready', flush=True)
    threading.Event().wait()


main()
