"""G: what is not TCP."""
import ctypes
import os
import socket
import struct

from bed import (CANARY, CANARY6, MARKER, attempt)
from resolving import send_udp

libc = ctypes.CDLL(None, use_errno=True)


def call(number, *args):
    """A system call by number, as an OSError when it fails."""
    r = libc.syscall(number, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), '')
    return r


@attempt('G01', 'UDP to any port, IPv4 and IPv6', 'refused and counted', door='cove')
def _(a):
    for port in (1, 123, 161, 4444, 51820, 65535):
        a.dropped(f'udp {port}', send_udp, CANARY, port, MARKER.encode())
        a.dropped(f'udp6 {port}', send_udp, CANARY6, port, MARKER.encode())


@attempt('G01', 'UDP-Lite, SCTP, DCCP, multicast TCP', 'no such protocol, or refused', door='cove')
def _(a):
    for what, kind, protocol in (('UDP-Lite', socket.SOCK_DGRAM, 136), ('SCTP', socket.SOCK_STREAM, 132), ('SCTP packets', socket.SOCK_SEQPACKET, 132), ('DCCP', 6, 33)):
        def attempt_it():
            with socket.socket(socket.AF_INET, kind, protocol) as s:
                s.settimeout(0.5)
                s.connect((CANARY, 4444))
                s.send(MARKER.encode())
                s.recv(1)
        a.fails(what, attempt_it)


@attempt('G02', 'QUIC: UDP 443 to allowed and other addresses', 'refused and counted', door='cove')
def _(a):
    initial = b'\xc3\0\0\0\x01\x08' + os.urandom(8) + b'\0\0\x44\xd0' + MARKER.encode() + bytes(1100)
    for ip in (CANARY, '203.0.113.20', '33.33.1.1'):
        a.dropped(ip, send_udp, ip, 443, initial)


@attempt('G03', 'ICMP: echo sockets and raw sockets', 'EPERM or refused', door='cove')
def _(a):
    def ping(family, protocol, ip):
        with socket.socket(family, socket.SOCK_DGRAM, protocol) as s:
            s.settimeout(0.5)
            s.connect((ip, 1))
            s.send(struct.pack('!BBHHH', 8 if protocol == 1 else 128, 0, 0, 1, 1) + MARKER.encode())
            s.recv(100)
    a.fails('ping', ping, socket.AF_INET, 1, CANARY)
    a.fails('ping6', ping, socket.AF_INET6, 58, CANARY6)
    a.fails('raw', socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
    a.fails('raw6', socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58)
    a.fails('any protocol', socket.socket, socket.AF_INET, socket.SOCK_RAW, 47)


@attempt('G05', 'packet sockets and other families: AF_PACKET, XDP, vsock, Bluetooth, CAN, TIPC, RDS, AX.25', 'EPERM or no such family', door='cove')
def _(a):
    for family in (17, 44, 40, 31, 29, 30, 21, 3, 4, 5, 9, 19, 36, 38, 39, 43):
        for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            a.fails(f'family {family} kind {kind}', socket.socket, family, kind, 0)


@attempt('G09', 'netlink: links, addresses, routes, nftables', 'EPERM', door='cove')
def _(a):
    def rtnetlink(kind, body):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
            s.settimeout(1)
            s.bind((0, 0))
            s.send(struct.pack('=IHHII', 16 + len(body), kind, 0x605, 1, 0) + body)
            answer = s.recv(4096)
            code = -struct.unpack('=i', answer[16:20])[0]
            if code:
                raise OSError(code, '')
    device = struct.pack('=BxHiII', 0, 0, 0, 1, 0xffffffff)
    name = struct.pack('=HH', 8, 3) + b'du0\0'
    link_info = struct.pack('=HH', 16, 18) + struct.pack('=HH', 10, 1) + b'bridge\0\0'
    a.fails('a link', rtnetlink, 16, device + name + link_info)
    a.fails('lo down', rtnetlink, 16, struct.pack('=BxHiII', 0, 0, 1, 0, 1))
    a.fails('an address', rtnetlink, 20, struct.pack('=BBBBI', 2, 32, 0, 0, 1) + struct.pack('=HH', 8, 2) + socket.inet_aton('10.77.0.2'))
    a.fails('a route', rtnetlink, 24, struct.pack('=BBBBBBBBI', 2, 0, 0, 0, 254, 3, 0, 1, 0) + struct.pack('=HH', 8, 4) + struct.pack('=I', 1))
    a.fails('a rule', rtnetlink, 32, struct.pack('=BBBBBBBBI', 2, 0, 0, 0, 254, 0, 0, 1, 0))
    a.fails('netfilter', socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 12)


@attempt('G11', 'io_uring, which makes sockets without socket()', 'EPERM', door='cove')
def _(a):
    params = ctypes.create_string_buffer(120)
    a.fails('io_uring_setup', call, 425, 4, params)


@attempt('G12', 'ARP, neighbour discovery, DHCP, router advertisements towards neighbours', 'no link, no packet socket; UDP refused', door='cove')
def _(a):
    a.fails('ARP', socket.socket, 17, socket.SOCK_DGRAM, 0x0806)
    a.fails('NDP', socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58)
    a.dropped('DHCP', send_udp, '255.255.255.255', 67, MARKER.encode(), True)
    a.dropped('DHCPv6', send_udp, 'fd00::1:2', 547, MARKER.encode())
    devices = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]
    a.check(f'devices: {devices}', devices == ['lo'])


@attempt('G14', 'lengths and times of an allowed connection', 'residual: nothing of the packets is the sandbox\'s, bytes and times are on record', door='cove')
def _(a):
    from bed import get, listen_to, send, tls, told
    with tls('allowed.test') as s:
        # TTL, IP id and window of what leaves are the front's own.
        s.setsockopt(socket.SOL_IP, socket.IP_TTL, 13)
        send(s, get('allowed.test', '/ttl'))
        a.check('answered', told(listen_to(s, 4, b'\r\n\r\n')) == '200')
    a.record('allowed')
