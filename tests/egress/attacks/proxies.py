"""The door's own proxies, proxy.cove:3128 (HTTP) and :1080 (SOCKS5): they must add no way out."""
import socket
import struct

from bed import (CANARY, CANARY6, MARKER, attempt, connect, get, hello, listen_to, resolve, send, server_name, talk,
                 tls, told, Refused)


def via_connect(host, port=443):
    s = connect(resolve('proxy.cove'), 3128)
    send(s, f'CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n'.encode())
    answer = listen_to(s, 4, b'\r\n\r\n')
    if told(answer)[:3] != '200':
        s.close()
        raise Refused(told(answer))
    return s


def socks_address(host):
    for family, kind in ((socket.AF_INET, 1), (socket.AF_INET6, 4)):
        try:
            return bytes([kind]) + socket.inet_pton(family, host)
        except (OSError, ValueError):
            pass
    return b'\x03' + bytes([len(host)]) + host.encode('latin-1')


def via_socks(host, port=443, command=1):
    s = connect(resolve('proxy.cove'), 1080)
    send(s, b'\x05\x01\x00')
    listen_to(s, 4, b'\x05\x00')
    send(s, bytes([5, command, 0]) + socks_address(host) + struct.pack('!H', port))
    answer = listen_to(s, 4, b'\x05')
    if not isinstance(answer, bytes) or answer[1:2] != b'\0':
        s.close()
        raise Refused(f'refused {answer}')
    return s


def twin_proxies(a):
    for via in (via_connect, via_socks):
        with tls('allowed.test', s=via('allowed.test')) as s:
            send(s, get('allowed.test', '/by-proxy'))
            a.check(f'{via.__name__} works', told(listen_to(s, 4, b'\r\n\r\n')) == '200')
        a.record('allowed')


def both(a, host, port, *records, data=b'x\r\n'):
    """What is asked of both proxies must be refused, then or when bytes have come."""
    for via in (via_connect, via_socks):
        try:
            with via(host, port) as s:
                send(s, data)
                a.refused(f'{via.__name__} {host}', told(listen_to(s)), 'reset', 'closed')
        except Refused as e:
            a.seen.append(str(e))
        a.record(*records)


@attempt('E03', 'CONNECT and SOCKS5 for allowed.test, the hello for evil.test', 'reset', twin=twin_proxies, door='cove')
def _(a):
    both(a, 'allowed.test', 443, 'name_mismatch', data=hello(server_name('evil.test')))
    both(a, 'allowed.test', 443, 'no_name', data=hello())
    both(a, 'allowed.test', 443, 'malformed', data=b'SSH-2.0-' + MARKER.encode() + b'\r\n')


@attempt('B08', 'names that no rule allows, of both proxies', '403; SOCKS code 2', twin=twin_proxies, door='cove')
def _(a):
    for host in (f'{MARKER}.evil.test', 'allowed.test.evil.test', 'pkgs.test', 'xn--llowed-rof.test'):
        both(a, host, 443, 'no_rule')
    both(a, 'allowed.test', 22, 'port_not_allowed')
    both(a, 'proxy.cove', 3128, 'self|port_not_allowed|no_rule')
    both(a, 'models.cove', 443, 'port_not_allowed')


@attempt('I02', 'addresses by number, of both proxies: loopback, metadata, the machine, the canary', '403; a SOCKS code', twin=twin_proxies, door='cove')
def _(a):
    for host, port in (('127.0.0.1', 22222), ('127.0.0.1', 1), ('0.0.0.0', 22222), ('169.254.169.254', 80), ('10.77.0.2', 33333), ('10.0.0.2', 22), (CANARY, 443), ('33.33.0.1', 3128)):
        both(a, host, port, 'no_rule|no_name|bad_name|self|port_not_allowed|address_not_public')
    for host in (CANARY6, '::1', '::ffff:127.0.0.1', 'fe80::1'):
        try:
            via_socks(host, 22222)
            a.check(host + ' was opened', False)
        except Refused as e:
            a.seen.append(str(e))
        a.record('no_rule|no_name|bad_name|self|address_not_public')
        try:
            via_connect(f'[{host}]', 22222)
            a.check(host + ' was opened', False)
        except Refused as e:
            a.seen.append(str(e))
        a.record('no_rule|no_name|bad_name|self|address_not_public')


@attempt('D02', 'names that lead to private addresses, of both proxies', 'never dialled', twin=twin_proxies, door='cove')
def _(a):
    for label in ('a-7f000001', 'a-a9fea9fe', 'a-0a4d0002', 'q-' + '1'.rjust(32, '0')):
        both(a, label + '.pkgs.test', 443, 'allowed>address_not_public', data=hello(server_name(label + '.pkgs.test')))


@attempt('own', 'SOCKS: BIND, UDP, version 4, authentication, names of no bytes; proxy ports and requests that lie', 'refused', twin=twin_proxies, door='cove')
def _(a):
    for command in (2, 3, 9):
        try:
            via_socks('allowed.test', 443, command)
            a.check(f'command {command} worked', False)
        except Refused as e:
            a.seen.append(str(e))
        a.record('method_not_supported')
    for what, data in (('version 4', b'\x04\x01\x01\xbb' + socket.inet_aton(CANARY) + b'\0'), ('password only', b'\x05\x01\x02'), ('no method', b'\x05\x00')):
        outcome = talk(resolve('proxy.cove'), 1080, data, enough=b'\xff')
        a.check(f'{what}: {outcome}', outcome in ('answered', 'reset', 'closed'))
        a.record('malformed')
    try:
        via_socks('', 443)
        a.check('an empty name', False)
    except Refused as e:
        a.seen.append(str(e))
    a.record('bad_name')
    a.refused('other port', talk(resolve('proxy.cove'), 8080, b'GET / HTTP/1.1\r\nHost: proxy.cove\r\n\r\n'))
    a.record('port_not_allowed')
    for what, data in (('Host differs', b'CONNECT allowed.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n'), ('no port', b'CONNECT allowed.test HTTP/1.1\r\nHost: allowed.test\r\n\r\n'),
                       ('a body', b'CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\nContent-Length: 5\r\n\r\nhello'),
                       ('whole URI elsewhere', get('evil.test', f'http://evil.test/{MARKER}')), ('URI and Host differ', get('plain.test', f'http://evil.test/{MARKER}')),
                       ('https URI', get('allowed.test', 'https://allowed.test/')), ('origin form', get('plain.test', '/'))):
        a.refused(what, talk(resolve('proxy.cove'), 3128, data))
        a.record('name_mismatch|bad_name|malformed|no_rule|port_not_allowed|no_name|self')
