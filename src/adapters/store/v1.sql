-- Schema 1. Frozen once released: a change is a new file and a new number.
--
-- Counters (u64) are blobs of 8 bytes, big end first. Amounts are integers of 0
-- to 2^63-1. Times are s since the epoch or ms of a boot; days are counted from
-- 1970-01-01. Words are those of the domain.

-- The current boot's row is written by each commit and carries its number.
CREATE TABLE boots ( -- posdatad store
    boot_seq INTEGER PRIMARY KEY CHECK (boot_seq BETWEEN 1 AND 4294967295),
    boot_id TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    started_s INTEGER,
    last_boot_ms INTEGER NOT NULL CHECK (last_boot_ms >= 0),
    last_trusted_s INTEGER
) STRICT;

CREATE TABLE sims ( -- posdatad store
    id INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    iccid TEXT,
    merged_into INTEGER,
    home_rx BLOB NOT NULL CHECK (length(home_rx) = 8),
    home_tx BLOB NOT NULL CHECK (length(home_tx) = 8),
    roaming_rx BLOB NOT NULL CHECK (length(roaming_rx) = 8),
    roaming_tx BLOB NOT NULL CHECK (length(roaming_tx) = 8)
) STRICT;

CREATE TABLE baselines ( -- posdatad store
    role INTEGER PRIMARY KEY CHECK (role IN (1, 2)), -- metered, cross_check
    source TEXT NOT NULL,
    device TEXT NOT NULL,
    epoch TEXT NOT NULL,
    sim INTEGER NOT NULL REFERENCES sims (id),
    parts TEXT NOT NULL, -- a source's counters: "=open", "ipv4=open,ipv6=ended"
    rx BLOB NOT NULL CHECK (length(rx) % 8 = 0), -- one after the other
    tx BLOB NOT NULL CHECK (length(tx) = length(rx)),
    at_boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at_wall_s INTEGER NOT NULL,
    at_trust TEXT NOT NULL
) STRICT;

-- The newest slot of each tier: the rows that each commit changes, on one page.
CREATE TABLE usage_now ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    roaming INTEGER NOT NULL CHECK (roaming IN (0, 1)),
    tier INTEGER NOT NULL CHECK (tier BETWEEN 1 AND 5),
    start INTEGER NOT NULL,
    estimated INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    rx INTEGER NOT NULL CHECK (rx >= 0),
    tx INTEGER NOT NULL CHECK (tx >= 0),
    PRIMARY KEY (sim, roaming, tier)
) STRICT, WITHOUT ROWID;

-- The slots before it. Tiers: 1 five minutes, 2 hours, 3 days, 4 months, 5 years.
CREATE TABLE usage ( -- posdatad store
    tier INTEGER NOT NULL CHECK (tier BETWEEN 1 AND 5),
    sim INTEGER NOT NULL REFERENCES sims (id),
    start INTEGER NOT NULL,
    roaming INTEGER NOT NULL CHECK (roaming IN (0, 1)),
    estimated INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    rx INTEGER NOT NULL CHECK (rx >= 0),
    tx INTEGER NOT NULL CHECK (tx >= 0),
    PRIMARY KEY (tier, sim, start, roaming)
) STRICT, WITHOUT ROWID;

CREATE TABLE unplaced ( -- posdatad store
    boot_seq INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    sim INTEGER NOT NULL REFERENCES sims (id),
    roaming INTEGER NOT NULL CHECK (roaming IN (0, 1)),
    rx INTEGER NOT NULL CHECK (rx >= 0),
    tx INTEGER NOT NULL CHECK (tx >= 0),
    PRIMARY KEY (boot_seq, slot, sim, roaming)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts ( -- posdatad store
    sim INTEGER PRIMARY KEY REFERENCES sims (id),
    granted INTEGER NOT NULL CHECK (granted >= 0),
    transferred_in INTEGER NOT NULL CHECK (transferred_in >= 0),
    overdraft INTEGER NOT NULL CHECK (overdraft >= 0),
    adjusted INTEGER NOT NULL,
    consumed INTEGER NOT NULL CHECK (consumed >= 0),
    remaining INTEGER NOT NULL CHECK (remaining >= 0),
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    expired INTEGER NOT NULL CHECK (expired >= 0),
    transferred_out INTEGER NOT NULL CHECK (transferred_out >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    reversed INTEGER NOT NULL CHECK (reversed >= 0),
    known_s INTEGER,
    open_day INTEGER,
    next_entry_id INTEGER NOT NULL CHECK (next_entry_id >= 1),
    next_bucket_id INTEGER NOT NULL CHECK (next_bucket_id >= 1),
    next_overdraft_id INTEGER NOT NULL CHECK (next_overdraft_id >= 1),
    operator_as_of INTEGER, -- what the operator last said: all four, or none
    operator_remaining INTEGER CHECK (operator_remaining >= 0),
    operator_shared INTEGER CHECK (operator_shared IN (0, 1)),
    drift INTEGER,
    CHECK ((operator_as_of IS NULL) = (operator_remaining IS NULL)
        AND (operator_as_of IS NULL) = (operator_shared IS NULL)
        AND (operator_as_of IS NULL) = (drift IS NULL)),
    CHECK (granted + transferred_in + overdraft + adjusted
        = consumed + remaining + reserved + expired + transferred_out + refunded + reversed)
) STRICT;

CREATE TABLE buckets ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    id INTEGER NOT NULL CHECK (id >= 1),
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    allowance INTEGER CHECK (allowance >= 0), -- of a plan
    cycle TEXT, -- of a plan
    channel TEXT, -- of a top-up
    activation TEXT, -- of a top-up
    granted INTEGER NOT NULL CHECK (granted >= 0),
    transferred_in INTEGER NOT NULL CHECK (transferred_in >= 0),
    overdraft INTEGER NOT NULL CHECK (overdraft = 0),
    adjusted INTEGER NOT NULL,
    consumed INTEGER NOT NULL CHECK (consumed >= 0),
    remaining INTEGER NOT NULL CHECK (remaining >= 0),
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    expired INTEGER NOT NULL CHECK (expired >= 0),
    transferred_out INTEGER NOT NULL CHECK (transferred_out >= 0),
    refunded INTEGER NOT NULL CHECK (refunded >= 0),
    reversed INTEGER NOT NULL CHECK (reversed >= 0),
    valid_from INTEGER,
    expires_at INTEGER,
    status TEXT NOT NULL,
    open_day_bytes INTEGER NOT NULL CHECK (open_day_bytes >= 0),
    PRIMARY KEY (sim, id),
    UNIQUE (sim, key),
    CHECK (granted + transferred_in + overdraft + adjusted
        = consumed + remaining + reserved + expired + transferred_out + refunded + reversed)
) STRICT, WITHOUT ROWID;

CREATE TABLE overdrafts ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    id INTEGER NOT NULL CHECK (id >= 1),
    day INTEGER, -- with first_s and last_s; those alone; or boot_seq
    first_s INTEGER,
    last_s INTEGER,
    boot_seq INTEGER,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    absorbed INTEGER NOT NULL CHECK (absorbed BETWEEN 0 AND bytes),
    entered INTEGER NOT NULL CHECK (entered BETWEEN 0 AND bytes),
    PRIMARY KEY (sim, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    id INTEGER NOT NULL CHECK (id >= 1),
    bucket INTEGER,
    kind TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    day INTEGER,
    note TEXT NOT NULL,
    at_boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at_wall_s INTEGER NOT NULL,
    at_trust TEXT NOT NULL,
    PRIMARY KEY (sim, id),
    FOREIGN KEY (sim, bucket) REFERENCES buckets (sim, id)
) STRICT, WITHOUT ROWID;

-- Every top-up, kept for ever. All of the money, or none; a rate is into the
-- money's currency.
CREATE TABLE topups ( -- posdatad store
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    key TEXT UNIQUE, -- the Idempotency-Key
    request_id TEXT UNIQUE,
    backend_id TEXT UNIQUE,
    quote_id TEXT,
    offer_id TEXT,
    name TEXT,
    iccid TEXT NOT NULL,
    channel TEXT NOT NULL,
    package TEXT NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    activation TEXT NOT NULL,
    state TEXT NOT NULL,
    sent INTEGER NOT NULL CHECK (sent IN (0, 1)),
    cancel_asked INTEGER NOT NULL CHECK (cancel_asked IN (0, 1)),
    forgotten INTEGER NOT NULL CHECK (forgotten IN (0, 1)),
    taken_back INTEGER NOT NULL CHECK (taken_back >= 0),
    valid_from INTEGER,
    valid_to INTEGER,
    currency TEXT,
    price INTEGER CHECK (price >= 0),
    fee INTEGER CHECK (fee >= 0),
    total INTEGER CHECK (total = price + fee),
    rate_from TEXT,
    rate TEXT,
    rate_source TEXT,
    rate_at INTEGER,
    reason TEXT,
    payment_code TEXT,
    payment_expires_at INTEGER,
    reference TEXT,
    placed_boot INTEGER NOT NULL,
    placed_ms INTEGER NOT NULL,
    placed_wall_s INTEGER NOT NULL,
    placed_trust TEXT NOT NULL,
    changed_boot INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    changed_wall_s INTEGER NOT NULL,
    changed_trust TEXT NOT NULL
) STRICT;

-- How far the terminal has come with the backend's events: one row.
CREATE TABLE feed ( -- posdatad store
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream TEXT, -- with after, or none
    after INTEGER CHECK (after >= 0),
    caught_up INTEGER NOT NULL CHECK (caught_up IN (0, 1)),
    CHECK ((stream IS NULL) = (after IS NULL))
) STRICT;

CREATE TABLE services ( -- posdatad store
    iccid TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of the backend of kinds that this version does not know: the last 200.
CREATE TABLE strange_events ( -- posdatad store
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    kind TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT;
-- What the operator names, once for its name.
CREATE TABLE actions ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    topup TEXT NOT NULL, -- empty where it concerns none
    bucket INTEGER,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    effective_s INTEGER,
    at_boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at_wall_s INTEGER NOT NULL,
    at_trust TEXT NOT NULL,
    PRIMARY KEY (sim, kind, key),
    FOREIGN KEY (sim, bucket) REFERENCES buckets (sim, id)
) STRICT, WITHOUT ROWID;

-- Postings that the ledger refused, whole, as JSON.
CREATE TABLE asides ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    id INTEGER NOT NULL CHECK (id >= 1),
    posting TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    at_boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at_wall_s INTEGER NOT NULL,
    at_trust TEXT NOT NULL,
    PRIMARY KEY (sim, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts ( -- posdatad store
    sim INTEGER NOT NULL REFERENCES sims (id),
    kind TEXT NOT NULL,
    threshold INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    baseline INTEGER NOT NULL CHECK (baseline >= 0),
    at_boot INTEGER, -- all four, or none while it is armed
    at_ms INTEGER,
    at_wall_s INTEGER,
    at_trust TEXT,
    PRIMARY KEY (sim, kind, threshold)
) STRICT, WITHOUT ROWID;

-- The last 10,000; names a SIM without reference, so that a record is never refused.
CREATE TABLE events ( -- posdatad store
    id INTEGER PRIMARY KEY CHECK (id >= 1),
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    sim INTEGER,
    before_rx BLOB CHECK (length(before_rx) = 8),
    before_tx BLOB CHECK (length(before_tx) = 8),
    seen_rx BLOB CHECK (length(seen_rx) = 8),
    seen_tx BLOB CHECK (length(seen_tx) = 8),
    counted_rx BLOB NOT NULL CHECK (length(counted_rx) = 8),
    counted_tx BLOB NOT NULL CHECK (length(counted_tx) = 8),
    uncounted INTEGER NOT NULL CHECK (uncounted IN (0, 1)),
    detail TEXT NOT NULL,
    at_boot INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    at_wall_s INTEGER NOT NULL,
    at_trust TEXT NOT NULL
) STRICT;

CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN
    SELECT RAISE(ABORT, 'an entry is never changed');
END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN
    SELECT RAISE(ABORT, 'an entry is never deleted');
END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'an event is never changed');
END;
CREATE TRIGGER events_remain BEFORE DELETE ON events
WHEN OLD.id > (SELECT max(id) FROM events) - 10000 BEGIN
    SELECT RAISE(ABORT, 'the last 10000 events are kept');
END;
CREATE TRIGGER buckets_remain BEFORE DELETE ON buckets BEGIN
    SELECT RAISE(ABORT, 'a bucket is never deleted');
END;
CREATE TRIGGER buckets_keep_their_key BEFORE INSERT ON buckets
WHEN EXISTS (SELECT 1 FROM buckets WHERE sim = NEW.sim AND id = NEW.id AND key IS NOT NEW.key) BEGIN
    SELECT RAISE(ABORT, 'a bucket keeps its key');
END;
CREATE TRIGGER actions_remain BEFORE DELETE ON actions BEGIN
    SELECT RAISE(ABORT, 'an action is never deleted');
END;
CREATE TRIGGER actions_keep_their_content BEFORE UPDATE ON actions
WHEN NEW.sim IS NOT OLD.sim OR NEW.kind IS NOT OLD.kind OR NEW.key IS NOT OLD.key
    OR NEW.topup IS NOT OLD.topup OR NEW.bytes IS NOT OLD.bytes BEGIN
    SELECT RAISE(ABORT, 'an action keeps its content');
END;
CREATE TRIGGER actions_end_once BEFORE UPDATE ON actions
WHEN OLD.state <> 'reserved' AND NEW.state IS NOT OLD.state BEGIN
    SELECT RAISE(ABORT, 'an action ends once');
END;
CREATE TRIGGER asides_remain BEFORE DELETE ON asides BEGIN
    SELECT RAISE(ABORT, 'what is set aside is never deleted');
END;
CREATE TRIGGER asides_end_once BEFORE UPDATE ON asides
WHEN OLD.state <> 'open' BEGIN
    SELECT RAISE(ABORT, 'what is set aside is seen to once');
END;
CREATE TRIGGER accounts_remain BEFORE DELETE ON accounts BEGIN
    SELECT RAISE(ABORT, 'an account is never deleted');
END;
CREATE TRIGGER topups_remain BEFORE DELETE ON topups BEGIN
    SELECT RAISE(ABORT, 'a top-up is never deleted');
END;
CREATE TRIGGER topups_stay_what_they_are BEFORE UPDATE ON topups
WHEN OLD.iccid IS NOT NEW.iccid OR OLD.bytes IS NOT NEW.bytes
    OR (OLD.key IS NOT NULL AND OLD.key IS NOT NEW.key)
    OR (OLD.request_id IS NOT NULL AND OLD.request_id IS NOT NEW.request_id)
    OR (OLD.backend_id IS NOT NULL AND OLD.backend_id IS NOT NEW.backend_id)
    OR (OLD.sent = 1 AND NEW.sent = 0) BEGIN
    SELECT RAISE(ABORT, 'what a top-up is never changes');
END;
CREATE TRIGGER sims_remain BEFORE DELETE ON sims BEGIN
    SELECT RAISE(ABORT, 'a SIM is never deleted');
END;
CREATE TRIGGER overdrafts_remain BEFORE DELETE ON overdrafts
WHEN OLD.absorbed < OLD.bytes OR OLD.entered < OLD.bytes BEGIN
    SELECT RAISE(ABORT, 'an overdraft is deleted only when it is settled');
END;
