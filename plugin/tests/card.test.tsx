// The card says what the sidecar says, in words for everybody, and asks for it once.
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import { ResilienceCard } from '../src/components/card/ResilienceCard';
import unknown from './fixtures/unknown.json';
import { overview } from './recorded';
import { ENTITY, show } from './show';
import { UNREACHABLE, sidecarPerTest } from './sidecar';

const sidecar = sidecarPerTest();
const PATH = '/api/proxy/litmus/api/v1/entities/component/default/checkout/overview';
const OVERVIEW = 'GET /entities/*/*/*/overview';

function put(change: object) {
  sidecar.current.answers[OVERVIEW] = { body: { ...overview, ...change } };
}

test('it shows score, window score, change, runs, attention and what runs, of one request', async () => {
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByRole('img', { name: `Score now: ${overview.scoreNow.score} %` })).toBeTruthy();
  expect(screen.getByText('Last 30 days')).toBeTruthy();
  expect(screen.getByText(`${overview.score.mean} %`)).toBeTruthy();
  expect(screen.getByText(new RegExp(`^${overview.score.number} scored runs`))).toBeTruthy();
  expect(screen.getByRole('img', { name: new RegExp(`^${overview.totalRuns} runs: \\d+ Passed`) })).toBeTruthy();
  expect(screen.getByText(overview.attention[0]?.sentence ?? 'none recorded', { exact: false })).toBeTruthy();
  const running = overview.runningRuns[0];
  expect(running).toBeTruthy();
  expect(screen.getAllByRole('link', { name: new RegExp(running?.experimentName ?? '') }).length).toBeGreaterThan(0);
  const link = screen.getByRole('link', { name: /^Open in Litmus/ });
  expect(link.getAttribute('href')).toBe(overview.links.dashboard);
  expect(sidecar.current.asked).toEqual([`GET ${PATH}?window=30d`]);
});

test('its figures are just those of the overview: scores, change, and the runs of every outcome', async () => {
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByText(`${overview.score.mean} %`);
  const { score, scoreNow, runsByOutcome, totalRuns } = overview;
  const text = document.body.textContent;
  expect(text).toContain(`of ${scoreNow.number} experiment`);
  expect(text).toContain(`${score.number} scored runs · Worst ${score.worst} %`);
  expect(screen.getByText(/^Runs by outcome/).textContent).toBe(`Runs by outcome (${totalRuns})`);
  const told = screen.getByRole('img', { name: new RegExp(`^${totalRuns} runs: `) }).getAttribute('aria-label') ?? '';
  const numbers = [...told.replace(/^\d+ runs: /, '').matchAll(/\d+/g)].map(([number]) => Number(number));
  const recorded = Object.values(runsByOutcome).filter(Boolean);
  expect([...numbers].sort()).toEqual([...recorded].sort());
  expect(numbers.reduce((sum, one) => sum + one, 0)).toBe(totalRuns);
  for (const one of overview.attention) expect(text).toContain(`${one.grade} ${one.sentence}`);
});

test('the trend is told in words and as a table', async () => {
  await show(<ResilienceCard />, sidecar.current);
  const trend = await screen.findByRole('img', { name: /^Trend of the last 30 days: / });
  const withRuns = overview.trend.filter(bucket => Object.values(bucket.outcomes).some(Boolean));
  expect(trend.getAttribute('aria-label')?.split('; ').length).toBe(withRuns.length);
  const table = within(screen.getByRole('region', { name: 'The trend as a table' }));
  expect(table.getAllByRole('row', { hidden: true }).length).toBe(withRuns.length + 1);
});

test('another window is asked for and shown', async () => {
  sidecar.current.answers[OVERVIEW] = query => ({
    body: query.get('window') === '7d' ? { ...overview, score: { ...overview.score, mean: 12.5 } } : overview,
  });
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByText('Last 30 days');
  await userEvent.click(screen.getByRole('button', { name: '7 days' }));
  expect(await screen.findByText('12.5 %')).toBeTruthy();
  expect(screen.getByRole('button', { name: '7 days' }).getAttribute('aria-pressed')).toBe('true');
  expect(sidecar.current.asked).toEqual([`GET ${PATH}?window=30d`, `GET ${PATH}?window=7d`]);
});

test('title, window and proxy path follow the configuration', async () => {
  const config = { litmusResilience: { cardTitle: 'Chaos', window: '90d', proxyPath: 'chaos/' } };
  await show(<ResilienceCard />, sidecar.current, { config });
  expect(await screen.findByText('Chaos')).toBeTruthy();
  await waitFor(() => {
    expect(sidecar.current.asked).toEqual([
      'GET /api/proxy/chaos/api/v1/entities/component/default/checkout/overview?window=90d',
    ]);
  });
});

test('without the annotation it shows the YAML to add, and asks for nothing', async () => {
  await show(<ResilienceCard />, sidecar.current, { entity: { ...ENTITY, metadata: { name: 'checkout' } } });
  expect(await screen.findByText(/litmuschaos\.io\/project-id: <id of the project>/)).toBeTruthy();
  expect(sidecar.current.asked).toEqual([]);
});

test('no score is said as such, and is no nought', async () => {
  put({
    score: { mean: null, median: null, worst: null, number: 0, change: null, previous: null },
    scoreNow: { score: null, number: 0 },
    totalRuns: 0,
    latestRuns: [],
    runningRuns: [],
    runningTotal: 0,
    attention: [],
    attentionTotal: 0,
  });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByRole('img', { name: 'Score now: no score' })).toBeTruthy();
  expect(screen.getByText(/No experiment of this entity has run yet/)).toBeTruthy();
  expect(screen.getByText('Nothing needs attention.')).toBeTruthy();
  expect(screen.queryByText('0 %')).toBeNull();
});

test('a window without runs is not taken for an entity that never ran', async () => {
  put({ totalRuns: 0 });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText('No runs in this window; choose a longer one.')).toBeTruthy();
});

test('an answer before the first synchronisation says that it comes by itself', async () => {
  put({ asOf: null, stale: true, totalRuns: 0, sections: {}, latestRuns: [] });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText(/Not synchronised yet/)).toBeTruthy();
  expect(screen.queryByText(/has run yet/)).toBeNull();
});

test('a token that may not read is told with what to do', async () => {
  const error = { code: 'upstream_denied', message: 'Litmus refused.' };
  put({ stale: true, sections: { experiments: { asOf: null, error }, runHistory: { asOf: null, error } } });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText('Experiments, Run history: never read yet.')).toBeTruthy();
  expect(screen.getByText(/the role Viewer is enough/)).toBeTruthy();
});

test('old data says since when', async () => {
  put({ stale: true, asOf: new Date(Date.now() - 3 * 3_600_000 - 5_000).toISOString(), sections: {} });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText(/^Old data: last updated 3 hours ago/)).toBeTruthy();
});

test.each([
  ['a sidecar that is away', UNREACHABLE, 'The Litmus sidecar does not answer', /Experiments in Litmus are not affected/],
  ['an unknown project', { status: 404, body: unknown }, /does not know this entity’s project yet/, /compare the annotation/],
  [
    'a proxy without the route',
    { status: 404, body: { error: { name: 'NotFoundError', message: 'x' } } },
    /no route to the sidecar/,
    /proxy endpoint \/litmus/,
  ],
  ['nobody known', { status: 401, body: { code: 'unauthenticated', detail: 'No key.' } }, /who asks/, /Sign in again/],
  ['somebody who may not', { status: 403, body: { code: 'forbidden', detail: 'No.' } }, 'You may not see this', /catalog permissions/],
  [
    'too many requests',
    { status: 429, body: { code: 'too_many_requests', detail: 'Wait 3 seconds.' } },
    'The sidecar is not ready yet',
    'Wait 3 seconds.',
  ],
])('%s is told, and tried again at a click', async (_name, answer, title, meaning) => {
  sidecar.current.answers[OVERVIEW] = answer;
  await show(<ResilienceCard />, sidecar.current);
  const alert = within(await screen.findByRole('alert'));
  expect(alert.getByText(title)).toBeTruthy();
  expect(alert.getByText(meaning)).toBeTruthy();
  put({});
  await userEvent.click(alert.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('Last 30 days')).toBeTruthy();
  expect(screen.queryByRole('alert')).toBeNull();
});

test('links that are no pages are not made', async () => {
  put({ links: { ...overview.links, dashboard: 'javascript:alert(1)' } });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText('Open in Litmus')).toBeTruthy();
  expect(screen.queryByRole('link', { name: /Open in Litmus/ })).toBeNull();
});

test('it leads to the tab, and offers no such way in an app without it', async () => {
  const { unmount } = await show(<ResilienceCard />, sidecar.current, { tab: '/resilience' });
  const link = await screen.findByRole('link', { name: 'Experiments and runs' });
  expect(link.getAttribute('href')).toBe('/resilience');
  unmount();
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByRole('link', { name: /^Open in Litmus/ });
  expect(screen.queryByRole('link', { name: 'Experiments and runs' })).toBeNull();
});

test('a project that nobody has a claim to is said to be so', async () => {
  put({ claim: { source: 'catalog', problem: 'Nobody has a claim to this project.' } });
  await show(<ResilienceCard />, sidecar.current);
  expect(await screen.findByText('Nobody has a claim to this project.')).toBeTruthy();
});
