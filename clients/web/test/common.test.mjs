import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseLanguage } from '../dist-test/common/language.mjs';
import { formatMoney } from '../dist-test/common/money.mjs';
import { texts, translateReason } from '../dist-test/common/texts.mjs';

test('amounts are shown in the units people know', () => {
  assert.match(formatMoney(18_000, 'KRW', 'ko'), /18,000/);
  assert.match(formatMoney(1850, 'USD', 'en'), /18\.50/);
  assert.match(formatMoney(1234, 'KWD', 'en'), /1\.234/);
});

test('the language is the one chosen before, else the first known one of the browser, else English', () => {
  assert.equal(chooseLanguage('en', ['ko-KR']), 'en');
  assert.equal(chooseLanguage(null, ['fr-FR', 'ko-KR', 'en']), 'ko');
  assert.equal(chooseLanguage('klingon', ['fr']), 'en');
});

test('every text exists in both languages', () => {
  const keys = (value, path = '') =>
    typeof value === 'object' && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => keys(inner, `${path}.${key}`))
      : [path];
  assert.deepEqual(keys(texts.ko).sort(), keys(texts.en).sort());
  assert.equal(texts.ko.reasons.length, texts.en.reasons.length);
});

test('a common reason is read in the language of the reader, any other one as it was written', () => {
  assert.equal(translateReason(texts.ko.reasons[0], texts.en), texts.en.reasons[0]);
  assert.equal(translateReason('가스가 떨어졌어요', texts.en), '가스가 떨어졌어요');
});
