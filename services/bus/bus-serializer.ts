import { Encoder } from 'cbor-x';
import { Serializers } from 'moleculer';

/**
 * CBOR keeps a Buffer a Buffer at the size it has; JSON would make it an array of numbers. Only what a member sealed
 * reaches `deserialize`.
 */
export class BusSerializer extends Serializers.Base {
  readonly #encoder = new Encoder({ useRecords: false });

  override serialize(payload: Record<string, unknown>, type: string): Buffer {
    return this.#encoder.encode(type === 'INFO' ? infoOf(payload) : payload);
  }

  override deserialize(body: Buffer): Record<string, unknown> {
    return this.#encoder.decode(body) as Record<string, unknown>;
  }
}

interface ServiceInfo {
  readonly settings?: unknown;
}

/** What a node announces of itself: names of actions and events, without settings, which hold functions and are private. */
function infoOf(payload: Record<string, unknown>): unknown {
  const services = (payload.services ?? []) as readonly ServiceInfo[];
  const plain = { ...payload, services: services.map((service) => ({ ...service, settings: {} })) };
  // Definitions of actions may hold functions too; JSON leaves them out.
  return JSON.parse(JSON.stringify(plain));
}
