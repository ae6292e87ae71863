import {
  configApiRef,
  createApiFactory,
  createComponentExtension,
  createPlugin,
  createRoutableExtension,
  discoveryApiRef,
  fetchApiRef,
} from '@backstage/core-plugin-api';
import { litmusResilienceApiRef } from './api/LitmusResilienceApi';
import { LitmusResilienceClient } from './api/LitmusResilienceClient';
import { contentRouteRef, rootRouteRef } from './routes';

/** Makes the client of the sidecar, in either frontend system. */
export const litmusResilienceApiFactory = createApiFactory({
  api: litmusResilienceApiRef,
  deps: { discoveryApi: discoveryApiRef, fetchApi: fetchApiRef, configApi: configApiRef },
  factory: ({ discoveryApi, fetchApi, configApi }) => new LitmusResilienceClient({ discoveryApi, fetchApi, configApi }),
});

/**
 * The plugin of the old frontend system.
 *
 * @public
 */
export const litmusResiliencePlugin = createPlugin({
  id: 'litmus-resilience',
  apis: [litmusResilienceApiFactory],
  routes: { root: rootRouteRef, content: contentRouteRef },
});

/**
 * The card for an entity's Overview tab.
 *
 * @public
 */
export const EntityLitmusResilienceCard = litmusResiliencePlugin.provide(
  createComponentExtension({
    name: 'EntityLitmusResilienceCard',
    component: { lazy: () => import('./components/card/ResilienceCard').then(module => module.ResilienceCard) },
  }),
);

/**
 * The tab of an entity.
 *
 * @public
 */
export const EntityLitmusResilienceContent = litmusResiliencePlugin.provide(
  createRoutableExtension({
    name: 'EntityLitmusResilienceContent',
    component: () => import('./components/content/ResilienceContent').then(module => module.ResilienceContent),
    mountPoint: contentRouteRef,
  }),
);

/**
 * The page of everything.
 *
 * @public
 */
export const LitmusPage = litmusResiliencePlugin.provide(
  createRoutableExtension({
    name: 'LitmusPage',
    component: () => import('./components/page/LitmusPage').then(module => module.LitmusPage),
    mountPoint: rootRouteRef,
  }),
);
