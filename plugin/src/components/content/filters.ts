import type { Experiment, Outcome, RecentRun, Schedule } from '../../api/types';
import { isOver, outcomeOf } from '../common/looks';

/** What the filter above the experiments asks for; `''` is anything. */
export interface Wanted {
  name: string;
  outcome: Outcome | 'never' | '';
  infraID: string;
}

/** Runs of an experiment, newest first, without the placeholder that stands for "never ran". */
export function runsOf(experiment: Experiment): RecentRun[] {
  return experiment.recentExperimentRunDetails.filter(run => run.updatedAt !== '');
}

/** When a recent run changed last; `null` where Litmus does not say. */
export function instantOf(run: RecentRun): string | null {
  const milliseconds = Number(run.updatedAt);
  return run.updatedAt && Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : null;
}

/** Outcome of the last run; `never` if there is none. */
export function lastOutcome(experiment: Experiment): Outcome | 'never' {
  const last = runsOf(experiment)[0];
  return last ? outcomeOf(last.phase) : 'never';
}

/** Whether a run goes on. */
export function isRunning(experiment: Experiment): boolean {
  return runsOf(experiment).some(run => !isOver(outcomeOf(run.phase)));
}

/** Experiments that fit; every word of the name must be there. */
export function choose(experiments: Experiment[], wanted: Wanted): Experiment[] {
  const words = wanted.name.toLowerCase().split(/\s+/).filter(Boolean);
  return experiments.filter(
    experiment =>
      words.every(word => experiment.name.toLowerCase().includes(word)) &&
      (wanted.outcome === '' || lastOutcome(experiment) === wanted.outcome) &&
      (wanted.infraID === '' || experiment.infra.infraID === wanted.infraID),
  );
}

/** Whether something about an experiment needs a look. */
function needsLook(experiment: Experiment, schedule: Schedule | undefined): boolean {
  const outcome = lastOutcome(experiment);
  return (
    !['passed', 'running', 'waiting'].includes(outcome) ||
    !experiment.infra.isActive ||
    Boolean(schedule && (!schedule.isValid || schedule.neverStarted || schedule.missed?.number))
  );
}

/** Those that need a look first, by name otherwise. */
export function sorted(experiments: Experiment[], schedules: Map<string, Schedule>): Experiment[] {
  const place = (one: Experiment) => (needsLook(one, schedules.get(one.experimentID)) ? 0 : 1);
  return [...experiments].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
}
