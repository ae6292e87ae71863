/*
 * What the sidecar's JSON API answers, as far as this package reads it. `null` means "not known" everywhere,
 * never 0. The recorded answers in tests/fixtures are checked against these types.
 */

/** How a run ended, or that it goes on. */
export type Outcome = 'passed' | 'probe_failed' | 'error' | 'stopped' | 'timeout' | 'running' | 'waiting' | 'other';

/** Runs by outcome; every outcome is named. */
export type Outcomes = Record<Outcome, number>;

/** The windows that can be chosen, shortest first. */
export const WINDOWS = ['24h', '7d', '30d', '90d', '12mo'] as const;
export type WindowName = (typeof WINDOWS)[number];

/** Scores of the scored runs of a window. */
export interface Score {
  /** Percent; `null` without a scored run. So are `median` and `worst`. */
  mean: number | null;
  median: number | null;
  worst: number | null;
  /** How many runs were scored. */
  number: number;
  /** Points against the window before; `null` if either has no scored run. */
  change: number | null;
  previous: number | null;
}

/** Mean over experiments of each one's latest scored run. */
export interface ScoreNow {
  score: number | null;
  /** Of how many experiments. */
  number: number;
}

/** One stretch of a trend. */
export interface Bucket {
  since: string;
  until: string;
  meanScore: number | null;
  scored: number;
  outcomes: Outcomes;
}

/** How fresh one part of a project is. */
export interface Section {
  /** Last success; `null` before the first. */
  asOf: string | null;
  /** `null` when the last attempt succeeded. */
  error: { code: string; message: string } | null;
  /** How often it is planned to be read. */
  plannedIntervalSeconds: number;
}

export interface History {
  /** Whether everything that Litmus had was read; before, figures may miss older runs. */
  isComplete: boolean;
  syncedAt: string | null;
  firstSyncedAt: string | null;
}

/** What part of the project belongs to the entity. */
export interface Narrowing {
  experimentTags: string[];
  infraIDs: string[];
}

/** What decides who may act on the project. */
export interface Claim {
  /** `configuration`, `tag` or `catalog`. */
  source: string | null;
  /** What is to be settled before its owners can act; `null`: nothing. */
  problem: string | null;
}

/** Pages of Litmus. */
export interface ProjectLinks {
  litmus: string;
  dashboard: string;
  experiments: string;
  chaosHubs: string;
  environments: string;
}

/** One run of the history. */
export interface Run {
  experimentID: string;
  experimentName: string;
  /** `""` until the agent's first event. */
  experimentRunID: string;
  phase: string;
  outcome: Outcome;
  resiliencyScore: number | null;
  createdAt: string;
  updatedAt: string;
  runSequence: number | null;
  startedBy: string | null;
  faults: { passed: number; failed: number; awaited: number; stopped: number; na: number; total: number } | null;
  removed: boolean;
  link: string;
}

/** A run that runs or waits. */
export interface RunningRun {
  experimentID: string;
  experimentName: string;
  experimentRunID: string;
  phase: string;
  outcome: Outcome;
  startedAt: string;
  changedAt: string;
  startedBy: string | null;
  infraID: string | null;
  infraName: string | null;
  environmentID: string | null;
  environmentName: string | null;
  /** Unchanged for an hour. */
  stuck: boolean;
  link: string;
}

/** One thing that somebody should look at. */
export interface AttentionItem {
  kind: string;
  severity: 'high' | 'medium' | 'low';
  /** How soon somebody should look, as on the sidecar's pages. */
  grade: 'Urgent' | 'Soon' | 'Later';
  /** Whether its experiment runs in production, or nobody knows where. */
  inProduction: boolean;
  entities?: string[];
  experimentID: string;
  experimentName: string;
  since: string | null;
  sentence: string;
  link: string;
}

/** An entity's chaos engineering at a glance. */
export interface Overview {
  entityRef: string;
  title: string | null;
  owner: string | null;
  projectID: string;
  instance: string;
  asOf: string | null;
  stale: boolean;
  window: { name: string | null; since: string; until: string; tz: string };
  score: Score;
  scoreNow: ScoreNow;
  runsByOutcome: Outcomes;
  totalRuns: number;
  latestRuns: Run[];
  trend: Bucket[];
  history: History;
  narrowedTo: Narrowing | null;
  claim: Claim;
  sections: Record<string, Section>;
  links: ProjectLinks;
  /** The most urgent items, three at most; `attentionTotal` says of how many. */
  attention: AttentionItem[];
  attentionTotal: number;
  /** What runs or waits now, ten at most; `runningTotal` says of how many. */
  runningRuns: RunningRun[];
  runningTotal: number;
}

/** Whether something may be done now. */
export interface Allowed {
  allowed: boolean;
  /** Why not, in words; `null` if it would be tried. */
  reason: string | null;
}

export const ACTIONS = ['run', 'stop', 'schedule', 'startSchedule'] as const;
/** What may be asked for: `schedule` switches a schedule off or on. */
export type ActionName = (typeof ACTIONS)[number];

export interface RecentRun {
  experimentRunID: string;
  resiliencyScore: number | null;
  phase: string;
  /** Unix milliseconds as text; `""` where nothing ran. */
  updatedAt: string;
  updatedBy: { userID: string; username: string; email: string };
}

export interface Experiment {
  experimentID: string;
  cronSyntax: string;
  infra: {
    infraID: string;
    infraType: string;
    name: string;
    environmentID: string;
    infraNamespace: string;
    infraScope: string;
    isActive: boolean;
  };
  experimentType: string;
  name: string;
  recentExperimentRunDetails: RecentRun[];
  /** Whether its environment is one of production, or not known. */
  inProduction: boolean;
  /** Absent: nothing is offered. */
  allowedActions?: Partial<Record<ActionName, Allowed>>;
}

/** Fire times of a schedule without a run of their own. */
export interface Missed {
  number: number;
  /** There may be more. */
  atLeast: boolean;
  latest: string[];
}

export interface Schedule {
  experimentID: string;
  experimentName: string;
  text: string;
  /** Whether Litmus's scheduler accepts the text; if not, it never fires. */
  isValid: boolean;
  namesTwoZones: boolean;
  timeZone: string | null;
  timeZoneAssumed: boolean;
  suspended: boolean;
  /** Saved and never started; `null`: not looked at yet. */
  neverStarted: boolean | null;
  concurrencyPolicy: string | null;
  startingDeadlineSeconds: number | null;
  nextFireAt: string | null;
  nextFireEstimated: boolean;
  lastFireAt: string | null;
  lastRunAt: string | null;
  missed: Missed | null;
  skipped: Missed | null;
}

export interface Infrastructure {
  infraID: string;
  name: string;
  environmentID: string;
  isActive: boolean;
  isConfirmed: boolean | null;
  infraScope: string | null;
  infraNamespace: string | null;
  version: string | null;
  link: string;
}

export interface Environment {
  environmentID: string;
  name: string;
  tags: string[];
  type: string;
  infraIDs: string[];
  isRemoved: boolean;
}

export interface ChaosHub {
  id: string;
  isAvailable: boolean;
  totalFaults: number;
  totalExperiments: number;
  name: string;
}

/** What people need of an entity daily. A list is `null` until it was read once. */
export interface Content {
  entityRef: string;
  projectID: string;
  instance: string;
  asOf: string | null;
  stale: boolean;
  chaosHubs: ChaosHub[] | null;
  environments: Environment[] | null;
  experiments: Experiment[] | null;
  infrastructures: Infrastructure[] | null;
  runningRuns: RunningRun[];
  schedules: Schedule[] | null;
  history: History;
  narrowedTo: Narrowing | null;
  claim: Claim;
  sections: Record<string, Section>;
  devInfo: {
    experimentDocs: string;
    apiDocs: string;
    authApiDocs: string;
    litmusDocs: string;
    chaosHub: string;
    community: string;
  };
  links: ProjectLinks;
}

export interface RunPage {
  entityRef: string;
  asOf: string | null;
  stale: boolean;
  runs: Run[];
  history: History;
  nextCursor: string | null;
}

/** Which runs are asked for. */
export interface RunFilter {
  outcome?: Outcome;
  /** Id of an experiment. */
  experiment?: string;
}

export const GROUPINGS = ['owner', 'system', 'domain'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  /** Reference of the owner, system or domain; `null` of entities without one. */
  group: string | null;
  entities: string[];
  projects: number;
  scoreNow: ScoreNow;
  score: Score;
  runsByOutcome: Outcomes;
  totalRuns: number;
  lastRunAt: string | null;
  unfinishedRuns: number;
  trend: Bucket[];
  /** Whether parts of projects are in it. */
  narrowed: boolean;
}

export interface Portfolio {
  window: { name: string | null; since: string; until: string; tz: string };
  groupBy: string;
  asOf: string | null;
  stale: boolean;
  historyComplete: boolean;
  groups: Group[];
  nextCursor: string | null;
}

export interface AttentionList {
  asOf: string | null;
  stale: boolean;
  attention: (AttentionItem & { entities: string[] })[];
  nextCursor: string | null;
}

export interface NowList {
  asOf: string | null;
  stale: boolean;
  runs: { entities: string[]; projectID: string; instance: string; run: RunningRun }[];
  nextCursor: string | null;
}

export interface EntityRow {
  entityRef: string;
  title: string | null;
  owner: string | null;
  system: string | null;
  domain: string | null;
  projectID: string;
  instance: string;
  asOf: string | null;
  stale: boolean;
}

export interface EntityList {
  entities: EntityRow[];
  nextCursor: string | null;
}

export type ActionOutcome = 'accepted' | 'unknown' | 'stopping' | 'partial' | 'failed' | 'refused';

export interface RunStop {
  runID: string | null;
  createdAt: string | null;
  outcome: ActionOutcome;
  error: { code: string; message: string } | null;
}

/** The answer to an action. */
export interface Begun {
  actionID: string;
  outcome: ActionOutcome;
  notifyID: string | null;
  runID: string | null;
  runs: RunStop[];
}

/** An action as far as it is known. */
export interface Action {
  actionID: string;
  kind: 'run' | 'stop' | 'schedule' | 'start_schedule';
  outcome: ActionOutcome;
  who: string;
  entityRef: string | null;
  projectID: string;
  instance: string;
  experimentID: string;
  requestedAt: string;
  /** `null` while Litmus's answer is awaited. */
  answeredAt: string | null;
  notifyID: string | null;
  runID: string | null;
  runs: RunStop[];
  error: { code: string; message: string } | null;
}
