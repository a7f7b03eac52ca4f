/** The operator's side of the backend. Nothing is asked twice here: what watches asks again by itself. */
import type {
  DrainResponse,
  GiveUpResponse,
  OperatorOverview,
  OperatorSignIn,
} from '../../../../services/contracts/operator.ts';
import { requestOnce } from '../../lib/api.ts';

const BASE = '/api/operator';

export const operatorApi = {
  signIn: (token: string) => requestOnce<null>('POST', `${BASE}/session`, { body: { token } satisfies OperatorSignIn }),
  signOut: () => requestOnce<null>('DELETE', `${BASE}/session`, {}),
  overview: (signal: AbortSignal) => requestOnce<OperatorOverview>('GET', `${BASE}/overview`, { signal }),
  /** Begins it, and may be repeated: says what is left. */
  drain: (nodeId: string) =>
    requestOnce<DrainResponse>('POST', `${BASE}/nodes/${encodeURIComponent(nodeId)}/drain`, { body: {} }),
  costsOfGivingUp: (nodeId: string) =>
    requestOnce<GiveUpResponse>('GET', `${BASE}/nodes/${encodeURIComponent(nodeId)}/give-up`, {}),
  /** May be repeated: says what is left. */
  giveUp: (nodeId: string) =>
    requestOnce<GiveUpResponse>('POST', `${BASE}/nodes/${encodeURIComponent(nodeId)}/give-up`, { body: {} }),
};
