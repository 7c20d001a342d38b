-- Times are whole seconds since 2000-01-01T00:00:00Z, or Unix milliseconds in created_at, recorded_at,
-- moved_at and everything about deliveries. Codes are the enumerations of `domain`.

-- The end of the log. Updated last in a transaction, so that a position is a place in commit order. Here and
-- in the log, mark is random: another entry at the same position, after a failover, has another one.
CREATE TABLE log_head (
    id       SMALLINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    mark     BIGINT NOT NULL,
    moved_at BIGINT NOT NULL
);
INSERT INTO log_head (id, position, mark, moved_at) VALUES (1, 0, 0, 0);

-- The generations of each secret of the key file, and what holds of each. The fingerprint is a SHA-256 of
-- the secret: a wrong file stops the start.
CREATE TABLE key_generations (
    purpose     SMALLINT NOT NULL,
    generation  INTEGER NOT NULL,
    fingerprint BYTEA NOT NULL,
    state       SMALLINT NOT NULL,
    since       BIGINT,
    until       BIGINT,
    PRIMARY KEY (purpose, generation)
);

CREATE TABLE participants (
    id                 INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               TEXT NOT NULL UNIQUE,
    kind               SMALLINT NOT NULL,
    organisation       TEXT NOT NULL,
    display_name       TEXT NOT NULL,
    state              SMALLINT NOT NULL,
    state_why          TEXT,
    accounts_declared  BIGINT,
    close_account_url  TEXT,
    recover_url        TEXT,
    support_url        TEXT,
    advice_not_covered SMALLINT NOT NULL,
    live_bindings      BIGINT NOT NULL DEFAULT 0,
    created_at         BIGINT NOT NULL
);

-- Which carrier may speak of which calling code.
CREATE TABLE grants (
    participant_id INTEGER NOT NULL REFERENCES participants (id),
    calling_code   INTEGER NOT NULL,
    PRIMARY KEY (participant_id, calling_code)
);

CREATE TABLE api_keys (
    id             TEXT PRIMARY KEY,
    participant_id INTEGER NOT NULL REFERENCES participants (id),
    label          TEXT NOT NULL,
    permissions    INTEGER NOT NULL,
    secret_hash    BYTEA NOT NULL UNIQUE,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    revoked_at     BIGINT,
    last_used_at   BIGINT
);
CREATE INDEX api_keys_of_participant ON api_keys (participant_id);

-- Which different numbers an organisation has named, as sketches of keyed hashes: how many, not which.
CREATE TABLE budgets (
    organisation TEXT NOT NULL,
    purse        SMALLINT NOT NULL,
    bucket       BIGINT NOT NULL,
    sketch       BYTEA NOT NULL,
    kept_at      BIGINT NOT NULL,
    PRIMARY KEY (organisation, purse, bucket)
);
CREATE INDEX budgets_by_time ON budgets (kept_at);

-- What the admin has said of a calling code. No row: default policy, not covered as a whole.
CREATE TABLE calling_codes (
    calling_code    INTEGER PRIMARY KEY,
    complete_since  BIGINT,
    policy          TEXT NOT NULL,
    recompute_after BIGINT,
    retained_since  BIGINT
);

-- The policy that a calling code's numbers were folded under: when it changes, they are folded anew.
CREATE TABLE folded_policies (
    calling_code INTEGER PRIMARY KEY,
    policy       BYTEA NOT NULL
);

CREATE TABLE calling_code_carriers (
    calling_code INTEGER NOT NULL REFERENCES calling_codes (calling_code),
    carrier_id   INTEGER NOT NULL REFERENCES participants (id),
    complete     SMALLINT NOT NULL,
    own_only     SMALLINT NOT NULL,
    PRIMARY KEY (calling_code, carrier_id)
);

CREATE TABLE carrier_coverage (
    carrier_id   INTEGER NOT NULL REFERENCES participants (id),
    calling_code INTEGER NOT NULL,
    through      BIGINT,
    holds_since  BIGINT,
    PRIMARY KEY (carrier_id, calling_code)
);

-- A number: its lock, its guard, and the summary of its events.
CREATE TABLE numbers (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    calling_code   INTEGER NOT NULL,
    guard          BIGINT NOT NULL,
    freeze_before  BIGINT NOT NULL DEFAULT 0,
    changed_before BIGINT NOT NULL DEFAULT 0,
    clear_from     BIGINT NOT NULL DEFAULT 0,
    detach_before  BIGINT NOT NULL DEFAULT 0,
    changed_reason SMALLINT NOT NULL DEFAULT 0,
    clear_reason   SMALLINT NOT NULL DEFAULT 0,
    detach_from    BIGINT,
    held_since     BIGINT,
    holder         INTEGER,
    occupancy      SMALLINT NOT NULL DEFAULT 0,
    version        BIGINT NOT NULL DEFAULT 0,
    kept_since     BIGINT
);
CREATE INDEX numbers_of_calling_code ON numbers (calling_code, id);
CREATE INDEX numbers_erased ON numbers (id) WHERE kept_since IS NOT NULL;

-- The only table that knows an element.
CREATE TABLE elements (
    element   BYTEA PRIMARY KEY,
    number_id BIGINT NOT NULL
);
CREATE INDEX elements_of_number ON elements (number_id);
-- The planner's statistics would keep some elements beside it.
ALTER TABLE elements ALTER COLUMN element SET STATISTICS 0;

-- An event without a number is forgotten: its id was used, for an event of this kind before stated_at.
CREATE TABLE events (
    position    BIGINT PRIMARY KEY,
    carrier_id  INTEGER NOT NULL,
    number_id   BIGINT,
    event_id    BYTEA NOT NULL,
    kind        SMALLINT NOT NULL,
    stated_on   BIGINT,
    stated_at   BIGINT,
    undoes      BYTEA,
    recorded_at BIGINT NOT NULL,
    mark        BIGINT NOT NULL,
    UNIQUE (carrier_id, event_id)
);
CREATE INDEX events_of_number ON events (number_id);
CREATE INDEX events_of_carrier ON events (carrier_id, position);

-- Whatever else changes an answer, on the same head as the events.
CREATE TABLE changes (
    position BIGINT PRIMARY KEY,
    kind     SMALLINT NOT NULL,
    subject  BIGINT NOT NULL,
    mark     BIGINT NOT NULL
);

CREATE TABLE bindings (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id      INTEGER NOT NULL,
    account_ref BYTEA NOT NULL,
    number_id   BIGINT NOT NULL,
    verified_at BIGINT NOT NULL,
    bound_at    BIGINT NOT NULL,
    holder      SMALLINT NOT NULL,
    demand      SMALLINT NOT NULL,
    reason      SMALLINT,
    response    SMALLINT NOT NULL,
    revision    BIGINT NOT NULL,
    freeze_by   BIGINT,
    detach_by   BIGINT,
    answer_by   BIGINT,
    recompute_at BIGINT,
    removed_at  BIGINT,
    UNIQUE (app_id, account_ref)
);
CREATE INDEX bindings_of_app ON bindings (app_id, id);
CREATE INDEX bindings_with_date ON bindings (app_id) WHERE freeze_by IS NOT NULL;
CREATE INDEX bindings_of_number ON bindings (number_id);
CREATE INDEX bindings_to_recompute ON bindings (recompute_at) WHERE recompute_at IS NOT NULL;
CREATE INDEX bindings_removed ON bindings (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX bindings_with_duty ON bindings (app_id, id) WHERE demand <> 0 OR response <> 0;

CREATE TABLE duty_history (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    binding_id BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    writer     SMALLINT NOT NULL,
    revision   BIGINT NOT NULL,
    demand     SMALLINT NOT NULL,
    response   SMALLINT NOT NULL
);
CREATE INDEX duty_history_of_binding ON duty_history (binding_id, id);
CREATE INDEX duty_history_by_age ON duty_history (at);

CREATE TABLE endpoints (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id        TEXT NOT NULL UNIQUE,
    app_id           INTEGER NOT NULL,
    url              TEXT NOT NULL,
    state            SMALLINT NOT NULL,
    types            TEXT NOT NULL,
    secret           BYTEA NOT NULL,
    old_secret       BYTEA,
    old_secret_until BIGINT,
    created_at       BIGINT NOT NULL,
    deleted_at       BIGINT,
    failures         INTEGER NOT NULL DEFAULT 0,
    failing_since    BIGINT,
    open_until       BIGINT,
    leased_until     BIGINT NOT NULL DEFAULT 0,
    lease            BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX endpoints_by_url ON endpoints (app_id, url) WHERE deleted_at IS NULL;

-- One message on its way to one endpoint.
CREATE TABLE deliveries (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id       TEXT NOT NULL UNIQUE,
    message_id      TEXT NOT NULL,
    app_id          INTEGER NOT NULL,
    endpoint_id     BIGINT NOT NULL,
    number_id       BIGINT,
    binding_id      BIGINT,
    revision        BIGINT NOT NULL,
    kind            SMALLINT NOT NULL,
    state           SMALLINT NOT NULL,
    tries           INTEGER NOT NULL,
    next_attempt_at BIGINT,
    created_at      BIGINT NOT NULL,
    settled_at      BIGINT
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_in_order ON deliveries (endpoint_id, number_id, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_of_app ON deliveries (app_id, id);
CREATE INDEX deliveries_of_binding ON deliveries (binding_id);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE next_attempt_at IS NULL;
-- Tests, which are about no number.
CREATE INDEX deliveries_without_number ON deliveries (id) WHERE number_id IS NULL AND next_attempt_at IS NOT NULL;

CREATE TABLE attempts (
    delivery_id BIGINT NOT NULL,
    attempt     INTEGER NOT NULL,
    at          BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    status      INTEGER,
    answer      BYTEA,
    error       TEXT,
    PRIMARY KEY (delivery_id, attempt)
);

-- The last run of what deletes what is no longer needed: how far it is, and what it deleted.
CREATE TABLE retention_run (
    id           SMALLINT PRIMARY KEY CHECK (id = 1),
    began_at     BIGINT NOT NULL,
    ended_at     BIGINT,
    after_number BIGINT NOT NULL,
    events       BIGINT NOT NULL,
    deliveries   BIGINT NOT NULL,
    history      BIGINT NOT NULL,
    bindings     BIGINT NOT NULL
);
INSERT INTO retention_run (id, began_at, ended_at, after_number, events, deliveries, history, bindings)
VALUES (1, 0, 0, 0, 0, 0, 0, 0);
