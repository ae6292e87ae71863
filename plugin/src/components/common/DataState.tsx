import type { Claim, History, Narrowing, Section } from '../../api/types';
import type { LitmusResilienceError } from '../../api/errors';
import { useWords } from '../../hooks/useWords';
import type { T } from '../../hooks/useWords';
import { failureWords } from './Failure';
import { useStyles } from './useStyles';

interface Known {
  asOf: string | null;
  stale: boolean;
  history: History;
  narrowedTo: Narrowing | null;
  claim: Claim;
  sections: Record<string, Section>;
}

/** Sections whose last reading failed for one reason. */
interface Trouble {
  code: string;
  messages: string[];
  names: string[];
  /** The oldest; `null` if one of them was never read. */
  asOf: string | null;
}

const SECTIONS = [
  'experiments',
  'schedules',
  'runStats',
  'infrastructures',
  'environments',
  'hubs',
  'gitops',
  'runHistory',
] as const;

/** The failed sections, those of one reason together. */
export function troublesOf(sections: Record<string, Section>): Trouble[] {
  const found = new Map<string, Trouble>();
  for (const name of SECTIONS) {
    const section = sections[name];
    if (!section?.error) continue;
    const { code, message } = section.error;
    const trouble = found.get(code) ?? { code, messages: [], names: [], asOf: section.asOf };
    if (!trouble.messages.includes(message)) trouble.messages.push(message);
    trouble.names.push(name);
    if (trouble.asOf !== null && (section.asOf === null || section.asOf < trouble.asOf)) trouble.asOf = section.asOf;
    found.set(code, trouble);
  }
  return [...found.values()];
}

function adviceOf(code: string, t: T): string {
  if (code === 'upstream_denied') return t('advice.denied');
  if (code === 'token_rejected' || code === 'token_revoked') return t('advice.token');
  return t('advice.retried');
}

/** What is wrong with the data that is shown, or what it leaves out; nothing if all is well. */
export function DataState({ known, error }: { known: Known; error: LitmusResilienceError | null }) {
  const { t, relative } = useWords();
  const styles = useStyles();
  const troubles = troublesOf(known.sections);
  return (
    <div role="status">
      {error && (
        <div className={styles.warn}>
          <p>
            {t('state.old', {
              when: known.asOf === null ? t('never') : relative(known.asOf),
              problem: failureWords(error, t, '').title,
            })}{' '}
            {t('state.byItself')}
          </p>
        </div>
      )}
      {troubles.map(trouble => (
        <TroubleNotice key={trouble.code} trouble={trouble} />
      ))}
      {troubles.length === 0 && known.stale && (
        <div className={known.asOf === null ? styles.info : styles.warn}>
          <p>{known.asOf === null ? t('age.neverRead') : t('age.stale', { when: relative(known.asOf) })}</p>
        </div>
      )}
      {known.claim.problem !== null && (
        <div className={styles.warn}>
          <p>{known.claim.problem}</p>
        </div>
      )}
      {known.asOf !== null && !known.history.isComplete && (
        <div className={styles.info}>
          <p>{t('age.history')}</p>
        </div>
      )}
      {known.narrowedTo && (
        <p className={`${styles.dim} ${styles.small}`}>
          {t('age.narrowed', { parts: narrowingWords(known.narrowedTo, t) })}
        </p>
      )}
    </div>
  );
}

function narrowingWords(narrowing: Narrowing, t: T): string {
  const parts = [];
  if (narrowing.experimentTags.length) parts.push(t('age.tags', { tags: narrowing.experimentTags.join(', ') }));
  if (narrowing.infraIDs.length) parts.push(t('age.infras', { infras: narrowing.infraIDs.join(', ') }));
  return parts.join('; ');
}

function TroubleNotice({ trouble }: { trouble: Trouble }) {
  const { t, relative } = useWords();
  const styles = useStyles();
  const parts = SECTIONS.filter(name => trouble.names.includes(name))
    .map(name => t(`section.${name}`))
    .join(', ');
  return (
    <div className={trouble.asOf === null ? styles.danger : styles.warn}>
      <p>
        <strong>
          {trouble.asOf === null
            ? t('age.troubleNever', { parts })
            : t('age.troubleOld', { parts, when: relative(trouble.asOf) })}
        </strong>{' '}
        {trouble.code === 'upstream_denied' ? '' : trouble.messages.join(' ')} <code>{trouble.code}</code>
      </p>
      <p>{adviceOf(trouble.code, t)}</p>
    </div>
  );
}

/** How old the data is. */
export function Age({ asOf, stale }: { asOf: string | null; stale: boolean }) {
  const { t, relative, absolute } = useWords();
  const styles = useStyles();
  if (asOf === null) return null;
  return (
    <span className={`${styles.small} ${stale ? styles.urgent : styles.dim}`} title={absolute(asOf)}>
      {t('age.updated', { when: relative(asOf) })}
    </span>
  );
}
