import type { ActionName, Allowed, Experiment, Schedule } from '../../api/types';
import { isRunning } from './filters';

/** Something that makes sense with an experiment as it stands, whether the viewer may do it or not. */
export interface Offer {
  action: ActionName;
  /** What a schedule would be switched to; absent for others. */
  suspended?: boolean;
  allowed: Allowed;
}

/** Which words of an offer are used. */
export type OfferWord = 'run' | 'stop' | 'suspend' | 'resume' | 'startSchedule';

export function wordOf(action: ActionName, suspended: boolean | undefined): OfferWord {
  if (action !== 'schedule') return action;
  return suspended ? 'suspend' : 'resume';
}

/**
 * What to offer. Whether it is allowed, and why not, is the sidecar's to say; here is only what is about nothing:
 * stopping what does not run, switching a schedule that there is none of.
 */
export function offersOf(experiment: Experiment, schedule: Schedule | undefined): Offer[] {
  const { allowedActions } = experiment;
  if (!allowedActions) return [];
  const offers: Offer[] = [];
  const add = (action: ActionName, suspended?: boolean) => {
    const allowed = allowedActions[action];
    if (allowed) offers.push({ action, suspended, allowed });
  };
  const isScheduled = schedule !== undefined || experiment.experimentType === 'cronexperiment';
  if (!isScheduled) add('run');
  if (isRunning(experiment) || allowedActions.stop?.allowed) add('stop');
  if (schedule) {
    if (schedule.neverStarted) add('startSchedule');
    else add('schedule', !schedule.suspended);
  }
  return offers;
}
