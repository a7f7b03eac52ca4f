/** Sizes, rates and times in the person's own locale. */
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const;
const MS = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

export interface Formatter {
  /** `12.4 MB`: decimal units, as file managers show them. */
  size(bytes: number): string;
  /** `12.4 MB/s`, and nothing smaller than kilobytes: a word for bytes would stand among signs. */
  rate(bytesPerSecond: number): string;
  count(value: number): string;
  /** A share of one as whole percent; 100 only when it is whole. */
  percent(share: number): string;
  /** `about 3 min`: one unit, rounded up, so that it never promises too much. */
  duration(ms: number): string;
  /** `in 3 hours`, `yesterday`, `2 days ago`: from a day on by the calendar, as people count days. */
  relative(timeMs: number, nowMs: number): string;
  /** `Mon 24 Nov, 16:40`. */
  moment(timeMs: number): string;
  /** `16:40`, and `16:40:05` with seconds. */
  clock(timeMs: number, precision: 'minute' | 'second'): string;
  /** `a, b and c`. */
  list(items: readonly string[]): string;
}

function scale(bytes: number): { value: number; unit: (typeof UNITS)[number] } {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  // 999.96 kB would read as 1,000 kB.
  if (power > 0 && power < UNITS.length - 1 && Math.round(value) >= 1000)
    return { value: value / 1000, unit: UNITS[power + 1] ?? 'petabyte' };
  return { value, unit: UNITS[power] ?? 'byte' };
}

function largestUnit(ms: number): { value: number; unit: keyof typeof MS } {
  const magnitude = Math.abs(ms);
  const unit =
    magnitude >= 2 * MS.day
      ? 'day'
      : magnitude >= 2 * MS.hour
        ? 'hour'
        : magnitude >= 2 * MS.minute
          ? 'minute'
          : 'second';
  return { value: ms / MS[unit], unit };
}

/** Midnights between two moments where the person is; a change of clocks makes no day of its own. */
function daysBetween(fromMs: number, toMs: number): number {
  const midnight = (timeMs: number) => new Date(timeMs).setHours(0, 0, 0, 0);
  return Math.round((midnight(toMs) - midnight(fromMs)) / MS.day);
}

export function formatterFor(locale: string): Formatter {
  const number = new Intl.NumberFormat(locale);
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const moment = new Intl.DateTimeFormat(locale, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
  });
  const clocks = {
    minute: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
    second: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  };
  const list = new Intl.ListFormat(locale, { type: 'conjunction' });
  const unitFormats = new Map<string, Intl.NumberFormat>();
  const inUnit = (value: number, unit: string, digits: number, display: 'short' | 'long' = 'short') => {
    const key = `${unit} ${digits} ${display}`;
    let format = unitFormats.get(key);
    if (!format) {
      format = new Intl.NumberFormat(locale, {
        style: 'unit',
        unit,
        unitDisplay: display,
        maximumFractionDigits: digits,
      });
      unitFormats.set(key, format);
    }
    return format.format(value);
  };
  const size = (bytes: number) => {
    const { value, unit } = scale(bytes);
    return inUnit(value, unit, unit === 'byte' || value >= 100 ? 0 : 1, unit === 'byte' ? 'long' : 'short');
  };
  return {
    size,
    rate(bytesPerSecond) {
      if (bytesPerSecond < 1000) return inUnit(bytesPerSecond / 1000, 'kilobyte-per-second', 2);
      const { value, unit } = scale(bytesPerSecond);
      return inUnit(value, `${unit}-per-second`, value >= 100 ? 0 : 1);
    },
    count: (value) => number.format(value),
    percent: (share) => percent.format(share >= 1 ? 1 : Math.floor(share * 100) / 100),
    duration(ms) {
      const { value, unit } = largestUnit(Math.max(ms, MS.second));
      return inUnit(Math.ceil(value), unit, 0);
    },
    relative(timeMs, nowMs) {
      if (Math.abs(timeMs - nowMs) >= MS.day) return relative.format(daysBetween(nowMs, timeMs), 'day');
      const { value, unit } = largestUnit(timeMs - nowMs);
      return relative.format(Math.round(value), unit);
    },
    moment: (timeMs) => moment.format(timeMs),
    clock: (timeMs, precision) => clocks[precision].format(timeMs),
    list: (items) => list.format(items),
  };
}
