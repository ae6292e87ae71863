import type { ReactNode } from 'react';
import type { AttentionItem, RunningRun } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { LitmusLink, OutcomeChip, When } from './parts';
import { useStyles } from './useStyles';

/** What needs attention, as the sidecar words it. */
export function AttentionList({ items, of }: { items: AttentionItem[]; of?: (item: AttentionItem) => ReactNode }) {
  const styles = useStyles();
  return (
    <ul className={styles.list}>
      {items.map(item => (
        <li key={`${item.kind} ${item.experimentID} ${item.link}`}>
          <Grade item={item} />{' '}
          {item.sentence} <LitmusLink to={item.link}>{item.experimentName}</LitmusLink>
          {of && <span className={`${styles.dim} ${styles.small}`}> {of(item)}</span>}
        </li>
      ))}
    </ul>
  );
}

/** How soon somebody should look. */
function Grade({ item: { grade } }: { item: AttentionItem }) {
  const { t } = useWords();
  const styles = useStyles();
  return <strong className={grade === 'Later' ? styles.dim : styles.urgent}>{t(`attention.${grade}`)}</strong>;
}

/** What runs or waits: since when, by whom, where, and whether it is stuck. */
export function RunningList({ runs }: { runs: { run: RunningRun; where?: ReactNode }[] }) {
  const { t } = useWords();
  const styles = useStyles();
  return (
    <ul className={styles.list}>
      {runs.map(({ run, where }) => (
        <li key={`${run.experimentID} ${run.experimentRunID} ${run.startedAt}`}>
          <OutcomeChip outcome={run.outcome} /> <LitmusLink to={run.link}>{run.experimentName}</LitmusLink>{' '}
          {run.stuck && <span className={styles.urgent}>{t('now.stuck')} </span>}
          <span className={`${styles.dim} ${styles.small}`}>
            <When at={run.startedAt} />
            {run.startedBy && <> {t('now.by', { who: run.startedBy })}</>}
            {run.infraName && <> {t('now.on', { infra: run.infraName })}</>} {where}
          </span>
        </li>
      ))}
    </ul>
  );
}
