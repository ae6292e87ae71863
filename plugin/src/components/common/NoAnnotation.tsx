import { LITMUS_ANNOTATION } from '../../annotations';
import { useWords } from '../../hooks/useWords';
import { useStyles } from './useStyles';

/** That the entity names no project, with the YAML to add. */
export function NoAnnotation() {
  const { t } = useWords();
  const styles = useStyles();
  return (
    <div className={styles.info}>
      <p>
        <strong>{t('state.noAnnotationTitle')}</strong>
      </p>
      <p>{t('state.noAnnotation')}</p>
      <pre className={styles.code} role="region" aria-label="catalog-info.yaml" tabIndex={0}>
        {`metadata:\n  annotations:\n    ${LITMUS_ANNOTATION}: ${t('state.projectIDPlaceholder')}`}
      </pre>
    </div>
  );
}
