import fc from 'fast-check';
import { printable } from '../../src/core/printable.ts';

test.each([
  ['CN=Schlüssel 鍵 🔑, O="x"', 'CN=Schlüssel 鍵 🔑, O="x"'],
  ['a\u001b[2Jb', 'a\\u{1b}[2Jb'],
  ['a\nb\tc\u0000', 'a\\u{a}b\\u{9}c\\u{0}'],
  ['\u202egnp.exe\u2028\u2029\ufeff\u009b', '\\u{202e}gnp.exe\\u{2028}\\u{2029}\\u{feff}\\u{9b}'],
  ['\ud800', '\\u{d800}'],
  ['', ''],
])('%j', (text, shown) => {
  expect(printable(text)).toBe(shown);
}); // prettier-ignore

test('a long one is cut', () => {
  expect(printable('x'.repeat(500))).toHaveLength(500);
  expect(printable('x'.repeat(501))).toBe(`${'x'.repeat(500)}…`);
});

test('whatever it is, nothing is left that does not show', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});
