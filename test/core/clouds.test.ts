import { cloudNames, clouds } from '../../src/core/clouds.ts';

// keysets-api.md section 9.
test.each([
  ['global', 'https://login.microsoftonline.com', 'https://graph.microsoft.com'],
  ['usgov', 'https://login.microsoftonline.us', 'https://graph.microsoft.us'],
  ['usgov-dod', 'https://login.microsoftonline.us', 'https://dod-graph.microsoft.us'],
  ['china', 'https://login.partner.microsoftonline.cn', 'https://microsoftgraph.chinacloudapi.cn'],
] as const)('%s', (name, authority, graph) => {
  expect(clouds[name]).toEqual({ authority, graph });
});

test('every cloud is an origin that stands alone; the emulator is no host that exists', () => {
  for (const name of cloudNames)
    for (const address of [clouds[name].authority, clouds[name].graph]) {
      expect(new URL(address).origin).toBe(address);
      if (name !== 'emulator') expect(address).toMatch(/^https:/);
    }
  // RFC 6761 section 6.3: it never leaves this machine.
  expect(new URL(clouds.emulator.graph).hostname).toMatch(/\.localhost$/);
});
