/** What is in a file -> View: the facts a person reads top down, and the JSON form. */
import type { CertificateFacts, Inspection, KeyFacts, Verdict } from './core/inspection.ts';
import { isoTime, relativeTime, type NumericDate } from './core/lifetime.ts';
import type { Protection } from './core/pbe.ts';
import type { KeyType } from './core/public-key.ts';
import type { Cell, Json, Tone, View } from './output.ts';

export interface InspectionFacts {
  /** The file. */
  readonly name: string;
  readonly now: NumericDate;
  /** Members of the JSON form that only some commands have. */
  readonly more?: { readonly [member: string]: Json };
  readonly done?: string;
}

const kinds: Readonly<Record<Inspection['type'], string>> = {
  certificate: 'certificate',
  pkcs12: 'PKCS #12',
  key: 'key',
  jwks: 'JWK Set',
};

const tones: Readonly<Record<Verdict, Tone>> = {
  accepted: 'good',
  converted: 'warn',
  refused: 'bad',
};

const saying: Readonly<Record<Verdict, (command: string) => string>> = {
  accepted: (command) => `accepted: policykeys ${command} sends it as it is`,
  converted: (command) => `converted: policykeys ${command} makes of it what B2C takes`,
  refused: (command) => `refused: policykeys ${command} does not send it`,
};

export function inspectionView(inspection: Inspection, facts: InspectionFacts): View {
  const { verdict, reasons, command, type } = inspection;
  const { now, name, more, done } = facts;
  return {
    json: { ...inspectionJson(inspection), ...more },
    table: {
      title: `${name}: ${kinds[type]}`,
      columns: ['', ''],
      rows: [
        row('verdict', { text: saying[verdict](command), tone: tones[verdict] }),
        ...reasons.map((reason) => row('  because', reason)),
        ...containerRows(inspection),
        ...(inspection.keys ?? []).flatMap((key) => keyRows(key, inspection)),
        ...(inspection.certificates ?? []).flatMap((one, index) =>
          certificateRows(one, index, now),
        ),
        ...chainRows(inspection),
        ...(inspection.jwks ?? []).map((jwk, index) =>
          row(
            `key ${String(index + 1)}`,
            [keyText(jwk), jwk.use, jwk.alg, jwk.private ? 'private' : 'public only', jwk.kid === undefined ? undefined : `kid ${jwk.kid}`] // prettier-ignore
              .filter((part) => part !== undefined && part !== '')
              .join(', '),
          ),
        ),
      ],
      empty: '',
      uncut: true,
    },
    ...(done === undefined ? {} : { done }),
  };
}

const row = (label: string, value: string | Cell): Cell[] => [
  { text: label },
  typeof value === 'string' ? { text: value } : value,
];

const protectionText = ({ scheme, iterations, prf }: Protection): string =>
  scheme === 'none'
    ? 'not encrypted'
    : [scheme, prf, iterations === 0 ? undefined : `${String(iterations)} rounds`]
        .filter((part) => part !== undefined)
        .join(', ');

const keyText = ({ kty, bits, crv }: KeyType): string =>
  [kty, bits === undefined ? undefined : String(bits), crv]
    .filter((part) => part !== undefined)
    .join(' ');

function containerRows({ mac, certificateEncryption = [] }: Inspection): Cell[][] {
  if (mac === undefined) return [];
  const texts = [...new Set(certificateEncryption.map(protectionText))];
  return [
    row('MAC', mac === null ? 'none' : protectionText(mac)),
    ...texts.map((text) => row('certificates', text)),
  ];
}

function keyRows(key: KeyFacts, { certificates = [] }: Inspection): Cell[][] {
  const index = certificates.findIndex(({ x5t }) => x5t === key.certificate);
  return [
    row(key.private ? 'private key' : 'public key', keyText(key)),
    ...(key.alias === undefined ? [] : [row('  alias', key.alias)]),
    ...(key.encryption === undefined ? [] : [row('  encryption', protectionText(key.encryption))]),
    ...(certificates.length === 0
      ? []
      : [
          row(
            '  matches',
            index === -1
              ? { text: 'no certificate of the file', tone: 'bad' }
              : `certificate ${String(index + 1)}`,
          ),
        ]),
  ];
}

const soon = 30 * 86_400;

function certificateRows(facts: CertificateFacts, index: number, now: NumericDate): Cell[][] {
  const { role, subject, issuer, nbf, exp, key, keyUsage, extendedKeyUsage, alias } = facts;
  const tone = exp <= now ? 'bad' : exp <= now + soon || nbf > now ? 'warn' : undefined;
  const valid = `${isoTime(nbf)} to ${isoTime(exp)} (${exp <= now ? 'ended' : 'ends'} ${relativeTime(exp, now)})`;
  const usage = [
    ...(keyUsage ?? ['any']),
    ...(extendedKeyUsage ?? []).map((one) => `${one} (extended)`),
  ];
  return [
    row(`certificate ${String(index + 1)}`, {
      text: `${subject === '' ? '(no subject)' : subject}${role === 'chain' ? '' : ` (${role === 'leaf' ? 'leaf' : 'not of the chain'})`}`,
    }),
    ...(alias === undefined ? [] : [row('  alias', alias)]),
    row('  issuer', facts.selfIssued ? 'itself' : issuer),
    row('  serial', facts.serial),
    row('  valid', tone === undefined ? valid : { text: valid, tone }),
    row('  key', keyText(key)),
    row('  usage', usage.join(', ')),
    row('  x5t', facts.x5t),
    row('  x5t#S256', facts.x5tS256),
  ];
}

function chainRows({ chain, certificates = [] }: Inspection): Cell[][] {
  if (chain === undefined) return [];
  const links = chain.x5t.map((x5t) => certificates.find((one) => one.x5t === x5t)?.subject ?? x5t);
  const last = certificates.find((one) => one.x5t === chain.x5t.at(-1));
  return [
    row(
      'chain',
      `${chain.complete ? 'complete' : `ends below ${last?.issuer ?? ''}, which is not in the file`}: ${links.join(' < ')}`,
    ),
  ];
}

const protectionJson = ({ scheme, iterations, prf }: Protection): Json =>
  scheme === 'none' ? { scheme } : { scheme, prf, iterations: iterations || undefined };

const typeJson = ({
  kty,
  bits,
  crv,
}: KeyType): { readonly [member: string]: Json | undefined } => ({
  kty,
  bits,
  crv,
});

function inspectionJson(inspection: Inspection): { readonly [member: string]: Json | undefined } {
  const { type, verdict, reasons, command, mac, certificateEncryption, chain } = inspection;
  return {
    type,
    verdict,
    reasons,
    command,
    mac: mac === undefined || mac === null ? mac : protectionJson(mac),
    certificateEncryption: certificateEncryption?.map(protectionJson),
    keys:
      inspection.keys?.map((key) => ({
        ...typeJson(key),
        private: key.private,
        alias: key.alias,
        encryption: key.encryption && protectionJson(key.encryption),
        certificate: key.certificate,
      })) ??
      inspection.jwks?.map((key) => ({
        ...typeJson(key),
        use: key.use,
        alg: key.alg,
        kid: key.kid,
        private: key.private,
      })),
    certificates: inspection.certificates?.map((one) => ({
      role: one.role,
      subject: one.subject,
      issuer: one.issuer,
      serial: one.serial,
      nbf: one.nbf,
      exp: one.exp,
      key: typeJson(one.key),
      keyUsage: one.keyUsage,
      extendedKeyUsage: one.extendedKeyUsage,
      x5t: one.x5t,
      'x5t#S256': one.x5tS256,
      selfIssued: one.selfIssued,
      alias: one.alias,
    })),
    chain: chain && { complete: chain.complete, x5t: chain.x5t },
  };
}
