// The tab shows what people need daily; what may not be done says why before any click.
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { ResilienceContent } from '../src/components/content/ResilienceContent';
import type { Experiment, Schedule } from '../src/api/types';
import { action, begun, content, runs } from './recorded';
import { show } from './show';
import { UNREACHABLE, sidecarPerTest } from './sidecar';

const sidecar = sidecarPerTest();
const CONTENT = 'GET /entities/*/*/*/content';
const RUN = 'POST /entities/*/*/*/experiments/*/run';

function experiment(name: string): Experiment {
  const found = content.experiments?.find(one => one.name === name);
  if (!found) throw new Error(`${name} was not recorded`);
  return found;
}

const RUNNABLE = experiment('checkout-pod-dns-error');
const SCHEDULED = experiment('nightly-node-cpu-hog');
const SCHEDULE = content.schedules?.find(one => one.experimentID === SCHEDULED.experimentID) as Schedule;

function put(change: object) {
  sidecar.current.answers[CONTENT] = { body: { ...content, ...change } };
}

function putSchedule(change: Partial<Schedule>) {
  put({ schedules: [{ ...SCHEDULE, ...change }] });
}

async function rowOf(name: string) {
  const table = await screen.findByRole('region', { name: 'Experiments' });
  const row = within(table)
    .getAllByRole('row')
    .find(one => within(one).queryByRole('link', { name: new RegExp(`^${name}`) }));
  if (!row) throw new Error(`no row of ${name}`);
  return within(row);
}

async function runIt() {
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(RUNNABLE.name);
  await userEvent.click(row.getByRole('button', { name: `Run ${RUNNABLE.name}` }));
  const dialog = within(await screen.findByRole('dialog'));
  expect(sidecar.current.bodies).toEqual([]);
  await userEvent.click(dialog.getByRole('button', { name: 'Run' }));
  return row;
}

test.each([
  [true, /injects its faults into .*\. It runs in production\.$/],
  [false, /injects its faults into [^.]*\.$/],
])('the question before a run says whether it runs in production: %s', async (inProduction, words) => {
  put({ experiments: [{ ...RUNNABLE, inProduction }] });
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(RUNNABLE.name);
  await userEvent.click(row.getByRole('button', { name: `Run ${RUNNABLE.name}` }));
  expect((await screen.findByRole('dialog')).textContent?.split('?')[1]?.replace(/CancelRun$/, '').trim()).toMatch(words);
});

test('every experiment is there with its last runs in words, infrastructure and link', async () => {
  await show(<ResilienceContent />, sidecar.current);
  for (const one of content.experiments ?? []) {
    const row = await rowOf(one.name);
    const cells = row.getAllByRole('img');
    expect(cells.length).toBe(Math.min(10, one.recentExperimentRunDetails.length));
    for (const cell of cells) expect(cell.getAttribute('aria-label')).toMatch(/^[A-Z][a-z ]+, (\d|no score).*, /);
    expect(row.getByText(one.infra.name, { exact: false })).toBeTruthy();
  }
});

test('a score of a run that has none is not shown as nought', async () => {
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf('checkout-pod-cpu-hog');
  expect(row.getAllByRole('img')[0]?.getAttribute('aria-label')).toMatch(/^Running, no score, .* by alice$/);
});

test('infrastructures, environments, hubs and docs are there', async () => {
  await show(<ResilienceContent />, sidecar.current);
  await rowOf(RUNNABLE.name);
  const named = [...(content.infrastructures ?? []), ...(content.environments ?? []), ...(content.chaosHubs ?? [])];
  for (const { name } of named) {
    expect(screen.getAllByRole('link', { name: new RegExp(`^${name}`) }).length).toBeGreaterThan(0);
  }
  const docs = screen.getByRole('link', { name: /^GraphQL API of Litmus/ });
  expect(docs.getAttribute('href')).toBe(content.devInfo.apiDocs);
});

test.each<[string, Partial<Schedule>, RegExp]>([
  ['next run with its zone', { nextFireAt: '2030-01-02T01:00:00.000Z', timeZone: 'Europe/Berlin' }, /next in .*2 Jan 2030, 02:00/],
  ['missed runs', { missed: { number: 3, atLeast: true, latest: ['2026-11-28T01:00:00.000Z'] } }, /missed at least 3 runs/],
  ['skipped times', { skipped: { number: 1, atLeast: false, latest: [] } }, /skipped 1 fire time while a run went on/],
  ['suspended', { suspended: true, nextFireAt: null }, /suspended/],
  ['never started', { neverStarted: true, nextFireAt: null }, /saved, not started in Litmus/],
  ['not valid', { isValid: false, nextFireAt: null }, /never fires: the scheduler does not accept/],
  ['two zones', { isValid: false, namesTwoZones: true, nextFireAt: null }, /both name a time zone/],
  ['assumed zone', { timeZoneAssumed: true }, /UTC assumed/],
])('of a schedule it tells: %s', async (_name, change, words) => {
  putSchedule(change);
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(SCHEDULED.name);
  const cell = row.getAllByRole('cell')[2];
  expect(cell?.textContent).toMatch(words);
});

test('what may not be done says why, in the words of the sidecar, and has no button', async () => {
  const reason = 'component:default/checkout is owned by group:default/shop-team; ask one of them.';
  const refused = { allowed: false, reason };
  put({
    experiments: content.experiments?.map(one => ({
      ...one,
      allowedActions: { run: refused, stop: refused, schedule: refused, startSchedule: refused },
    })),
  });
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(RUNNABLE.name);
  expect(row.getByText(`No “Run”: ${reason}`)).toBeTruthy();
  expect(row.queryByRole('button', { name: /^Run checkout/ })).toBeNull();
  expect(row.queryByText(/No “Stop”/)).toBeNull();
  expect((await rowOf(SCHEDULED.name)).getByText(`No “Suspend”: ${reason}`)).toBeTruthy();
});

test('where the sidecar does not say what may be done, nothing is offered', async () => {
  put({ experiments: content.experiments?.map(one => ({ ...one, allowedActions: undefined })) });
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(RUNNABLE.name);
  expect(row.queryByRole('button', { name: /^(Run|Stop|Suspend)/ })).toBeNull();
});

test('a run is asked for once, after the question, and followed until it has begun', async () => {
  const row = await runIt();
  expect(await row.findByText(/Litmus accepted the run/)).toBeTruthy();
  expect(sidecar.current.bodies).toEqual(['{}']);
  sidecar.current.answers['GET /actions/*'] = { body: { ...action, runID: 'run-1' } };
  expect(await row.findByText('The run has begun.')).toBeTruthy();
});

test('the table is read again at once after an action', async () => {
  const row = await runIt();
  await row.findByText(/Litmus accepted the run/);
  await waitFor(() => {
    const asked = sidecar.current.asked.map(one => one.replace(/.*\/(content|run)$/, '$1'));
    expect(asked.indexOf('content', asked.indexOf('run'))).toBeGreaterThan(0);
  });
});

test('a run that ended is told with its outcome', async () => {
  sidecar.current.answers['GET /actions/*'] = { body: { ...action, runID: 'run-1' } };
  const row = await runIt();
  await row.findByText('The run has begun.');
  const ended = {
    ...RUNNABLE.recentExperimentRunDetails[0],
    experimentRunID: 'run-1',
    phase: 'Completed',
    resiliencyScore: 75,
  };
  put({
    experiments: content.experiments?.map(one =>
      one.experimentID === RUNNABLE.experimentID ? { ...one, recentExperimentRunDetails: [ended] } : one,
    ),
  });
  expect(await row.findByText('The run ended: Passed, 75 %.', {}, { timeout: 40_000 })).toBeTruthy();
});

test('who says no asks for nothing', async () => {
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(RUNNABLE.name);
  await userEvent.click(row.getByRole('button', { name: `Run ${RUNNABLE.name}` }));
  await userEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Cancel' }));
  await waitFor(() => {
    expect(screen.queryByRole('dialog')).toBeNull();
  });
  expect(sidecar.current.bodies).toEqual([]);
});

test.each([
  [
    'a refusal',
    { status: 409, body: { code: 'already_running', detail: 'Experiment x is already running.' } },
    'Experiment x is already running.',
  ],
  ['an answer that was lost on the way', UNREACHABLE, /not known whether Litmus was asked/],
])('%s is told in words', async (_name, answer, words) => {
  sidecar.current.answers[RUN] = answer;
  const row = await runIt();
  expect(await row.findByText(words)).toBeTruthy();
});

test.each([
  ['is awaited', { outcome: 'unknown', answeredAt: null }, /has not answered yet/],
  ['never came', { outcome: 'unknown', answeredAt: '2026-11-28T16:00:00.000Z' }, /no answer arrived/],
  ['is a failure', { outcome: 'failed', error: { code: 'x', message: 'Litmus said no.' } }, 'Litmus said no.'],
])('an outcome that %s is told in words', async (_name, change, words) => {
  sidecar.current.answers[RUN] = { status: 202, body: { ...begun, outcome: change.outcome } };
  sidecar.current.answers['GET /actions/*'] = { body: { ...action, ...change } };
  const row = await runIt();
  expect(await row.findByText(words)).toBeTruthy();
});

test('a schedule is switched to what it is not', async () => {
  const path = 'POST /entities/*/*/*/experiments/*/schedule';
  sidecar.current.answers[path] = { status: 202, body: begun };
  sidecar.current.answers['GET /actions/*'] = { body: { ...action, kind: 'schedule' } };
  await show(<ResilienceContent />, sidecar.current);
  const row = await rowOf(SCHEDULED.name);
  await userEvent.click(row.getByRole('button', { name: `Suspend ${SCHEDULED.name}` }));
  const dialog = within(await screen.findByRole('dialog'));
  expect(dialog.getByText(/Nothing fires until it is resumed/)).toBeTruthy();
  await userEvent.click(dialog.getByRole('button', { name: 'Suspend' }));
  expect(await row.findByText('The schedule is suspended.')).toBeTruthy();
  expect(sidecar.current.bodies).toEqual(['{"suspended":true}']);
});

test('experiments are filtered by every word, last run and infrastructure', async () => {
  await show(<ResilienceContent />, sidecar.current);
  await rowOf(RUNNABLE.name);
  await userEvent.type(screen.getByLabelText('Filter by name'), 'DNS checkout');
  const table = within(screen.getByRole('region', { name: 'Experiments' }));
  expect(table.getAllByRole('row').length).toBe(2);
  await userEvent.selectOptions(screen.getByLabelText('Last run'), 'running');
  expect(screen.getByText('No experiment fits the filter.')).toBeTruthy();
  await userEvent.clear(screen.getByLabelText('Filter by name'));
  expect(table.getAllByRole('row').length).toBe(2);
});

test('runs come page by page, of the chosen experiment and outcome', async () => {
  const [one, ...others] = runs.runs;
  sidecar.current.answers['GET /entities/*/*/*/runs'] = query => ({
    body: query.get('cursor') ? { ...runs, runs: others, nextCursor: null } : { ...runs, runs: [one], nextCursor: 'more' },
  });
  await show(<ResilienceContent />, sidecar.current);
  const table = await screen.findByRole('region', { name: 'Runs' });
  expect(within(table).getAllByRole('row').length).toBe(2);
  await userEvent.click(screen.getByRole('button', { name: 'Show more' }));
  await waitFor(() => {
    expect(within(table).getAllByRole('row').length).toBe(runs.runs.length + 1);
  });
  expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();

  await userEvent.click((await rowOf(RUNNABLE.name)).getByRole('button', { name: `Show runs of ${RUNNABLE.name}` }));
  await userEvent.selectOptions(screen.getByLabelText('Outcome'), 'error');
  await waitFor(() => {
    const query = new URLSearchParams({ outcome: 'error', experiment: RUNNABLE.experimentID, limit: '25' });
    expect(sidecar.current.asked.at(-1)).toMatch(new RegExp(`/runs\\?${query.toString()}$`));
  });
});

test('the CSV of the filtered runs is saved as a file', async () => {
  sidecar.current.answers['GET /entities/*/*/*/runs'] = query => ({
    body: query.get('format') === 'csv' ? 'experimentID\n1\n' : runs,
  });
  const saved: Blob[] = [];
  // jsdom has neither; a browser has both.
  vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: (blob: Blob) => (saved.push(blob), '#'), revokeObjectURL: () => undefined }));
  await show(<ResilienceContent />, sidecar.current);
  await userEvent.click(await screen.findByRole('button', { name: 'Download as CSV' }));
  await waitFor(() => {
    expect(saved.length).toBe(1);
  });
  expect(saved[0]?.size).toBe('experimentID\n1\n'.length);
  vi.unstubAllGlobals();
});

test('a CSV that could not be had says why', async () => {
  sidecar.current.answers['GET /entities/*/*/*/runs'] = query =>
    query.get('format') === 'csv'
      ? { status: 429, body: { code: 'too_many_requests', detail: 'Wait 3 seconds.' } }
      : { body: runs };
  await show(<ResilienceContent />, sidecar.current);
  await userEvent.click(await screen.findByRole('button', { name: 'Download as CSV' }));
  expect(await screen.findByText('The CSV could not be had: Wait 3 seconds.')).toBeTruthy();
});

test('what was not read yet is said so, and not taken for none', async () => {
  put({ experiments: null, infrastructures: null, environments: null, chaosHubs: null, schedules: null, runningRuns: [] });
  await show(<ResilienceContent />, sidecar.current);
  expect((await screen.findAllByText('Not read yet.')).length).toBe(5);
});
