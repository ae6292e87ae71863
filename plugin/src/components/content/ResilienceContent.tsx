import { stringifyEntityRef } from '@backstage/catalog-model';
import { Progress } from '@backstage/core-components';
import { useEntity } from '@backstage/plugin-catalog-react';
import { useRef, useState } from 'react';
import { isLitmusAvailable } from '../../annotations';
import type { RunFilter } from '../../api/types';
import { LiveProvider, useLive } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { Age, DataState } from '../common/DataState';
import { Failure } from '../common/Failure';
import { RunningList } from '../common/lists';
import { NoAnnotation } from '../common/NoAnnotation';
import { Panel } from '../common/Panel';
import { LitmusLink } from '../common/parts';
import { useStyles } from '../common/useStyles';
import { Experiments } from './Experiments';
import { Places } from './Places';
import { Runs } from './Runs';
import { useActions } from './useActions';

/** The tab of an entity: what people need daily. */
export function ResilienceContent() {
  const { entity } = useEntity();
  if (!isLitmusAvailable(entity)) return <NoAnnotation />;
  return (
    <LiveProvider>
      <ContentOf key={stringifyEntityRef(entity)} entityRef={stringifyEntityRef(entity)} />
    </LiveProvider>
  );
}

function ContentOf({ entityRef }: { entityRef: string }) {
  const { t } = useWords();
  const styles = useStyles();
  const actions = useActions(entityRef);
  const [filter, setFilter] = useState<RunFilter>({});
  const runsPlace = useRef<HTMLDivElement>(null);
  const { data, error, isFetching, refetch } = useLive(['content', entityRef], api => api.content(entityRef));
  if (!data) {
    return error ? <Failure error={error} busy={isFetching} retry={() => void refetch()} /> : <Progress />;
  }
  const showRuns = (experiment: string) => {
    setFilter({ experiment });
    runsPlace.current?.scrollIntoView?.({ block: 'start' });
    runsPlace.current?.focus({ preventScroll: true });
  };
  return (
    <div className={styles.stack}>
      <div>
        <div className={styles.row} style={{ justifyContent: 'space-between' }}>
          <LitmusLink to={data.links.dashboard}>{t('openInLitmus')}</LitmusLink>
          <Age asOf={data.asOf} stale={data.stale} />
        </div>
        <DataState known={data} error={error} />
      </div>
      <Panel title={t('now.title')}>
        {data.runningRuns.length > 0 ? (
          <RunningList
            runs={data.runningRuns.map(run => ({
              run,
              where: run.environmentName && t('places.inEnvironment', { environment: run.environmentName }),
            }))}
          />
        ) : (
          <span className={styles.dim}>{data.experiments === null ? t('notReadYet') : t('now.nothing')}</span>
        )}
      </Panel>
      <Experiments content={data} actions={actions} showRuns={showRuns} />
      <Runs
        entityRef={entityRef}
        experiments={data.experiments ?? []}
        filter={filter}
        onFilter={setFilter}
        place={runsPlace}
      />
      <Places content={data} />
    </div>
  );
}
