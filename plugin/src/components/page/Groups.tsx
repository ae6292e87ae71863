import { Progress } from '@backstage/core-components';
import { EntityRefLink } from '@backstage/plugin-catalog-react';
import type { EntityRow, Group, Grouping, Portfolio, WindowName } from '../../api/types';
import { useLive } from '../../hooks/live';
import type { Live } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { OutcomeBar } from '../charts/OutcomeBar';
import { Spark } from '../charts/Trend';
import { Failure } from '../common/Failure';
import { Panel } from '../common/Panel';
import { Change, Scroll, When } from '../common/parts';
import { useStyles } from '../common/useStyles';
import { isOwn, mineOf, ownEntities } from './mine';

/** Scores of owners, systems or domains: the viewer's first, then the worst first. */
export function Groups({
  grouping,
  window,
  owned,
  entities,
  onlyMine,
}: {
  grouping: Grouping;
  window: WindowName;
  /** References that the viewer owns by. */
  owned: ReadonlySet<string>;
  entities: EntityRow[];
  onlyMine: boolean;
}) {
  const { t } = useWords();
  const live = useLive(['portfolio', grouping, window], api => api.portfolio(grouping, window));
  const own = ownEntities(entities, owned);
  const test = (group: Group) => isOwn(group, grouping, owned, own);
  const anyOwn = live.data?.groups.some(test);
  return (
    <Panel title={anyOwn ? t('page.scoreByMine') : t('page.scoreBy')}>
      <GroupsOf live={live} grouping={grouping} isMine={test} onlyMine={onlyMine} />
    </Panel>
  );
}

function GroupsOf({
  live: { data, error, isFetching, isPlaceholderData, refetch },
  grouping,
  isMine,
  onlyMine,
}: {
  live: Live<Portfolio>;
  grouping: Grouping;
  isMine: (group: Group) => boolean;
  onlyMine: boolean;
}) {
  const { t, relative } = useWords();
  const styles = useStyles();
  return (
    <>
      {error && <Failure error={error} busy={isFetching} retry={() => void refetch()} />}
      {!data && !error && <Progress />}
      {data?.groups.length === 0 && <p className={styles.dim}>{t('page.noGroups')}</p>}
      {data?.stale && data.asOf !== null && (
        <p className={styles.warn}>{t('page.old', { when: relative(data.asOf) })}</p>
      )}
      {data && !data.historyComplete && <p className={styles.info}>{t('page.history')}</p>}
      {data && data.groups.length > 0 && (
        <div aria-busy={isPlaceholderData}>
          <Table groups={mineOf(data.groups, isMine, onlyMine)} isMine={isMine} grouping={grouping} />
        </div>
      )}
    </>
  );
}

function Table({
  groups,
  isMine,
  grouping,
}: {
  groups: Group[];
  isMine: (group: Group) => boolean;
  grouping: Grouping;
}) {
  const { t } = useWords();
  const styles = useStyles();
  return (
    <Scroll label={t('page.scoreBy')}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t(`page.${grouping}`)}</th>
            <th scope="col">{t('score.now')}</th>
            <th scope="col">{t('trend.title')}</th>
            <th scope="col">{t('page.windowScore')}</th>
            <th scope="col">{t('page.change')}</th>
            <th scope="col">{t('page.runs')}</th>
            <th scope="col">{t('page.lastRun')}</th>
            <th scope="col">{t('page.entities')}</th>
          </tr>
        </thead>
        <tbody>
          {groups.map(group => (
            <Row key={group.group ?? ''} group={group} isMine={isMine(group)} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ group, isMine }: { group: Group; isMine: boolean }) {
  const { t, percent } = useWords();
  const styles = useStyles();
  const quiet = `${styles.small} ${styles.dim}`;
  return (
    <tr>
      <th scope="row">
        {group.group === null ? t('page.nobody') : <EntityRefLink entityRef={group.group} underline="always" />}
        {isMine && <span className={quiet}> {t('page.yours')}</span>}
        {group.narrowed && <span className={quiet}> ({t('page.parts')})</span>}
      </th>
      <td data-name={t('score.now')}>
        <strong>{percent(group.scoreNow.score)}</strong>{' '}
        <span className={quiet}>
          {group.scoreNow.number > 0 &&
            t('score.nowOf', { experiments: t('unit.experiments', { count: group.scoreNow.number }) })}
        </span>
      </td>
      <td data-name={t('trend.title')}>
        {group.score.number > 0 ? <Spark buckets={group.trend} /> : <span className={styles.dim}>{t('none')}</span>}
      </td>
      <td data-name={t('page.windowScore')}>
        {percent(group.score.mean)}{' '}
        <span className={quiet}>{group.score.number > 0 && t('unit.scoredRuns', { count: group.score.number })}</span>
      </td>
      <td data-name={t('page.change')}>
        <Change points={group.score.change} />
      </td>
      <td data-name={t('page.runs')}>
        {group.totalRuns}
        {group.totalRuns > 0 && <OutcomeBar outcomes={group.runsByOutcome} total={group.totalRuns} />}
      </td>
      <td data-name={t('page.lastRun')}>
        <When at={group.lastRunAt} />
      </td>
      <td data-name={t('page.entities')}>{group.entities.length}</td>
    </tr>
  );
}
