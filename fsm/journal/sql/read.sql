-- Statements that read. Each begins with its name. The conditions repeat those of the partial indexes word for word,
-- so that SQLite uses them, and a + before a column keeps it from using another; a test asks it for its plan.

-- name: begin
BEGIN

-- name: end
COMMIT

-- name: fold
SELECT * FROM fold_rows WHERE job = ?

-- name: folds
SELECT * FROM fold_rows WHERE definition IS NOT NULL ORDER BY job

-- name: live_of_job
SELECT * FROM run_rows WHERE job = ?1 AND ended_at IS NULL
UNION ALL
SELECT * FROM run_rows
 WHERE job = ?1 AND ended_at IS NOT NULL AND number = (SELECT slot FROM jobs WHERE job = ?1)

-- name: live
SELECT * FROM run_rows WHERE ended_at IS NULL
UNION ALL
SELECT run_rows.* FROM jobs CROSS JOIN run_rows
 WHERE slot IS NOT NULL AND run_rows.job = jobs.job AND run_rows.number = jobs.slot AND ended_at IS NOT NULL

-- name: last_ended
SELECT run_rows.* FROM jobs CROSS JOIN run_rows
 WHERE jobs.defined AND run_rows.job = jobs.job
   AND run_rows.number = (
     SELECT number FROM runs WHERE runs.job = jobs.job AND ended_at IS NOT NULL ORDER BY number DESC LIMIT 1)

-- name: definition
SELECT definition FROM definitions WHERE job = ? AND version = ?

-- name: job_names
SELECT job FROM jobs WHERE defined ORDER BY job

-- name: due_page
SELECT job, next_due FROM jobs WHERE next_due IS NOT NULL AND (next_due, job) > (?, ?) ORDER BY next_due, job LIMIT ?

-- name: due_of_job
SELECT next_due FROM jobs WHERE job = ?

-- name: busy_jobs
SELECT job FROM runs WHERE ended_at IS NULL UNION SELECT job FROM jobs WHERE slot IS NOT NULL ORDER BY 1

-- name: last_numbers
SELECT job, last_number FROM jobs WHERE last_number > 0

-- name: run
SELECT * FROM run_rows WHERE job = ? AND number = ?

-- name: runs_of_job
SELECT * FROM run_rows WHERE job = ? AND +queued_at >= ? ORDER BY number DESC LIMIT ?

-- name: runs_of_job_since
SELECT * FROM run_rows WHERE +job = ? AND queued_at >= ? ORDER BY number DESC LIMIT ?

-- name: open_runs_of_job
SELECT * FROM run_rows WHERE job = ? AND ended_at IS NULL AND state = ? AND +queued_at >= ?
 ORDER BY number DESC LIMIT ?

-- name: unwell_runs_of_job
SELECT * FROM run_rows WHERE job = ? AND ended_at IS NOT NULL AND state <> 'succeeded' AND state = ? AND +queued_at >= ?
 ORDER BY number DESC LIMIT ?

-- name: succeeded_runs_of_job
SELECT * FROM run_rows WHERE job = ? AND state = ? AND +queued_at >= ? ORDER BY number DESC LIMIT ?

-- name: runs
SELECT * FROM run_rows WHERE queued_at >= ? ORDER BY queued_at DESC, job DESC, number DESC LIMIT ?

-- name: open_runs
SELECT * FROM run_rows WHERE ended_at IS NULL AND state = ? AND +queued_at >= ?
 ORDER BY +queued_at DESC, +job DESC, +number DESC LIMIT ?

-- name: unwell_runs
SELECT * FROM run_rows WHERE ended_at IS NOT NULL AND state <> 'succeeded' AND state = ? AND queued_at >= ?
 ORDER BY queued_at DESC, job DESC, number DESC LIMIT ?

-- name: succeeded_runs
SELECT * FROM run_rows WHERE +state = ? AND queued_at >= ?
 ORDER BY queued_at DESC, job DESC, number DESC LIMIT ?

-- name: entries
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 WHERE id > ? AND id < ? ORDER BY id LIMIT ?

-- name: entries_back
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 WHERE id > ? AND id < ? ORDER BY id DESC LIMIT ?

-- name: entries_of_job
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 WHERE job = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?

-- name: entries_of_job_back
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 WHERE job = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?

-- name: id_at
SELECT id FROM entries WHERE job = ? AND seq = ?

-- name: first_seq
SELECT first_seq FROM runs WHERE job = ? AND number = ?

-- name: tip
SELECT seq, last_hash FROM jobs WHERE job = ?

-- name: streams
SELECT job FROM jobs WHERE seq > 0 AND job > ? ORDER BY job LIMIT ?

-- name: length
SELECT seq, sealed_seq FROM jobs WHERE job = ?

-- name: at
SELECT at FROM entries WHERE job = ? AND seq = ?

-- name: marks
SELECT seq, at, body ->> '$.state.last_number', json_array_length(body, '$.state.runs')
  FROM entries WHERE job = ? AND kind = 'checkpoint' ORDER BY seq

-- name: spare
SELECT number FROM runs WHERE job = ? AND ended_at IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?

-- name: oldest_live
SELECT min(number) FROM (
  SELECT number FROM runs WHERE job = ?1 AND ended_at IS NULL
  UNION ALL SELECT slot FROM jobs WHERE job = ?1 AND slot IS NOT NULL)

-- name: last_id
SELECT coalesce(max(id), 0) FROM entries

-- name: epoch
SELECT epoch FROM meta
