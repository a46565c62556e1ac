// Decodes what the Script Encoder of Windows wrote, `#@~^......==` to `==^#~@`: a substitution by three
// tables that take turns. No secret, a disguise alone; text without the marks is returned as it is.

/** Codes of the tab and of the characters 32 to 127 in each of the three tables; `3f3f3f` is not used. */
const CODES = Buffer.from(
  [
    '643769507e2c225a654a4572613a5b5e79665d59755b274c42764560637623622a654d435f51337e53424f5220',
    '5220637a264a21545a467138202b79266632632a572a586c767f2b477b462530522c314f296c3d6949703f3f3f',
    '27787b3f3f3f675f513f3f3f62297a41247e5a2f3b663947323341736f774d215643755f7128263942787c466e',
    '534a64485c7431486772367d6e4b68707d35495d223f6a554b503a6a69602e236a7f097128706f3565497d745c',
    '242c5d2d7727544459373f257b6d7c3d7c236c436d3438286d5e314e5b392b6e7f3057366f4c547434346b7262',
    '4c254e33563056735e3a687378550957474b7732613b3524442e4d2f646b594f44453b215c2d37684153366158',
    '587a4879222e096050756b2d384e29553d3f51672f',
  ].join(''),
  'hex',
);
/** Which table a character's code is of, by its place; then again from the start. */
const TURNS = '1201202002021020102011200210200211020201011201021020112001120102';
const ESCAPES: Readonly<Record<string, string>> = { '&': '\n', '#': '\r', '*': '>', '!': '<', $: '@' };

const TABLES = [0, 1, 2].map((table) => {
  const plain = new Map<number, string>();
  for (let index = 0; index < CODES.length / 3; index += 1) {
    if (index === 29 || index === 31 || index === 33) continue; // written as escapes
    plain.set(CODES[index * 3 + table]!, index === 0 ? '\t' : String.fromCharCode(index + 31));
  }
  return plain;
});

/** The text with its encoded parts decoded. */
export function decodeScript(text: string): string {
  if (!text.includes('#@~^')) return text;
  return text.replace(/#@~\^[A-Za-z0-9+/=]{8}([^]*?)[A-Za-z0-9+/=]{8}\^#~@/g, (_, coded: string) => {
    let plain = '';
    let place = 0;
    for (let at = 0; at < coded.length; at += 1) {
      const character = coded[at]!;
      const table = TABLES[Number(TURNS[place % 64])]!;
      const escaped = character === '@' ? ESCAPES[coded[at + 1] ?? ''] : undefined;
      if (escaped !== undefined) at += 1;
      plain += escaped ?? table.get(character.charCodeAt(0)) ?? character;
      // Characters beyond ASCII stand as they are, and take no turn.
      if (character.charCodeAt(0) < 128) place += 1;
    }
    return plain;
  });
}
