import { Progress } from '@backstage/core-components';
import { useState } from 'react';
import type { ReactNode } from 'react';
import type { AttentionList as Attention } from '../../api/types';
import { useLive } from '../../hooks/live';
import type { Live } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import { Failure } from '../common/Failure';
import { AttentionList, RunningList } from '../common/lists';
import { Panel } from '../common/Panel';
import { useStyles } from '../common/useStyles';
import { EntityLinks } from './EntityLinks';
import { byUrgency, mineOf } from './mine';

interface Mine {
  /** Entities of the viewer. */
  own: ReadonlySet<string>;
  /** Whether the rest is left out. */
  onlyMine: boolean;
}

const MOST = 8;

/** What needs attention; the viewer's own first. */
export function AttentionCard({ own, onlyMine }: Mine) {
  const { t } = useWords();
  const styles = useStyles();
  const [showsAll, setShowsAll] = useState(false);
  const live = useLive(['attention'], api => api.attention());
  const items = mineOf(
    byUrgency(live.data?.attention ?? []),
    (item: Attention['attention'][number]) => item.entities.some(ref => own.has(ref)),
    onlyMine,
  );
  return (
    <Panel title={t('attention.title')}>
      <Answered live={live} isEmpty={items.length === 0} empty={t('attention.nothing')}>
        <AttentionList
          items={showsAll ? items : items.slice(0, MOST)}
          of={item => <EntityLinks refs={item.entities ?? []} />}
        />
        {!showsAll && items.length > MOST && (
          <button
            type="button"
            className={styles.textButton}
            onClick={() => {
              setShowsAll(true);
            }}
          >
            {t('attention.more', { number: String(items.length) })}
          </button>
        )}
      </Answered>
    </Panel>
  );
}

/** What runs or waits; the viewer's own first. */
export function NowCard({ own, onlyMine }: Mine) {
  const { t } = useWords();
  const live = useLive(['now'], api => api.now());
  const runs = mineOf(live.data?.runs ?? [], one => one.entities.some(ref => own.has(ref)), onlyMine);
  return (
    <Panel title={t('now.title')}>
      <Answered live={live} isEmpty={runs.length === 0} empty={t('now.nothing')}>
        <RunningList runs={runs.map(({ run, entities }) => ({ run, where: <EntityLinks refs={entities} /> }))} />
      </Answered>
    </Panel>
  );
}

function Answered({
  live: { data, error, isFetching, refetch },
  isEmpty,
  empty,
  children,
}: {
  live: Live<unknown>;
  isEmpty: boolean;
  empty: string;
  children: ReactNode;
}) {
  const styles = useStyles();
  return (
    <>
      {error && <Failure error={error} busy={isFetching} retry={() => void refetch()} />}
      {!data && !error && <Progress />}
      {data !== undefined && (isEmpty ? <span className={styles.dim}>{empty}</span> : children)}
    </>
  );
}
