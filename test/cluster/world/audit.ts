import type { Pool } from 'pg';
import type { LeaderEffect, LeaseChange, TransferChange } from '../history/check-rows.ts';

/**
 * Triggers of the test's own write down each change of the lease and of a transfer's ownership, in the order in which
 * the database makes them, with the node that made it: each node connects under its name.
 */
const TRIGGERS = `
CREATE TABLE audit_lease (seq bigserial, at timestamptz DEFAULT clock_timestamp(), holder text, epoch int, done_by text);
CREATE TABLE audit_transfer (seq bigserial, at timestamptz DEFAULT clock_timestamp(), id text, home text, replica text,
  replica_state text, state text, end_reason text, epoch int, generation int, done_by text, lease_epoch int);
CREATE FUNCTION audit_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO audit_lease (holder, epoch, done_by)
    VALUES (NEW.holder_node_id, NEW.epoch, current_setting('application_name'));
  RETURN NULL;
END $$;
CREATE FUNCTION audit_transfer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO audit_transfer (id, home, replica, replica_state, state, end_reason, epoch, generation, done_by, lease_epoch)
    VALUES (NEW.id, NEW.home_node_id, NEW.replica_node_id, NEW.replica_state, NEW.state, NEW.end_reason, NEW.epoch,
      NEW.generation, current_setting('application_name'), (SELECT epoch FROM leader_lease));
  RETURN NULL;
END $$;
CREATE TRIGGER audit_lease AFTER INSERT OR UPDATE ON leader_lease FOR EACH ROW EXECUTE FUNCTION audit_lease();
CREATE TRIGGER audit_transfer_new AFTER INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION audit_transfer();
CREATE TRIGGER audit_transfer AFTER UPDATE ON transfers FOR EACH ROW
  WHEN (OLD.epoch <> NEW.epoch OR OLD.state <> NEW.state OR OLD.home_node_id <> NEW.home_node_id
    OR OLD.generation <> NEW.generation) EXECUTE FUNCTION audit_transfer();
INSERT INTO audit_lease (holder, epoch, done_by) SELECT holder_node_id, epoch, 'before' FROM leader_lease;
`;

export interface Audit {
  leases(): Promise<LeaseChange[]>;
  transfers(): Promise<TransferChange[]>;
  /** Ends by the leader's sweep. `by` is the name under which the node connects. */
  expiries(): Promise<LeaderEffect[]>;
}

export async function beginAudit(pool: Pool): Promise<Audit> {
  await pool.query(TRIGGERS);
  return {
    leases: async () => (await pool.query<LeaseChange>('SELECT holder, epoch FROM audit_lease ORDER BY seq')).rows,
    transfers: async () =>
      (
        await pool.query<TransferChange>(
          `SELECT id, home, replica, replica_state AS "replicaState", state, epoch, generation
           FROM audit_transfer ORDER BY seq`,
        )
      ).rows,
    expiries: async () =>
      (
        await pool.query<LeaderEffect>(
          `SELECT 'the end of ' || id AS what, done_by AS by, lease_epoch AS epoch
           FROM audit_transfer WHERE end_reason = 'expired' ORDER BY seq`,
        )
      ).rows,
  };
}
