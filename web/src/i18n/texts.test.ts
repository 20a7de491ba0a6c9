import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import en from './en.json';
import zh from './zh.json';

type Texts = { [key: string]: string | Texts };

/** All keys of a language, "fleet.title". Chinese has one form for all numbers, English two: they count as one key. */
function keys(texts: Texts, prefix = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') found.set(prefix + key.replace(/_(one|other)$/, ''), value);
    else for (const [inner, text] of keys(value, `${prefix}${key}.`)) found.set(inner, text);
  }
  return found;
}

const english = keys(en);
const chinese = keys(zh);

test('both languages have the same texts', () => {
  expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
});

test('both languages put the same values into a text', () => {
  const values = (text = '') => [...new Set(text.match(/\{\{\w+\}\}/g))].sort();
  for (const [key, text] of english) expect(values(chinese.get(key)), key).toEqual(values(text));
});

test('no Chinese text is left in English', () => {
  const same = [...chinese].filter(([key, text]) => english.get(key) === text && /[a-z]{4}/i.test(text) && !names.has(text));
  expect(same).toEqual([]);
});

/** What is the same in every language. */
const names = new Set<string>(['Holdfast', 'Kubernetes', 'etcd', 'control plane', 'worker']);

/** Attributes whose text a person reads. */
const read = new Set([
  'title',
  'label',
  'aria-label',
  'placeholder',
  'alt',
  'titleText',
  'text',
  'screenReaderText',
  'dataLabel',
]);

test('no view has a text of its own', () => {
  const found = sources().flatMap((file) => literals(file).map((text) => `${file}: ${text}`));
  expect(found).toEqual([]);
});

function sources(): string[] {
  const root = join(import.meta.dirname, '..');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tsx') && !name.endsWith('.test.tsx'))
    .map((name) => join(root, name));
}

function literals(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const visit = (node: ts.Node, within: string) => {
    if (ts.isJsxText(node) && words(node.text) && within !== 'pre' && within !== 'code') found.push(node.text.trim());
    if (ts.isJsxAttribute(node) && read.has(node.name.getText()) && node.initializer && ts.isStringLiteral(node.initializer)) {
      if (words(node.initializer.text)) found.push(`${node.name.getText()}="${node.initializer.text}"`);
    }
    const tag = ts.isJsxElement(node) ? node.openingElement.tagName.getText() : within;
    ts.forEachChild(node, (child) => visit(child, tag));
  };
  visit(source, '');
  return found;
}

function words(text: string): boolean {
  return /\p{L}{2}/u.test(text) && !names.has(text.trim());
}
