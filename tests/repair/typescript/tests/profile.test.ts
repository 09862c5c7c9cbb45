// The suite that the service had when it failed.

import { expect, test } from 'vitest';
import { parseProfile } from '../src/profile.ts';

test('a name is trimmed', () => {
  expect(parseProfile({ version: 1, name: ' Ada ', plan: 'team' }).name).toBe('Ada');
});

test('a profile without a plan is free', () => {
  expect(parseProfile({ version: 1, name: 'Ada' } as never).plan).toBe('free');
});

test('what is no profile is refused', () => {
  expect(() => parseProfile(null as never)).toThrow();
});
