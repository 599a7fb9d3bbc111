-- Statements of the checks before a scheduler begins. Each begins with its name.

-- name: torn_ends
SELECT jobs.job, jobs.seq, entries.hash IS NULL AS missing, entries.hash IS jobs.last_hash AS known
  FROM jobs LEFT JOIN entries ON entries.job = jobs.job AND entries.seq = jobs.seq
 WHERE jobs.seq > 0
   AND jobs.job IN (
     SELECT ?1 UNION SELECT job FROM runs WHERE ended_at IS NULL UNION SELECT job FROM jobs WHERE slot IS NOT NULL)
   AND (entries.hash IS NOT jobs.last_hash
        OR EXISTS (SELECT 1 FROM entries AS more WHERE more.job = jobs.job AND more.seq = jobs.seq + 1))
 ORDER BY jobs.job

-- name: newest
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 ORDER BY id DESC LIMIT ?

-- name: entries_of_live_run
SELECT id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash FROM entries
 WHERE job = ?1 AND seq >= (SELECT first_seq FROM runs WHERE job = ?1 AND number = ?2)
   AND seq < (SELECT first_seq FROM runs WHERE job = ?1 AND number = ?2) + ?3 AND run = ?2
 ORDER BY seq

-- name: pruned_after
SELECT 1 FROM jobs CROSS JOIN entries
 WHERE sealed_seq > 0 AND entries.job = jobs.job AND entries.seq = sealed_seq + 1 AND entries.id > ? LIMIT 1
