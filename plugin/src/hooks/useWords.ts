import { useTranslationRef } from '@backstage/core-plugin-api/alpha';
import { useMemo } from 'react';
import { litmusResilienceTranslationRef } from '../translation';

/** The translation function of this package's messages. */
export type T = ReturnType<typeof useTranslationRef<(typeof litmusResilienceTranslationRef)['T']>>['t'];

/** Messages and how figures and times are worded, in the language of the messages. */
export interface Words {
  t: T;
  /** `87.5 %`, or that there is no score. */
  percent: (score: number | null) => string;
  /** `up 2.5 points`, or that there is nothing to compare with. */
  change: (points: number | null) => string;
  /** `3 hours ago`, `in 2 days`. */
  relative: (instant: string, now?: number) => string;
  /** Date, time and zone: `28 Nov 2026, 16:20 UTC`. In the viewer's zone unless another is given. */
  absolute: (instant: string, zone?: string | null) => string;
  /** `28 Nov`. */
  day: (instant: string) => string;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export function useWords(): Words {
  const { t } = useTranslationRef(litmusResilienceTranslationRef);
  return useMemo(() => wordsOf(t), [t]);
}

function wordsOf(t: T): Words {
  const locale = t('locale');
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
  return {
    t,
    percent: score => (score === null ? t('score.none') : t('score.percent', { score: number.format(score) })),
    change: points => {
      if (points === null) return t('score.nothingBefore');
      if (points === 0) return t('score.unchanged');
      return t(points > 0 ? 'score.up' : 'score.down', { points: number.format(Math.abs(points)) });
    },
    relative: (instant, now = Date.now()) => {
      const seconds = (Date.parse(instant) - now) / 1000;
      const [unit, length] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ['minute', 60];
      return ago.format(Math.trunc(seconds / length), unit);
    },
    absolute: (instant, zone) => absolute(locale, instant, zone),
    day: instant => day.format(new Date(instant)),
  };
}

function absolute(locale: string, instant: string, zone?: string | null): string {
  const options: Intl.DateTimeFormatOptions = {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
    timeZoneName: 'short',
  };
  const date = new Date(instant);
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone ?? undefined }).format(date);
  } catch {
    // A zone that Litmus's cluster knows and this browser does not.
    return new Intl.DateTimeFormat(locale, options).format(date);
  }
}
