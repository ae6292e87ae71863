import { createRouteRef } from '@backstage/core-plugin-api';

/** Route of the page of all entities, in the old frontend system. */
export const rootRouteRef = createRouteRef({ id: 'litmus-resilience' });

/** Route of the tab of an entity, in the old frontend system. */
export const contentRouteRef = createRouteRef({ id: 'litmus-resilience/resilience' });
