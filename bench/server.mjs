// A Graph and an authority that answer from memory, so that the client is what is measured: HTTPS
// with HTTP/2 and HTTP/1.1, and plain HTTP. Prints its two origins. `node bench/server.mjs FOLDER`
// writes its root certificate to FOLDER/root.pem.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';
import forge from 'node-forge';

const folder = process.argv[2];

function makeCertificates() {
  const sign = (subject, keys, issuer, issuerKey, extensions) => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = keys.publicKey;
    certificate.serialNumber = `01${Math.random().toString(16).slice(2, 14)}`;
    certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
    certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
    certificate.setSubject([{ name: 'commonName', value: subject }]);
    certificate.setIssuer([{ name: 'commonName', value: issuer }]);
    certificate.setExtensions(extensions);
    certificate.sign(issuerKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };
  const root = forge.pki.rsa.generateKeyPair(2048);
  const server = forge.pki.rsa.generateKeyPair(2048);
  const rootPem = sign('bench root', root, 'bench root', root.privateKey, [
    { name: 'basicConstraints', cA: true },
  ]);
  const cert = sign('localhost', server, 'bench root', root.privateKey, [
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ]);
  return { rootPem, cert, key: forge.pki.privateKeyToPem(server.privateKey) };
}

const { rootPem, cert, key } = makeCertificates();
writeFileSync(join(folder, 'root.pem'), rootPem);

const keySet = (index) => ({
  id: `B2C_1A_Key${String(index).padStart(5, '0')}`,
  keys: [
    {
      k: null,
      x5c: [],
      x5t: null,
      kty: 'RSA',
      use: 'sig',
      status: 'enabled',
      kid: createHash('sha256').update(String(index)).digest('base64url'),
      e: 'AQAB',
      n: 'x'.repeat(342),
      nbf: 1_700_000_000,
      exp: 1_900_000_000,
    },
  ],
});
const count = 5000;
const pageSize = 100;
const one = JSON.stringify(keySet(0));
const pages = Array.from({ length: count / pageSize }, (_, page) =>
  Array.from({ length: pageSize }, (__, index) => keySet(page * pageSize + index)),
);
const bodies = new Map(); // by origin: pages with their next links
const pageBody = (origin, page) => {
  if (!bodies.has(origin))
    bodies.set(
      origin,
      pages.map((value, index) =>
        JSON.stringify({
          value,
          ...(index + 1 < pages.length
            ? {
                '@odata.nextLink': `${origin}/beta/trustFramework/keySets?$skiptoken=${String(index + 1)}`,
              }
            : {}),
        }),
      ),
    );
  return bodies.get(origin)[page];
};
const token = JSON.stringify({
  token_type: 'Bearer',
  expires_in: 3599,
  ext_expires_in: 3599,
  access_token: `t${'x'.repeat(1500)}`,
});

function answer(request, response, scheme) {
  const origin = `${scheme}://${request.headers.host ?? request.headers[':authority']}`;
  const url = new URL(request.url, origin);
  const body = url.pathname.endsWith('/token')
    ? token
    : url.pathname === '/beta/trustFramework/keySets'
      ? pageBody(origin, Number(url.searchParams.get('$skiptoken') ?? 0))
      : one;
  request.resume();
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const secure = http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
  answer(request, response, 'https');
});
// Without it an HTTP/1.1 answer of this server waits 40 ms for a delayed acknowledgement.
secure.on('secureConnection', (socket) => socket.setNoDelay(true));
const plain = http.createServer((request, response) => {
  answer(request, response, 'http');
});
const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const [securePort, plainPort] = [await listen(secure), await listen(plain)];
console.log(
  JSON.stringify({
    https: `https://localhost:${securePort}`,
    http: `http://localhost:${plainPort}`,
  }),
);
process.on('SIGTERM', () => process.exit(0));
