import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TrafficCounter } from '../../kernel/traffic.ts';
import type { PeerRouting } from '../peer/peer-routing.ts';
import type { LeaseRepository } from '../ports.ts';
import type { TransferControl } from '../transfer-control.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { EdgePorts, RequestContext } from './data-plane.ts';
import type { LeaseFlights } from './lease-flights.ts';
import type { MovingTransfers } from './moving-transfers.ts';

/** The other nodes, as the data plane uses them. */
export interface PeerPorts {
  readonly routing: PeerRouting;
  /** Answers `/peer/`. */
  answer(req: IncomingMessage, res: ServerResponse, context: RequestContext): Promise<void>;
}

export interface DataPlaneDeps {
  readonly engine: TransferEngine;
  readonly control: TransferControl;
  readonly leases: LeaseRepository;
  readonly edge: EdgePorts;
  readonly uploads: MovingTransfers;
  readonly downloads: MovingTransfers;
  readonly leaseFlights: LeaseFlights;
  readonly buffers: BufferPool;
  /** In a cluster: the other nodes. */
  readonly peers: PeerPorts | null;
  readonly traffic: TrafficCounter;
  /** MAX_FILE_SIZE, or what 65,536 chunks of 1 MiB hold. */
  readonly maxUnknownLengthBytes: number;
}
