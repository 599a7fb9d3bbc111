-- The journal's file, schema version 2 (PRAGMA user_version). `entries` is the truth; everything else is a
-- projection of it, kept in the same transaction and rebuilt from it at any time.
--
-- The triggers hold the rules for whoever writes, also from a plain sqlite3 shell: they use no function of this
-- program. Words in CHECKs are those of fsm.model.states, edges those of the lifecycle table; tests hold them equal.
-- Chains of OR instead of IN (...): SQLite builds a temporary table for IN, at each statement, at about a microsecond.

CREATE TABLE meta (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  format INTEGER NOT NULL,            -- of the entries: specs/journal.md
  epoch INTEGER NOT NULL              -- the newest scheduler's; 0 before the first (projection)
) STRICT;

-- The lifecycle table. '' stands for "none", so that the key can be looked up.
CREATE TABLE edges (
  trigger TEXT NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (trigger, source, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
  id INTEGER PRIMARY KEY,             -- store-wide, in commit order, without a gap when it is given
  job TEXT NOT NULL,
  seq INTEGER NOT NULL,               -- within the stream of `job`, from 1
  at INTEGER NOT NULL,                -- microseconds since 1970, UTC, like every time in this file
  actor TEXT NOT NULL CHECK (
    actor = 'scheduler' OR actor = 'supervisor' OR actor = 'cli' OR actor = 'api' OR actor = 'reaper'
    OR actor = 'recovery'
  ),
  node TEXT NOT NULL,
  epoch INTEGER,                      -- the scheduler's that wrote it, NULL for a client
  kind TEXT NOT NULL CHECK (
    kind = 'transition' OR kind = 'released' OR kind = 'refused' OR kind = 'job' OR kind = 'checkpoint'
    OR kind = 'scheduler'
  ),
  run INTEGER,                        -- its number
  trigger TEXT,                       -- of a transition; these four stand in the body too
  source TEXT,
  target TEXT,
  reason TEXT,
  body TEXT NOT NULL,                 -- JSON, exactly as it was hashed
  prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  UNIQUE (job, seq),
  CHECK ((kind = 'transition') = (trigger IS NOT NULL)),
  CHECK ((kind = 'transition' OR kind = 'released') = (run IS NOT NULL)),
  CHECK (CASE
    WHEN NOT json_valid(body) THEN 0
    WHEN trigger IS NULL THEN source IS NULL AND target IS NULL AND reason IS NULL
    ELSE json_extract(body, '$.trigger', '$.from', '$.to', '$.reason') = json_array(trigger, source, target, reason)
  END)
) STRICT;

CREATE INDEX entries_checkpoints ON entries (job, seq) WHERE kind = 'checkpoint';

-- The fold of each stream.
CREATE TABLE jobs (
  job TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  last_hash TEXT NOT NULL,
  sealed_seq INTEGER NOT NULL DEFAULT 0,  -- entries up to here are pruned: the next one is the checkpoint that seals them
  defined INTEGER NOT NULL CHECK (defined = 0 OR defined = 1),  -- 0: removed, or never a job
  version INTEGER NOT NULL,
  source TEXT NOT NULL,
  anchor INTEGER,
  paused INTEGER NOT NULL CHECK (paused = 0 OR paused = 1),
  last_number INTEGER NOT NULL,
  accounted_to INTEGER,
  slot INTEGER,                       -- the number of the run that holds it
  refusal TEXT CHECK (refusal IS NULL OR json_valid(refusal)),
  refused_at INTEGER,
  past TEXT CHECK (past IS NULL OR json_valid(past)),  -- what is remembered of runs that failed
  next_due INTEGER                    -- of a tick, or of a retry that comes before it
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_due ON jobs (next_due, job) WHERE next_due IS NOT NULL;
CREATE INDEX jobs_held ON jobs (job) WHERE slot IS NOT NULL;

CREATE TABLE definitions (
  job TEXT NOT NULL,
  version INTEGER NOT NULL,
  definition TEXT NOT NULL CHECK (json_valid(definition)),
  PRIMARY KEY (job, version)
) STRICT, WITHOUT ROWID;

-- One row a run. Whether it holds the slot stands in jobs.slot.
CREATE TABLE runs (
  job TEXT NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (
    state = 'queued' OR state = 'running' OR state = 'succeeded' OR state = 'failed' OR state = 'timed_out'
    OR state = 'lost' OR state = 'reaped'
  ),
  cause TEXT NOT NULL,
  version INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  start_by_utc INTEGER NOT NULL,
  start_by_boot INTEGER NOT NULL,     -- microseconds of CLOCK_BOOTTIME in that boot
  start_by_boot_id TEXT NOT NULL,
  scheduled_for INTEGER,
  retry_of INTEGER,
  reason TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  run_by_utc INTEGER,
  run_by_boot INTEGER,
  run_by_boot_id TEXT,
  reap_by_utc INTEGER,
  reap_by_boot INTEGER,
  reap_by_boot_id TEXT,
  arming_nonce TEXT,
  arming_boot_id TEXT,
  arming_pid INTEGER,
  arming_pid_start INTEGER,
  arming_in_process INTEGER,
  arming_cgroup TEXT,
  exit_code INTEGER,
  signal INTEGER,
  error TEXT,
  forced INTEGER NOT NULL CHECK (forced = 0 OR forced = 1),
  agent TEXT,                         -- what an agent's output said, as JSON
  first_seq INTEGER NOT NULL,         -- of its first entry: where to look for the others
  PRIMARY KEY (job, number),
  CHECK ((state = 'queued' OR state = 'running') = (ended_at IS NULL)),
  CHECK ((reason IS NULL) = (ended_at IS NULL))
) STRICT;

CREATE INDEX runs_open ON runs (job, number) WHERE ended_at IS NULL;
CREATE INDEX runs_newest ON runs (queued_at, job, number);
-- Most runs succeed: those that did not are few, and asked for the most.
CREATE INDEX runs_unwell_of_job ON runs (job, state, number) WHERE ended_at IS NOT NULL AND state <> 'succeeded';
CREATE INDEX runs_unwell ON runs (state, queued_at, job, number) WHERE ended_at IS NOT NULL AND state <> 'succeeded';

-- Runs as they are read. A view, so that the list of columns stands in one place.
CREATE VIEW run_rows AS
SELECT job, number, state, cause, version, attempt, queued_at, start_by_utc, start_by_boot, start_by_boot_id,
       scheduled_for, retry_of, reason, started_at, ended_at, run_by_utc, run_by_boot, run_by_boot_id,
       reap_by_utc, reap_by_boot, reap_by_boot_id, arming_nonce, arming_boot_id, arming_pid, arming_pid_start,
       arming_in_process, arming_cgroup, exit_code, signal, error,
       number IS (SELECT slot FROM jobs WHERE jobs.job = runs.job) AS holds_slot, forced, agent
  FROM runs;

-- Folds as they are read, without their runs.
CREATE VIEW fold_rows AS
SELECT jobs.job, seq, definition, jobs.version, source, anchor, paused, last_number, accounted_to, slot, refusal,
       refused_at, past, next_due
  FROM jobs
  LEFT JOIN definitions ON definitions.job = jobs.job AND definitions.version = jobs.version AND defined;

-- ---- what may be appended

-- One trigger: each costs a microsecond for every entry, whether it applies or not.
CREATE TRIGGER entries_legal BEFORE INSERT ON entries BEGIN
  -- the chain
  SELECT RAISE(ABORT, 'an entry is never replaced: there is one with this job and seq')
   WHERE EXISTS (SELECT 1 FROM entries WHERE job = NEW.job AND seq = NEW.seq);
  SELECT RAISE(ABORT, 'an entry needs the next id; ids are given in commit order and never twice')
   WHERE NEW.id <> (SELECT coalesce(max(id), 0) + 1 FROM entries);
  SELECT RAISE(ABORT, 'an entry follows the last one of its stream, by seq and by prev_hash')
   WHERE NOT EXISTS (
     SELECT 1 FROM jobs WHERE job = NEW.job AND seq = NEW.seq - 1 AND last_hash = NEW.prev_hash);
  SELECT RAISE(ABORT, 'a newer scheduler has taken over: this epoch is not the present one')
   WHERE NEW.epoch IS NOT NULL AND NEW.epoch <> (SELECT epoch FROM meta);
  -- the lifecycle
  SELECT RAISE(ABORT, 'the lifecycle has no such transition')
   WHERE NEW.kind = 'transition' AND NOT EXISTS (
     SELECT 1 FROM edges
      WHERE trigger = NEW.trigger AND source = coalesce(NEW.source, '') AND reason = coalesce(NEW.reason, '')
        AND target = NEW.target);
  SELECT RAISE(ABORT, 'the run is not in the state that this transition comes from')
   WHERE NEW.kind = 'transition'
     AND NEW.source IS NOT (SELECT state FROM runs WHERE job = NEW.job AND number = NEW.run);
  SELECT RAISE(ABORT, 'the number of a run is never given twice: it must be above the last one')
   WHERE NEW.trigger = 'queue' AND NEW.run <= (SELECT last_number FROM jobs WHERE job = NEW.job);
  -- the slot
  SELECT RAISE(ABORT, 'the slot of the job is held: no two runs of a job overlap')
   WHERE NEW.trigger = 'start' AND (SELECT slot FROM jobs WHERE job = NEW.job) IS NOT NULL;
  SELECT RAISE(ABORT, 'a retry waits until the slot of its job is free')
   WHERE NEW.trigger = 'queue' AND NEW.body ->> '$.cause' = 'retry'
     AND (SELECT slot FROM jobs WHERE job = NEW.job) IS NOT NULL;
  SELECT RAISE(ABORT, 'only the run that holds the slot can release it')
   WHERE NEW.kind = 'released' AND (SELECT slot FROM jobs WHERE job = NEW.job) IS NOT NEW.run;
  SELECT RAISE(ABORT, 'the verdict comes first: an open run is not released')
   WHERE NEW.kind = 'released' AND (SELECT ended_at FROM runs WHERE job = NEW.job AND number = NEW.run) IS NULL;
  SELECT RAISE(ABORT, 'a slot is released by the arming that holds it')
   WHERE NEW.kind = 'released'
     AND (SELECT arming_nonce FROM runs WHERE job = NEW.job AND number = NEW.run) IS NOT NEW.body ->> '$.nonce';
END;

-- ---- what is never done

CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN
  SELECT RAISE(ABORT, 'an entry is never changed; what is to be said about it is a new entry');
END;

-- A prefix of a stream may go, first entry first, once a later checkpoint has sealed it, and nothing that is open.
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN
  SELECT RAISE(ABORT, 'an entry is never deleted unless a checkpoint after it has sealed it')
   WHERE NOT EXISTS (
     SELECT 1 FROM entries
      WHERE kind = 'checkpoint' AND job = OLD.job AND seq > OLD.seq AND body ->> '$.count' >= OLD.seq);
  SELECT RAISE(ABORT, 'entries are pruned from the first one on')
   WHERE EXISTS (SELECT 1 FROM entries WHERE job = OLD.job AND seq < OLD.seq);
  SELECT RAISE(ABORT, 'an entry of a run that is open, or holds the slot, is never deleted, nor one after it')
   WHERE EXISTS (SELECT 1 FROM runs WHERE job = OLD.job AND ended_at IS NULL AND first_seq <= OLD.seq)
      OR EXISTS (
        SELECT 1 FROM jobs JOIN runs ON runs.job = jobs.job AND runs.number = jobs.slot
         WHERE jobs.job = OLD.job AND first_seq <= OLD.seq);
END;
