import { useEffect, useState } from 'react';
import type { DrainResponse } from '../../../../services/contracts/operator.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { operatorApi } from './operator-api.ts';

const ASK_EVERY_MS = 1_000;

export interface Drain {
  /** What was left when it was asked last. */
  readonly left: DrainResponse | null;
  /** Of the last time; it is asked again by itself while the node drains. */
  readonly fault: Fault | null;
  readonly isAsking: boolean;
  readonly begin: () => Promise<void>;
}

/**
 * Begins to drain a node, and follows what is left: asking again is the same question.
 * @param isFollowed it drains, and somebody looks
 */
export function useDrain(nodeId: string, isFollowed: boolean): Drain {
  const [left, setLeft] = useState<DrainResponse | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  const begin = async () => {
    setIsAsking(true);
    const answer = await operatorApi.drain(nodeId);
    setIsAsking(false);
    setFault(answer.ok ? null : answer.fault);
    if (answer.ok) setLeft(answer.value);
  };
  useEffect(() => {
    if (!isFollowed) return;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      const answer = await operatorApi.drain(nodeId);
      if (isOver) return;
      setFault(answer.ok ? null : answer.fault);
      if (answer.ok) setLeft(answer.value);
      timer = setTimeout(look, ASK_EVERY_MS);
    };
    timer = setTimeout(look, ASK_EVERY_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [nodeId, isFollowed]);
  return { left, fault, isAsking, begin };
}
