import { EntityRefLink } from '@backstage/plugin-catalog-react';
import { Fragment } from 'react';

/** Links to entities in the catalog. */
export function EntityLinks({ refs, most = 3 }: { refs: string[]; most?: number }) {
  return (
    <>
      {refs.slice(0, most).map((ref, index) => (
        <Fragment key={ref}>
          {index > 0 && ', '}
          <EntityRefLink entityRef={ref} underline="always" />
        </Fragment>
      ))}
      {refs.length > most && ` +${refs.length - most}`}
    </>
  );
}
