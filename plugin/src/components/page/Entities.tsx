import { Progress } from '@backstage/core-components';
import TextField from '@material-ui/core/TextField';
import { EntityRefLink } from '@backstage/plugin-catalog-react';
import { useId, useState } from 'react';
import type { EntityList } from '../../api/types';
import type { Live } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { Failure } from '../common/Failure';
import { Panel } from '../common/Panel';
import { Scroll, When } from '../common/parts';
import { useStyles } from '../common/useStyles';
import { mineOf, search } from './mine';

/** Every entity with a project, to be searched; the viewer's own first. */
export function Entities({
  live: { data, error, isFetching, refetch },
  own,
  onlyMine,
}: {
  live: Live<EntityList>;
  own: ReadonlySet<string>;
  onlyMine: boolean;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const [text, setText] = useState('');
  const id = useId();
  const found = mineOf(search(data?.entities ?? [], text), one => own.has(one.entityRef), onlyMine);
  return (
    <Panel title={t('page.entities')}>
      {error && <Failure error={error} busy={isFetching} retry={() => void refetch()} />}
      {!data && !error && <Progress />}
      {data && (
        <>
          <TextField
            id={id}
            label={t('page.search')}
            size="small"
            variant="outlined"
            fullWidth
            value={text}
            onChange={event => {
              setText(event.target.value);
            }}
          />
          <p role="status" className={`${styles.small} ${styles.dim}`}>
            {found.length === 0 ? t('page.noEntities') : t('unit.entities', { count: found.length })}
          </p>
          {found.length > 0 && (
            <Scroll label={t('page.entities')}>
              <table className={styles.table}>
                <thead>
                  <tr>
                    <th scope="col">{t('page.entity')}</th>
                    <th scope="col">{t('page.owner')}</th>
                    <th scope="col">{t('page.system')}</th>
                    <th scope="col">{t('page.domain')}</th>
                    <th scope="col">{t('page.updated')}</th>
                  </tr>
                </thead>
                <tbody>
                  {found.map(one => (
                    <tr key={`${one.entityRef} ${one.projectID}`}>
                      <th scope="row">
                        <EntityRefLink entityRef={one.entityRef} title={one.title ?? undefined} underline="always" />
                        {own.has(one.entityRef) && (
                          <span className={`${styles.small} ${styles.dim}`}> {t('page.yours')}</span>
                        )}
                      </th>
                      {(['owner', 'system', 'domain'] as const).map(name => (
                        <td key={name} data-name={t(`page.${name}`)}>
                          <Reference to={one[name]} />
                        </td>
                      ))}
                      <td data-name={t('page.updated')} className={one.stale ? styles.urgent : undefined}>
                        <When at={one.asOf} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        </>
      )}
    </Panel>
  );
}

function Reference({ to }: { to: string | null }) {
  const { t } = useWords();
  return to === null ? <>{t('page.nobody')}</> : <EntityRefLink entityRef={to} underline="always" />;
}
