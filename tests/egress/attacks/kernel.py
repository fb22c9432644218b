"""H: namespaces and the kernel. tests/escape has many more; here each is followed by a try to get out."""
import ctypes
import glob
import mmap
import os
import socket
import subprocess

from bed import CANARY, MARKER, attempt, hello, talk
from raw import call
from resolving import send_udp


def still_shut(a):
    """The same network as before: the door refuses, nothing else is there."""
    a.refused('TCP', talk(CANARY, 443, hello()), 'reset')
    a.record('no_name')
    a.dropped('UDP', send_udp, CANARY, 4444, MARKER.encode())


def run(*command):
    try:
        return subprocess.run(command, capture_output=True, timeout=10).returncode
    except FileNotFoundError:
        return 127


@attempt('H01', 'nft flush, iptables -F, ip route replace, ip link', 'EPERM; all is as it was', door='cove')
def _(a):
    for command in (['nft', 'flush', 'ruleset'], ['nft', 'delete', 'table', 'inet', 'cove'], ['iptables', '-F'], ['iptables', '-t', 'nat', '-F'], ['ip6tables', '-F'],
                    ['ip', 'route', 'replace', 'default', 'via', '10.77.0.1'], ['ip', 'link', 'add', 'dev', 'du0', 'type', 'bridge'], ['ip', 'addr', 'add', '203.0.113.99/24', 'dev', 'lo'],
                    ['ip', 'link', 'set', 'lo', 'down'], ['ip', 'rule', 'add', 'from', 'all', 'lookup', '100'], ['sysctl', '-w', 'net.ipv4.ip_forward=1']):
        a.check(' '.join(command) + ' worked', run(*command) != 0)
    still_shut(a)


@attempt('H03', 'a network namespace of one\'s own with devices in it', 'none of them leads anywhere', door='cove')
def _(a):
    script = '''ip link add dev v0 type veth peer name v1; ip addr add 203.0.113.9/24 dev v0; ip link set dev v0 up; ip link set dev v1 up; ip route add default dev v0
ip link set dev v1 netns 1; ip link add dev mv type macvlan link lo; ip link add dev wg type wireguard
timeout 2 bash -c 'exec 3<>/dev/tcp/203.0.113.10/443 && echo REACHED'; timeout 1 bash -c 'echo %s > /dev/udp/203.0.113.10/4444' ''' % MARKER
    r = subprocess.run(['unshare', '-Urn', 'bash', '-c', script], capture_output=True, timeout=20)
    a.check('reached', b'REACHED' not in r.stdout)
    still_shut(a)


@attempt('H04', 'setns to other network namespaces', 'EPERM, or there is none', door='cove')
def _(a):
    own = os.readlink('/proc/self/ns/net')
    for path in ['/proc/1/ns/net'] + glob.glob('/run/netns/*') + glob.glob('/proc/[0-9]*/task/*/ns/net'):
        try:
            if os.readlink(path) == own:
                continue
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        a.fails(path, call, 308, fd, 0x40000000)
        os.close(fd)
    a.fails('pidfd of 1', lambda: call(308, call(434, 1, 0), 0x40000000))
    a.check('the same namespace', os.readlink('/proc/self/ns/net') == own)


@attempt('H05', 'setuid and capability programs: sudo, su, newuidmap, ping, mount', 'root inside at most, whose network is the same', door='cove')
def _(a):
    for command in (['ping', '-c1', '-W1', CANARY], ['sudo', '-n', 'ping', '-c1', '-W1', CANARY], ['sudo', '-n', 'nft', 'flush', 'ruleset'], ['sudo', '-n', 'ip', 'link', 'set', 'lo', 'down'],
                    ['sudo', '-n', 'nsenter', '-t', '1', '-n', 'true']):
        a.check(' '.join(command) + ' worked', run(*command) != 0)
    still_shut(a)


@attempt('H06', 'ptrace, process_vm_writev and /proc/1/mem on what stands beside the workload', 'EPERM', door='cove')
def _(a):
    a.fails('attach', call, 101, 16, 1, 0, 0)
    a.fails('seize', call, 101, 0x4206, 1, 0, 0)
    a.fails('write', call, 311, 1, ctypes.create_string_buffer(16), 1, ctypes.create_string_buffer(16), 1, 0)
    a.fails('mem', open, '/proc/1/mem', 'r+b')
    a.fails('fd', os.listdir, '/proc/1/fd')
    a.fails('kill', os.kill, 1, 9)


@attempt('H07', 'kernel settings that others share', 'read-only or absent', door='cove')
def _(a):
    for path in ('/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv4/conf/all/route_localnet', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/sys/net/ipv4/ping_group_range',
                 '/sys/class/net/lo/mtu', '/proc/sys/net/ipv4/ip_unprivileged_port_start', '/proc/sys/net/netfilter/nf_conntrack_max', '/proc/sys/fs/binfmt_misc/register'):
        a.fails(path, lambda p=path: open(p, 'w').write('1') and open(p, 'w').close())
    still_shut(a)


@attempt('H09', 'sockets of others: every unix socket in sight', 'none belongs to anybody outside', door='cove')
def _(a):
    inodes = set()
    for path in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            inodes.add(os.readlink(path))
        except OSError:
            pass
    for line in open('/proc/net/unix').readlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        name = fields[7]
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            with socket.socket(socket.AF_UNIX, kind) as s:
                try:
                    s.connect('\0' + name[1:] if name[0] == '@' else name)
                    a.check(f'{name} answers', f'socket:[{fields[6]}]' in inodes)
                except OSError:
                    pass
    for path in ('/var/run/docker.sock', '/run/systemd/private', '/run/dbus/system_bus_socket', '/tmp/.X11-unix/X0', os.environ.get('SSH_AUTH_SOCK', '/run/ssh-agent')):
        with socket.socket(socket.AF_UNIX) as s:
            a.fails(path, s.connect, path)


@attempt('H10', 'pidfd_getfd on the toolbox, which has the door\'s sockets', 'EPERM', door='cove')
def _(a):
    for pid in (1, os.getppid()):
        try:
            fd = call(434, pid, 0)
        except OSError:
            continue
        if pid == 1:
            for n in range(40):
                a.fails(f'descriptor {n}', call, 438, fd, n, 0)


@attempt('H13', 'programs started elsewhere: systemd-run, at, cron, D-Bus', 'nobody is there to start them', door='cove')
def _(a):
    for command in (['systemd-run', '--user', 'true'], ['systemd-run', 'true'], ['systemctl', 'status'], ['busctl', 'list']):
        a.check(' '.join(command) + ' worked', run(*command) != 0)
    names = [open(p).read().strip() for p in glob.glob('/proc/[0-9]*/comm') if os.path.exists(p)]
    a.check(f'daemons: {names}', not {'cron', 'atd', 'systemd', 'dbus-daemon'} & set(names))


@attempt('H15', 'the 32-bit system calls, which a filter may forget', 'ENOSYS', door='cove')
def _(a):
    # mov eax, 359 (socket); mov ebx, 2; mov ecx, 2; xor edx, edx; int 0x80; cdqe; ret, with rbx kept
    code = b'\x53\xb8\x67\x01\0\0\xbb\x02\0\0\0\xb9\x02\0\0\0\x31\xd2\xcd\x80\x48\x98\x5b\xc3'
    m = mmap.mmap(-1, 4096, prot=7)
    m.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(m))
    pid = os.fork()
    if pid == 0:
        r = ctypes.CFUNCTYPE(ctypes.c_long)(address)()
        os._exit(1 if r >= 0 else 0)
    status = os.waitpid(pid, 0)[1]
    a.check(f'int 0x80 made a socket ({status})', status != 256)
    a.fails('x32', call, 0x40000000 + 41, 2, 2, 0)
    still_shut(a)


@attempt('H16', 'bpf, userfaultfd, keyctl, perf, kexec, modules', 'EPERM', door='cove')
def _(a):
    buffer = ctypes.create_string_buffer(128)
    for what, number, args in (('bpf', 321, (5, buffer, 72)), ('userfaultfd', 323, (0,)), ('keyctl', 250, (0, -3, 1)), ('add_key', 248, (b'user', b'x', b'y', 1, -3)), ('perf', 298, (buffer, 0, -1, -1, 0)),
                               ('kexec', 246, (0, 0, 0, 0)), ('init_module', 175, (buffer, 128, b'')), ('open_by_handle_at', 304, (-100, buffer, 0)), ('iopl', 172, (3,))):
        a.fails(what, call, number, *args)
    still_shut(a)
