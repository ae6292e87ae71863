// The page of everything: the viewer's own first, all of it to be searched, and leading to the catalog.
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import { LitmusPage } from '../src/components/page/LitmusPage';
import { attention, entities, now, portfolio } from './recorded';
import { show } from './show';
import { UNREACHABLE, sidecarPerTest } from './sidecar';

const sidecar = sidecarPerTest();

async function rowsOf(region: string) {
  const table = await screen.findByRole('region', { name: region });
  return within(table).getAllByRole('row').slice(1);
}

test('groups come worst first, and the viewer’s own before all', async () => {
  const [worst, other] = portfolio.groups.map(one => one.group as string);
  expect([worst, other]).toEqual(['group:default/platform-team', 'group:default/shop-team']);
  await show(<LitmusPage />, sidecar.current, { owned: ['user:default/alice', 'group:default/shop-team'] });
  expect(await screen.findByText('Scores, yours first, then worst first')).toBeTruthy();
  await waitFor(async () => {
    const [first, second] = await rowsOf('Scores, worst first');
    expect(first?.textContent).toMatch(/^shop-team yours/);
    expect(second?.textContent).toMatch(/^platform-team/);
  });
});

test('only what is the viewer’s is shown when they ask for that', async () => {
  await show(<LitmusPage />, sidecar.current, { owned: ['group:default/shop-team'] });
  await userEvent.click(await screen.findByLabelText('Only mine'));
  const mine = entities.entities.filter(one => one.owner === 'group:default/shop-team');
  expect(mine.length).toBeLessThan(entities.entities.length);
  expect((await rowsOf('Entities')).length).toBe(mine.length);
  const groups = await rowsOf('Scores, worst first');
  expect(groups.map(row => row.textContent)).toEqual([expect.stringMatching(/^shop-team yours/)]);
});

test('who owns nothing sees the order of the sidecar', async () => {
  await show(<LitmusPage />, sidecar.current);
  const [first] = await rowsOf('Scores, worst first');
  expect(first?.textContent).toMatch(/^platform-team/);
  expect(screen.getByText('Scores, worst first')).toBeTruthy();
  expect(screen.queryByLabelText('Only mine')).toBeNull();
});

test('another grouping and window are asked for; a system with something of the viewer’s is theirs', async () => {
  sidecar.current.answers['GET /portfolio'] = query => ({
    body:
      query.get('group') === 'system'
        ? { ...portfolio, groups: [{ ...portfolio.groups[0], group: 'system:default/web-shop', entities: ['component:default/cart'] }] }
        : portfolio,
  });
  await show(<LitmusPage />, sidecar.current, { owned: ['group:default/shop-team'] });
  await rowsOf('Scores, worst first');
  await userEvent.selectOptions(screen.getByLabelText('By'), 'system');
  await userEvent.click(screen.getByRole('button', { name: '12 months' }));
  await waitFor(async () => {
    expect((await rowsOf('Scores, worst first'))[0]?.textContent).toMatch(/^web-shop yours/);
  });
  expect(sidecar.current.asked.some(one => one.endsWith('/portfolio?group=system&window=12mo&limit=200'))).toBe(true);
});

test('what needs attention and what runs lead to Litmus and to the entities', async () => {
  await show(<LitmusPage />, sidecar.current);
  const item = attention.attention[0];
  expect(await screen.findByText(item?.sentence ?? 'none recorded', { exact: false })).toBeTruthy();
  const running = now.runs[0];
  await waitFor(() => {
    const links = screen.getAllByRole('link').map(link => link.getAttribute('href'));
    expect(links).toEqual(expect.arrayContaining([running?.run.link, '/catalog/default/component/cart']));
  });
});

test('each thing that needs attention has the grade that the card gives it', async () => {
  await show(<LitmusPage />, sidecar.current);
  const [item] = attention.attention;
  const line = await screen.findByText(item?.sentence ?? 'none recorded', { exact: false });
  expect(line.textContent).toMatch(new RegExp(`^${item?.grade} `));
});

test('the most urgent stands first, whatever the order of the answer', async () => {
  const [item] = attention.attention;
  const listed = (['Later', 'Urgent', 'Soon'] as const).map(grade => ({ ...item, grade, sentence: `It is ${grade}.` }));
  sidecar.current.answers['GET /attention'] = { body: { ...attention, attention: listed } };
  await show(<LitmusPage />, sidecar.current);
  const lines = await screen.findAllByText(/It is (Urgent|Soon|Later)\./);
  expect(lines.map(line => /It is (\w+)\./.exec(line.textContent ?? '')?.[1])).toEqual(['Urgent', 'Soon', 'Later']);
});

test('entities are found by every word', async () => {
  await show(<LitmusPage />, sidecar.current);
  expect((await rowsOf('Entities')).length).toBe(entities.entities.length);
  await userEvent.type(screen.getByLabelText(/^Search by name/), 'STAGING shop-team');
  const found = await rowsOf('Entities');
  expect(found.map(row => row.textContent)).toEqual([expect.stringMatching(/^checkout-staging/)]);
  await userEvent.type(screen.getByLabelText(/^Search by name/), ' nothing');
  expect(screen.getByText('No entity fits the search.')).toBeTruthy();
});

test('one part that fails leaves the others', async () => {
  sidecar.current.answers['GET /attention'] = UNREACHABLE;
  await show(<LitmusPage />, sidecar.current);
  expect(await screen.findByRole('alert')).toBeTruthy();
  expect((await rowsOf('Entities')).length).toBe(entities.entities.length);
});
