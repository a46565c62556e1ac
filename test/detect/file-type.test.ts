import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { detectType, HEAD_BYTES } from '../../src/detect/index.ts';
import { zipOf } from '../support/eicar.ts';
import { tempDir } from '../support/tempDir.ts';

const name = (bytes: Buffer | string) => detectType(Buffer.from(bytes as string))?.name ?? null;

describe('detectType', () => {
  test('tells plain zip, Office documents and Java archives apart', () => {
    const data = Buffer.from('x');
    expect(name(zipOf([{ name: 'a.txt', data }]))).toBe('zip');
    expect(
      name(
        zipOf([
          { name: '[Content_Types].xml', data },
          { name: 'word/document.xml', data },
        ]),
      ),
    ).toBe('ooxml');
    expect(name(zipOf([{ name: 'META-INF/MANIFEST.MF', data }]))).toBe('jar');
    expect(name(zipOf([]))).toBe('zip');
  });

  test('recognises what tar, bzip2 and xz write', async () => {
    await using folder = await tempDir();
    const file = await folder.write('a.txt', 'content');
    execFileSync('tar', ['-cf', folder.join('a.tar'), '-C', folder.path, 'a.txt']);
    execFileSync('tar', ['--format=v7', '-cf', folder.join('v7.tar'), '-C', folder.path, 'a.txt']);
    execFileSync('bzip2', ['-k', file]);
    execFileSync('xz', ['-k', file]);
    for (const [written, type] of [
      ['a.tar', 'tar'],
      ['v7.tar', 'tar'],
      ['a.txt.bz2', 'bzip2'],
      ['a.txt.xz', 'xz'],
    ]) {
      expect([written, name(await readFile(folder.join(written!)))]).toEqual([written, type]);
    }
  });

  test('recognises this very Node as an ELF program', async () => {
    expect(name((await readFile(process.execPath)).subarray(0, HEAD_BYTES))).toBe('elf');
  });

  test.each([
    ['7z', Buffer.from('377abcaf271c0004', 'hex')],
    ['rar', Buffer.from('Rar!\x1a\x07\x01\x00', 'latin1')],
    ['zstd', Buffer.from('28b52ffd2400', 'hex')],
    ['gzip', gzipSync('x')],
    ['ole', Buffer.from('d0cf11e0a1b11ae1', 'hex')],
    ['mach-o', Buffer.from('cffaedfe07000001', 'hex')],
    ['mach-o', Buffer.from('cafebabe00000002', 'hex')],
    ['png', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['jpeg', Buffer.from('ffd8ffe0', 'hex')],
    ['gif', 'GIF89a'],
    ['pdf', '%PDF-1.7'],
    ['pdf', `${' '.repeat(512)}%PDF-1.4`],
    ['html', '\ufeff\n<!DOCTYPE html><html>'],
    ['html', '<script>alert(1)</script>'],
    ['xml', '<?xml version="1.0"?>'],
    ['script', '#!/bin/sh\n'],
    ['script', "<?php echo 'x';"],
    ['script', 'var x = 1;'],
  ])('recognises %s', (type, bytes) => {
    expect(name(bytes)).toBe(type);
  });

  test('takes MZ for a program only where its header leads to PE', () => {
    const program = Buffer.alloc(256);
    program.write('MZ');
    program.writeUInt32LE(128, 0x3c);
    expect(name(program)).toBeNull();
    program.write('PE\0\0', 128, 'latin1');
    expect(name(program)).toBe('pe');
  });

  test('does not take a Java class for a Mach-O program', () => {
    expect(name(Buffer.from('cafebabe00000041', 'hex'))).toBeNull();
  });

  test('recognises nothing in prose, in nothing, and in any head cut short', () => {
    expect(name('Dear reader, BZh is no archive.')).toBeNull();
    expect(name('')).toBeNull();
    for (let length = 0; length < 600; length += 1) detectType(randomBytes(length));
  });
});
