"""E: what a TLS hello can hide."""
import os
import ssl
import struct

from bed import (MARKER, PROXY, attempt, dial, hello, listen_to, new_context, send, server_name, tls, told, twin_git,
                 vector, Refused)


def shown(a, what, data, reason, host='allowed.test'):
    """A hello on a connection to an allowed name that must not get through."""
    try:
        with dial(host) as s:
            send(s, data)
            a.refused(what, told(listen_to(s)), 'reset', 'closed', 'alert')
    except Refused as e:
        a.seen.append(f'{what}: {e}')
    a.record(reason)


@attempt('E03', 'a connection for allowed.test, the hello for evil.test', 'reset')
def _(a):
    shown(a, 'evil', hello(server_name('evil.test')), 'name_mismatch')
    shown(a, 'another allowed name', hello(server_name('x.pkgs.test')), 'name_mismatch')


def twin_dot(a):
    with dial('allowed.test') as s:
        send(s, hello(server_name('ALLOWED.test.')))
        a.check('a dot at the end and capitals are the same name', told(listen_to(s)) == 'answered')
    a.record('allowed')


@attempt('E04', 'no name, an address, two names, two lists, NUL, an empty name, an unknown kind', 'reset', twin=twin_dot)
def _(a):
    shown(a, 'none', hello(), 'no_name')
    shown(a, 'address', hello(server_name('203.0.113.20')), 'bad_name')
    shown(a, 'two', hello(server_name('allowed.test', 'evil.test')), 'malformed')
    shown(a, 'two extensions', hello(server_name('allowed.test'), server_name('evil.test')), 'malformed')
    shown(a, 'NUL', hello(server_name('allowed.test\0.evil.test')), 'malformed')
    shown(a, 'empty', hello(server_name('')), 'malformed')
    shown(a, 'kind', hello(server_name('allowed.test', kind=1)), 'malformed')
    shown(a, 'space', hello(server_name('allowed.test ')), 'malformed')


@attempt('E04', 'a hello in many records, in single bytes, with a length that lies', 'read whole or reset', twin=None)
def _(a):
    whole = hello(server_name('evil.test'))[5:]
    pieces = b''.join(b'\x16\x03\x01\0\x01' + bytes([b]) for b in whole)
    shown(a, 'records of one byte', pieces, 'name_mismatch|malformed')
    broken = hello(server_name('allowed.test'))
    shown(a, 'too long', broken[:8] + bytes([broken[8] ^ 1]) + broken[9:] + bytes(300), 'malformed')
    shown(a, 'second message', broken[:3] + struct.pack('!H', len(broken) - 5 + 4) + broken[5:] + b'\x01\0\0\0', 'malformed')
    shown(a, 'no handshake', b'\x16\x03\x01\0\x04\x02\0\0\0', 'malformed')
    shown(a, 'empty record', b'\x16\x03\x01\0\0' + broken, 'malformed')


@attempt('E05', 'Encrypted Client Hello', 'reset')
def _(a):
    ech = struct.pack('!H', 0xfe0d) + vector(2, b'\0\0\x01\0\x01\x07' + vector(2, os.urandom(32)) + vector(2, os.urandom(144)))
    shown(a, 'outer', hello(server_name('allowed.test'), ech), 'encrypted_hello')
    shown(a, 'git', hello(server_name('git.test'), ech), 'encrypted_hello', 'git.test')


@attempt('E08', 'SSLv2, SSLv3, TLS 1.0 and 1.1 hellos', 'reset')
def _(a):
    v2 = b'\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10' + bytes(21) + bytes(16)
    shown(a, 'SSLv2', v2, 'malformed')
    shown(a, 'SSLv3', hello(server_name('allowed.test'), version=0x0300, modern=False), 'malformed')
    shown(a, 'TLS 1.0', hello(server_name('allowed.test'), version=0x0301, modern=False), 'malformed')
    shown(a, 'TLS 1.1', hello(server_name('allowed.test'), version=0x0302, modern=False), 'malformed')


@attempt('E08', 'early data behind a hello for another name', 'reset before a byte of it goes on')
def _(a):
    early = struct.pack('!HH', 42, 0)
    shown(a, 'early', hello(server_name('evil.test'), early) + b'\x17\x03\x03' + vector(2, MARKER.encode()), 'name_mismatch')


@attempt('E09', 'protocols by ALPN on an opened connection: h3, dns, acme-tls/1, anything', 'only HTTP is ever agreed on', twin=twin_git)
def _(a):
    for offer in (['h3'], ['dot'], ['acme-tls/1'], ['anything'], ['h2', 'http/1.1'], ['acme-tls/1', 'http/1.1']):
        try:
            with tls('git.test', alpn=offer) as s:
                a.check(f'{offer}: {s.selected_alpn_protocol()}', s.selected_alpn_protocol() in (None, 'http/1.1', 'h2'))
                a.seen.append(str(s.selected_alpn_protocol()))
        except Refused as e:
            a.seen.append(str(e))
            a.record('client_distrusts|malformed')


@attempt('E11', 'a session of an allowed server for another name', 'the other name is denied; on opened TLS a new handshake')
def _(a):
    context = new_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls('allowed.test', context=context) as s:
        session = s.session
    a.record('allowed')
    try:
        tls('allowed.test', sni='evil.test', context=context, session=session)
        a.check('evil.test was reached', False)
    except Refused as e:
        a.refused('evil', str(e))
    a.record('name_mismatch')
    if not PROXY:
        opened = new_context()
        opened.maximum_version = ssl.TLSVersion.TLSv1_2
        with tls('git.test', context=opened) as s:
            session = s.session
        with tls('open.test', context=opened, session=session) as s:
            a.check('not resumed', not s.session_reused)


@attempt('E12', 'the private keys of the sandbox\'s authority', 'none is inside', twin=twin_git, door='cove')
def _(a):
    found = []
    for top in ('/usr/local/share/ca-certificates', '/etc/ssl/certs', '/run', '/tmp', '/var/lib', '/home', '/etc/cove', '/opt'):
        for folder, _, files in os.walk(top):
            for name in files:
                path = os.path.join(folder, name)
                try:
                    if os.path.isfile(path) and os.path.getsize(path) < 100000 and b'PRIVATE KEY-----' in open(path, 'rb').read():
                        found.append(path)
                except OSError:
                    pass
    a.check(f'keys: {found}', not [f for f in found if 'snakeoil' not in f and 'attacks' not in f])
    with tls('git.test') as s:
        a.check('opened by Cove\'s authority', 'Cove' in str(s.getpeercert()['issuer']))
