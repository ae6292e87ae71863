// What is looked at is asked for every minute, what is hidden never, and what failed soon again.
import { act, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ResilienceCard } from '../src/components/card/ResilienceCard';
import { overview } from './recorded';
import { show } from './show';
import { UNREACHABLE, sidecarPerTest } from './sidecar';

const sidecar = sidecarPerTest();
const OVERVIEW = 'GET /entities/*/*/*/overview';
const realTimeout = setTimeout;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], shouldAdvanceTime: true });
});
afterEach(() => {
  vi.useRealTimers();
  seen(true);
});

function seen(isVisible: boolean) {
  Object.defineProperty(document, 'visibilityState', { value: isVisible ? 'visible' : 'hidden', configurable: true });
  document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
}

async function pass(seconds: number) {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(seconds * 1000);
  });
}

async function asked(number: number) {
  for (let tries = 0; sidecar.current.asked.length < number && tries < 500; tries += 1) {
    await act(() => new Promise(resolve => realTimeout(resolve, 20)));
  }
  expect(sidecar.current.asked.length).toBe(number);
}

test('a minute later it is asked for again, and once', async () => {
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByText('Last 30 days');
  await pass(50);
  expect(sidecar.current.asked.length).toBe(1);
  await pass(11);
  await asked(2);
});

test('hidden, nothing is asked for; seen again, it is asked for at once', async () => {
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByText('Last 30 days');
  seen(false);
  await pass(3600);
  expect(sidecar.current.asked.length).toBe(1);
  seen(true);
  await asked(2);
});

test('what failed is tried again by itself, and what is shown stays', async () => {
  await show(<ResilienceCard />, sidecar.current);
  await screen.findByText('Last 30 days');
  sidecar.current.answers[OVERVIEW] = UNREACHABLE;
  await pass(61);
  await asked(2);
  expect(await screen.findByText(/The Litmus sidecar does not answer/)).toBeTruthy();
  expect(screen.getByText('Last 30 days')).toBeTruthy();
  sidecar.current.answers[OVERVIEW] = { body: overview };
  await pass(16);
  await asked(3);
});
