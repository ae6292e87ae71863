import { createApiRef } from '@backstage/core-plugin-api';
import type {
  Action,
  ActionName,
  AttentionList,
  Begun,
  Content,
  EntityList,
  Grouping,
  NowList,
  Overview,
  Portfolio,
  RunFilter,
  RunPage,
  WindowName,
} from './types';

/**
 * What the sidecar is asked; every method throws a LitmusResilienceError.
 *
 * Entities are named by their full reference, `component:default/checkout`.
 *
 * @public
 */
export interface LitmusResilienceApi {
  overview(entityRef: string, window: WindowName): Promise<Overview>;
  content(entityRef: string): Promise<Content>;
  runs(entityRef: string, filter: RunFilter, cursor?: string): Promise<RunPage>;
  /** All runs that the filter leaves, as CSV. */
  runsCsv(entityRef: string, filter: RunFilter): Promise<Blob>;
  portfolio(group: Grouping, window: WindowName): Promise<Portfolio>;
  attention(): Promise<AttentionList>;
  now(): Promise<NowList>;
  /** All entities that name a project; asks as often as there are pages. */
  entities(): Promise<EntityList>;
  /** Ask for an action. `suspended` is what a schedule is switched to. */
  act(entityRef: string, experimentID: string, action: ActionName, suspended?: boolean): Promise<Begun>;
  action(actionID: string): Promise<Action>;
}

/** @public */
export const litmusResilienceApiRef = createApiRef<LitmusResilienceApi>({
  id: 'plugin.litmus-resilience.service',
});
