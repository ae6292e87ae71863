import { Progress } from '@backstage/core-components';
import { useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Ref } from 'react';
import { litmusResilienceApiRef } from '../../api/LitmusResilienceApi';
import type { LitmusResilienceError } from '../../api/errors';
import type { Experiment, Outcome, Run, RunFilter } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { Choice } from '../common/Choice';
import { Failure } from '../common/Failure';
import { OUTCOMES } from '../common/looks';
import { Panel } from '../common/Panel';
import { LitmusLink, OutcomeChip, Scroll, When } from '../common/parts';
import { useStyles } from '../common/useStyles';

/** The history of runs, page by page, and as CSV. */
export function Runs({
  entityRef,
  experiments,
  filter,
  onFilter,
  place,
}: {
  entityRef: string;
  experiments: Experiment[];
  filter: RunFilter;
  onFilter: (filter: RunFilter) => void;
  /** Of the heading's surroundings, to lead there. */
  place: Ref<HTMLDivElement>;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const api = useApi(litmusResilienceApiRef);
  const { data, error, isFetching, isFetchingNextPage, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ['runs', entityRef, filter],
    queryFn: ({ pageParam }) => api.runs(entityRef, filter, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: page => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  });
  const runs = data?.pages.flatMap(page => page.runs);
  return (
    <div ref={place} tabIndex={-1} style={{ outline: 'none' }}>
      <Panel title={t('runs.title')}>
        <RunsFilter experiments={experiments} filter={filter} onFilter={onFilter} />
        <Csv entityRef={entityRef} filter={filter} />
        {!runs && !error && <Progress />}
        {error && (
          <Failure error={error as LitmusResilienceError} busy={isFetching} retry={() => void refetch()} />
        )}
        {runs?.length === 0 && (
          <p className={styles.dim}>{filter.outcome || filter.experiment ? t('runs.none') : t('runs.noneAtAll')}</p>
        )}
        {runs && runs.length > 0 && <RunsTable runs={runs} />}
        {hasNextPage && (
          <Button size="small" variant="outlined" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t('runs.more')}
          </Button>
        )}
      </Panel>
    </div>
  );
}

function RunsFilter({
  experiments,
  filter,
  onFilter,
}: {
  experiments: Experiment[];
  filter: RunFilter;
  onFilter: (filter: RunFilter) => void;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const { outcome, experiment } = filter;
  const put = (change: { outcome: Outcome | ''; experiment: string }) => {
    onFilter({
      ...(change.outcome && { outcome: change.outcome }),
      ...(change.experiment && { experiment: change.experiment }),
    });
  };
  return (
    <div className={styles.row} style={{ marginBottom: 8 }}>
      <Choice<string>
        label={t('filter.experiment')}
        value={experiment ?? ''}
        choices={[['', t('filter.any')], ...experiments.map(one => [one.experimentID, one.name] as const)]}
        onChange={chosen => {
          put({ outcome: outcome ?? '', experiment: chosen });
        }}
      />
      <Choice<Outcome | ''>
        label={t('runs.outcome')}
        value={outcome ?? ''}
        choices={[['', t('filter.any')], ...OUTCOMES.map(one => [one, t(`outcome.${one}`)] as const)]}
        onChange={chosen => {
          put({ outcome: chosen, experiment: experiment ?? '' });
        }}
      />
    </div>
  );
}

/** All runs of the filter as a file; through the API, since a link would go without the token. */
function Csv({ entityRef, filter }: { entityRef: string; filter: RunFilter }) {
  const { t } = useWords();
  const styles = useStyles();
  const api = useApi(litmusResilienceApiRef);
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const download = async () => {
    setIsBusy(true);
    setProblem(null);
    try {
      save(await api.runsCsv(entityRef, filter), `${entityRef.replace(/[^\w.-]+/g, '-')}-runs.csv`);
    } catch (error) {
      setProblem(error instanceof Error && error.message ? error.message : t('state.unreachableTitle'));
    } finally {
      setIsBusy(false);
    }
  };
  return (
    <div>
      <button type="button" className={styles.textButton} disabled={isBusy} onClick={() => void download()}>
        {t('runs.csv')}
      </button>
      <div role="status" className={styles.urgent}>
        {problem !== null && t('runs.csvFailed', { problem })}
      </div>
    </div>
  );
}

function save(blob: Blob, name: string) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

function RunsTable({ runs }: { runs: Run[] }) {
  const { t, percent } = useWords();
  const styles = useStyles();
  return (
    <Scroll label={t('runs.title')}>
      <table className={styles.table}>
        <caption>{t('runs.caption')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('runs.experiment')}</th>
            <th scope="col">{t('runs.outcome')}</th>
            <th scope="col">{t('runs.score')}</th>
            <th scope="col">{t('runs.started')}</th>
            <th scope="col">{t('runs.by')}</th>
            <th scope="col">{t('runs.faults')}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(run => (
            <tr key={`${run.experimentID} ${run.experimentRunID} ${run.createdAt}`}>
              <th scope="row">
                <LitmusLink to={run.link}>
                  {run.experimentName}
                  {run.runSequence !== null && ` #${run.runSequence}`}
                </LitmusLink>
                {run.removed && <span className={`${styles.small} ${styles.dim}`}> {t('runs.removed')}</span>}
              </th>
              <td data-name={t('runs.outcome')}>
                <OutcomeChip outcome={run.outcome} />
              </td>
              <td data-name={t('runs.score')}>{percent(run.resiliencyScore)}</td>
              <td data-name={t('runs.started')}>
                <When at={run.createdAt} />
              </td>
              <td data-name={t('runs.by')}>{run.startedBy ?? t('runs.scheduled')}</td>
              <td data-name={t('runs.faults')}>
                {run.faults &&
                  t('runs.faultsOf', { passed: String(run.faults.passed), total: String(run.faults.total) })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
