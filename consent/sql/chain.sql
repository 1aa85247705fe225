-- The chain of one address: what a link hashes, how it is linked on insert, and what is refused.

CREATE OR REPLACE FUNCTION consent_field(name text, value text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT name || ':' || COALESCE(octet_length(value)::text, '-') || ':' || COALESCE(value, '') || E'\n'
$$;

CREATE OR REPLACE FUNCTION consent_instant(value timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT to_char(value AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- Every column of the row but the address's local key and the hashes; lengths make it unambiguous.
CREATE OR REPLACE FUNCTION consent_event_canonical(e consent_consentevent) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT consent_field('id', e.id::text) || consent_field('seq', e.seq::text) || consent_field('kind', e.kind)
      || consent_field('occurred_at', consent_instant(e.occurred_at))
      || consent_field('recorded_at', consent_instant(e.recorded_at))
      || consent_field('effective_at', consent_instant(e.effective_at))
      || consent_field('expires_at', consent_instant(e.expires_at))
      || consent_field('channels', array_to_string(e.channels, ','))
      || consent_field('purposes', array_to_string(e.purposes, ','))
      || consent_field('level', e.level) || consent_field('sellers', array_to_string(e.sellers, ','))
      || consent_field('scope', e.scope) || consent_field('verdict', e.verdict)
      || consent_field('fresh_opt_in', e.fresh_opt_in::text)
      || consent_field('disclosure_id', e.disclosure_id::text) || consent_field('shown_sha256', e.shown_sha256)
      || consent_field('is_evidence_complete', e.is_evidence_complete::text)
      || consent_field('about', e.about::text) || consent_field('facts', e.facts::text)
      || consent_field('source', e.source) || consent_field('by_id', e.by_id::text)
      || consent_field('commitment', e.commitment)
$$;

CREATE OR REPLACE FUNCTION consent_event_digest(e consent_consentevent) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT encode(sha256(convert_to(e.prev_hash || E'\n' || consent_event_canonical(e), 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION consent_genesis(keyed_hash text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT encode(sha256(convert_to('medcrm consent chain of ' || keyed_hash, 'UTF8')), 'hex')
$$;

-- Locks the address row, so that links of one address are numbered without a gap and others are not delayed. What lies
-- beyond the head was inserted by the same statement: it ends with consent_move_heads, as a head moved row by row would
-- cost more than all the rest of an event.
CREATE OR REPLACE FUNCTION consent_link_event() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  head consent_address%ROWTYPE;
  last consent_consentevent%ROWTYPE;
BEGIN
  SELECT * INTO STRICT head FROM consent_address WHERE id = NEW.address_id FOR NO KEY UPDATE;
  SELECT * INTO last FROM consent_consentevent WHERE address_id = NEW.address_id AND seq > head.head_seq
   ORDER BY seq DESC LIMIT 1;
  IF FOUND THEN
    head.head_seq := last.seq;
    head.head_hash := last.hash;
  END IF;
  NEW.seq := head.head_seq + 1;
  NEW.prev_hash := CASE WHEN head.head_seq = 0 THEN consent_genesis(head.keyed_hash) ELSE head.head_hash END;
  NEW.hash := consent_event_digest(NEW);
  RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION consent_move_heads() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE consent_address AS address SET head_seq = last.seq, head_hash = last.hash
    FROM (SELECT DISTINCT ON (address_id) address_id, seq, hash FROM linked ORDER BY address_id, seq DESC) AS last
   WHERE address.id = last.address_id;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION consent_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The consent ledger only grows: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- Personal values go when the chain of their address says that they were erased, and only then.
CREATE OR REPLACE FUNCTION consent_values_erased() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM consent_consentevent e JOIN consent_consentevent mine ON mine.id = OLD.event_id
                 WHERE e.address_id = mine.address_id AND e.kind = 'erasure' AND e.seq >= mine.seq) THEN
    RAISE EXCEPTION 'Evidence is deleted only by an erasure recorded in the ledger'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END
$$;

CREATE OR REPLACE FUNCTION consent_address_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.keyed_hash <> OLD.keyed_hash OR NEW.kind <> OLD.kind THEN
    RAISE EXCEPTION 'An address keeps its kind and hash' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF (NEW.head_seq <> OLD.head_seq OR NEW.head_hash <> OLD.head_hash) AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'The head of a chain moves only when an event is inserted'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER consent_link BEFORE INSERT ON consent_consentevent
  FOR EACH ROW EXECUTE FUNCTION consent_link_event();
CREATE OR REPLACE TRIGGER consent_move_heads AFTER INSERT ON consent_consentevent
  REFERENCING NEW TABLE AS linked FOR EACH STATEMENT EXECUTE FUNCTION consent_move_heads();
CREATE OR REPLACE TRIGGER consent_frozen BEFORE UPDATE OR DELETE ON consent_consentevent
  FOR EACH ROW EXECUTE FUNCTION consent_refuse();
CREATE OR REPLACE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent_consentevent
  FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse();
CREATE OR REPLACE TRIGGER consent_frozen BEFORE UPDATE ON consent_eventvalue
  FOR EACH ROW EXECUTE FUNCTION consent_refuse();
CREATE OR REPLACE TRIGGER consent_erased BEFORE DELETE ON consent_eventvalue
  FOR EACH ROW EXECUTE FUNCTION consent_values_erased();
CREATE OR REPLACE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent_eventvalue
  FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse();
CREATE OR REPLACE TRIGGER consent_guard BEFORE UPDATE ON consent_address
  FOR EACH ROW EXECUTE FUNCTION consent_address_guard();
CREATE OR REPLACE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent_attempt
  FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse();
CREATE OR REPLACE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent_checkpoint
  FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse();
ALTER TABLE consent_address SET (fillfactor = 80);
