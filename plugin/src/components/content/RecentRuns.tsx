import type { Experiment, RecentRun } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import type { Words } from '../../hooks/useWords';
import { fillOf, isScored, LOOKS, onFill, outcomeOf } from '../common/looks';
import { useMode } from '../common/useMode';
import { useStyles } from '../common/useStyles';
import { instantOf, runsOf } from './filters';

const MOST = 10;

/** The last ten runs of an experiment, newest first: symbol or score on the outcome's colour, all of it in words. */
export function RecentRuns({ experiment }: { experiment: Experiment }) {
  const words = useWords();
  const mode = useMode();
  const styles = useStyles();
  const runs = runsOf(experiment).slice(0, MOST);
  if (runs.length === 0) return <span className={styles.dim}>{words.t('none')}</span>;
  return (
    <ol style={{ display: 'flex', flexWrap: 'wrap', gap: 2, listStyle: 'none', margin: 0, padding: 0 }}>
      {runs.map((run, index) => {
        const outcome = outcomeOf(run.phase);
        const text = cellWords(run, words);
        return (
          <li
            key={run.experimentRunID || index}
            title={text}
            style={{
              background: fillOf(outcome, mode),
              borderRadius: 3,
              color: onFill(mode),
              fontSize: '0.75rem',
              fontWeight: 600,
              lineHeight: '22px',
              minWidth: 26,
              padding: '0 2px',
              textAlign: 'center',
            }}
          >
            <span role="img" aria-label={text}>
              {outcome !== 'passed' && LOOKS[outcome].symbol}
              {isScored(outcome) && run.resiliencyScore !== null && Math.round(run.resiliencyScore)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** Outcome, score, when and who. */
export function cellWords(run: RecentRun, { t, percent, absolute }: Words): string {
  const outcome = outcomeOf(run.phase);
  const at = instantOf(run);
  const said = {
    outcome: t(`outcome.${outcome}`),
    score: percent(isScored(outcome) ? run.resiliencyScore : null),
    when: at === null ? '' : absolute(at),
  };
  const who = run.updatedBy.username;
  return who ? t('experiments.cellBy', { ...said, who }) : t('experiments.cell', said);
}
