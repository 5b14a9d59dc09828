import fc from 'fast-check';
import { authMethods, isLoopback, readAppearance, readSettings } from '../src/settings.ts';
import type { Environment, GlobalFlags, Home, Settings } from '../src/settings.ts';
import { Failure } from '../src/failure.ts';
import { caught, everythingOf } from './support/caught.ts';

const linux: Home = { platform: 'linux', directory: '/home/ada' };
const settings = (
  flags: GlobalFlags = {},
  environment: Environment = {},
  home: Home = linux,
): Settings => readSettings(flags, environment, home);
const refused = (flags: GlobalFlags, environment: Environment = {}): Failure => {
  const failure = caught(() => settings(flags, environment));
  expect(failure.kind).toBe('usage');
  return failure;
};
const credential = (environment: Environment, flags: GlobalFlags = {}): Settings['credential'] =>
  settings(flags, environment).credential;
const noCredential = (environment: Environment, flags: GlobalFlags = {}): Failure => {
  const found = credential(environment, flags);
  if (found instanceof Failure) return found;
  throw new Error(`a credential: ${found.method}`);
};
const app = { AZURE_TENANT_ID: 'contoso.onmicrosoft.com', AZURE_CLIENT_ID: 'app' };

test('without anything', () => {
  const { credential: none, ...rest } = settings();
  expect(none).toBeInstanceOf(Failure);
  expect(rest).toEqual({
    cloud: 'global',
    tenant: undefined,
    graphOrigin: 'https://graph.microsoft.com',
    graphResource: 'https://graph.microsoft.com',
    authority: 'https://login.microsoftonline.com',
    otherMethods: [],
    dryRun: false,
    yes: false,
    mayAsk: true,
    timeoutMs: 30_000,
    deadlineMs: undefined,
    maxRetries: 5,
    concurrency: 8,
    auditLog: undefined,
    reason: undefined,
    pipelineRun: undefined,
    verbosity: 'normal',
    proxies: { http: undefined, https: undefined, no: '' },
    http1: false,
    cacheDirectory: '/home/ada/.cache/policykeys',
    emulatorState: '/home/ada/.local/state/policykeys/emulator.json',
  });
});

describe('a flag wins over the environment, and that over the default', () => {
  test.each<[keyof Settings, string, string, unknown, GlobalFlags, unknown]>([
    ['tenant', 'AZURE_TENANT_ID', 'env.com', 'env.com', { tenant: 'flag.com' }, 'flag.com'],
    ['cloud', 'POLICYKEYS_CLOUD', 'china', 'china', { cloud: 'usgov' }, 'usgov'],
    ['graphOrigin', 'POLICYKEYS_GRAPH_URL', 'https://a.test', 'https://a.test', { graphUrl: 'https://b.test' }, 'https://b.test'],
    ['timeoutMs', 'POLICYKEYS_TIMEOUT', '5s', 5000, { timeout: '7s' }, 7000],
    ['maxRetries', 'POLICYKEYS_MAX_RETRIES', '7', 7, { maxRetries: 0 }, 0],
    ['auditLog', 'POLICYKEYS_AUDIT_LOG', 'a.log', 'a.log', { auditLog: 'b.log' }, 'b.log'],
    ['reason', 'POLICYKEYS_REASON', 'because', 'because', { reason: 'why not' }, 'why not'],
  ])('%s', (name, variable, value, fromEnvironment, flags, fromFlag) => {
    const byDefault = settings()[name];
    expect(settings({}, { [variable]: value })[name]).toEqual(fromEnvironment);
    expect(settings(flags, { [variable]: value })[name]).toEqual(fromFlag);
    expect(settings({}, { [variable]: '' })[name]).toEqual(byDefault);
    expect(settings({}, { [variable]: undefined })[name]).toEqual(byDefault);
  }); // prettier-ignore

  test('client id and method', () => {
    const environment = {
      ...app,
      AZURE_CLIENT_SECRET: 's',
      POLICYKEYS_ACCESS_TOKEN: 't',
      POLICYKEYS_AUTH: 'secret',
    };
    expect(credential(environment)).toMatchObject({ method: 'secret', clientId: 'app' });
    expect(credential(environment, { clientId: 'other' })).toMatchObject({ clientId: 'other' });
    expect(credential(environment, { auth: 'token' })).toMatchObject({ method: 'token' });
  });
});

describe('the other options', () => {
  test.each<[GlobalFlags, Environment, Partial<Settings>]>([
    [{ dryRun: true }, {}, { dryRun: true }],
    [{ yes: true }, {}, { yes: true }],
    [{ input: false }, {}, { mayAsk: false }],
    [{}, { CI: 'true' }, { mayAsk: false }],
    [{}, { CI: '1' }, { mayAsk: false }],
    [{}, { CI: '' }, { mayAsk: true }],
    [{ concurrency: 2 }, {}, { concurrency: 2 }],
    [{ deadline: '5m' }, {}, { deadlineMs: 300_000 }],
    [{ timeout: 'PT1M' }, {}, { timeoutMs: 60_000 }],
    [{ timeout: '24d' }, {}, { timeoutMs: 24 * 86_400_000 }],
    [{ quiet: true }, {}, { verbosity: 'quiet' }],
    [{ verbose: true }, {}, { verbosity: 'verbose' }],
    [{ debug: true, quiet: true }, {}, { verbosity: 'debug' }],
    [{}, { POLICYKEYS_HTTP1: '1' }, { http1: true }],
    [{}, { GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'a/b', GITHUB_RUN_ID: '7' }, {
      pipelineRun: 'https://github.com/a/b/actions/runs/7',
    }],
    [{}, { BUILD_BUILDURI: 'vstfs:///Build/Build/1' }, { pipelineRun: 'vstfs:///Build/Build/1' }],
    [{}, { CI_JOB_URL: 'https://gitlab.test/1' }, { pipelineRun: 'https://gitlab.test/1' }],
    [{}, { HTTPS_PROXY: 'http://a', HTTP_PROXY: 'http://b', NO_PROXY: 'c' }, {
      proxies: { https: 'http://a', http: 'http://b', no: 'c' },
    }],
    [{}, { https_proxy: 'http://a', HTTPS_PROXY: 'http://b', no_proxy: 'c', NO_PROXY: 'd' }, {
      proxies: { https: 'http://a', http: undefined, no: 'c' },
    }],
  ])('%j %j', (flags, environment, expected) => {
    expect(settings(flags, environment)).toMatchObject(expected);
  }); // prettier-ignore
});

describe('usage, naming the flag or the variable', () => {
  test.each<[string, GlobalFlags, Environment]>([
    ['--tenant', { tenant: '' }, {}],
    ['--tenant', { tenant: 'a/b' }, {}],
    ['--tenant', { tenant: '../x' }, {}],
    ['--tenant', { tenant: 'a b' }, {}],
    ['--tenant', { tenant: 'a?b' }, {}],
    ['--tenant', { tenant: 'a#b' }, {}],
    ['--tenant', { tenant: 'a%2fb' }, {}],
    ['--tenant', { tenant: 'a\nb' }, {}],
    ['--tenant', { tenant: '.a' }, {}],
    ['--tenant', { tenant: 'a.' }, {}],
    ['--tenant', { tenant: 'ä.com' }, {}],
    ['--tenant', { tenant: `${'a'.repeat(300)}.com` }, {}],
    ['--tenant', { tenant: 'https://contoso.onmicrosoft.com' }, {}],
    ['AZURE_TENANT_ID', {}, { AZURE_TENANT_ID: 'a/b' }],
    ['POLICYKEYS_CLOUD', {}, { POLICYKEYS_CLOUD: 'mars' }],
    ['POLICYKEYS_CLOUD', {}, { POLICYKEYS_CLOUD: 'Global' }],
    ['POLICYKEYS_CLOUD', {}, { POLICYKEYS_CLOUD: '__proto__' }],
    ['POLICYKEYS_AUTH', {}, { POLICYKEYS_AUTH: 'password' }],
    ['POLICYKEYS_MAX_RETRIES', {}, { POLICYKEYS_MAX_RETRIES: '-1' }],
    ['POLICYKEYS_MAX_RETRIES', {}, { POLICYKEYS_MAX_RETRIES: '1.5' }],
    ['POLICYKEYS_MAX_RETRIES', {}, { POLICYKEYS_MAX_RETRIES: '1000' }],
    ['POLICYKEYS_MAX_RETRIES', {}, { POLICYKEYS_MAX_RETRIES: 'many' }],
    ['--timeout', { timeout: '' }, {}],
    ['--timeout', { timeout: '0s' }, {}],
    ['--timeout', { timeout: '30' }, {}],
    ['--timeout', { timeout: '-5s' }, {}],
    ['--timeout', { timeout: '25d' }, {}],
    ['--timeout', { timeout: '1y' }, {}],
    ['--timeout', { timeout: `P${'9'.repeat(30)}Y` }, {}],
    ['POLICYKEYS_TIMEOUT', {}, { POLICYKEYS_TIMEOUT: 'soon' }],
    ['POLICYKEYS_TIMEOUT', {}, { POLICYKEYS_TIMEOUT: '0s' }],
    ['--deadline', { deadline: 'now' }, {}],
    ['--deadline', { deadline: '0m' }, {}],
    ['prod', { profile: 'prod' }, {}],
    ['prod', {}, { POLICYKEYS_PROFILE: 'prod' }],
    ['--graph-url', { graphUrl: 'https://a.test', cloud: 'emulator' }, {}],
  ])('%s: %j %j', (name, flags, environment) => {
    expect(refused(flags, environment).message).toContain(name);
  });

  test('POLICYKEYS_OUTPUT, where the appearance is settled', () => {
    for (const value of ['xml', 'JSON', 'toString'])
      expect(caught(() => readAppearance({}, { POLICYKEYS_OUTPUT: value }))).toMatchObject({
        kind: 'usage',
        message: expect.stringContaining('POLICYKEYS_OUTPUT') as string,
      });
  });
});

describe('the emulator', () => {
  test('has its own hosts, and needs no credential', () => {
    const found = settings(
      { cloud: 'emulator' },
      { AZURE_CLIENT_SECRET: 's', POLICYKEYS_ACCESS_TOKEN: 't' },
    );
    expect(found.graphOrigin).toBe('http://emulator.localhost');
    expect(found.authority).toBe('http://emulator.localhost');
    expect(found.otherMethods).toEqual([]);
  });

  test('is not led elsewhere by variables', () => {
    const environment = {
      POLICYKEYS_GRAPH_URL: 'https://a.test',
      AZURE_AUTHORITY_HOST: 'https://b.test',
    };
    expect(settings({ cloud: 'emulator' }, environment)).toEqual(settings({ cloud: 'emulator' }));
  });

  test('in CI is taken from the flag alone', () => {
    const fromEnvironment = { POLICYKEYS_CLOUD: 'emulator' };
    expect(settings({}, fromEnvironment).cloud).toBe('emulator');
    expect(settings({}, { ...fromEnvironment, CI: '' }).cloud).toBe('emulator');
    expect(refused({}, { ...fromEnvironment, CI: 'true' }).hint).toContain('--cloud emulator');
    expect(settings({ cloud: 'emulator' }, { ...fromEnvironment, CI: 'true' }).cloud).toBe(
      'emulator',
    );
    expect(settings({ cloud: 'emulator' }, { CI: 'true' }).cloud).toBe('emulator');
    expect(settings({ cloud: 'global' }, { ...fromEnvironment, CI: 'true' }).cloud).toBe('global');
  });

  test('keeps its state where it is told to', () => {
    expect(settings({}, { POLICYKEYS_EMULATOR_STATE: 'x.json' }).emulatorState).toBe('x.json');
  });
});

describe('clouds', () => {
  test.each([
    ['usgov', 'https://graph.microsoft.us', 'https://login.microsoftonline.us'],
    ['usgov-dod', 'https://dod-graph.microsoft.us', 'https://login.microsoftonline.us'],
    [
      'china',
      'https://microsoftgraph.chinacloudapi.cn',
      'https://login.partner.microsoftonline.cn',
    ],
  ] as const)('%s', (cloud, graph, authority) => {
    expect(settings({ cloud })).toMatchObject({
      graphOrigin: graph,
      graphResource: graph,
      authority,
    });
  });

  test('--graph-url moves requests only: tokens are for the cloud still', () => {
    expect(settings({ cloud: 'china', graphUrl: 'https://proxy.test' })).toMatchObject({
      graphOrigin: 'https://proxy.test',
      graphResource: 'https://microsoftgraph.chinacloudapi.cn',
    });
    expect(settings({}, { AZURE_AUTHORITY_HOST: 'https://login.test/' }).authority).toBe(
      'https://login.test',
    );
  });
});

describe('what receives a token is https, or this machine', () => {
  const places: [string, (address: string) => Settings][] = [
    ['--graph-url', (graphUrl) => settings({ graphUrl })],
    ['POLICYKEYS_GRAPH_URL', (value) => settings({}, { POLICYKEYS_GRAPH_URL: value })],
    ['AZURE_AUTHORITY_HOST', (value) => settings({}, { AZURE_AUTHORITY_HOST: value })],
  ];
  const originOf = (name: string, found: Settings): string =>
    name === 'AZURE_AUTHORITY_HOST' ? found.authority : found.graphOrigin;

  test.each([
    ['https://graph.test', 'https://graph.test'],
    ['https://graph.test/', 'https://graph.test'],
    ['https://graph.test:8443', 'https://graph.test:8443'],
    ['https://graph.test:443', 'https://graph.test'],
    ['HTTPS://GRAPH.TEST', 'https://graph.test'],
    ['https://[2001:db8::1]', 'https://[2001:db8::1]'],
    ['http://localhost', 'http://localhost'],
    ['http://LOCALHOST:8080', 'http://localhost:8080'],
    ['http://127.0.0.1:1', 'http://127.0.0.1:1'],
    ['http://127.255.255.254', 'http://127.255.255.254'],
    ['http://127.1', 'http://127.0.0.1'],
    ['http://0x7f000001', 'http://127.0.0.1'],
    ['http://2130706433', 'http://127.0.0.1'],
    ['http://[::1]:1', 'http://[::1]:1'],
    ['http://[0:0:0:0:0:0:0:1]', 'http://[::1]'],
  ])('%s', (address, origin) => {
    for (const [name, read] of places) expect(originOf(name, read(address))).toBe(origin);
  });

  test.each([
    'http://graph.microsoft.com', 'http://localhost.evil.com', 'http://127.0.0.1.evil.com', 'http://evil.com#localhost',
    'http://evil.com?localhost', 'http://localhost@evil.com', 'http://evil.com/localhost', 'http://notlocalhost',
    'http://localhost.', 'http://sub.localhost', 'http://128.0.0.1', 'http://0.0.0.0', 'http://10.0.0.1', 'http://[::]',
    'http://[::2]', 'http://[::ffff:127.0.0.1]', 'http://[::ffff:10.0.0.1]', 'http://[fe80::1]', 'http://1270.0.0.1',
    'ftp://localhost', 'ws://localhost', 'file:///etc/passwd', 'javascript:alert(1)', 'data:,x', 'localhost', 'localhost:8080',
    'graph.microsoft.com', '//graph.microsoft.com', 'https://', 'https:///', 'https://a b', 'http://127.0.0.256',
    'https://user@graph.test', 'https://user:pass@graph.test', 'https://graph.test/beta', 'https://graph.test/?x',
    'https://graph.test/#x', 'https://graph.test//', 'https://graph.test/..;/', 'not an address',
  ])('%s is refused', (address) => {
    for (const [name, read] of places) {
      const failure = caught(() => read(address));
      expect(failure.kind).toBe('usage');
      expect(failure.message).toMatch(new RegExp(`^${name}: `));
    }
  }); // prettier-ignore

  test('a password in an address is not repeated', () => {
    for (const [, read] of places) {
      const failure = caught(() => read('https://user:swordfish@graph.test'));
      expect(everythingOf(failure)).not.toContain('swordfish');
    }
  });

  test('whatever is taken is https, or a host of this machine', () => {
    const address = fc.oneof(
      fc.webUrl({ validSchemes: ['http', 'https'] }),
      fc.stringMatching(
        /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\]|evil)([.@#?/:](evil|localhost|1))?\/?$/,
      ),
    );
    fc.assert(
      fc.property(address, (graphUrl) => {
        let origin: URL;
        try {
          origin = new URL(settings({ graphUrl }).graphOrigin);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'usage' });
          return;
        }
        expect(origin.protocol === 'https:' || isLoopback(origin.hostname)).toBe(true);
        expect(origin.origin).toBe(new URL(graphUrl).origin);
      }),
    );
  });

  test('isLoopback wants the whole host', () => {
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '[::1]'])
      expect(isLoopback(host)).toBe(true);
    for (const host of [
      '',
      'localhost.',
      'localhost\n',
      'a.localhost',
      '127.0.0.1.',
      '127.0.0',
      '::1',
      '[::1]x',
    ])
      expect(isLoopback(host)).toBe(false);
  });
});

describe('signing in', () => {
  const all = {
    ...app,
    POLICYKEYS_ACCESS_TOKEN: 'token-value',
    AZURE_FEDERATED_TOKEN_FILE: '/token',
    AZURE_CLIENT_CERTIFICATE_PATH: 'app.pfx',
    AZURE_CLIENT_CERTIFICATE_PASSWORD: 'pfx-password',
    AZURE_CLIENT_SECRET: 'app-secret',
  };
  const variables = {
    token: 'POLICYKEYS_ACCESS_TOKEN',
    federated: 'AZURE_FEDERATED_TOKEN_FILE',
    certificate: 'AZURE_CLIENT_CERTIFICATE_PATH',
    secret: 'AZURE_CLIENT_SECRET',
  } as const;

  test('the first that is configured, in the order of cli.md; the others are told', () => {
    const left: Record<string, string> = { ...all };
    for (const [index, method] of authMethods.entries()) {
      const found = settings({}, left);
      expect(found.credential).toMatchObject({ method });
      expect(found.otherMethods).toEqual(authMethods.slice(index + 1));
      left[variables[method]] = '';
    }
    expect(credential(left)).toMatchObject({ kind: 'auth' });
  });

  test('or the one that is named', () => {
    for (const auth of authMethods) {
      const found = settings({ auth }, all);
      expect(found.credential).toMatchObject({ method: auth });
      expect(found.otherMethods).toEqual(authMethods.filter((other) => other !== auth));
      expect(settings({}, { ...all, POLICYKEYS_AUTH: auth }).credential).toMatchObject({
        method: auth,
      });
    }
  });

  test('what each of them holds', () => {
    const who = { tenant: 'contoso.onmicrosoft.com', clientId: 'app' };
    expect(credential(all, { auth: 'federated' })).toEqual({
      method: 'federated',
      ...who,
      tokenFile: '/token',
    });
    const certificate = credential(all, { auth: 'certificate' });
    expect(certificate).toMatchObject({ method: 'certificate', ...who, path: 'app.pfx' });
    if (certificate instanceof Failure || certificate.method !== 'certificate')
      throw new Error('none');
    expect(certificate.password?.reveal()).toBe('pfx-password');
    const secret = credential(all, { auth: 'secret' });
    if (secret instanceof Failure || secret.method !== 'secret') throw new Error('none');
    expect(secret.secret.reveal()).toBe('app-secret');
    const noPassword = credential(
      { ...all, AZURE_CLIENT_CERTIFICATE_PASSWORD: '' },
      { auth: 'certificate' },
    );
    expect(noPassword).toMatchObject({ password: undefined });
  });

  test('a token needs neither tenant nor client', () => {
    for (const value of ['opaque', ' eyJ0.eyJ1.sig-_ ', 'opaque\n', '~+/=']) {
      const found = credential({ POLICYKEYS_ACCESS_TOKEN: value });
      if (found instanceof Failure || found.method !== 'token') throw new Error('none');
      expect(found.token.reveal()).toBe(value.trim());
    }
  });

  test.each(['Bearer abc', 'a b', 'a\nb', 'a\r\nX-Evil: 1', 'tökén', '\u0007', ' ', 'a\u00a0b'])(
    'the token %j is none',
    (value) => {
      const failure = noCredential({ POLICYKEYS_ACCESS_TOKEN: value });
      expect(failure.kind).toBe('auth');
      if (value.trim() !== '') expect(everythingOf(failure)).not.toContain(value);
    },
  );

  test.each<[GlobalFlags, Environment]>([
    [{}, {}],
    [{ tenant: 'contoso.com', clientId: 'x' }, {}],
    [{}, app],
    [{}, { ...app, AZURE_CLIENT_SECRET: '', POLICYKEYS_ACCESS_TOKEN: '' }],
    [{}, { AZURE_CLIENT_CERTIFICATE_PASSWORD: 'x' }],
    [{ auth: 'secret' }, {}],
    [{ auth: 'secret' }, { ...app, POLICYKEYS_ACCESS_TOKEN: 't' }],
    [{}, { POLICYKEYS_AUTH: 'certificate', AZURE_CLIENT_SECRET: 's' }],
  ])('auth where nothing is configured, whatever else is missing: %j %j', (flags, environment) => {
    const failure = noCredential(environment, flags);
    expect(failure.kind).toBe('auth');
    expect(failure.hint).toMatch(/POLICYKEYS_ACCESS_TOKEN|AZURE_CLIENT/);
  });

  test('usage where it is only not known for whom', () => {
    for (const method of ['federated', 'certificate', 'secret'] as const) {
      const one = { [variables[method]]: 'x' };
      expect(noCredential(one)).toMatchObject({
        kind: 'usage',
        message: 'the B2C tenant is not named',
      });
      expect(noCredential({ ...one, AZURE_TENANT_ID: 't' })).toMatchObject({
        kind: 'usage',
        message: 'the client id of the app is not named',
      });
      expect(noCredential({ ...one, AZURE_CLIENT_ID: 'c' }).message).toBe(
        'the B2C tenant is not named',
      );
    }
  });

  test('no secret shows in what settings look like', () => {
    for (const auth of authMethods) {
      const shown =
        JSON.stringify(settings({ auth }, all)) +
        everythingOf(new Error('x', { cause: settings({ auth }, all) }));
      for (const value of ['token-value', 'pfx-password', 'app-secret'])
        expect(shown).not.toContain(value);
    }
  });
});

describe('folders', () => {
  const folders = (environment: Environment, home: Home): [string, string] => {
    const { cacheDirectory, emulatorState } = settings({}, environment, home);
    return [cacheDirectory, emulatorState];
  };
  const windows: Home = { platform: 'win32', directory: 'C:\\Users\\ada' };
  const mac: Home = { platform: 'darwin', directory: '/Users/ada' };

  test.each<[string, Environment, Home, string, string]>([
    ['Linux', {}, linux, '/home/ada/.cache/policykeys', '/home/ada/.local/state/policykeys/emulator.json'],
    ['XDG', { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' }, linux, '/c/policykeys', '/s/policykeys/emulator.json'],
    ['XDG on a Mac', { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' }, mac, '/c/policykeys', '/s/policykeys/emulator.json'],
    ['relative XDG', { XDG_CACHE_HOME: 'c', XDG_STATE_HOME: './s' }, linux, '/home/ada/.cache/policykeys', '/home/ada/.local/state/policykeys/emulator.json'],
    ['empty XDG', { XDG_CACHE_HOME: '', XDG_STATE_HOME: '' }, linux, '/home/ada/.cache/policykeys', '/home/ada/.local/state/policykeys/emulator.json'],
    ['a Mac', {}, mac, '/Users/ada/Library/Caches/policykeys', '/Users/ada/Library/Application Support/policykeys/emulator.json'],
    ['Windows', { LOCALAPPDATA: 'D:\\Local' }, windows, 'D:\\Local\\policykeys\\cache', 'D:\\Local\\policykeys\\state/emulator.json'],
    ['Windows without LOCALAPPDATA', {}, windows, 'C:\\Users\\ada\\AppData\\Local\\policykeys\\cache', 'C:\\Users\\ada\\AppData\\Local\\policykeys\\state/emulator.json'],
    ['another Unix', {}, { platform: 'freebsd', directory: '/usr/home/ada' }, '/usr/home/ada/.cache/policykeys', '/usr/home/ada/.local/state/policykeys/emulator.json'],
  ])('%s', (_name, environment, home, cache, state) => {
    expect(folders(environment, home)).toEqual([cache, state]);
  }); // prettier-ignore
});

describe('appearance', () => {
  test.each<[GlobalFlags, Environment, object]>([
    [{}, {}, { output: 'table', query: undefined, color: 'auto', verbosity: 'normal' }],
    [{ output: 'json' }, { POLICYKEYS_OUTPUT: 'tsv' }, { output: 'json' }],
    [{}, { POLICYKEYS_OUTPUT: 'yaml' }, { output: 'yaml' }],
    [{}, { POLICYKEYS_OUTPUT: '' }, { output: 'table' }],
    [{ query: '[]' }, {}, { query: '[]' }],
    [{}, { NO_COLOR: '1' }, { color: 'never' }],
    [{}, { NO_COLOR: '0' }, { color: 'never' }],
    [{}, { NO_COLOR: '' }, { color: 'auto' }],
    [{}, { FORCE_COLOR: '1' }, { color: 'always' }],
    [{}, { FORCE_COLOR: 'true' }, { color: 'always' }],
    [{}, { FORCE_COLOR: '0' }, { color: 'never' }],
    [{}, { FORCE_COLOR: 'false' }, { color: 'never' }],
    [{}, { FORCE_COLOR: '' }, { color: 'auto' }],
    [{}, { FORCE_COLOR: '1', NO_COLOR: '1' }, { color: 'never' }],
    [{ color: 'always' }, { NO_COLOR: '1' }, { color: 'always' }],
    [{ color: 'auto' }, { FORCE_COLOR: '1' }, { color: 'auto' }],
    [{ debug: true }, {}, { verbosity: 'debug' }],
  ])('%j %j', (flags, environment, expected) => {
    expect(readAppearance(flags, environment)).toMatchObject(expected);
  });
});
