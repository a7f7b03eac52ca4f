import { describe, expect, it } from '@jest/globals';
import type { SavePhase } from '../transfer-engine/file-saver.ts';
import type { SavePhaseListener } from './save-as.ts';
import { Savings, type WriteAll } from './savings.ts';

const FILE = { name: 'film.mov', sizeBytes: 100 };

/** A writer that does what the test says. */
function heldWriter() {
  let show: SavePhaseListener = () => {};
  let finish: (phase: SavePhase) => void = () => {};
  let fail: (fault: Error) => void = () => {};
  const write: WriteAll = (listener, signal) =>
    new Promise((resolve, reject) => {
      show = listener;
      finish = resolve;
      fail = reject;
      signal.addEventListener('abort', () => resolve({ name: 'cancelled' }));
    });
  return {
    write,
    show: (...told: Parameters<SavePhaseListener>) => show(...told),
    finish: () => finish,
    fail: () => fail,
  };
}

function world() {
  const clock = { nowMs: 0 };
  const savings = new Savings(() => clock.nowMs);
  const seen = (id = 'a') => {
    const saving = savings.read().get(id);
    return saving ? [saving.phase.name, saving.savedBytes, saving.isInView] : null;
  };
  return { clock, savings, seen };
}

describe('files that the page saves itself', () => {
  it('go on when their page is left, and are told of until it was seen how they ended', async () => {
    const { savings, seen } = world();
    const writer = heldWriter();
    const leave = savings.show('a');
    const over = savings.begin('a', FILE, writer.write);
    expect(seen()).toEqual(['saving', 0, true]);
    leave();
    writer.show({ name: 'moving' }, 40);
    expect(seen()).toEqual(['moving', 40, false]);
    expect(savings.isBusy()).toBe(true);
    writer.finish()({ name: 'saved' });
    await over;
    expect(seen()).toEqual(['saved', 40, false]);
    expect(savings.isBusy()).toBe(false);
    const leaveAgain = savings.show('a');
    expect(seen()).toEqual(['saved', 40, true]);
    leaveAgain();
    expect(seen()).toBeNull();
  });

  it('are saved only when the file is closed, and shown no oftener than one can see', async () => {
    const { clock, savings, seen } = world();
    const writer = heldWriter();
    const over = savings.begin('a', FILE, writer.write);
    writer.show({ name: 'saving' }, 10);
    writer.show({ name: 'saving' }, 20);
    expect(seen()).toEqual(['saving', 10, false]);
    clock.nowMs = 250;
    writer.show({ name: 'saving' }, 90);
    writer.show({ name: 'saved' }, 100);
    expect(seen()).toEqual(['saving', 90, false]);
    writer.finish()({ name: 'saved' });
    await over;
    expect(seen()).toEqual(['saved', 90, false]);
  });

  it('are stopped only by who asks for it, and then leave nothing', async () => {
    const { savings, seen } = world();
    const writer = heldWriter();
    const over = savings.begin('a', FILE, writer.write);
    savings.stop('b');
    expect(savings.isBusy()).toBe(true);
    savings.stop('a');
    await over;
    expect(seen()).toBeNull();
  });

  it('say that the place was refused, and one of a share runs at a time', async () => {
    const { savings, seen } = world();
    const writer = heldWriter();
    const over = savings.begin('a', FILE, writer.write);
    let begun = 0;
    await savings.begin('a', FILE, async () => {
      begun += 1;
      return { name: 'saved' };
    });
    expect(begun).toBe(0);
    writer.fail()(new Error('the disk is full'));
    await over;
    expect(seen()).toEqual(['refused', 0, false]);
    await savings.begin('a', FILE, async () => ({ name: 'saved' }));
    expect(seen()).toEqual(['saved', 0, false]);
  });

  it('remember no more than the newest that are over', async () => {
    const { savings } = world();
    for (let at = 0; at < 50; at += 1) await savings.begin(`s${at}`, FILE, async () => ({ name: 'saved' }));
    const ids = [...savings.read().keys()];
    expect(ids.length).toBeLessThanOrEqual(21);
    expect(ids.at(-1)).toBe('s49');
    expect(ids).not.toContain('s0');
  });
});
