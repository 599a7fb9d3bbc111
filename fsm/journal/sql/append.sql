-- Statements of the write path. Each begins with its name.

-- name: begin
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- name: epoch
SELECT epoch FROM meta

-- name: set_epoch
UPDATE meta SET epoch = ?

-- name: last_id
SELECT coalesce(max(id), 0) FROM entries

-- name: tip
SELECT seq, last_hash FROM jobs WHERE job = ?

-- name: length
SELECT seq FROM jobs WHERE job = ?

-- name: open_stream
INSERT INTO jobs (job, seq, last_hash, sealed_seq, defined, version, source, paused, last_number)
VALUES (?1, ?2, ?3, ?2, 0, 0, '', 0, 0)

-- name: entry
INSERT INTO entries (id, job, seq, at, actor, node, epoch, kind, run, trigger, source, target, reason, body,
                     prev_hash, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: advance
UPDATE jobs SET seq = ?, last_hash = ?, last_number = ?, slot = ? WHERE job = ?

-- name: refold
UPDATE jobs
   SET seq = ?, last_hash = ?, last_number = ?, slot = ?, defined = ?, version = ?, source = ?, anchor = ?,
       paused = ?, accounted_to = ?, refusal = ?, refused_at = ?, past = ?
 WHERE job = ?

-- name: refold_due
-- Both at once: a tick that is answered changes the fold and the next due time.
UPDATE jobs
   SET seq = ?, last_hash = ?, last_number = ?, slot = ?, defined = ?, version = ?, source = ?, anchor = ?,
       paused = ?, accounted_to = ?, refusal = ?, refused_at = ?, past = ?, next_due = ?
 WHERE job = ?

-- name: due
UPDATE jobs SET next_due = ? WHERE job = ?

-- name: definition
INSERT INTO definitions (job, version, definition) VALUES (?, ?, ?)

-- name: queued
INSERT INTO runs (job, number, state, cause, version, attempt, queued_at, start_by_utc, start_by_boot,
                  start_by_boot_id, scheduled_for, retry_of, forced, first_seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: started
UPDATE runs
   SET state = ?, started_at = ?, run_by_utc = ?, run_by_boot = ?, run_by_boot_id = ?, reap_by_utc = ?,
       reap_by_boot = ?, reap_by_boot_id = ?, arming_nonce = ?, arming_boot_id = ?, arming_pid = ?,
       arming_pid_start = ?, arming_in_process = ?, arming_cgroup = ?
 WHERE job = ? AND number = ?

-- name: ended
UPDATE runs SET state = ?, reason = ?, started_at = ?, ended_at = ?, exit_code = ?, signal = ?, error = ?,
       agent = ?
 WHERE job = ? AND number = ?

-- name: came_out
UPDATE runs SET exit_code = ?, signal = ? WHERE job = ? AND number = ?

-- name: drop_jobs
DELETE FROM jobs

-- name: drop_runs
DELETE FROM runs

-- name: drop_definitions
DELETE FROM definitions

-- name: begin_with
SELECT body FROM entries WHERE job = ? AND seq = ? AND kind = 'checkpoint'

-- name: prune_entries
DELETE FROM entries WHERE job = ? AND seq < ?

-- name: prune_runs
DELETE FROM runs WHERE job = ?1 AND number <= ?2 AND number NOT IN (SELECT value FROM json_each(?3))

-- name: moved_runs
UPDATE runs SET first_seq = ?2 WHERE job = ?1 AND number <= ?3

-- name: prune_definitions
DELETE FROM definitions WHERE job = ? AND version < ?

-- name: begins_at
UPDATE jobs SET sealed_seq = ? WHERE job = ?
