import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { UploadTabs } from './upload-tabs.ts';

const channels: BroadcastChannel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
});

/** A few tabs of one browser; each sends what its list says. */
function tabs(...sending: string[][]) {
  const name = `uploads ${randomUUID()}`;
  return sending.map((ids) => {
    const channel = new BroadcastChannel(name);
    channels.push(channel);
    const heard: string[] = [];
    let tell = () => {};
    const isTold = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const tab = new UploadTabs(
      () => ids,
      (transferIds) => {
        heard.push(...transferIds);
        tell();
      },
      channel,
    );
    return { tab, heard, isTold };
  });
}

describe('tabs of one browser', () => {
  it('are told, without asking, of an upload that one of them begins to send', async () => {
    const [first, second, third] = tabs([], [], []);
    first?.tab.took('transfer');
    await Promise.all([second?.isTold, third?.isTold]);
    expect([first?.heard, second?.heard, third?.heard]).toEqual([[], ['transfer'], ['transfer']]);
  });

  it('answer each question that is asked at the same time with all that the others are sending', async () => {
    const [asking] = tabs([], ['a', 'b'], ['c'], []);
    if (!asking) throw new Error('a tab expected');
    const answers = await Promise.all([asking.tab.busyElsewhere(), asking.tab.busyElsewhere()]);
    expect(answers.map((ids) => [...ids].sort())).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });

  it('ask for the moment: what another tab begins later is no part of the answer', async () => {
    const [asking, other] = tabs([], ['a']);
    const busy = await asking?.tab.busyElsewhere();
    other?.tab.took('later');
    while (!asking?.heard.includes('later')) await new Promise(setImmediate);
    expect([...(busy ?? [])]).toEqual(['a']);
  });

  it('find nobody where the browser has no such channel', async () => {
    const alone = new UploadTabs(
      () => ['own'],
      () => undefined,
      null,
    );
    alone.took('own');
    expect((await alone.busyElsewhere()).size).toBe(0);
  });
});
