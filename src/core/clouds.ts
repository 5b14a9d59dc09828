/** The clouds that B2C may be in, and their hosts (keysets-api.md section 9). */

export const cloudNames = ['global', 'usgov', 'usgov-dod', 'china', 'emulator'] as const;
export type CloudName = (typeof cloudNames)[number];

export interface Cloud {
  /** Origin of the sign-in service. */
  readonly authority: string;
  /** Origin of Graph, and the resource that tokens are asked for. */
  readonly graph: string;
}

/** The embedded emulator has no hosts; its name stands in addresses that are only shown. */
const embedded = 'http://emulator.localhost';

export const clouds: Readonly<Record<CloudName, Cloud>> = {
  global: { authority: 'https://login.microsoftonline.com', graph: 'https://graph.microsoft.com' },
  usgov: { authority: 'https://login.microsoftonline.us', graph: 'https://graph.microsoft.us' },
  'usgov-dod': {
    authority: 'https://login.microsoftonline.us',
    graph: 'https://dod-graph.microsoft.us',
  },
  china: {
    authority: 'https://login.partner.microsoftonline.cn',
    graph: 'https://microsoftgraph.chinacloudapi.cn',
  },
  emulator: { authority: embedded, graph: embedded },
};
