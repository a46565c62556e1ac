// Check digits: published sample numbers pass, and with one character changed they do not.

import { describe, expect, test } from '@jest/globals';
import {
  cardIssuer,
  isCodiceFiscale,
  isDni,
  isIban,
  isNino,
  isNir,
  isSsn,
  isSteuerId,
} from '../../../plugins/dlp/checks.ts';

test.each([
  ['4111111111111111', 'Visa'],
  ['4222222222222', 'Visa'],
  ['4012888888881881', 'Visa'],
  ['5555555555554444', 'Mastercard'],
  ['2223003122003222', 'Mastercard'],
  ['378282246310005', 'American Express'],
  ['6011000990139424', 'Discover'],
  ['30569309025904', 'Diners Club'],
  ['3530111333300000', 'JCB'],
  ['6200000000000005', 'UnionPay'],
  ['2200770212727079', 'Mir'],
  ['1234567812345670', null], // passes Luhn, and nobody issues it
  ['4012888888881882', null],
  ['401288888888188', null],
  ['0000000000000000', null],
])('the card number %s is of %s', (digits, issuer) => {
  expect(cardIssuer(digits)).toBe(issuer);
});

/** Samples from registries and authorities, where they publish any, else made by their rule. */
const VALID: [string, (text: string) => boolean, string[]][] = [
  [
    'IBAN',
    isIban,
    [
      ...[
        'DE89370400440532013000',
        'GB29NWBK60161331926819',
        'FR1420041010050500013M02606',
        'NO9386011117947',
      ],
      ...[
        'MT84MALT011000012345MTLCAST001S',
        'CH9300762011623852957',
        'NL91ABNA0417164300',
        'ES9121000418450200051332',
      ],
    ],
  ],
  ['Steuer-ID', isSteuerId, ['86095742719', '47036892816', '65929970489']],
  ['NIR', isNir, ['255081416802538', '269054958815780', '186022A21312391']],
  ['DNI or NIE', isDni, ['12345678Z', 'X1234567L', '00000001R', 'Z8078221M']],
  ['codice fiscale', isCodiceFiscale, ['RSSMRA85T10A562S', 'VRDGPP13R10B293P', 'MRTMTT91D08F205J']],
];

describe.each(VALID)('a valid %s', (_, check, samples) => {
  test.each(samples)('%s passes', (sample) => {
    expect(check(sample)).toBe(true);
  });

  test.each(samples)('%s with its last character changed does not', (sample) => {
    const last = sample.at(-1)!;
    const other = /\d/.test(last) ? String((Number(last) + 1) % 10) : last === 'A' ? 'B' : 'A';
    expect(check(sample.slice(0, -1) + other)).toBe(false);
  });
});

test.each([
  ['536904399', true],
  ['000123456', false],
  ['666123456', false],
  ['900123456', false],
  ['536004399', false],
  ['536900000', false],
  ['078051120', false],
])('the SSN %s passes: %s', (digits, passes) => {
  expect(isSsn(digits)).toBe(passes);
});

test.each([
  ['AB123456C', true],
  ['QQ123456C', false],
  ['GB123456C', false],
  ['AO123456C', false],
  ['AB123456E', false],
])('the NINO %s passes: %s', (text, passes) => {
  expect(isNino(text)).toBe(passes);
});
