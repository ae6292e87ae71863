// The client asks as the API wants it, and says in one kind each why nothing came.
import { expect, test } from 'vitest';
import { LitmusResilienceClient } from '../src/api/LitmusResilienceClient';
import type { ActionName } from '../src/api/types';
import { entities } from './recorded';
import { clientOf } from './show';
import { UNREACHABLE, sidecarPerTest } from './sidecar';

const sidecar = sidecarPerTest();
const REF = 'component:default/checkout';
const EXPERIMENTS = '/api/proxy/litmus/api/v1/entities/component/default/checkout/experiments';

test.each<[ActionName, boolean | undefined, string, string]>([
  ['run', undefined, 'run', '{}'],
  ['stop', undefined, 'stop', '{"all":true}'],
  ['schedule', true, 'schedule', '{"suspended":true}'],
  ['schedule', false, 'schedule', '{"suspended":false}'],
  ['startSchedule', undefined, 'schedule/start', ''],
])('%s (%s) is asked for at %s with %s', async (action, suspended, path, body) => {
  sidecar.current.answers[`POST /entities/*/*/*/experiments/*/${path}`] = { status: 202, body: { actionID: 'a' } };
  await clientOf(sidecar.current).act(REF, 'id/of one', action, suspended);
  expect(sidecar.current.asked).toEqual([`POST ${EXPERIMENTS}/id%2Fof%20one/${path}`]);
  expect(sidecar.current.bodies).toEqual([body]);
});

test('entities are asked for until there are no more', async () => {
  const [one, ...others] = entities.entities;
  sidecar.current.answers['GET /entities'] = query => ({
    body: query.get('cursor') === 'next' ? { entities: others, nextCursor: null } : { entities: [one], nextCursor: 'next' },
  });
  const found = await clientOf(sidecar.current).entities();
  expect(found.entities).toEqual(entities.entities);
  expect(sidecar.current.asked.length).toBe(2);
});

test.each([
  [UNREACHABLE, 'unreachable', ''],
  [{ status: 502, body: '<html>' }, 'unreachable', ''],
  [{ status: 404, body: 'Not found' }, 'noRoute', ''],
  [{ status: 404, body: { code: 'not_found', detail: 'No such entity.' } }, 'unknown', 'No such entity.'],
  [{ status: 401, body: { error: { message: 'Illegal token' } } }, 'unauthenticated', 'Illegal token'],
  [{ status: 403, body: { code: 'forbidden', detail: 'No.' } }, 'forbidden', 'No.'],
  [{ status: 403, body: { code: 'experiment_not_covered', detail: 'Not yours.' } }, 'refused', 'Not yours.'],
  [{ status: 409, body: { code: 'already_running', detail: 'It runs.' } }, 'refused', 'It runs.'],
  [{ status: 503, body: { code: 'not_ready', detail: 'Soon.' } }, 'busy', 'Soon.'],
  [{ status: 500, body: { code: 'internal', detail: 'A bug.' } }, 'failed', 'A bug.'],
  [{ status: 200, body: '<html>' }, 'failed', ''],
])('%o is a failure of the kind %s', async (answer, kind, message) => {
  sidecar.current.answers['GET /now'] = answer;
  await expect(clientOf(sidecar.current).now()).rejects.toMatchObject({ kind, message });
});

test('a browser that does not reach Backstage is told from a sidecar that is away', async () => {
  const client = new LitmusResilienceClient({
    discoveryApi: { getBaseUrl: () => Promise.resolve('http://127.0.0.1:1/api/proxy') },
    fetchApi: { fetch },
  });
  await expect(client.now()).rejects.toMatchObject({ kind: 'offline', status: null });
});
