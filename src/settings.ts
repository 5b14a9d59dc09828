/** Flags and environment -> one validated Settings. The only place that knows the variables' names. */
import { Failure } from './failure.ts';
import { cloudNames, clouds, type CloudName } from './core/clouds.ts';
import { durationMs, parseDuration } from './core/lifetime.ts';
import { Secret } from './core/secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const outputFormats = ['table', 'json', 'yaml', 'tsv', 'none'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export const colorModes = ['auto', 'always', 'never'] as const;
export type ColorMode = (typeof colorModes)[number];

/** In the order in which the first that is configured is used (cli.md section 5). */
export const authMethods = ['token', 'federated', 'certificate', 'secret'] as const;
export type AuthMethod = (typeof authMethods)[number];

export type Verbosity = 'quiet' | 'normal' | 'verbose' | 'debug';

/** How an app proves who it is to the sign-in service. */
export type Credential =
  | { readonly method: 'token'; readonly token: Secret }
  | (AppCredential &
      (
        | { readonly method: 'federated'; readonly tokenFile: string }
        | {
            readonly method: 'certificate';
            readonly path: string;
            readonly password: Secret | undefined;
          }
        | { readonly method: 'secret'; readonly secret: Secret }
      ));

interface AppCredential {
  /** Id or domain of the B2C tenant. */
  readonly tenant: string;
  readonly clientId: string;
}

export interface Proxies {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly no: string;
}

export interface Settings {
  readonly cloud: CloudName;
  readonly tenant: string | undefined;
  /** Origin that requests go to. */
  readonly graphOrigin: string;
  /** Origin of the resource that tokens are for. */
  readonly graphResource: string;
  readonly authority: string;
  /** Or why there is none: it is wanted only when a request needs a token. */
  readonly credential: Credential | Failure;
  /** Methods that are configured beside the one in use. */
  readonly otherMethods: readonly AuthMethod[];
  readonly dryRun: boolean;
  readonly yes: boolean;
  /** A question may be asked, where there is a terminal. */
  readonly mayAsk: boolean;
  readonly timeoutMs: number;
  readonly deadlineMs: number | undefined;
  readonly maxRetries: number;
  readonly concurrency: number;
  readonly auditLog: string | undefined;
  readonly reason: string | undefined;
  /** Address or id of the pipeline run, for the audit log. */
  readonly pipelineRun: string | undefined;
  readonly verbosity: Verbosity;
  readonly proxies: Proxies;
  /** HTTP/1.1 only, where something between us and Graph breaks HTTP/2. */
  readonly http1: boolean;
  readonly cacheDirectory: string;
  readonly emulatorState: string;
}

/** How the result is to look; settled before everything else, since failures are printed in it too. */
export interface Appearance {
  readonly output: OutputFormat;
  readonly query: string | undefined;
  readonly color: ColorMode;
  readonly verbosity: Verbosity;
}

/** The options that every command takes, as the parser leaves them. */
export interface GlobalFlags {
  readonly output?: OutputFormat;
  readonly query?: string;
  readonly profile?: string;
  readonly tenant?: string;
  readonly clientId?: string;
  readonly auth?: AuthMethod;
  readonly cloud?: CloudName;
  readonly graphUrl?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly input?: boolean;
  readonly timeout?: string;
  readonly deadline?: string;
  readonly maxRetries?: number;
  readonly concurrency?: number;
  readonly auditLog?: string;
  readonly reason?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly color?: ColorMode;
}

/** What the operating system says about the user's folders. */
export interface Home {
  readonly platform: string;
  readonly directory: string;
}

/** An empty variable counts as unset. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name] === '' ? undefined : environment[name];

function choice<T extends string>(
  environment: Environment,
  name: string,
  words: readonly T[],
): T | undefined {
  const value = variable(environment, name);
  if (value === undefined) return undefined;
  const word = words.find((known) => known === value);
  if (word === undefined)
    throw new Failure('usage', `${name}: ${JSON.stringify(value)} is not known`, {
      hint: `one of ${words.join(', ')}`,
    });
  return word;
}

const verbosity = (flags: GlobalFlags): Verbosity =>
  flags.debug ? 'debug' : flags.verbose ? 'verbose' : flags.quiet ? 'quiet' : 'normal';

export function readAppearance(flags: GlobalFlags, environment: Environment): Appearance {
  const force = variable(environment, 'FORCE_COLOR');
  const fromEnvironment =
    environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== ''
      ? 'never'
      : force === undefined
        ? 'auto'
        : force === '0' || force === 'false'
          ? 'never'
          : 'always';
  return {
    output: flags.output ?? choice(environment, 'POLICYKEYS_OUTPUT', outputFormats) ?? 'table',
    query: flags.query,
    color: flags.color ?? fromEnvironment,
    verbosity: verbosity(flags),
  };
}

/** Failures: `usage`, naming the flag or the variable. */
export function readSettings(flags: GlobalFlags, environment: Environment, home: Home): Settings {
  const from = (name: string): string | undefined => variable(environment, name);
  refuseEmptyFlags(flags);
  refuseProfile(flags.profile ?? from('POLICYKEYS_PROFILE'));
  const cloud = readCloud(flags, environment);
  const tenant = readTenant(flags.tenant, from('AZURE_TENANT_ID'));
  const hosts = clouds[cloud];
  if (cloud === 'emulator' && flags.graphUrl !== undefined)
    throw new Failure('usage', '--cloud emulator runs inside this process and has no --graph-url', {
      hint: 'leave --cloud away to talk to the address that policykeys emulator serve prints',
    });
  const embedded = cloud === 'emulator';
  const configured = authMethods.filter((method) => from(configuredBy[method]) !== undefined);
  const method = flags.auth ?? choice(environment, 'POLICYKEYS_AUTH', authMethods) ?? configured[0];
  return {
    cloud,
    tenant,
    graphOrigin: embedded
      ? hosts.graph
      : (readOrigin('--graph-url', flags.graphUrl) ??
        readOrigin('POLICYKEYS_GRAPH_URL', from('POLICYKEYS_GRAPH_URL')) ??
        hosts.graph),
    graphResource: hosts.graph,
    authority:
      (embedded ? undefined : readOrigin('AZURE_AUTHORITY_HOST', from('AZURE_AUTHORITY_HOST'))) ??
      hosts.authority,
    credential: readCredential(method, {
      tenant,
      clientId: flags.clientId ?? from('AZURE_CLIENT_ID'),
      environment,
    }),
    otherMethods: embedded ? [] : configured.filter((other) => other !== method),
    dryRun: flags.dryRun === true,
    yes: flags.yes === true,
    mayAsk: flags.input !== false && from('CI') === undefined,
    timeoutMs: milliseconds('--timeout', flags.timeout, from, 'POLICYKEYS_TIMEOUT') ?? 30_000,
    deadlineMs: milliseconds('--deadline', flags.deadline, from),
    maxRetries: flags.maxRetries ?? wholeNumber(from, 'POLICYKEYS_MAX_RETRIES') ?? 5,
    concurrency: flags.concurrency ?? 8,
    auditLog: readAuditLog(flags.auditLog ?? from('POLICYKEYS_AUDIT_LOG')),
    reason: (flags.reason === '' ? undefined : flags.reason) ?? from('POLICYKEYS_REASON'),
    pipelineRun: readPipelineRun(from),
    verbosity: verbosity(flags),
    proxies: {
      http: from('http_proxy') ?? from('HTTP_PROXY'),
      https: from('https_proxy') ?? from('HTTPS_PROXY'),
      no: from('no_proxy') ?? from('NO_PROXY') ?? '',
    },
    http1: from('POLICYKEYS_HTTP1') !== undefined,
    cacheDirectory: readDirectory('cache', from, home),
    emulatorState:
      from('POLICYKEYS_EMULATOR_STATE') ?? `${readDirectory('state', from, home)}/emulator.json`,
  };
}

/** `--tenant "$TENANT"` with a variable that is not set must not fall back to another tenant. */
function refuseEmptyFlags(flags: GlobalFlags): void {
  const empty = Object.entries(flags).find(
    ([name, value]) => value === '' && name !== 'reason',
  )?.[0];
  if (empty !== undefined)
    throw new Failure(
      'usage',
      `--${empty.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is empty`,
      { hint: 'is the variable that it comes from set?' },
    );
}

function readAuditLog(path: string | undefined): string | undefined {
  if (path === '-')
    throw new Failure('usage', '--audit-log takes a file, not -', {
      hint: 'stdout carries the result alone',
    });
  return path;
}

function refuseProfile(name: string | undefined): void {
  if (name !== undefined)
    throw new Failure('usage', `there is no profile ${JSON.stringify(name)}`, {
      hint: 'this version has no profiles yet: pass --tenant, --client-id and --cloud, or set their variables',
    });
}

function readCloud(flags: GlobalFlags, environment: Environment): CloudName {
  const fromEnvironment = choice(environment, 'POLICYKEYS_CLOUD', cloudNames);
  const cloud = flags.cloud ?? fromEnvironment ?? 'global';
  // A pipeline must not report success because a variable sent it to the emulator.
  if (
    cloud === 'emulator' &&
    flags.cloud === undefined &&
    variable(environment, 'CI') !== undefined
  )
    throw new Failure(
      'usage',
      'POLICYKEYS_CLOUD=emulator is not taken from the environment in CI',
      {
        hint: 'pass --cloud emulator on the command line if that is meant',
      },
    );
  return cloud;
}

/** A GUID or a domain name: it becomes part of an address. */
function readTenant(
  flag: string | undefined,
  fromEnvironment: string | undefined,
): string | undefined {
  const tenant = flag ?? fromEnvironment;
  if (tenant !== undefined && !/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/.test(tenant))
    throw new Failure(
      'usage',
      `${flag === undefined ? 'AZURE_TENANT_ID' : '--tenant'}: ${JSON.stringify(tenant)} is neither an id nor a domain`,
      { hint: 'pass the id of the B2C tenant, or its domain such as contoso.onmicrosoft.com' },
    );
  return tenant;
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** https, or http to this machine: what comes here receives a token. */
function readOrigin(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const refuse = (reason: string): Failure =>
    new Failure('usage', `${name}: ${reason}`, {
      hint: 'pass an origin such as https://graph.microsoft.com',
    });
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw refuse(`${JSON.stringify(value)} is not an address`);
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    throw refuse('a token goes to https only, or to http on this machine');
  if (url.username !== '' || url.password !== '')
    throw refuse('the address holds a user name or a password');
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw refuse(`${url.origin} must stand alone: the path is added`);
  return url.origin;
}

const configuredBy: Readonly<Record<AuthMethod, string>> = {
  token: 'POLICYKEYS_ACCESS_TOKEN',
  federated: 'AZURE_FEDERATED_TOKEN_FILE',
  certificate: 'AZURE_CLIENT_CERTIFICATE_PATH',
  secret: 'AZURE_CLIENT_SECRET',
};

function readCredential(
  method: AuthMethod | undefined,
  given: {
    readonly tenant: string | undefined;
    readonly clientId: string | undefined;
    readonly environment: Environment;
  },
): Credential | Failure {
  if (method === undefined)
    return new Failure('auth', 'no way to sign in is configured', {
      hint: `set one of ${authMethods.map((one) => configuredBy[one]).join(', ')}, or try --cloud emulator`,
    });
  const value = variable(given.environment, configuredBy[method]);
  if (value === undefined)
    return new Failure('auth', `--auth ${method} needs ${configuredBy[method]}`, {
      hint: `set ${configuredBy[method]}`,
    });
  if (method === 'token') return readToken(value);
  const { tenant, clientId } = given;
  if (tenant === undefined)
    return new Failure('usage', 'the B2C tenant is not named', {
      hint: 'pass --tenant contoso.onmicrosoft.com or set AZURE_TENANT_ID',
    });
  if (clientId === undefined)
    return new Failure('usage', 'the client id of the app is not named', {
      hint: 'pass --client-id or set AZURE_CLIENT_ID: the app is registered in the B2C tenant itself',
    });
  switch (method) {
    case 'federated':
      return { method, tenant, clientId, tokenFile: value };
    case 'certificate': {
      const password = variable(given.environment, 'AZURE_CLIENT_CERTIFICATE_PASSWORD');
      return {
        method,
        tenant,
        clientId,
        path: value,
        password: password === undefined ? undefined : new Secret(password),
      };
    }
    case 'secret':
      return { method, tenant, clientId, secret: new Secret(value) };
  }
}

/** It becomes a header: one line, printable. */
function readToken(value: string): Credential | Failure {
  const token = value.trim();
  return /^[\x21-\x7e]+$/.test(token)
    ? { method: 'token', token: new Secret(token) }
    : new Failure('auth', 'POLICYKEYS_ACCESS_TOKEN is not a token', {
        hint: 'pass the access token alone, without "Bearer" and without line breaks',
      });
}

function milliseconds(
  flag: string,
  value: string | undefined,
  from: (name: string) => string | undefined,
  name?: string,
): number | undefined {
  const fallback = name === undefined ? undefined : from(name);
  const text = value ?? fallback;
  if (text === undefined) return undefined;
  const source = value === undefined && name !== undefined ? name : flag;
  let ms: number;
  try {
    ms = durationMs(parseDuration(text));
  } catch (error) {
    throw error instanceof Failure
      ? new Failure('usage', `${source}: ${error.message}`, { hint: error.hint })
      : error;
  }
  // Timers of the platform count in 31 bits.
  if (ms < 1 || ms > 2_147_483_647)
    throw new Failure('usage', `${source}: ${JSON.stringify(text)} is out of range`, {
      hint: 'from 1s to 24d',
    });
  return ms;
}

function wholeNumber(from: (name: string) => string | undefined, name: string): number | undefined {
  const text = from(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,3}$/.test(text))
    throw new Failure('usage', `${name}: ${JSON.stringify(text)} is not a number from 0 to 999`);
  return Number(text);
}

function readPipelineRun(from: (name: string) => string | undefined): string | undefined {
  const [server, repository, run] = ['GITHUB_SERVER_URL', 'GITHUB_REPOSITORY', 'GITHUB_RUN_ID'].map(
    from,
  );
  if (run !== undefined) return `${server ?? ''}/${repository ?? ''}/actions/runs/${run}`;
  return from('BUILD_BUILDURI') ?? from('CI_JOB_URL') ?? from('BUILD_URL');
}

/** XDG base directories where they are set, else what the platform uses. Relative ones do not count. */
function readDirectory(
  what: 'cache' | 'state',
  from: (name: string) => string | undefined,
  { platform, directory }: Home,
): string {
  const xdg = from(what === 'cache' ? 'XDG_CACHE_HOME' : 'XDG_STATE_HOME');
  if (xdg?.startsWith('/')) return `${xdg}/policykeys`;
  if (platform === 'win32') {
    const local = from('LOCALAPPDATA') ?? `${directory}\\AppData\\Local`;
    return `${local}\\policykeys\\${what}`;
  }
  if (platform === 'darwin')
    return `${directory}/Library/${what === 'cache' ? 'Caches' : 'Application Support'}/policykeys`;
  return `${directory}/${what === 'cache' ? '.cache' : '.local/state'}/policykeys`;
}
