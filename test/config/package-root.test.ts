import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { defaultCertsFolder, packagePlace } from '../../src/config/package-root.ts';

const installed = packagePlace('/usr/lib/node_modules/weir/dist/src/config/package-root.js');

describe('packagePlace', () => {
  test('finds this checkout, run from its sources', () => {
    const place = packagePlace();
    expect(place).toMatchObject({ compiled: false, installed: false });
    expect(existsSync(path.join(place.root, 'package.json'))).toBe(true);
  });

  test('tells builds and installed packages', () => {
    expect(packagePlace('/home/me/weir/dist/src/config/package-root.js')).toEqual({
      root: '/home/me/weir',
      compiled: true,
      installed: false,
    });
    expect(installed).toEqual({ root: '/usr/lib/node_modules/weir', compiled: true, installed: true });
  });
});

describe('defaultCertsFolder', () => {
  test('is certs of a checkout, whatever the environment says', () => {
    const place = packagePlace('/home/me/weir/src/config/package-root.ts');
    expect(defaultCertsFolder(place, { XDG_DATA_HOME: '/data' }, '/home/me')).toBe('/home/me/weir/certs');
  });

  test('is below the data home of the user for an installed package', () => {
    expect(defaultCertsFolder(installed, { XDG_DATA_HOME: '/data' }, '/home/me')).toBe('/data/weir/certs');
  });

  test.each([[undefined], [''], ['relative']])('takes XDG_DATA_HOME %j for unset', (value) => {
    const env = value === undefined ? {} : { XDG_DATA_HOME: value };
    expect(defaultCertsFolder(installed, env, '/home/me')).toBe('/home/me/.local/share/weir/certs');
  });
});
