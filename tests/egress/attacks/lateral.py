"""I: the host, the gateway, neighbours, Cove's own interfaces."""
import os
import socket

from bed import CANARY, MARKER, TAG, attempt, get, resolve, say, talk, Refused
from names import connect_line, with_host

API = int(os.environ.get('BED_API_PORT', '3986'))


@attempt('I01', 'every TCP port of the sandbox\'s own addresses', 'only the door\'s two', door='cove')
def _(a):
    open_ports = []
    for ip in ('127.0.0.1', '10.0.0.2'):
        for port in range(1, 65536):
            s = socket.socket()
            # A port that meets itself (simultaneous open) is nobody's.
            if s.connect_ex((ip, port)) == 0 and s.getsockname()[1] != port:
                open_ports.append((ip, port))
            s.close()
    a.seen.append(str(open_ports))
    a.check(f'open: {open_ports}', set(open_ports) <= {('127.0.0.1', 1), ('127.0.0.1', 53), ('10.0.0.2', 53)})
    a.record('self')


@attempt('I01', 'the machine\'s addresses and Cove\'s listeners, on every kind of port', 'reset: an address is not a name', door='cove')
def _(a):
    for ip in ('10.77.0.2', '10.77.0.1', '10.0.0.1', '169.254.169.254', '192.168.0.1', '172.17.0.1'):
        for port in (22, 33333):
            a.refused(f'{ip}:{port}', talk(ip, port, MARKER.encode() + b'\r\n'), 'reset')
            a.record('no_name')


@attempt('I02', 'the host\'s loopback through the door, by every name it has', '400 or 403')
def _(a):
    for host in ('127.0.0.1:22222', '0.0.0.0:22222', '[::1]:22222', '[::ffff:127.0.0.1]:22222', '169.254.169.254', '10.77.0.2:22222', '127.1:22222', '2130706433'):
        a.refused(host, with_host(host))
        a.record('bad_name|port_mismatch|no_name|malformed')
    for host in ('localhost:22222', 'localhost.localdomain', 'ip6-localhost', 'metadata.google.internal', 'host.docker.internal', 'kubernetes.default.svc'):
        a.refused(host, with_host(host))
        a.record('no_rule|port_mismatch|port_not_allowed')
    a.refused('CONNECT', connect_line('127.0.0.1', 22222))
    a.record('bad_name|no_rule|self')


@attempt('I02', 'localhost as a name', 'the sandbox\'s own loopback', door='cove')
def _(a):
    a.check('localhost', resolve('localhost') == '127.0.0.1')
    a.refused('port', talk('127.0.0.1', 22222, b'x'), 'refused')
    a.refused('port of 10.0.0.2', talk('10.0.0.2', 33333, b'x'), 'refused')


@attempt('I03', 'other sandboxes: by address, by preview name, by id', 'one\'s own loopback, or no such name', door='cove')
def _(a):
    port = int(os.environ['BED_NEIGHBOUR_PORT'])
    for ip in ('10.0.0.2', '127.0.0.1'):
        a.refused(ip, talk(ip, port, b'GET / HTTP/1.0\r\n\r\n'), 'refused')
    for ip in ('10.0.0.3', '10.0.0.1'):
        a.refused(ip, talk(ip, port, MARKER.encode() + b'\r\n'), 'reset')
        a.record('no_name')
    neighbour = os.environ['BED_NEIGHBOUR_ID']
    for name in (f'{port}-{neighbour}.localhost', neighbour, neighbour + '.cove'):
        try:
            ip = resolve(name)
            a.check(f'{name} is {ip}', ip.startswith('127.'))
        except Refused as e:
            a.seen.append(str(e))
            a.record('no_rule')


@attempt('I04', 'Cove\'s API, metrics and health from inside', 'refused; models.cove answers model calls only', door='cove')
def _(a):
    for ip in ('127.0.0.1', '10.0.0.2'):
        a.refused(ip, talk(ip, API, get('localhost', '/api/sandbox')), 'refused')
    a.refused('machine', talk('10.77.0.2', API, get('10.77.0.2:%d' % API, '/api/sandbox')))
    a.record('no_name')
    for path in ('/api/sandbox', '/metrics', '/health', '/toolbox/x/process/execute', '/', '/openai/../api/sandbox', '/openai/v1/../../api/sandbox', '/debug/pprof/'):
        a.refused(path, say('models.cove', 80, get('models.cove', path)))
        a.record('allowed')


@attempt('I06', 'the model gateway as a way to other servers: fields that name one', 'the server\'s configuration decides', twin=None, door='cove')
def _(a):
    fields = ('x-portkey-custom-host', 'x-base-url', 'openai-base-url', 'x-forwarded-host', 'x-original-url', 'helicone-target-url')
    body = b'{"model":"m","input":"hi"}'
    outcome = say('models.cove', 80, get('models.cove', '/openai/v1/responses', 'Content-Type: application/json', *[f'{f}: http://{CANARY}/{TAG}' for f in fields], method='POST', body=body))
    a.check(outcome, outcome.startswith(('200', '4', '502')))
    a.refused('absolute', say('models.cove', 80, get('models.cove', f'http://{CANARY}/{MARKER}', method='POST', body=body)))
    a.refused('other host', say('models.cove', 80, get('evil.test', '/openai/v1/responses', method='POST', body=body)))
    a.refused('user part', say('models.cove', 80, get('models.cove', '/openai/v1/@evil.test/' + MARKER)))
    a.record('allowed', 'name_mismatch|bad_name', 'name_mismatch', 'allowed')


@attempt('I09', 'a relay in another sandbox: ports, abstract sockets, shared folders', 'nothing is shared', door='cove')
def _(a):
    with socket.socket(socket.AF_UNIX) as s:
        a.fails('abstract', s.connect, '\0bed-neighbour')
    a.fails('shared memory', open, '/dev/shm/bed-neighbour')
    a.fails('file', open, '/tmp/bed-neighbour')
    a.refused('port', talk('10.0.0.2', int(os.environ['BED_NEIGHBOUR_PORT']), b'x'), 'refused')
