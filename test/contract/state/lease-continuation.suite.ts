import { describe, expect, it } from '@jest/globals';
import { leaseSteps } from './lease-steps.ts';
import { bytes, type StateHarness } from './state-harness.ts';

const MIB = 1_048_576;

/** A download that broke goes on under the lease it had. */
export function describeLeaseContinuation(make: () => StateHarness): void {
  const { share, grant, takeUp, serve } = leaseSteps(make);

  describe('a Range continuation without a token', () => {
    const served = async (servedBytes: number) => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await serve(lease, 0, servedBytes, { closes: true });
      await make().age('leases', lease, 2);
      return { id, lease };
    };

    it('takes up the lease of its address where that was served, and gets a token of its own', async () => {
      const { id, lease } = await served(20 * MIB);
      expect(await takeUp(id, 12 * MIB)).toMatchObject({ id: lease, servedBytes: { 0: 20 * MIB } });
      expect(await make().leases.findByToken(id, bytes(32, 1))).toBeNull();
      expect(await make().leases.findByToken(id, bytes(32, 200))).toMatchObject({ id: lease });
    });

    it('takes up a consumed one too: the last chunk may have been cut', async () => {
      const { id, lease } = await served(20 * MIB);
      await make().leases.consume(lease);
      await make().age('leases', lease, 2);
      expect(await takeUp(id, 20 * MIB)).toMatchObject({ id: lease, state: 'consumed' });
    });

    it('takes up nothing from further below, of another file, from another address, of another share', async () => {
      const { id } = await served(20 * MIB);
      expect(await takeUp(id, 12 * MIB - 1)).toBeNull();
      expect(await takeUp(id, 0)).toBeNull();
      expect(await takeUp(id, 20 * MIB, { fileIndex: 1 })).toBeNull();
      expect(await takeUp(id, 20 * MIB, { holder: '192.0.2.2' })).toBeNull();
      expect(await takeUp(await share(1), 20 * MIB)).toBeNull();
    });

    it('takes up nothing of which nothing was served', async () => {
      const { id } = await served(0);
      expect(await takeUp(id, 1)).toBeNull();
    });

    it('waits until a second has passed without a stream', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await serve(lease, 0, 100, { opens: true });
      await make().age('leases', lease, 5);
      expect(await takeUp(id, 100)).toBeNull();
      await serve(lease, 0, 0, { closes: true });
      expect(await takeUp(id, 100)).toBeNull();
      await make().age('leases', lease, 1);
      expect(await takeUp(id, 100)).toMatchObject({ id: lease });
    });

    it('waits for a stream that began while the database was away, and for one beside which such a stream has ended', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      // Known from its first word on.
      await serve(lease, 0, 100, { streamId: 'lent' });
      await make().age('leases', lease, 2);
      expect(await takeUp(id, 100)).toBeNull();
      await serve(lease, 0, 0, { opens: true, streamId: 'begun' });
      await serve(lease, 0, 0, { closes: true, streamId: 'lent' });
      await serve(lease, 0, 0, { closes: true, streamId: 'never told of before' });
      await make().age('leases', lease, 2);
      expect(await takeUp(id, 100)).toBeNull();
      await serve(lease, 0, 0, { closes: true, streamId: 'begun' });
      await make().age('leases', lease, 2);
      expect(await takeUp(id, 100)).toMatchObject({ id: lease });
    });

    it('does not wait for streams that fell silent with their node', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await serve(lease, 0, 100, { opens: true });
      await make().age('leases', lease, 10);
      expect(await takeUp(id, 100)).toMatchObject({ id: lease });
    });

    it('takes the lease nearest to where it goes on', async () => {
      const id = await share(2);
      const far = await grant(id, 1);
      const near = await grant(id, 2);
      await serve(far, 0, 2 * MIB, { closes: true });
      await serve(near, 0, 9 * MIB, { closes: true });
      for (const lease of [far, near]) await make().age('leases', lease, 2);
      expect(await takeUp(id, 9 * MIB)).toMatchObject({ id: near });
    });

    it('takes up nothing of an ended share', async () => {
      const { id } = await served(100);
      await make().transfers.end(id, 'deleted');
      expect(await takeUp(id, 100)).toBeNull();
    });
  });
}
