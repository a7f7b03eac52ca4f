import { expect, it } from '@jest/globals';
import type { LiveState } from './live-connection.ts';
import { reconnectWhenSeen } from './reconnect-when-seen.ts';

it('connects anew when somebody comes back to a page that gave up, and only then', () => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' as DocumentVisibilityState });
  let state: LiveState = 'connected';
  let triedCount = 0;
  const live = {
    read: () => state,
    reconnect: () => {
      triedCount += 1;
      state = 'connecting';
    },
  };
  const end = reconnectWhenSeen(live, page as unknown as Document);
  const becomes = (visibility: DocumentVisibilityState) => {
    page.visibilityState = visibility;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  becomes('hidden');
  becomes('visible');
  expect(triedCount).toBe(0);
  state = 'gave_up';
  becomes('hidden');
  expect(triedCount).toBe(0);
  becomes('visible');
  expect(triedCount).toBe(1);
  end();
  state = 'gave_up';
  becomes('visible');
  expect(triedCount).toBe(1);
});
