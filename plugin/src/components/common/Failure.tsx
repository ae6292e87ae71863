import { configApiRef, useApi } from '@backstage/core-plugin-api';
import Button from '@material-ui/core/Button';
import type { FailureKind, LitmusResilienceError } from '../../api/errors';
import { useWords } from '../../hooks/useWords';
import type { T } from '../../hooks/useWords';
import { useStyles } from './useStyles';

/** What a failure is called and what it means. */
export function failureWords(error: LitmusResilienceError, t: T, proxyPath: string): { title: string; meaning: string } {
  const kinds: Record<FailureKind, { title: string; meaning: string }> = {
    unreachable: { title: t('state.unreachableTitle'), meaning: t('state.unreachable') },
    offline: { title: t('state.offlineTitle'), meaning: t('state.offline') },
    noRoute: { title: t('state.noRouteTitle'), meaning: t('state.noRoute', { path: proxyPath }) },
    unknown: { title: t('state.unknownTitle'), meaning: t('state.unknown') },
    unauthenticated: { title: t('state.unauthenticatedTitle'), meaning: t('state.unauthenticated') },
    forbidden: { title: t('state.forbiddenTitle'), meaning: t('state.forbidden') },
    busy: { title: t('state.busyTitle'), meaning: '' },
    failed: { title: t('state.failedTitle'), meaning: '' },
    refused: { title: t('state.refusedTitle'), meaning: '' },
  };
  return kinds[error.kind];
}

/** Why nothing can be shown, what it means, and a button to try again. */
export function Failure({ error, retry, busy }: { error: LitmusResilienceError; retry: () => void; busy: boolean }) {
  const { t } = useWords();
  const styles = useStyles();
  const proxyPath = useApi(configApiRef).getOptionalString('litmusResilience.proxyPath') ?? '/litmus';
  const { title, meaning } = failureWords(error, t, proxyPath);
  return (
    <div role="alert" className={error.kind === 'unknown' || error.kind === 'busy' ? styles.info : styles.danger}>
      <p>
        <strong>{title}</strong>
      </p>
      {meaning && <p>{meaning}</p>}
      {error.code !== null && error.message && <p>{error.message}</p>}
      {error.requestID !== null && (
        <p className={styles.small}>
          {t('state.requestID', { id: error.requestID })}
          {error.code !== null && (
            <>
              {' '}
              (<code>{error.code}</code>)
            </>
          )}
        </p>
      )}
      <p>
        <Button size="small" variant="outlined" onClick={retry} disabled={busy}>
          {t('state.tryAgain')}
        </Button>{' '}
        <span className={styles.small}>{t('state.byItself')}</span>
      </p>
    </div>
  );
}
