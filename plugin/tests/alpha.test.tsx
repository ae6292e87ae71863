// The new frontend system gets a card, a tab and a page of fixed ids, which an app switches and configures.
import { coreExtensionData } from '@backstage/frontend-plugin-api';
import { createExtensionTester } from '@backstage/frontend-test-utils';
import { EntityCardBlueprint, EntityContentBlueprint } from '@backstage/plugin-catalog-react/alpha';
import { expect, test } from 'vitest';
import plugin, { litmusResilienceTranslationRef } from '../src/alpha';
import * as legacy from '../src/index';
import { ENTITY } from './show';

test('the page stands at /litmus with title and icon for the navigation, or where the app puts it', () => {
  const page = plugin.getExtension('page:litmus-resilience');
  const tester = createExtensionTester(page);
  expect(tester.get(coreExtensionData.routePath)).toBe('/litmus');
  expect(tester.get(coreExtensionData.title)).toBe('Litmus');
  expect(tester.get(coreExtensionData.icon)).toBeTruthy();
  const moved = createExtensionTester(page, { config: { path: '/chaos', title: 'Chaos' } });
  expect(moved.get(coreExtensionData.routePath)).toBe('/chaos');
  expect(moved.get(coreExtensionData.title)).toBe('Chaos');
});

test('the tab stands at /resilience, of entities with a project', () => {
  const tester = createExtensionTester(plugin.getExtension('entity-content:litmus-resilience/resilience'));
  expect(tester.get(coreExtensionData.routePath)).toBe('/resilience');
  expect(tester.get(EntityContentBlueprint.dataRefs.title)).toBe('Resilience');
  const filter = tester.get(EntityContentBlueprint.dataRefs.filterFunction);
  expect(filter?.(ENTITY)).toBe(true);
  expect(filter?.({ ...ENTITY, metadata: { name: 'other' } })).toBe(false);
});

test('the card is of entities with a project', () => {
  const tester = createExtensionTester(plugin.getExtension('entity-card:litmus-resilience/overview'));
  const filter = tester.get(EntityCardBlueprint.dataRefs.filterFunction);
  expect(filter?.(ENTITY)).toBe(true);
  expect(filter?.({ ...ENTITY, metadata: { name: 'other' } })).toBe(false);
});

test('its API and its words have the ids that an app replaces them by', () => {
  expect(plugin.getExtension('api:litmus-resilience')).toBeTruthy();
  expect(plugin.getExtension('nav-item:litmus-resilience')).toBeTruthy();
  expect(litmusResilienceTranslationRef.id).toBe('litmus-resilience');
});

test('the old frontend system finds what it needs at the root', () => {
  expect(Object.keys(legacy)).toEqual(
    expect.arrayContaining([
      'EntityLitmusResilienceCard',
      'EntityLitmusResilienceContent',
      'LitmusPage',
      'isLitmusAvailable',
      'litmusResilienceApiRef',
      'litmusResiliencePlugin',
    ]),
  );
  expect(legacy.litmusResiliencePlugin.getId()).toBe('litmus-resilience');
});
