/** How an upload of this page goes about it: the server's limits, the build's settings, and the nodes there are. */
import { config } from '../config/env.ts';
import type { UploadPace } from '../transfer-engine/upload-workers.ts';
import { api } from './api.ts';
import { paceOf } from './pace-of.ts';
import { session } from './session.ts';

/** Never rejects: without an answer of the server, its defaults hold and the nodes are heard of later. */
export async function uploadPace(): Promise<UploadPace> {
  const [answer, cluster] = await Promise.all([session.ensure(), api.cluster()]);
  const limits = answer.ok ? answer.value.limits : null;
  return paceOf(config, limits, window.location.origin, cluster.ok ? cluster.value : null);
}
