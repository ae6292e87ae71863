import type { Outcomes } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { fillOf, LOOKS, OUTCOMES } from '../common/looks';
import { useMode } from '../common/useMode';

/** Runs by outcome as one bar; its words name every figure. */
export function OutcomeBar({ outcomes, total }: { outcomes: Outcomes; total: number }) {
  const { t } = useWords();
  const mode = useMode();
  const shown = OUTCOMES.filter(outcome => outcomes[outcome] > 0);
  const parts = shown.map(outcome => `${outcomes[outcome]} ${t(`outcome.${outcome}`)}`).join(', ');
  return (
    <div
      role="img"
      aria-label={t('outcomes.summary', { runs: t('unit.runs', { count: total }), parts })}
      style={{ borderRadius: 4, display: 'flex', gap: 1, height: 12, minWidth: 48, overflow: 'hidden' }}
    >
      {shown.map(outcome => (
        <span key={outcome} style={{ background: fillOf(outcome, mode), flexGrow: outcomes[outcome], minWidth: 3 }} />
      ))}
    </div>
  );
}

/** What the colours of a bar mean, with the figures. */
export function OutcomeLegend({ outcomes }: { outcomes: Outcomes }) {
  const { t } = useWords();
  const mode = useMode();
  return (
    <ul style={{ display: 'flex', flexWrap: 'wrap', gap: '2px 12px', listStyle: 'none', margin: '4px 0 0', padding: 0 }}>
      {OUTCOMES.filter(outcome => outcomes[outcome] > 0).map(outcome => (
        <li key={outcome} style={{ fontSize: '0.86rem' }}>
          <span aria-hidden style={{ color: fillOf(outcome, mode), fontWeight: 700 }}>
            {LOOKS[outcome].symbol}
          </span>{' '}
          {t(`outcome.${outcome}`)} <strong>{outcomes[outcome]}</strong>
        </li>
      ))}
    </ul>
  );
}
