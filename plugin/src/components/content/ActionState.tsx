import { useEffect } from 'react';
import type { ReactNode } from 'react';
import type { Action, Experiment } from '../../api/types';
import { useLive } from '../../hooks/live';
import { useWords } from '../../hooks/useWords';
import type { Words } from '../../hooks/useWords';
import { isOver, isScored, outcomeOf } from '../common/looks';
import { useStyles } from '../common/useStyles';
import { runsOf } from './filters';
import type { Asked } from './useActions';
import { isSettled } from './useActions';

/** How often what is under way is asked for. */
const FOLLOW_MS = 3_000;

interface Props {
  asked: Asked;
  experiment: Experiment;
  /** Asks for everything that the action may have changed. */
  refresh: () => void;
}

/** What became of an action, until it is done. */
export function ActionState({ asked, experiment, refresh }: Props) {
  const { t } = useWords();
  const { begun, error } = asked;
  if (error) {
    // Without an answer of the sidecar nobody knows how far it came.
    const isLost = error.kind === 'unreachable' || error.kind === 'offline';
    return <Said isBad>{isLost ? t('action.lost') : error.message || t('action.failed')}</Said>;
  }
  if (!begun) return <Said>{t('action.asking')}</Said>;
  return <Followed actionID={begun.actionID} asked={asked} experiment={experiment} refresh={refresh} />;
}

function Followed({ actionID, asked, experiment, refresh }: Props & { actionID: string }) {
  const words = useWords();
  const { data: action } = useLive(
    ['action', actionID],
    api => api.action(actionID),
    last => (last && isSettled(last) ? false : FOLLOW_MS),
  );
  const news = action ? `${action.outcome} ${action.runID ?? ''}` : '';
  useEffect(() => {
    if (news) refresh();
  }, [news, refresh]);

  const run = runsOf(experiment).find(one => one.experimentRunID !== '' && one.experimentRunID === action?.runID);
  const hasEnded = run !== undefined && isOver(outcomeOf(run.phase));
  const isFollowed = action?.kind === 'run' && action.runID !== null && !hasEnded;
  useEffect(() => {
    if (!isFollowed) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) refresh();
    }, 4 * FOLLOW_MS);
    return () => {
      clearInterval(timer);
    };
  }, [isFollowed, refresh]);

  if (!action) return <Said>{words.t('action.waiting')}</Said>;
  if (run && hasEnded && action.kind === 'run') {
    const outcome = outcomeOf(run.phase);
    return (
      <Said>
        {words.t('action.runEnded', {
          outcome: words.t(`outcome.${outcome}`),
          score: words.percent(isScored(outcome) ? run.resiliencyScore : null),
        })}
      </Said>
    );
  }
  return <Said isBad={action.outcome !== 'accepted'}>{actionWords(action, asked, words)}</Said>;
}

/** What is known of an action, in a sentence. */
export function actionWords(action: Action, asked: Asked, { t }: Pick<Words, 't'>): string {
  switch (action.outcome) {
    case 'stopping':
      return t('action.stopping', { count: action.runs.filter(run => run.outcome === 'stopping').length });
    case 'unknown':
      return action.answeredAt === null ? t('action.waiting') : t('action.unknown');
    case 'accepted':
      return acceptedWords(action, asked, t);
    default:
      return action.error?.message ?? t('action.failed');
  }
}

function acceptedWords(action: Action, asked: Asked, t: Words['t']): string {
  switch (action.kind) {
    case 'run':
      return action.runID === null ? t('action.runAccepted') : t('action.runBegun');
    case 'stop':
      return t('action.stopAccepted');
    case 'start_schedule':
      return t('action.scheduleStarted');
    default:
      return asked.offer.suspended ? t('action.suspendedNow') : t('action.resumedNow');
  }
}

function Said({ children, isBad = false }: { children: ReactNode; isBad?: boolean }) {
  const styles = useStyles();
  return <span className={`${styles.small} ${isBad ? styles.urgent : styles.dim}`}>{children}</span>;
}
