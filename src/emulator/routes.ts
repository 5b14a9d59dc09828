/** Method and path -> which operation is meant (trustframework-keysets.openapi.yaml). */

export const operations = [
  'list',
  'create',
  'get',
  'update',
  'delete',
  'generateKey',
  'uploadSecret',
  'uploadCertificate',
  'uploadPkcs12',
  'getActiveKey',
  'keysV2List',
  'keysV2Get',
  'keysV2Update',
  'token',
] as const;
/** A Graph operation on keysets, or the sign-in service's answer with a token. */
export type Operation = (typeof operations)[number];

export const actions = [
  'generateKey',
  'uploadSecret',
  'uploadCertificate',
  'uploadPkcs12',
] as const satisfies readonly Operation[];
export type Action = (typeof actions)[number];

export type Route =
  | { readonly operation: 'list'; readonly only: 'items' | 'count' }
  | { readonly operation: 'create' }
  | { readonly operation: 'get' | 'update' | 'delete' | 'getActiveKey'; readonly id: string }
  | { readonly operation: Action; readonly id: string }
  | { readonly operation: 'keysV2List'; readonly id: string; readonly only: 'items' | 'count' }
  | { readonly operation: 'keysV2Get' | 'keysV2Update'; readonly id: string; readonly kid: string }
  /** No policies are kept: an empty list, so that what looks for references can be tried. */
  | { readonly operation: 'policies' };

/** Why a request reaches no operation. */
export type Misroute =
  | { readonly problem: 'version' | 'method' | 'encoding' }
  | { readonly problem: 'segment'; readonly segment: string };

const isAction = (name: string): name is Action => actions.some((action) => action === name);

const unknownSegment = (segment: string | undefined): Misroute => ({
  problem: 'segment',
  segment: segment ?? '',
});
const wrongMethod: Misroute = { problem: 'method' };

/** `keySets('id')` is `keySets/id`: the form of the documented Location header. */
function segmentsOf(pathname: string): string[] | undefined {
  try {
    return pathname
      .replace(/\/$/, '')
      .split('/')
      .slice(1)
      .map(decodeURIComponent)
      .flatMap((segment) => {
        const keyed = /^(keySets|keys_v2)\('(.*)'\)$/i.exec(segment);
        return keyed ? [keyed[1] ?? '', (keyed[2] ?? '').replaceAll("''", "'")] : [segment];
      });
  } catch {
    return undefined;
  }
}

const same = (segment: string | undefined, name: string): boolean =>
  segment?.toLowerCase() === name.toLowerCase();

/** `pathname` is without the query. */
export function findRoute(method: string, pathname: string): Route | Misroute {
  const segments = segmentsOf(pathname);
  if (segments === undefined) return { problem: 'encoding' };
  const [version, area, collection, ...rest] = segments;
  if (!same(version, 'beta')) return { problem: 'version' };
  if (!same(area, 'trustFramework')) return unknownSegment(area);
  if (same(collection, 'policies') && rest.length === 0)
    return method === 'GET' ? { operation: 'policies' } : wrongMethod;
  if (!same(collection, 'keySets')) return unknownSegment(collection);
  const [id, ...below] = rest;
  if (id === undefined)
    return method === 'GET'
      ? { operation: 'list', only: 'items' }
      : method === 'POST'
        ? { operation: 'create' }
        : wrongMethod;
  if (id === '$count' && below.length === 0)
    return method === 'GET' ? { operation: 'list', only: 'count' } : wrongMethod;
  return below.length === 0 ? keySetRoute(method, id) : partRoute(method, id, below);
}

function keySetRoute(method: string, id: string): Route | Misroute {
  if (method === 'GET') return { operation: 'get', id };
  // The documentation says PUT, the OpenAPI PATCH.
  if (method === 'PUT' || method === 'PATCH') return { operation: 'update', id };
  return method === 'DELETE' ? { operation: 'delete', id } : wrongMethod;
}

function partRoute(method: string, id: string, below: readonly string[]): Route | Misroute {
  const [part = '', kid, stray] = below;
  if (stray !== undefined) return unknownSegment(stray);
  if (part === 'keys_v2') return keysV2Route(method, id, kid);
  if (kid !== undefined) return unknownSegment(kid);
  if (part === 'getActiveKey' || part === 'getActiveKey()')
    return method === 'GET' ? { operation: 'getActiveKey', id } : wrongMethod;
  const action = part.replace(/^microsoft\.graph\./, '');
  if (!isAction(action)) return unknownSegment(part);
  return method === 'POST' ? { operation: action, id } : wrongMethod;
}

function keysV2Route(method: string, id: string, kid: string | undefined): Route | Misroute {
  if (kid === undefined || kid === '$count') {
    if (method !== 'GET') return wrongMethod;
    return { operation: 'keysV2List', id, only: kid === undefined ? 'items' : 'count' };
  }
  if (method === 'GET') return { operation: 'keysV2Get', id, kid };
  // PUT and DELETE are named by the permission metadata only; nobody knows what they do.
  return method === 'PATCH' ? { operation: 'keysV2Update', id, kid } : wrongMethod;
}

/** The operation of faults and of the server's log; `undefined` when there is none. */
export function operationOf(method: string, pathname: string): Operation | undefined {
  if (method === 'POST' && pathname.endsWith('/oauth2/v2.0/token')) return 'token';
  const route = findRoute(method, pathname);
  return 'problem' in route || route.operation === 'policies' ? undefined : route.operation;
}
