/** The page's one session. */

import { serverClock } from '../transfer-engine/server-clock.ts';
import { api } from './api.ts';
import { SessionKeeper } from './session-keeper.ts';

export const session = new SessionKeeper({ open: api.session, rename: api.rename, nowMs: () => serverClock.nowMs() });
