import type { PublicLimits } from '../../../services/contracts/http.ts';
import type { Messages } from '../messages/en.ts';
import type { Formatter } from './format.ts';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** How long a transfer may be kept: the usual choices that this server allows, with its default among them. */
export function expiryChoices(
  limits: Pick<PublicLimits, 'defaultExpirySeconds' | 'maxExpirySeconds'>,
  messages: Messages,
  format: Formatter,
): readonly { readonly seconds: number; readonly label: string }[] {
  const { hour, day, week, month, year } = messages.send.duration;
  const named = new Map([
    [HOUR_SECONDS, hour],
    [DAY_SECONDS, day],
    [7 * DAY_SECONDS, week],
    [30 * DAY_SECONDS, month],
    [365 * DAY_SECONDS, year],
  ]);
  return [...new Set([...named.keys(), limits.defaultExpirySeconds])]
    .filter((seconds) => seconds <= limits.maxExpirySeconds)
    .sort((a, b) => a - b)
    .map((seconds) => ({ seconds, label: named.get(seconds) ?? format.duration(seconds * 1000) }));
}
