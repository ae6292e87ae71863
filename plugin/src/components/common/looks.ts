import type { Outcome } from '../../api/types';

/**
 * How outcomes and scores look, as on the sidecar's own pages: a fill carries its text with a contrast of at least
 * 4.5 and stands against the page with at least 3. Colour never says anything alone.
 */
interface Look {
  symbol: string;
  light: string;
  dark: string;
}

export const LOOKS: Record<Outcome, Look> = {
  passed: { symbol: '✓', light: '#1a7f37', dark: '#4ac26b' },
  probe_failed: { symbol: '!', light: '#b35900', dark: '#f0a03c' },
  error: { symbol: '✕', light: '#c11f2d', dark: '#ff8a80' },
  stopped: { symbol: '■', light: '#59636e', dark: '#9aa4af' },
  timeout: { symbol: '◷', light: '#8250df', dark: '#d2a8ff' },
  running: { symbol: '▶', light: '#0969da', dark: '#79b8ff' },
  waiting: { symbol: '…', light: '#0f7285', dark: '#56d4dd' },
  other: { symbol: '?', light: '#6e6a64', dark: '#c2bdb5' },
};

/** Outcomes in the order in which charts show them. */
export const OUTCOMES = Object.keys(LOOKS) as Outcome[];

export type Mode = 'light' | 'dark';

export function fillOf(outcome: Outcome, mode: Mode): string {
  return LOOKS[outcome][mode];
}

/** Colour of text on a fill. */
export function onFill(mode: Mode): string {
  return mode === 'dark' ? '#0d1117' : '#ffffff';
}

/** Colour of a score: from 80 and from 50 percent on another. */
export function levelOf(score: number | null, mode: Mode): string {
  if (score === null) return fillOf('other', mode);
  if (score >= 80) return fillOf('passed', mode);
  return fillOf(score >= 50 ? 'probe_failed' : 'error', mode);
}

const OUTCOME_OF_PHASE: Record<string, Outcome> = {
  Completed: 'passed',
  Completed_With_Probe_Failure: 'probe_failed',
  Error: 'error',
  Completed_With_Error: 'error',
  Stopped: 'stopped',
  Terminated: 'stopped',
  Timeout: 'timeout',
  Running: 'running',
  Queued: 'waiting',
  Pending: 'waiting',
};

/** What a phase of Litmus means. */
export function outcomeOf(phase: string): Outcome {
  return OUTCOME_OF_PHASE[phase] ?? 'other';
}

/** Whether a run of this outcome is over. */
export function isOver(outcome: Outcome): boolean {
  return outcome !== 'running' && outcome !== 'waiting';
}

/** Whether Litmus's score of such a run means something; of others its 0 is a placeholder. */
export function isScored(outcome: Outcome): boolean {
  return outcome === 'passed' || outcome === 'probe_failed' || outcome === 'error';
}
