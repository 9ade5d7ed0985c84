-- watchpost's journal. Safe to read with sqlite3 while watchpost runs: SELECT * FROM readable ORDER BY sequence DESC LIMIT 20;
-- Moments are whole microseconds since 1970, UTC.

CREATE TABLE journal (                       -- one row
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    created     INTEGER NOT NULL,
    next        INTEGER NOT NULL,            -- the sequence that the next event will get
    recorded    INTEGER NOT NULL,            -- when the last event was stored; never goes back
    image       INTEGER NOT NULL,            -- events below are in `states`; those from here on may not be yet
    base        INTEGER NOT NULL,            -- `dropped` of a lane that is new: above zero where an earlier journal is lost
    lost        INTEGER,                     -- when the lost journal was last whole
    probe       BLOB                         -- filled for a moment to see whether the disk has room again
) STRICT;

CREATE TABLE lanes (                         -- one for each connection that ever was
    lane        INTEGER PRIMARY KEY,
    connection  TEXT NOT NULL UNIQUE,
    vendor      TEXT,                        -- none until something of it was stored
    checkpoint  TEXT,                        -- where the vendor goes on
    heard       INTEGER,                     -- when everything that the vendor had sent was last stored
    dropped     INTEGER NOT NULL,            -- the sequence after the last of its events that retention has dropped
    lost        INTEGER NOT NULL DEFAULT 0   -- 1: they are gone with an earlier journal, and not by retention
) STRICT;

CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY,
    lane         INTEGER NOT NULL REFERENCES lanes (lane),
    recorded     INTEGER NOT NULL,           -- when it was stored; grows with the sequence
    vendor       TEXT,                       -- where it is not its lane's
    id           TEXT NOT NULL,              -- within its connection
    -- One comparison after the other: for IN, SQLite builds a table at each insert.
    origin       TEXT NOT NULL CHECK (origin = 'live' OR origin = 'resumed' OR origin = 'backfill' OR origin = 'snapshot' OR origin = 'engine'),
    type         TEXT NOT NULL,
    typename     TEXT,
    item         TEXT,                       -- none: it is about no item
    itemname     TEXT,                       -- none: not known then
    stategroup   TEXT,                       -- none: such an event has no state, and the next four say nothing
    state        TEXT,
    vendor_group TEXT,
    vendor_value TEXT,
    state_text   TEXT,
    sets_state   INTEGER NOT NULL,           -- 1: the item's state is this from here on
    time         TEXT NOT NULL,              -- when it happened, in the vendor's words
    data         TEXT NOT NULL               -- what the vendor sent
) STRICT;

-- Within a lane entries are appended in order, so it costs little. Others would cost more than the events themselves.
CREATE INDEX events_by_lane ON events (lane);

CREATE TABLE states (                        -- the image: what each state was, as of `as_of`
    lane         INTEGER NOT NULL REFERENCES lanes (lane),
    item         TEXT NOT NULL,
    vendor_group TEXT NOT NULL,
    itemname     TEXT,
    type         TEXT NOT NULL,
    typename     TEXT,
    stategroup   TEXT NOT NULL,
    state        TEXT NOT NULL,
    vendor_value TEXT NOT NULL,
    state_text   TEXT,
    time         TEXT NOT NULL,
    origin       TEXT NOT NULL CHECK (origin = 'live' OR origin = 'resumed' OR origin = 'backfill' OR origin = 'snapshot' OR origin = 'engine'),
    sequence     INTEGER NOT NULL,           -- of the event that set it
    as_of        INTEGER NOT NULL,           -- events below have no say any more
    PRIMARY KEY (lane, item, vendor_group)
) STRICT, WITHOUT ROWID;

CREATE VIEW readable AS
SELECT sequence, strftime('%Y-%m-%dT%H:%M:%fZ', recorded / 1e6, 'unixepoch') AS recordedtime, connection,
       coalesce(events.vendor, lanes.vendor) AS vendor, id, origin, type, typename, item, itemname, stategroup, state, time, data
FROM events JOIN lanes USING (lane);

-- Small texts that the engine keeps beside events: that a login was refused, say.
CREATE TABLE notes (
    key  TEXT PRIMARY KEY,
    note TEXT NOT NULL
) STRICT, WITHOUT ROWID;
