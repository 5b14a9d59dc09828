import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import {
  der,
  derChild,
  derChildren,
  DerError,
  derFromBer,
  derInteger,
  derOid,
  readDer,
  readDerAt,
  readOid,
  readSmallInteger,
  tags,
} from '../../src/core/der.ts';
import { openWorkshop, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('plain');
});
afterAll(() => {
  shop.close();
});

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');

function refused(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(DerError);
    return;
  }
  throw new Error('it was read');
}

describe('reading', () => {
  test('one node, and nothing after it', () => {
    expect(readDer(hex('30 00'))).toMatchObject({ tag: 0x30, content: Buffer.alloc(0) });
    expect(readDer(hex('04 02 6869'), tags.octetString).content.toString()).toBe('hi');
    expect(readDer(hex(`30 8180 ${'00'.repeat(128)}`)).content).toHaveLength(128);
  });

  test.each([
    '', '30', '31 00', '30 01', '30 02 00', '30 00 00', '30 80', '30 80 00 00', '30 81', '30 82 01', '30 83 ffffff',
    '30 84 7fffffff', '30 84 ffffffff 00', '30 85 00 00 00 00 00', '30 ff', '3f 01 00', '1f 00',
  ])('%s is refused', (text) => {
    refused(() => readDer(hex(text)));
  }); // prettier-ignore

  test('children lie inside their parent', () => {
    expect(derChildren(readDer(hex('30 06 0201 01 0201 02'))).map(readSmallInteger)).toEqual([
      1, 2,
    ]);
    refused(() => derChildren(readDer(hex('30 03 0202 01'))));
    refused(() => derChildren(readDer(hex('30 01 02'))));
    refused(() => derChild(readDer(hex('30 03 0201 01')), 1));
    refused(() => derChild(readDer(hex('30 03 0201 01')), 0, tags.sequence));
  });

  test.each<[string, string]>([
    ['06 09 2a864886f70d010701', '1.2.840.113549.1.7.1'],
    ['06 03 550406', '2.5.4.6'],
    ['06 01 00', '0.0'],
    ['06 01 27', '0.39'],
    ['06 01 28', '1.0'],
    ['06 01 4f', '1.39'],
    ['06 01 50', '2.0'],
    ['06 02 8837', '2.999'],
    ['06 03 813403', '2.100.3'],
  ])('%s is %s', (text, oid) => {
    expect(readOid(readDer(hex(text), tags.oid))).toBe(oid);
    expect(derOid(oid).toString('hex')).toBe(hex(text).toString('hex'));
  });

  test.each(['06 00', '06 01 80', '06 04 2a864886', '06 0a 2affffffffffffffff7f', '04 03 550406'])(
    '%s is no object identifier',
    (text) => {
      refused(() => readOid(readDerAt(hex(text), 0)));
    },
  );

  test('object identifiers are written as they are read', () => {
    const oid = fc
      .tuple(
        fc.integer({ min: 0, max: 2 }),
        fc.nat(39),
        fc.array(fc.nat(2 ** 31 - 1), { maxLength: 9 }),
      )
      .map((arcs) => arcs.flat().join('.'));
    fc.assert(
      fc.property(oid, (text) => {
        expect(readOid(readDer(derOid(text), tags.oid))).toBe(text);
      }),
    );
  });

  test.each<[string, number]>([
    ['02 01 00', 0],
    ['02 01 7f', 127],
    ['02 02 0080', 128],
    ['02 02 0800', 2048],
    ['02 04 7fffffff', 2_147_483_647],
    ['02 05 00ffffffff', 4_294_967_295],
    ['02 03 000001', 1],
    ['02 06 7fffffffffff', 2 ** 47 - 1],
    ['02 07 7fffffffffffff', Number.POSITIVE_INFINITY],
    [`02 21 00${'ff'.repeat(32)}`, Number.POSITIVE_INFINITY],
  ])('%s is %d', (text, value) => {
    expect(readSmallInteger(readDer(hex(text), tags.integer))).toBe(value);
  });

  test.each(['02 00', '02 01 80', '02 01 ff', '02 02 8000', '04 01 05'])(
    '%s is no count',
    (text) => {
      refused(() => readSmallInteger(readDerAt(hex(text), 0)));
    },
  );
});

describe('writing', () => {
  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_216])('%d bytes', (length) => {
    const content = Buffer.alloc(length, 7);
    const node = readDer(der(tags.octetString, content), tags.octetString);
    expect(node.content.equals(content)).toBe(true);
  });

  test('lengths are as short as DER wants them', () => {
    expect(der(4, Buffer.alloc(127)).subarray(0, 2).toString('hex')).toBe('047f');
    expect(der(4, Buffer.alloc(128)).subarray(0, 3).toString('hex')).toBe('048180');
    expect(der(4, Buffer.alloc(256)).subarray(0, 4).toString('hex')).toBe('04820100');
  });

  test.each([
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['00ff', '020200ff'],
    ['000102', '02020102'],
  ])('the integer %s is %s', (bytes, text) => {
    expect(derInteger(hex(bytes)).toString('hex')).toBe(text);
  });
});

describe('BER as DER', () => {
  test('what OpenSSL wrote stays as it is', () => {
    const bytes = shop.der('plain');
    expect(derFromBer(bytes).equals(bytes)).toBe(true);
  });

  test.each([
    ['30 80 00 00', '3000'],
    ['30 80 02 01 05 00 00', '3003020105'],
    ['30 81 03 02 01 05', '3003020105'],
    ['24 80 04 01 61 04 02 6263 00 00', '0403616263'],
    ['24 07 04 01 61 04 02 6263', '0403616263'],
    ['24 80 24 80 04 01 61 00 00 04 00 00 00', '040161'],
    ['a0 80 24 80 00 00 00 00', 'a0020400'],
    ['30 80 30 80 30 80 00 00 00 00 00 00', '300430023000'],
  ])('%s is %s', (ber, expected) => {
    expect(derFromBer(hex(ber)).toString('hex')).toBe(expected);
  });

  test.each([
    '', '30', '30 80', '30 80 00', '30 80 30', '30 80 30 80 00 00', '04 80 00 00', '30 82 ff ff', '30 01 02',
    '30 00 00', '30 80 00 00 00', '30 04 30 80 00 00 00', '24 80 02 01 05 00 00', '30 85 00 00 00 00 01 00', '3f 80 00 00',
    '30 03 04 05 00 00 00 00 00',
  ])('%s is damaged', (ber) => {
    refused(() => derFromBer(hex(ber)));
  }); // prettier-ignore

  test('a certificate in pieces is the certificate', () => {
    const bytes = shop.der('plain');
    const again = derFromBer(shop.ber(bytes));
    expect(again.equals(bytes)).toBe(true);
    expect(new X509Certificate(again).raw.equals(bytes)).toBe(true);
  });

  test('no depth is reached that would break the stack', () => {
    refused(() => derFromBer(hex('3080'.repeat(100_000))));
    refused(() =>
      derFromBer(Buffer.concat(Array.from({ length: 50_000 }, () => hex('30 84 00ffffff')))),
    );
  });
});

test('any bytes are read, or refused as DerError', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.array(fc.constantFrom(0x30, 0x80, 0x00, 0x02, 0x04, 0x06, 0x24, 0xa0, 0x81, 0x01, 0xff), {
      maxLength: 40,
    }),
  );
  fc.assert(
    fc.property(bytes, (values) => {
      const input = Buffer.from(values);
      for (const work of [
        () => derChildren(readDer(input)),
        () => readOid(readDerAt(input, 0)),
        () => readSmallInteger(readDerAt(input, 0)),
        () => derFromBer(input),
      ])
        try {
          work();
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
        }
    }),
    { numRuns: 2000 },
  );
});
