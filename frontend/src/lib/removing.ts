/** The page's one list of what it has deleted. */
import { uploads } from '../transfer-engine/uploads.ts';
import { api } from './api.ts';
import { Removals } from './removals.ts';

export const removing = new Removals({
  stop: (transferId) => uploads.stop(transferId),
  ask: ({ transferId, uploadToken }, outlivesPage) =>
    api.remove(transferId, { outlivesPage, ...(uploadToken === undefined ? {} : { uploadToken }) }),
  forget: (transferId) => uploads.forget(transferId),
});
