/**
 * Microsoft's own client for Graph, with a token that Microsoft's own sign-in library got, against
 * the emulator: what it takes for Graph, policykeys may take for Graph.
 */
import { ConfidentialClientApplication } from '@azure/msal-node';
import { Client, GraphError } from '@microsoft/microsoft-graph-client';
import { Agent, fetch as undiciFetch } from 'undici';
import {
  serveEmulator,
  type EmulatorServer,
  type ServerOptions,
} from '../../src/edge/emulator-server.ts';
import { checkResponse } from '../support/openapi.ts';

const open: { close(): Promise<unknown> }[] = [];
afterAll(async () => {
  for (const one of open.splice(0)) await one.close();
});

interface Office {
  readonly server: EmulatorServer;
  readonly client: Client;
}

async function openOffice(options: ServerOptions = {}): Promise<Office> {
  const server = await serveEmulator(options);
  const agent = new Agent({ connect: { ca: server.caFile ?? '' } });
  open.push({ close: () => agent.destroy() }, server);
  const base = `${server.authorityUrl}/${server.tenant}`;
  const app = new ConfidentialClientApplication({
    auth: {
      clientId: server.clientId,
      clientSecret: server.clientSecret,
      authority: base,
      knownAuthorities: [new URL(server.authorityUrl).host],
    },
    system: {
      networkClient: {
        sendGetRequestAsync: (url) => ask('GET', url),
        sendPostRequestAsync: (url, request) => ask('POST', url, request),
      },
    },
  });
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as MSAL's interface has it
  async function ask<T>(
    method: string,
    url: string,
    request: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ headers: Record<string, string>; body: T; status: number }> {
    const answer = await undiciFetch(url, {
      method,
      headers: request.headers ?? {},
      ...(request.body === undefined ? {} : { body: request.body }),
      dispatcher: agent,
    });
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers.entries()),
      body: (await answer.json()) as T, // MSAL checks it
    };
  }
  const client = Client.initWithMiddleware({
    baseUrl: server.graphUrl,
    defaultVersion: 'beta',
    customHosts: new Set(['localhost']),
    authProvider: {
      getAccessToken: async () => {
        const result = await app.acquireTokenByClientCredential({
          scopes: ['https://graph.microsoft.com/.default'],
        });
        return result?.accessToken ?? '';
      },
    },
    // The client's own chain of middleware ends in the global fetch, which knows no root of ours.
    fetchOptions: { dispatcher: agent } as Record<string, unknown>,
  });
  return { server, client };
}

interface Key {
  readonly kid: string;
  readonly kty: string;
  readonly use: string;
}
interface KeySet {
  readonly id: string;
  readonly keys: readonly Key[];
}

const root = '/trustFramework/keySets';

test('create, generateKey, uploadSecret, list, getActiveKey and delete', async () => {
  const { server, client } = await openOffice();
  const made: KeySet = await client.api(root).post({ id: 'TokenSigning' });
  expect(made).toMatchObject({ id: 'B2C_1A_TokenSigning', keys: [] });

  const path = `${root}/${made.id}`;
  const key: Key = await client.api(`${path}/generateKey`).post({ use: 'sig', kty: 'RSA' });
  expect(key).toMatchObject({ kty: 'RSA', use: 'sig', kid: expect.any(String) });
  expect(await client.api(`${path}/getActiveKey`).get()).toMatchObject({ kid: key.kid });

  await client.api(root).post({ id: 'Secret' });
  const secret: Key = await client
    .api(`${root}/B2C_1A_Secret/uploadSecret`)
    .post({ use: 'sig', k: 'a secret' });
  expect(secret.kty).toBe('OCT');

  const list: { value: KeySet[] } = await client.api(root).get();
  expect(list.value.map(({ id, keys }) => [id, keys.map(({ kid }) => kid)])).toEqual([
    ['B2C_1A_TokenSigning', [key.kid]],
    ['B2C_1A_Secret', [secret.kid]],
  ]);
  checkResponse('GET', root, { status: 200, contentType: 'application/json', body: list });

  await client.api(path).delete();
  await expect(client.api(path).get()).rejects.toMatchObject({
    statusCode: 404,
    code: 'AADB2C90073',
  });
  // One token served them all.
  expect(server.requests.filter((one) => one.operation === 'token')).toHaveLength(1);
});

test('its errors are the service’s', async () => {
  const { client } = await openOffice({ roles: ['TrustFrameworkKeySet.Read.All'] });
  const refused: unknown = await client
    .api(root)
    .post({ id: 'X' })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(GraphError);
  expect(refused).toMatchObject({ statusCode: 403, code: 'AADB2C', requestId: expect.any(String) });
});

test('it follows the pages', async () => {
  const { client } = await openOffice({ switches: { pageSize: 2 } });
  for (const id of ['A', 'B', 'C']) await client.api(root).post({ id });
  const first: { value: KeySet[]; '@odata.nextLink': string } = await client.api(root).get();
  const second: { value: KeySet[] } = await client.api(first['@odata.nextLink']).get();
  expect([...first.value, ...second.value].map(({ id }) => id)).toEqual([
    'B2C_1A_A',
    'B2C_1A_B',
    'B2C_1A_C',
  ]);
});

test('it asks again when the service is busy', async () => {
  const { server, client } = await openOffice({ faults: ['429=0@list:2'] });
  expect(await client.api(root).get()).toMatchObject({ value: [] });
  expect(server.requests.filter((one) => one.operation === 'list')).toHaveLength(3);
});
