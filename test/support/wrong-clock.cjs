'use strict';

/**
 * Loaded before anything else of a process (NODE_OPTIONS=--require), it sets that process's wall clock wrong by
 * WRONG_CLOCK_MS. performance.now() and timers go on as they do: a wrong clock runs as fast as a right one.
 */
const aheadMs = Number(process.env.WRONG_CLOCK_MS);
if (!Number.isSafeInteger(aheadMs)) throw new RangeError('WRONG_CLOCK_MS is no number of milliseconds');
const RightDate = Date;
const now = () => RightDate.now() + aheadMs;

const WrongDate = new Proxy(RightDate, {
  apply: () => new RightDate(now()).toString(),
  construct: (target, given, made) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, made === WrongDate ? target : made),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
RightDate.prototype.constructor = WrongDate;
globalThis.Date = WrongDate;
