import { Link } from '@backstage/core-components';
import type { ReactNode } from 'react';
import type { Outcome } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { fillOf, LOOKS, onFill } from './looks';
import { useMode } from './useMode';
import { useStyles } from './useStyles';

/** An instant: how long ago, or until; the exact time as its title. `never` for `null`. */
export function When({ at, zone }: { at: string | null; zone?: string | null }) {
  const { t, relative, absolute } = useWords();
  if (at === null) return <>{t('never')}</>;
  return (
    <time dateTime={at} title={absolute(at, zone)}>
      {relative(at)}
    </time>
  );
}

/** A link to Litmus, in a tab of its own; the component says so to screen readers. */
export function LitmusLink({ to, children }: { to: string; children: ReactNode }) {
  // Only what a browser opens as a page: an address comes from configuration and answers of other systems.
  if (!/^https?:\/\//i.test(to)) return <>{children}</>;
  return (
    <Link to={to} target="_blank" rel="noopener noreferrer" externalLinkIcon={false} underline="always">
      {children}
    </Link>
  );
}

/** An outcome as a word and a symbol on its colour. */
export function OutcomeChip({ outcome }: { outcome: Outcome }) {
  const { t } = useWords();
  const mode = useMode();
  return (
    <span
      style={{
        background: fillOf(outcome, mode),
        borderRadius: 4,
        color: onFill(mode),
        display: 'inline-block',
        fontSize: '0.8rem',
        fontWeight: 600,
        padding: '0 6px',
        whiteSpace: 'nowrap',
      }}
    >
      <span aria-hidden>{LOOKS[outcome].symbol} </span>
      {t(`outcome.${outcome}`)}
    </span>
  );
}

/** A change of a score in words, with an arrow. */
export function Change({ points }: { points: number | null }) {
  const { change } = useWords();
  const styles = useStyles();
  if (!points) return <span className={styles.dim}>{change(points)}</span>;
  return (
    <span className={points > 0 ? styles.good : styles.bad}>
      <span aria-hidden>{points > 0 ? '▲ ' : '▼ '}</span>
      {change(points)}
    </span>
  );
}

/** A region that scrolls sideways if it must, and can be reached by the keyboard then. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  const { scroll } = useStyles();
  return (
    <div className={scroll} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

/** The part of a page with its heading. */
export function Heading({ id, children }: { id?: string; children: ReactNode }) {
  const { heading } = useStyles();
  return (
    <h3 id={id} className={heading}>
      {children}
    </h3>
  );
}
