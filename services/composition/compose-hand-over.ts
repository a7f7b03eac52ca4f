import { setTimeout as delay } from 'node:timers/promises';
import { handOverHomes } from '../transfer/hand-over.ts';
import type { Peers } from '../transfer/peer/create-peers.ts';
import type { ChunkStore, TransferRepository } from '../transfer/ports.ts';
import { releaseReplicas } from '../transfer/replace-replicas.ts';
import { countStranded } from '../transfer/stranded-copies.ts';
import type { TransferEngine } from '../transfer/transfer-engine.ts';
import { type NodeCore, nodesWith } from './node-core.ts';

/** Longer than a small copy takes; a large one goes on while the next is asked for. */
const REPLACED_MS = 8_000;
/** A drain asks it of every node, and whoever waits for its count does so for 5 s. */
const STRANDED_ANSWER_MS = 1_500;

export interface HandOverParts {
  readonly engine: TransferEngine;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** Null: this node is alone, and has nobody to hand anything to. */
  readonly peers: Peers | null;
  readonly otherNodeIds: () => Promise<readonly string[]>;
}

/** What a drain does with the transfers of this node, and how it counts those that are left. */
export function composeHandOver(core: NodeCore, { engine, repository, store, peers, otherNodeIds }: HandOverParts) {
  const { nodeId, broker, call } = core;
  const handOver = async (limitMs: number, patienceMs: number) =>
    peers === null ||
    handOverHomes(
      {
        engine,
        repository,
        hasOthers: () => nodesWith(broker, 'transfer').some((id) => id !== nodeId),
        answers: (id) => peers.answers(id),
        nowMs: () => performance.now(),
        delay: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
      },
      limitMs,
      patienceMs,
    );
  const askToReplace = (transferId: string, homeNodeId: string) => {
    const asked = { transferId, replicaNodeId: nodeId };
    return call('transfer.replace', asked, { nodeId: homeNodeId, timeoutMs: REPLACED_MS });
  };
  const stranded = {
    nodeId,
    store,
    repository,
    otherNodeIds,
    answers: async (id: string) => peers === null || peers.answers(id, STRANDED_ANSWER_MS),
  };
  return {
    handOver,
    releaseReplicas: () => releaseReplicas({ engine, repository, ask: askToReplace }),
    countHomes: () => repository.countByHome(nodeId),
    countStranded: async () => (peers === null ? 0 : countStranded(stranded)),
  };
}
