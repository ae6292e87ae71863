import { stringifyEntityRef } from '@backstage/catalog-model';
import { Progress } from '@backstage/core-components';
import { configApiRef, useApi } from '@backstage/core-plugin-api';
import { useEntity } from '@backstage/plugin-catalog-react';
import { isLitmusAvailable } from '../../annotations';
import type { Overview, WindowName } from '../../api/types';
import { LiveProvider, useLive } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { Gauge } from '../charts/Gauge';
import { OutcomeBar, OutcomeLegend } from '../charts/OutcomeBar';
import { Trend, TrendTable } from '../charts/Trend';
import { Age, DataState } from '../common/DataState';
import { Failure } from '../common/Failure';
import { AttentionList, RunningList } from '../common/lists';
import { NoAnnotation } from '../common/NoAnnotation';
import { Panel } from '../common/Panel';
import { Change, Heading, LitmusLink } from '../common/parts';
import { useStyles } from '../common/useStyles';
import { useWindow, WindowSwitch } from '../common/WindowSwitch';
import { TabLink } from './TabLink';

const MOST_ATTENTION = 3;
const MOST_RUNNING = 3;

/** The card of an entity's Overview tab: one request, a minute apart. */
export function ResilienceCard() {
  const { entity } = useEntity();
  const { t } = useWords();
  const title = useApi(configApiRef).getOptionalString('litmusResilience.cardTitle') ?? t('cardTitle');
  return (
    <Panel title={title} fills>
      {isLitmusAvailable(entity) ? (
        <LiveProvider>
          <CardOf entityRef={stringifyEntityRef(entity)} />
        </LiveProvider>
      ) : (
        <NoAnnotation />
      )}
    </Panel>
  );
}

function CardOf({ entityRef }: { entityRef: string }) {
  const [window, setWindow] = useWindow();
  const { data, error, isFetching, isPlaceholderData, refetch } = useLive(['overview', entityRef, window], api =>
    api.overview(entityRef, window),
  );
  if (!data) {
    return error ? <Failure error={error} busy={isFetching} retry={() => void refetch()} /> : <Progress />;
  }
  return (
    <div aria-busy={isPlaceholderData}>
      <WindowSwitch value={window} onChange={setWindow} />
      <DataState known={data} error={error} />
      <Figures overview={data} window={window} />
    </div>
  );
}

function Figures({ overview, window }: { overview: Overview; window: WindowName }) {
  const { t, percent } = useWords();
  const styles = useStyles();
  const { score, scoreNow } = overview;
  const windowWords = t(`window.${window}Long`);
  return (
    <>
      <div className={styles.row}>
        <div style={{ textAlign: 'center' }}>
          <Gauge score={scoreNow.score} label={t('score.now')} />
          <div className={`${styles.small} ${styles.dim}`}>
            {t('score.now')} {scoreNow.number > 0 && t('score.nowOf', { experiments: t('unit.experiments', { count: scoreNow.number }) })}
          </div>
        </div>
        <div style={{ flex: '1 1 140px' }}>
          <div className={`${styles.small} ${styles.dim}`}>{t('score.window', { window: windowWords })}</div>
          <div style={{ fontSize: '1.5rem', fontWeight: 650, lineHeight: 1.2 }}>{percent(score.mean)}</div>
          <div className={styles.small}>
            <Change points={score.change} />
          </div>
          <div className={`${styles.small} ${styles.dim}`}>
            {t('unit.scoredRuns', { count: score.number })}
            {score.worst !== null && <> · {t('score.worst', { score: percent(score.worst) })}</>}
          </div>
        </div>
      </div>
      <Results overview={overview} windowWords={windowWords} />
      <Current overview={overview} />
      <div className={styles.row} style={{ justifyContent: 'space-between', marginTop: 12 }}>
        <TabLink />
        <LitmusLink to={overview.links.dashboard}>{t('openInLitmus')}</LitmusLink>
        <Age asOf={overview.asOf} stale={overview.stale} />
      </div>
    </>
  );
}

function Results({ overview, windowWords }: { overview: Overview; windowWords: string }) {
  const { t } = useWords();
  const styles = useStyles();
  if (overview.asOf === null) return null;
  if (overview.totalRuns === 0) {
    const neverRun = overview.latestRuns.length === 0 && overview.history.isComplete;
    return (
      <div className={styles.info}>
        <p>{neverRun ? t('state.neverRun') : t('outcomes.none')}</p>
        {neverRun && <p>{t('state.neverRunHint')}</p>}
      </div>
    );
  }
  return (
    <>
      <Heading>{t('trend.title')}</Heading>
      <Trend buckets={overview.trend} windowWords={windowWords} />
      <TrendTable buckets={overview.trend} />
      <Heading>
        {t('outcomes.title')} ({overview.totalRuns})
      </Heading>
      <OutcomeBar outcomes={overview.runsByOutcome} total={overview.totalRuns} />
      <OutcomeLegend outcomes={overview.runsByOutcome} />
    </>
  );
}

/** What asks for somebody now. */
function Current({ overview }: { overview: Overview }) {
  const { t } = useWords();
  const styles = useStyles();
  if (overview.asOf === null) return null;
  const attention = overview.attention.slice(0, MOST_ATTENTION);
  const running = overview.runningRuns.slice(0, MOST_RUNNING);
  return (
    <>
      <Heading>{t('attention.title')}</Heading>
      {attention.length > 0 ? (
        <AttentionList items={attention} />
      ) : (
        <span className={styles.dim}>{t('attention.nothingShort')}</span>
      )}
      <More number={overview.attentionTotal - attention.length} />
      <Heading>{t('now.title')}</Heading>
      {running.length > 0 ? (
        <RunningList runs={running.map(run => ({ run }))} />
      ) : (
        <span className={styles.dim}>{t('now.nothing')}</span>
      )}
      <More number={overview.runningTotal - running.length} />
    </>
  );
}

/** How many are not shown for want of room. */
function More({ number }: { number: number }) {
  const { t } = useWords();
  const styles = useStyles();
  return number > 0 ? (
    <div className={`${styles.small} ${styles.dim}`}>{t('notShown', { number: String(number) })}</div>
  ) : null;
}
