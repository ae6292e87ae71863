import TextField from '@material-ui/core/TextField';
import { useId, useState } from 'react';
import type { Content, Experiment, Schedule } from '../../api/types';
import { useWords } from '../../hooks/useWords';
import { Choice } from '../common/Choice';
import { isScored, OUTCOMES, outcomeOf } from '../common/looks';
import { Panel } from '../common/Panel';
import { LitmusLink, OutcomeChip, Scroll, When } from '../common/parts';
import { useStyles } from '../common/useStyles';
import { ExperimentActions } from './ExperimentActions';
import { choose, instantOf, lastOutcome, runsOf, sorted } from './filters';
import type { Wanted } from './filters';
import { offersOf } from './offers';
import { RecentRuns } from './RecentRuns';
import { ScheduleCell } from './ScheduleCell';
import type { Actions } from './useActions';

/** The experiments with all that is known of each, those that need a look first. */
export function Experiments({
  content,
  actions,
  showRuns,
}: {
  content: Content;
  actions: Actions;
  /** Shows the runs of an experiment. */
  showRuns: (experimentID: string) => void;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const [wanted, setWanted] = useState<Wanted>({ name: '', outcome: '', infraID: '' });
  const { experiments } = content;
  if (!experiments?.length) {
    return (
      <Panel title={t('experiments.title')}>
        {experiments === null ? t('notReadYet') : t('experiments.none')}
      </Panel>
    );
  }
  const schedules = new Map((content.schedules ?? []).map(one => [one.experimentID, one]));
  const shown = sorted(choose(experiments, wanted), schedules);
  return (
    <Panel title={t('experiments.title')}>
      <Filter experiments={experiments} wanted={wanted} onChange={setWanted} />
      {shown.length === 0 && <p className={styles.dim}>{t('experiments.noMatch')}</p>}
      <Scroll label={t('experiments.title')}>
        <table className={styles.table}>
          <caption>
            {t('experiments.caption', {
              shown: String(shown.length),
              experiments: t('unit.experiments', { count: experiments.length }),
            })}
          </caption>
          <thead>
            <tr>
              <th scope="col">{t('experiments.experiment')}</th>
              <th scope="col">{t('experiments.lastTen')}</th>
              <th scope="col">{t('experiments.lastRun')}</th>
              <th scope="col">{t('experiments.schedule')}</th>
              <th scope="col">{t('experiments.infrastructure')}</th>
              <th scope="col">{t('experiments.actions')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(experiment => (
              <Row
                key={experiment.experimentID}
                experiment={experiment}
                schedule={schedules.get(experiment.experimentID)}
                link={`${content.links.experiments}/${experiment.experimentID}/runs`}
                actions={actions}
                showRuns={showRuns}
              />
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function Filter({
  experiments,
  wanted,
  onChange,
}: {
  experiments: Experiment[];
  wanted: Wanted;
  onChange: (wanted: Wanted) => void;
}) {
  const { t } = useWords();
  const styles = useStyles();
  const id = useId();
  const present = new Set(experiments.map(lastOutcome));
  const infras = new Map(experiments.filter(one => one.infra.infraID).map(one => [one.infra.infraID, one.infra.name]));
  return (
    <div className={styles.row} style={{ marginBottom: 12 }}>
      <TextField
        id={id}
        type="search"
        label={t('filter.name')}
        size="small"
        variant="outlined"
        value={wanted.name}
        onChange={event => {
          onChange({ ...wanted, name: event.target.value });
        }}
      />
      <Choice
        label={t('filter.outcome')}
        value={wanted.outcome}
        choices={[
          ['', t('filter.any')],
          ...OUTCOMES.filter(one => present.has(one)).map(one => [one, t(`outcome.${one}`)] as const),
          ...(present.has('never') ? [['never', t('filter.neverRun')] as const] : []),
        ]}
        onChange={outcome => {
          onChange({ ...wanted, outcome });
        }}
      />
      {infras.size > 1 && (
        <Choice
          label={t('filter.infra')}
          value={wanted.infraID}
          choices={[['', t('filter.any')], ...infras]}
          onChange={infraID => {
            onChange({ ...wanted, infraID });
          }}
        />
      )}
    </div>
  );
}

function Row({
  experiment,
  schedule,
  link,
  actions,
  showRuns,
}: {
  experiment: Experiment;
  schedule: Schedule | undefined;
  link: string;
  actions: Actions;
  showRuns: (experimentID: string) => void;
}) {
  const { t } = useWords();
  const styles = useStyles();
  return (
    <tr>
      <th scope="row">
        <LitmusLink to={link}>{experiment.name}</LitmusLink>
        <div>
          <button
            type="button"
            aria-label={t('experiments.showRuns', { name: experiment.name })}
            className={styles.textButton}
            onClick={() => {
              showRuns(experiment.experimentID);
            }}
          >
            {t('experiments.runs')}
          </button>
        </div>
      </th>
      <td data-name={t('experiments.lastTen')}>
        <RecentRuns experiment={experiment} />
      </td>
      <td data-name={t('experiments.lastRun')}>
        <LastRun experiment={experiment} />
      </td>
      <td data-name={t('experiments.schedule')}>
        <ScheduleCell schedule={schedule} cronSyntax={experiment.cronSyntax} />
      </td>
      <td data-name={t('experiments.infrastructure')}>
        <Infra experiment={experiment} />
      </td>
      <td data-name={t('experiments.actions')}>
        <ExperimentActions experiment={experiment} offers={offersOf(experiment, schedule)} actions={actions} />
      </td>
    </tr>
  );
}

function LastRun({ experiment }: { experiment: Experiment }) {
  const { t, percent } = useWords();
  const styles = useStyles();
  const last = runsOf(experiment)[0];
  if (!last) return <span className={styles.dim}>{t('experiments.neverRun')}</span>;
  const outcome = outcomeOf(last.phase);
  const who = last.updatedBy.username;
  return (
    <>
      <OutcomeChip outcome={outcome} /> {isScored(outcome) && percent(last.resiliencyScore)}{' '}
      <span className={`${styles.small} ${styles.dim}`}>
        <When at={instantOf(last)} /> {who && t('now.by', { who })}
      </span>
    </>
  );
}

function Infra({ experiment: { infra } }: { experiment: Experiment }) {
  const { t } = useWords();
  const styles = useStyles();
  if (!infra.infraID) return <span className={styles.urgent}>{t('experiments.gone')}</span>;
  return (
    <>
      {infra.name}{' '}
      <span className={`${styles.small} ${infra.isActive ? styles.dim : styles.urgent}`}>
        {infra.isActive ? t('experiments.connected') : t('experiments.notConnected')}
      </span>
    </>
  );
}
