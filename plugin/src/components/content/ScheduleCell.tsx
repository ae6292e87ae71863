import type { Missed, Schedule } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { When } from '../common/parts';
import { useStyles } from '../common/useStyles';

/** When an experiment fires by itself, and when it did not. */
export function ScheduleCell({ schedule, cronSyntax }: { schedule: Schedule | undefined; cronSyntax: string }) {
  const { t } = useWords();
  const styles = useStyles();
  if (!schedule) {
    if (!cronSyntax) return <span className={styles.dim}>{t('none')}</span>;
    return (
      <>
        <code>{cronSyntax}</code> <span className={styles.dim}>{t('schedule.notRead')}</span>
      </>
    );
  }
  return (
    <>
      <code>{schedule.text}</code> <Zone schedule={schedule} />
      <div>
        <NextFire schedule={schedule} />
      </div>
      <MissedRuns missed={schedule.missed} zone={schedule.timeZone} />
      <SkippedTimes skipped={schedule.skipped} />
    </>
  );
}

function Zone({ schedule }: { schedule: Schedule }) {
  const { t } = useWords();
  const styles = useStyles();
  const zone = schedule.timeZoneAssumed && schedule.isValid ? t('schedule.utcAssumed') : schedule.timeZone;
  return zone ? <span className={`${styles.small} ${styles.dim}`}>({zone})</span> : null;
}

function NextFire({ schedule }: { schedule: Schedule }) {
  const { t, absolute, relative } = useWords();
  const styles = useStyles();
  if (!schedule.isValid) {
    return (
      <span className={styles.urgent}>{schedule.namesTwoZones ? t('schedule.twoZones') : t('schedule.invalid')}</span>
    );
  }
  if (schedule.neverStarted) {
    return <strong>{schedule.suspended ? t('schedule.neverStartedSuspended') : t('schedule.neverStarted')}</strong>;
  }
  if (schedule.suspended) return <strong>{t('schedule.suspended')}</strong>;
  if (schedule.nextFireAt === null) return null;
  const when = `${relative(schedule.nextFireAt)}, ${absolute(schedule.nextFireAt, schedule.timeZone)}`;
  return (
    <time dateTime={schedule.nextFireAt} className={styles.small}>
      {schedule.nextFireEstimated ? t('schedule.nextAbout', { when }) : t('schedule.next', { when })}
    </time>
  );
}

function MissedRuns({ missed, zone }: { missed: Missed | null; zone: string | null }) {
  const { t } = useWords();
  const styles = useStyles();
  if (!missed?.number) return null;
  const runs = t('unit.runs', { count: missed.number });
  const latest = missed.latest[0];
  return (
    <div className={styles.urgent}>
      {missed.atLeast ? t('schedule.missedAtLeast', { runs }) : t('schedule.missed', { runs })}
      {latest && (
        <span className={`${styles.small} ${styles.dim}`}>
          {' '}
          (<When at={latest} zone={zone} />)
        </span>
      )}
    </div>
  );
}

function SkippedTimes({ skipped }: { skipped: Missed | null }) {
  const { t } = useWords();
  const styles = useStyles();
  if (!skipped?.number) return null;
  const fireTimes = t('unit.fireTimes', { count: skipped.number });
  return (
    <div className={`${styles.small} ${styles.dim}`}>
      {skipped.atLeast ? t('schedule.skippedAtLeast', { fireTimes }) : t('schedule.skipped', { fireTimes })}
    </div>
  );
}
