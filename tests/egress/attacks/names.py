"""B: names and how they can be spelt."""
import socket

from bed import (CANARY, MARKER, PROXY, PROXY_FIELDS, ask, attempt, connect, dial, get, hello, http, listen_to,
                 outcome_of, proxy_address, question, resolve, say, send, server_name, talk, told, twin_plain)


def with_host(raw):
    """A request whose Host is these bytes, to an address that no rule names."""
    raw = raw.encode('latin-1') if isinstance(raw, str) else raw
    line = b'GET http://%s/ HTTP/1.1\r\n' % raw + PROXY_FIELDS if PROXY else b'GET / HTTP/1.1\r\n'
    where = proxy_address() if PROXY else (CANARY, 80)
    return talk(*where, line + b'Host: %s\r\n\r\n' % raw)


def connect_line(raw, port=443):
    raw = raw.encode('latin-1') if isinstance(raw, str) else raw
    where = proxy_address() if PROXY else (resolve('proxy.cove'), 3128)
    return talk(*where, b'CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n' % (raw, port, raw, port, PROXY_FIELDS))


def denied_name(a, name):
    """Not resolvable; through a peer: CONNECT is refused."""
    if PROXY:
        a.refused(name, connect_line(name))
        return
    a.refused(name, outcome_of(ask(question(name))), 'nxdomain')


NUMBERS = ['3405803786', '0xCB00710A', '0313.0.0161.012', '203.0.28938', '0x7f.1', '0xcb.0.0x71.10', '203.0.113.10', '[2001:db8::10]', '[::ffff:203.0.113.10]']


@attempt('B01', 'numbers as hosts: decimal, octal, hexadecimal, short, v6; in CONNECT', 'refused, never read as an address')
def _(a):
    for number in NUMBERS:
        a.refused(number, connect_line(number))
        a.record('bad_name|no_name')


@attempt('B01', 'numbers as hosts in Host and as SNI', '400 bad_name or no_name; reset')
def _(a):
    for number in NUMBERS:
        # The very address that it goes to is one that no rule names.
        reason = 'no_name' if number == CANARY else 'bad_name'
        a.refused(number, with_host(number), *([] if PROXY else [f'400 {reason}']))
        a.record(reason)
    if PROXY:
        return
    for number in ('3405803786', '0xcb00710a', '203.0.113.10'):
        a.refused('SNI ' + number, talk(CANARY, 443, hello(server_name(number))), 'reset')
        a.record('bad_name')


@attempt('B01', 'numbers handed to the resolver and to the C library', 'NXDOMAIN; the library\'s own reading leads nowhere', door='cove')
def _(a):
    for number in ('3405803786', '0xCB00710A', '0313.0.0161.012', '203.0.28938'):
        a.refused(number, outcome_of(ask(question(number))), 'nxdomain')
        ip = socket.getaddrinfo(number, 443, type=socket.SOCK_STREAM)[0][4][0]
        a.refused(f'{number} is {ip}', talk(ip, 443, hello()), 'reset')
        a.record('bad_name', 'no_name')


def twin_dot(a):
    with dial('allowed.test.' if not PROXY else 'allowed.test') as s:
        send(s, hello(server_name('allowed.test')))
        a.check('the twin is answered', told(listen_to(s)) == 'answered')
    a.record('allowed')


@attempt('B04', 'a dot at the end: evil.test., allowed.test.., .allowed.test', 'the same name, or no name', twin=twin_dot)
def _(a):
    denied_name(a, f'b04.{MARKER}.evil.test.')
    a.refused('evil.test.', with_host('evil.test.'), *([] if PROXY else ['403 no_rule']))
    a.record('no_rule', 'no_rule')
    for name in ('allowed.test..', '.allowed.test', '.', '..', 'allowed..test'):
        a.refused(name, with_host(name), *([] if PROXY else ['400 bad_name']))
        a.record('bad_name')


@attempt('B06', 'homographs: a Cyrillic letter as UTF-8 bytes and as xn--', 'another name: denied; bytes: 400')
def _(a):
    denied_name(a, 'xn--llowed-rof.test')
    a.record('no_rule')
    a.refused('UTF-8', with_host('аllowed.test'.encode()), *([] if PROXY else ['400 bad_name', '400 malformed']))
    a.record('bad_name|malformed')
    if not PROXY:
        # Unprintable names are one name in the audit, which is told once a minute.
        a.refused('UTF-8 in DNS', outcome_of(ask(question('аllowed.test'.encode()))), 'nxdomain', 'formerr')
        a.refused('UTF-8 as SNI', talk(CANARY, 443, hello(server_name('аllowed.test'.encode()))), 'reset')
        a.record('bad_name', 'malformed')


@attempt('B08', 'an allowed name as the beginning of another, or its end', 'denied')
def _(a):
    for name in ('allowed.test.evil.test', 'notallowed.test', 'xallowed.test', 'allowed.test-evil.test', 'allowed.testevil.test', 'evilpkgs.test', 'allowed.tes', 'test'):
        denied_name(a, name)
        a.record('no_rule')
    a.refused('in Host', with_host('allowed.test.evil.test'), *([] if PROXY else ['403 no_rule']))
    a.record('no_rule')


@attempt('B09', 'the apex of *.pkgs.test', 'denied: *. means below')
def _(a):
    denied_name(a, 'pkgs.test')
    a.record('no_rule')


def twin_deep(a):
    with dial('x.pkgs.test') as s:
        send(s, hello(server_name('x.pkgs.test')))
        a.check('the twin is answered', told(listen_to(s)) == 'answered')
    a.record('allowed')


@attempt('B10', 'three labels below *.pkgs.test', 'allowed: any depth', twin=twin_deep)
def _(a):
    with dial('a.b.c.pkgs.test') as s:
        send(s, hello(server_name('a.b.c.pkgs.test')))
        a.check('the server answers', told(listen_to(s)) == 'answered')
    a.record('allowed')


SPLIT = [b'allowed.test\0.evil.test', b'evil.test\0.allowed.test', b'evil.test\0.pkgs.test', b'allowed.test\n.evil.test', b'evil.test\r.pkgs.test', b'\x7f.pkgs.test']


@attempt('B11', 'NUL and control bytes in CONNECT, Host, SNI and DNS', '400; reset; NXDOMAIN')
def _(a):
    for name in SPLIT:
        a.refused(repr(name), connect_line(name))
        a.record('malformed|bad_name')
        a.refused(repr(name), with_host(name))
        a.record('malformed|bad_name|no_name')
        if not PROXY:
            a.refused(repr(name), talk(CANARY, 443, hello(server_name(name))), 'reset')
            a.record('malformed')
    # All of these are one name in the audit, and told once a minute.
    if not PROXY:
        for name in SPLIT:
            a.refused(repr(name), outcome_of(ask(question(name))), 'nxdomain', 'formerr')


@attempt('B11', 'a SOCKS5 request with a NUL in its name', 'refused', door='cove')
def _(a):
    for name in SPLIT[:3]:
        with connect(resolve('proxy.cove'), 1080) as s:
            send(s, b'\x05\x01\x00')
            first = listen_to(s, 2, b'\x05\x00')
            if isinstance(first, bytes) and first[:2] == b'\x05\x00':
                send(s, b'\x05\x01\x00\x03' + bytes([len(name)]) + name + b'\x01\xbb')
                answer = listen_to(s, 2, b'nothing')
                a.check(f'refused: {answer}', not isinstance(answer, bytes) or answer[1:2] != b'\0')
            else:
                a.refused('socks', told(first))
        a.record('bad_name')


@attempt('B12', 'percent escapes and user parts in an authority', '400')
def _(a):
    for name in ('evil.test%00.allowed.test', 'allowed%2etest', 'evil%2etest', 'allowed.test%40evil.test', 'allowed.test@evil.test', 'evil.test#.allowed.test', 'allowed.test:443@evil.test',
                 'evil.test\\.allowed.test', 'allowed.test;evil.test', 'allowed.test,evil.test', 'evil.test/.allowed.test', 'evil.test?.allowed.test'):
        a.refused(name, with_host(name), *([] if PROXY else ['400 bad_name', '400 malformed']))
        a.record('bad_name|malformed')


@attempt('B16', 'names over every limit', '400; reset; NXDOMAIN')
def _(a):
    for name in ('a' * 64 + '.pkgs.test', '.'.join(['a' * 60] * 5) + '.pkgs.test', 'x..pkgs.test', '-x.pkgs.test', 'x-.pkgs.test', 'x_y.pkgs.test', 'a' * 3000 + '.pkgs.test'):
        a.refused(name[:70], with_host(name), *([] if PROXY else ['400 bad_name']))
        a.record('bad_name')
        if not PROXY:
            a.refused('SNI ' + name[:70], talk(CANARY, 443, hello(server_name(name))), 'reset')
            a.record('bad_name|malformed')


@attempt('B17', 'dots and letters of other scripts', '400')
def _(a):
    for name in ('allowed。test', 'ａllowed.test', 'allow\u00aded.test', 'allowed．test', 'allowed\u200b.test', 'ﬀ.pkgs.test'):
        a.refused(name, with_host(name.encode()), *([] if PROXY else ['400 bad_name', '400 malformed']))
        a.record('bad_name|malformed')


@attempt('own', 'a Host or a target that names another port, or another host', '400 or 403', twin=twin_plain)
def _(a):
    a.refused('port', http('plain.test', get('plain.test', name='plain.test:443')))
    a.refused('absolute', say('plain.test', 80, get('plain.test', 'http://evil.test/' + MARKER)) if not PROXY else '403')
    a.refused('absolute, user', say('plain.test', 80, get('plain.test', 'http://plain.test@evil.test/' + MARKER)) if not PROXY else '403')
    a.record('port_mismatch', 'name_mismatch', 'name_mismatch|bad_name')
