"""What attempts are made of: names, connections, TLS hellos, and the record of how each one went.

After each attempt and each twin comes a question to the resolver, for `attempt-N` or `twin-N` of
TAG.barrier.evil.test, which is denied and so stands in the audit: what stands between two of them was
caused by what was made between them.
"""
import base64
import functools
import json
import os
import socket
import ssl
import struct
import sys
import time
import urllib.parse

TAG = os.environ['BED_TAG']          # tells runs apart, in names that are no secret
MARKER = os.environ['BED_MARKER']    # must never be seen outside
VARIANT = os.environ['BED_VARIANT']
PROXY = os.environ.get('BED_PROXY')  # host:port of a peer; none: Cove's door; `environment`: as told
PROXY_FIELDS = b''
if PROXY == 'environment':
    # What sandbox-runtime sets inside: http://user:token@localhost:port
    _url = urllib.parse.urlsplit(os.environ['HTTP_PROXY'])
    PROXY = f'{_url.hostname}:{_url.port}'
    if _url.username:
        _login = base64.b64encode(f'{_url.username}:{_url.password}'.encode())
        PROXY_FIELDS = b'Proxy-Authorization: Basic ' + _login + b'\r\n'
CA = os.environ['BED_CA']
RESOLVER = os.environ.get('BED_RESOLVER', '10.0.0.2')
CANARY, CANARY6 = '203.0.113.10', '2001:db8::10'
ROOT = os.geteuid() == 0

ATTEMPTS = []


class Refused(Exception):
    """The client was told no: str() says how."""


class Attempt:
    def __init__(self, row, title, safe, make, twin, door):
        self.row, self.title, self.safe, self.make, self.door = row, title, safe, make, door
        self.twin = twin or default_twin
        self.expected, self.wrong, self.seen, self.drops = [], [], [], 0

    def record(self, *reasons):
        """Expects one decision record for each; 'a|b' is either, 'allowed>x' is closed with x."""
        self.expected += reasons

    def check(self, what, holds):
        if not holds:
            self.wrong.append(what)

    def refused(self, what, outcome, *how):
        """The outcome of talk() or dial(): must be a refusal, one of `how` if given."""
        self.seen.append(outcome)
        fine = outcome in how if how else outcome in REFUSALS or outcome[:3] in ('400', '403', '404', '421', '501', '503')
        self.check(f'{what}: {outcome}', fine)

    def fails(self, what, call, *args):
        """A system call that must fail."""
        try:
            call(*args)
        except (OSError, ValueError, OverflowError) as e:
            self.seen.append(errno_name(e))
            return
        self.wrong.append(what + ' worked')

    def dropped(self, what, call, *args):
        """Something sent that the rules inside must refuse: an error now or with the next call."""
        self.drops += 1
        try:
            call(*args)
        except OSError as e:
            self.seen.append(errno_name(e))
            return
        self.wrong.append(what + ' was sent')


REFUSALS = {'reset', 'closed', 'nxdomain', 'refused', 'timeout', 'noaddress', 'formerr', 'servfail', 'alert', 'unreachable'}


def errno_name(e):
    import errno
    return errno.errorcode.get(getattr(e, 'errno', None), type(e).__name__)


def attempt(row, title, safe, twin=None, door='both'):
    """`door`: 'cove' when a peer has nothing that this could be tried on."""
    def add(make):
        ATTEMPTS.append(Attempt(row, title, safe, make, twin, door))
        return make
    return add


# --- names ----------------------------------------------------------------------------------------

def question(name, qtype=1, ident=0x4242, flags=0x0100, extra=b'', additional=0):
    labels = b''.join(bytes([len(p)]) + p for p in (name.encode('latin-1') if isinstance(name, str) else name).split(b'.') if p)
    return struct.pack('!HHHHHH', ident, flags, 1, 0, 0, additional) + labels + b'\0' + struct.pack('!HH', qtype, 1) + extra


def ask(message, server=RESOLVER, port=53, tcp=False, wait=2.0):
    """The raw answer, or None."""
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, kind) as s:
        s.settimeout(wait)
        try:
            s.connect((server, port))
            s.send(struct.pack('!H', len(message)) + message if tcp else message)
            return (s.recv(65536)[2:] if tcp else s.recv(65536)) or None
        except OSError:
            return None


def outcome_of(answer):
    if answer is None:
        return 'timeout'
    return {0: 'noerror', 1: 'formerr', 2: 'servfail', 3: 'nxdomain', 4: 'notimp', 5: 'refused'}.get(answer[3] & 15, 'other')


def addresses(answer):
    """The A records of an answer."""
    out = []
    at = 12
    while answer[at]:
        at += 1 + answer[at]
    at += 5
    for _ in range(struct.unpack('!H', answer[6:8])[0]):
        at += 2 if answer[at] >= 0xc0 else answer.index(0, at) - at + 1
        kind, _, _, size = struct.unpack('!HHIH', answer[at:at + 10])
        at += 10
        if kind == 1 and size == 4:
            out.append(socket.inet_ntoa(answer[at:at + 4]))
        at += size
    return out


def resolve(name):
    answer = ask(question(name))
    how = outcome_of(answer)
    if how != 'noerror':
        raise Refused(how)
    found = addresses(answer)
    if not found:
        raise Refused('noaddress')
    return found[0]


# --- connections ----------------------------------------------------------------------------------

def connect(ip, port, source=None, wait=4.0):
    s = socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET)
    s.settimeout(wait)
    try:
        if source is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(('', source))
        s.connect((ip, port))
    except OSError as e:
        s.close()
        raise Refused({'ECONNREFUSED': 'refused', 'TimeoutError': 'timeout', 'ETIMEDOUT': 'timeout'}.get(errno_name(e), 'unreachable'))
    return s


def listen_to(s, wait=4.0, enough=b'\r\n'):
    """The first bytes that come back, or how the connection ended."""
    s.settimeout(wait)
    data = b''
    try:
        while enough not in data:
            more = s.recv(65536)
            if not more:
                break
            data += more
            if data[:1] in (b'\x15', b'\x16'):
                break
    except ConnectionResetError:
        return data or 'reset'
    except TimeoutError:
        return data or 'timeout'
    except OSError:
        return data or 'reset'
    return data or 'closed'


def told(answer):
    """An answer as a short word: the status and reason of a page, or how the connection ended."""
    if isinstance(answer, str):
        return answer
    if answer.startswith(b'HTTP/1.'):
        status = answer[9:12].decode('latin-1')
        at = answer.find(b'"reason":"')
        return status + (' ' + answer[at + 10:answer.index(b'"', at + 10)].decode() if at > 0 else '')
    if answer[:1] == b'\x15':
        return 'alert'
    return 'answered'


def send(s, data):
    try:
        s.sendall(data)
    except OSError:
        pass


def talk(ip, port, data, wait=4.0, enough=b'\r\n\r\n', **more):
    """Connects to an address, says `data`, and tells what came of it."""
    try:
        with connect(ip, port, **more) as s:
            send(s, data)
            answer = listen_to(s, wait, enough)
            if isinstance(answer, bytes) and b'HTTP/1.' == answer[:7]:
                answer = rest_of(s, answer)
            return told(answer)
    except Refused as e:
        return str(e)


def rest_of(s, answer):
    """The page's body, when its length is told."""
    low = answer.lower()
    at = low.find(b'content-length:')
    if at > 0 and b'\r\n\r\n' in answer:
        size = int(low[at + 15:low.index(b'\r\n', at)])
        have = len(answer) - answer.index(b'\r\n\r\n') - 4
        while have < min(size, 65536):
            try:
                more = s.recv(65536)
            except OSError:
                break
            if not more:
                break
            answer, have = answer + more, have + len(more)
    return answer


def proxy_address():
    host, port = PROXY.rsplit(':', 1)
    return host, int(port)


def dial(host, port=443, wait=4.0):
    """Connected to a name as a well-behaved client would be: by DNS, or through the peer's CONNECT."""
    if not PROXY:
        return connect(resolve(host), port, wait=wait)
    s = connect(*proxy_address(), wait=wait)
    name = host.encode('latin-1') if isinstance(host, str) else host
    send(s, b'CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n' % (name, port, name, port, PROXY_FIELDS))
    answer = listen_to(s, wait, b'\r\n\r\n')
    if not isinstance(answer, bytes) or not answer.startswith(b'HTTP/1.') or answer[9:10] != b'2':
        s.close()
        raise Refused(told(answer))
    return s


def say(host, port, data, wait=4.0):
    """talk() to a name."""
    try:
        with dial(host, port, wait) as s:
            # A reset that is there before the first byte is told to the one who sends, and to nobody after.
            try:
                s.sendall(data)
            except (ConnectionResetError, BrokenPipeError):
                return 'reset'
            answer = listen_to(s, wait, b'\r\n\r\n')
            return told(rest_of(s, answer) if isinstance(answer, bytes) else answer)
    except Refused as e:
        return str(e)


def tls(host, port=443, sni=None, alpn=None, context=None, session=None, s=None):
    context = context or trusting(tuple(alpn or ()))
    s = s or dial(host, port)
    try:
        return context.wrap_socket(s, server_hostname=sni or host, session=session)
    except (ConnectionResetError, ssl.SSLEOFError):
        s.close()
        raise Refused('reset')
    except ssl.SSLError as e:
        s.close()
        raise Refused('alert' if 'ALERT' in str(e).upper() else 'reset' if 'EOF' in str(e).upper() else str(e))
    except TimeoutError:
        s.close()
        raise Refused('timeout')


def new_context(alpn=()):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CA)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


trusting = functools.lru_cache(new_context)  # reading all roots takes a while


def https(host, request, port=443, wait=4.0, sni=None):
    """Raw request bytes over TLS; the answer's word."""
    try:
        with tls(host, port, sni=sni) as s:
            send(s, request)
            answer = listen_to(s, wait, b'\r\n\r\n')
            return told(rest_of(s, answer) if isinstance(answer, bytes) else answer)
    except Refused as e:
        return str(e)


def get(host, path='/', *fields, method='GET', body=b'', name=None):
    head = f'{method} {path} HTTP/1.1\r\nHost: {name or host}\r\n' + ''.join(f + '\r\n' for f in fields)
    if body:
        head += f'Content-Length: {len(body)}\r\n'
    return head.encode('latin-1') + b'\r\n' + body


def http(host, request, wait=4.0):
    """Raw request bytes without TLS, to port 80; for a peer the target becomes absolute."""
    if not PROXY:
        return say(host, 80, request, wait)
    return talk(*proxy_address(), for_proxy(host, request), wait)


def for_proxy(host, request):
    """The request as a proxy wants it: with an absolute target."""
    line, rest = request.split(b'\r\n', 1) if b'\r\n' in request else (request, b'')
    return line.replace(b' /', b' http://%s/' % host.encode(), 1) + b'\r\n' + PROXY_FIELDS + rest


def default_twin(a):
    with tls('allowed.test') as s:
        send(s, get('allowed.test', f'/twin/{a.row}/{TAG}'))
        a.check('the twin is answered', told(listen_to(s, 4, b'\r\n\r\n')) == '200')
    a.record('allowed')


def twin_git(a):
    a.check('the twin is answered', https('git.test', get('git.test', f'/org/twin-{a.row}')) == '200')
    a.record('allowed')


def twin_plain(a):
    a.check('the twin is answered', http('plain.test', get('plain.test', f'/twin-{a.row}')) == '200')
    a.record('allowed')


# --- TLS hellos that no library makes --------------------------------------------------------------

def vector(width, data):
    return len(data).to_bytes(width, 'big') + data


def server_name(*names, kind=0):
    entries = b''.join(bytes([kind]) + vector(2, n.encode('latin-1') if isinstance(n, str) else n) for n in names)
    return struct.pack('!H', 0) + vector(2, vector(2, entries))


def hello(*extensions, version=0x0303, session=b'', modern=True):
    ext = b''.join(extensions)
    if modern:
        ext += struct.pack('!H', 43) + vector(2, vector(1, struct.pack('!HH', 0x0304, 0x0303)))
        ext += struct.pack('!H', 10) + vector(2, vector(2, struct.pack('!HH', 29, 23)))
        ext += struct.pack('!H', 13) + vector(2, vector(2, struct.pack('!HHHH', 0x0403, 0x0804, 0x0401, 0x0503)))
        ext += struct.pack('!H', 51) + vector(2, vector(2, struct.pack('!H', 29) + vector(2, bytes([9]) + bytes(31))))
    body = struct.pack('!H', version) + os.urandom(32) + vector(1, session) + vector(2, struct.pack('!HHHH', 0x1301, 0x1302, 0xc02f, 0x002f)) + b'\x01\x00'
    if ext:
        body += vector(2, ext)
    return b'\x16\x03\x01' + vector(2, b'\x01' + vector(3, body))


# --- running ---------------------------------------------------------------------------------------

_spent, _began, _first = 0, time.monotonic(), 0


def barrier(name):
    """Told to the audit; by then everything before is in it, too."""
    global _spent
    for _ in range(40):
        if ask(question(f'{name}.{TAG}.barrier.evil.test'), wait=0.5) is not None:
            _spent += 1
            return
    raise SystemExit('the resolver is silent')


def pace(rows):
    """Denials are written at 20 a second after a burst of 200 (decision 0051): never faster here."""
    global _spent
    _spent += rows
    ahead = (_spent - 150) / 20 - (time.monotonic() - _began)
    if ahead > 0 and not PROXY:
        time.sleep(ahead)


def run_one(n, a):
    result = {'n': n, 'row': a.row, 'title': a.title, 'safe': a.safe}
    for part, make in (('attempt', a.make), ('twin', a.twin)):
        a.expected, a.wrong, a.seen, a.drops = [], [], [], 0
        if not PROXY and n == _first and part == 'attempt':
            barrier('start')
        began = time.time()
        try:
            make(a)
        except Refused as e:
            a.wrong.append(f'refused: {e}')
        except Exception as e:  # a bug of the attempt itself must not look like a defence
            a.wrong.append(f'{type(e).__name__} at line {e.__traceback__.tb_next.tb_lineno if e.__traceback__.tb_next else 0}: {e}')
        ended = time.time()
        if not PROXY:
            barrier(f'{part}-{n}')
            pace(len(a.expected))
        result[part] = {'from': began, 'to': ended, 'wrong': a.wrong, 'seen': a.seen, 'records': a.expected, 'drops': a.drops}
    print(json.dumps(result), flush=True)


def main(only):
    global _first
    chosen = [(n, a) for n, a in enumerate(ATTEMPTS) if not (PROXY and a.door == 'cove') and (not only or a.row in only or a.row[0] in only)]
    _first = chosen[0][0]
    for n, a in chosen:
        run_one(n, a)
    sys.exit(0)
