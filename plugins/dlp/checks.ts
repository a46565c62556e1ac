// The check digits of card, account and identity numbers. Every function takes the bare characters, upper
// case and without separators, and says whether they can be such a number; none looks at what stands around.

/** Issuers by leading digits and lengths (ISO/IEC 7812; ranges as the schemes publish them). */
const ISSUERS: readonly {
  readonly name: string;
  readonly prefix: RegExp;
  readonly lengths: readonly number[];
}[] = [
  { name: 'Visa', prefix: /^4/, lengths: [13, 16, 19] },
  { name: 'Mastercard', prefix: /^(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)/, lengths: [16] },
  { name: 'American Express', prefix: /^3[47]/, lengths: [15] },
  { name: 'Discover', prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 17, 18, 19] },
  { name: 'Diners Club', prefix: /^(?:30[0-5]|3095|36|38|39)/, lengths: [14] },
  { name: 'JCB', prefix: /^35(?:2[89]|[3-8]\d)/, lengths: [16, 17, 18, 19] },
  { name: 'UnionPay', prefix: /^62/, lengths: [16, 17, 18, 19] },
  { name: 'Mir', prefix: /^220[0-4]/, lengths: [16, 17, 18, 19] },
];

/** ISO/IEC 7812-1 annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    sum += i % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
  }
  return sum % 10 === 0;
}

/** Name of the issuer of a card number, or null where it is none. */
export function cardIssuer(digits: string): string | null {
  if (new Set(digits).size < 2) return null; // filler, not a number
  const issuer = ISSUERS.find(
    ({ prefix, lengths }) => lengths.includes(digits.length) && prefix.test(digits),
  );
  return issuer !== undefined && luhn(digits) ? issuer.name : null;
}

/** Characters of an IBAN by country (IBAN registry). */
export const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 ' +
    'EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 ' +
    'KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 ' +
    'PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 ' +
    'VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry): [string, number] => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** ISO 13616: length by country, and ISO 7064 mod 97-10. */
export function isIban(text: string): boolean {
  if (IBAN_LENGTHS.get(text.slice(0, 2)) !== text.length || !/^[A-Z]{2}\d\d[A-Z0-9]+$/.test(text))
    return false;
  let rest = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** US Social Security number: areas, groups and serials that are never given out (SSA). */
export function isSsn(digits: string): boolean {
  if (digits === '078051120' || digits === '219099999' || digits === '123456789') return false; // printed on samples
  return /^(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4}$/.test(digits);
}

/**
 * German Steuer-Identifikationsnummer: first digit not 0; among the first ten one digit twice or three times
 * and the others at most once; ISO 7064 mod 11,10.
 */
export function isSteuerId(digits: string): boolean {
  if (!/^[1-9]\d{10}$/.test(digits)) return false;
  const counts = [...digits.slice(0, 10)].reduce(
    (all, d) => all.set(d, (all.get(d) ?? 0) + 1),
    new Map<string, number>(),
  );
  const repeated = [...counts.values()].filter((count) => count > 1);
  if (repeated.length !== 1 || repeated[0]! > 3) return false;
  if (repeated[0] === 3 && /(\d)\1\1/.test(digits.slice(0, 10))) return false; // never three in a row
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (2 * sum) % 11;
  }
  return (11 - product) % 10 === Number(digits[10]);
}

/** French NIR: sex, year, month, département (2A and 2B are Corsica), and its key, 97 less the rest by 97. */
export function isNir(text: string): boolean {
  if (!/^[12]\d\d(?:0[1-9]|1[0-2]|[2-4]\d|[5-9]\d)(?:\d\d|2[AB])\d{8}$/.test(text)) return false;
  const month = Number(text.slice(3, 5));
  if (month > 12 && (month < 20 || (month > 42 && month < 50))) return false;
  const number = BigInt(text.slice(0, 13).replace('2A', '19').replace('2B', '18'));
  return 97n - (number % 97n) === BigInt(text.slice(13));
}

/** Spanish DNI and NIE: the letter is the number's rest by 23. */
export function isDni(text: string): boolean {
  const match = /^([XYZ\d])(\d{7})([A-Z])$/.exec(text);
  if (match === null) return false;
  const first = { X: '0', Y: '1', Z: '2' }[match[1]!] ?? match[1]!;
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(first + match[2]!) % 23] === match[3];
}

const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** Italian codice fiscale, with the letters that stand for digits where two people would share one. */
export function isCodiceFiscale(text: string): boolean {
  const digit = '[\\dLMNPQRSTUV]';
  if (!new RegExp(`^[A-Z]{6}${digit}{2}[ABCDEHLMPRST]${digit}{2}[A-Z]${digit}{3}[A-Z]$`).test(text))
    return false;
  let sum = 0;
  for (let i = 0; i < 15; i += 1) {
    const value = /\d/.test(text[i]!) ? Number(text[i]) : text.charCodeAt(i) - 65;
    sum += i % 2 === 0 ? ODD[value]! : value;
  }
  return sum % 26 === text.charCodeAt(15) - 65;
}

/** UK National Insurance number: letters and prefixes that are given out. It has no check digit. */
export function isNino(text: string): boolean {
  return /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]$/.test(text);
}
