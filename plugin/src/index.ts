/**
 * Resilience scores, schedules and actions of Litmus in Backstage: what the old frontend system uses, and the API
 * for who builds on it. The plugin of the new frontend system is the default export of `./alpha`.
 *
 * @packageDocumentation
 */
export { isLitmusAvailable, LITMUS_ANNOTATION } from './annotations';
export { LitmusResilienceError } from './api/errors';
export type { FailureKind } from './api/errors';
export { litmusResilienceApiRef } from './api/LitmusResilienceApi';
export type { LitmusResilienceApi } from './api/LitmusResilienceApi';
export { LitmusResilienceClient } from './api/LitmusResilienceClient';
export type * from './api/types';
export {
  EntityLitmusResilienceCard,
  EntityLitmusResilienceContent,
  LitmusPage,
  litmusResiliencePlugin,
} from './plugin';
