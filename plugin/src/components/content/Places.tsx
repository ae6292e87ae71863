import type { ReactNode } from 'react';
import type { Content, Environment, Infrastructure } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import type { T } from '../../hooks/useWords';
import { Panel } from '../common/Panel';
import { LitmusLink } from '../common/parts';
import { useStyles } from '../common/useStyles';

/** Infrastructures, environments, hubs, and what to read. */
export function Places({ content }: { content: Content }) {
  const { t } = useWords();
  const styles = useStyles();
  const { infrastructures, environments, chaosHubs, links, devInfo } = content;
  return (
    <div className={styles.columns}>
      <Place title={t('places.infrastructures')} rows={infrastructures} none={t('places.noInfrastructures')}>
        {one => <InfrastructureRow key={one.infraID} one={one} />}
      </Place>
      <Place title={t('places.environments')} rows={environments} none={t('places.noEnvironments')}>
        {one => (
          <li key={one.environmentID}>
            <LitmusLink to={`${links.environments}/${encodeURIComponent(one.environmentID)}`}>{one.name}</LitmusLink>{' '}
            <strong className={styles.small}>{typeWords(one, t)}</strong>{' '}
            <span className={`${styles.small} ${styles.dim}`}>
              {[t('unit.infrastructures', { count: one.infraIDs.length }), ...one.tags].join(', ')}
              {one.isRemoved && `, ${t('places.removed')}`}
            </span>
          </li>
        )}
      </Place>
      <Place title={t('places.hubs')} rows={chaosHubs} none={t('places.noHubs')}>
        {one => (
          <li key={one.id}>
            <LitmusLink to={links.chaosHubs}>{one.name}</LitmusLink>{' '}
            <span className={one.isAvailable ? styles.good : styles.bad}>
              {one.isAvailable ? t('places.available') : t('places.notAvailable')}
            </span>{' '}
            <span className={`${styles.small} ${styles.dim}`}>
              {t('unit.faults', { count: one.totalFaults })}, {t('unit.experiments', { count: one.totalExperiments })}
            </span>
          </li>
        )}
      </Place>
      <Panel title={t('places.reading')}>
        <ul className={styles.list}>
          {(['experimentDocs', 'litmusDocs', 'apiDocs', 'authApiDocs', 'chaosHub', 'community'] as const).map(name => (
            <li key={name}>
              <LitmusLink to={devInfo[name]}>{t(`places.${name}`)}</LitmusLink>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}

function Place<Row>({
  title,
  rows,
  none,
  children,
}: {
  title: string;
  rows: Row[] | null;
  none: string;
  children: (row: Row) => ReactNode;
}) {
  const { t } = useWords();
  const styles = useStyles();
  return (
    <Panel title={title}>
      {rows?.length ? (
        <ul className={styles.list}>{rows.map(children)}</ul>
      ) : (
        <span className={styles.dim}>{rows === null ? t('notReadYet') : none}</span>
      )}
    </Panel>
  );
}

function InfrastructureRow({ one }: { one: Infrastructure }) {
  const { t } = useWords();
  const styles = useStyles();
  const parts: string[] = [t('places.inEnvironment', { environment: one.environmentID })];
  if (one.infraScope) parts.push(t('places.scope', { scope: one.infraScope }));
  if (one.infraNamespace) parts.push(t('places.namespace', { namespace: one.infraNamespace }));
  if (one.version) parts.push(one.version);
  return (
    <li>
      <LitmusLink to={one.link}>{one.name}</LitmusLink>{' '}
      <span className={one.isActive ? styles.good : styles.bad}>{connectionWords(one, t)}</span>{' '}
      <span className={`${styles.small} ${styles.dim}`}>{parts.join(', ')}</span>
    </li>
  );
}

function connectionWords(one: Infrastructure, t: T): string {
  if (one.isActive) return t('places.connected');
  return one.isConfirmed === false ? t('places.neverRegistered') : t('places.notConnected');
}

function typeWords(one: Environment, t: T): string {
  if (one.type === 'PROD') return t('places.production');
  return one.type === 'NON_PROD' ? t('places.notProduction') : t('places.typeUnknown');
}
