/** A state that a page cannot be in, and why. */
interface Never {
  readonly never: string;
}
/** The name under which `inspect` looks at a page in a state. */
type Cell = string | Never;
interface PageCells {
  readonly empty: Cell;
  readonly loading: Cell;
  readonly running: Cell;
  readonly paused: Cell;
  readonly failed: Cell;
  readonly ended: Cell;
  readonly offline: Cell;
}

/** Every page in every state there is: axe looks at each of them, light and dark, and a test holds that none is left out. */
export const CELLS: Readonly<Record<'send' | 'receive' | 'mine' | 'people' | 'cluster', PageCells>> = {
  send: {
    empty: 'send, empty',
    loading: { never: 'it is shown at once and asks nothing before' },
    running: 'send, running',
    paused: 'send, paused',
    failed: 'send, stopped',
    ended: 'send, ended',
    offline: 'send, offline',
  },
  receive: {
    empty: 'receive, not found',
    loading: 'receive, loading',
    running: 'receive, arriving',
    paused: 'receive, paused and offline',
    failed: 'receive, failed',
    ended: 'receive, ended',
    offline: 'receive, paused and offline',
  },
  mine: {
    empty: 'mine, empty',
    loading: 'mine, loading',
    running: 'mine, running',
    paused: 'mine, filled',
    failed: 'mine, failed',
    ended: { never: 'what ended is not listed any more' },
    offline: 'mine, offline',
  },
  people: {
    empty: 'people, empty',
    loading: 'people, loading',
    running: 'people, running',
    paused: 'people, paused and offline',
    failed: 'people, gave up',
    ended: 'people, ended',
    offline: 'people, paused and offline',
  },
  cluster: {
    empty: 'cluster, idle',
    loading: 'cluster, loading',
    running: 'cluster, running',
    paused: 'cluster, paused',
    failed: 'cluster, failed',
    ended: 'cluster, drained',
    offline: 'cluster, offline',
  },
};
