import type { Entity } from '@backstage/catalog-model';

/** The annotation of an entity that names its Litmus project. */
export const LITMUS_ANNOTATION = 'litmuschaos.io/project-id';

/**
 * Whether an entity names a Litmus project.
 *
 * @public
 */
export function isLitmusAvailable(entity: Entity): boolean {
  return Boolean(entity.metadata.annotations?.[LITMUS_ANNOTATION]);
}
