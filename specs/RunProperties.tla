---------------------------- MODULE RunProperties ----------------------------
(* What must be true of RunLifecycle, each a sentence of lifecycle.md. The names are the same in the specification, *)
(* in the explorer over the shipped code and in the proof ledger.                                                  *)
EXTENDS RunLifecycle

Entries == 1..Len(log)
Is(k, word) == log[k].k = word
Armed(r) == Arming(log, r)                      \* the arming that the start of r names
Before(k) == SubSeq(log, 1, k - 1)
Verdicts(r) == {k \in Entries : log[k].r = r /\ log[k].k \notin {"queue", "start", "released", "refused"}}
Took(r) == Starts(log, r) # {}                  \* r was started

-------------------------------------------------------------------------------
(* SAFETY                                                                                                          *)
TypeOK ==
  /\ \A c \in Clients : view[c] \in 0..Len(log) /\ m[c].pc \in {"idle", "locked", "found", "search", "searched", "told", "silent"}
  /\ \A i \in Sups : /\ st[i] \in {"none", "forked", "armed", "run", "ending", "reported", "exited", "busy", "killed"}
                     /\ tree[i] \in {"none", "alive", "left", "gone"} /\ pipe[i] \in Scheds \cup {"none"}

\* R-14: no two process trees of the job are alive at once
OneTree == Cardinality({i \in Sups : TreeLive(i)}) <= 1
\* R-1, R-2: every transition is in the table, with a reason of its row
LegalTransitions == \A k \in Entries : log[k].k \in {"released", "refused"} \/
  LET old == StateOf(Before(k), log[k].r)
      y == IF log[k].k \in {"queue", "start"} THEN "" ELSE log[k].y
  IN <<old, log[k].k, y, Target[log[k].k]>> \in Table
\* R-3: a run that has ended takes no other transition
TerminalIsFinal == \A r \in Runs : /\ Cardinality(Verdicts(r)) <= 1
                                   /\ (Verdicts(r) # {} => StateOf(log, r) \in Terminal)
\* R-13, R-16, R-41: a start takes the slot, and is refused while it is held, whatever verdict its run has
SlotTakenOnce == \A k \in Entries : Is(k, "start") =>
  \A r \in Runs : Starts(Before(k), r) # {} => \E j \in 1..(k - 1) : Is(j, "released") /\ log[j].r = r
\* R-15, R-14: the slot is freed only when nothing of the run is alive, on evidence that is true
GoneBeforeReleased == \A k \in Entries : Is(k, "released") =>
  /\ \A i \in Sups : srun[i] = log[k].r => ~TreeLive(i)
  /\ log[k].n = Armed(log[k].r) /\ ~Alive(log[k].n) /\ StateOf(Before(k), log[k].r) \in Terminal
  /\ (log[k].y = "report" => emp[log[k].n]) /\ (log[k].y = "reboot" => born[log[k].n] < boot)
\* R-18: running only with a supervisor that has been armed; executing only what the journal says
RunningIsArmed == \A k \in Entries : Is(k, "start") => made[log[k].n] /\ srun[log[k].n] = log[k].r
ExecutesWhatIsJournaled == \A i \in Sups : tree[i] # "none" => StartedBy(log, i)
ExecutesOnce == \A r \in Runs : Cardinality({i \in Sups : srun[i] = r /\ tree[i] # "none"}) <= 1
\* R-21: a judged run never starts executing
JudgedNeverStarts == [][\A i \in Sups : tree[i] = "none" /\ tree'[i] = "alive" => StateOf(log, srun[i]) = "running"]_vars
\* R-21: a foreign verdict only after a stop was put, or when the supervisor is dead; and its own word comes first
Foreign(k) == log[k].y \in {"cancelled", "overdue"} /\ StateOf(Before(k), log[k].r) = "running"
StopBeforeVerdict == \A k \in Entries : Foreign(k) =>
  stop[Armed(log[k].r)] # "none" \/ ~Alive(Armed(log[k].r))
OwnWordFirst == \A k \in Entries : Foreign(k) =>
  LET i == Armed(log[k].r) IN ver[i] = "none" \/ stop[i] \in {"cancelled", "overdue"}
\* R-26, R-20, R-19, R-24, R-25: a verdict says what really happened, to the arming that its start names
SuccessIsReal == \A k \in Entries : (log[k].y = "completed" => code[Armed(log[k].r)] = "ok")
                                 /\ (log[k].y = "exit_code" => code[Armed(log[k].r)] = "bad")
TimeoutIsReal == \A k \in Entries : log[k].y = "run_timeout" => ver[Armed(log[k].r)] = "run_timeout"
NeverStartedIsReal == \A k \in Entries : log[k].y = "start_failed" => \A i \in Sups : srun[i] = log[k].r => tree[i] = "none"
LostIsReal == \A k \in Entries : Is(k, "lose") =>
  LET i == Armed(log[k].r) IN ~Alive(i) /\ ~TreeLive(i) /\ ver[i] = "none"
\* R-22: a busy slot lock is no failed start
BusyIsNoFailure == \A k \in Entries : (log[k].y = "start_failed" /\ StateOf(Before(k), log[k].r) = "queued") =>
  \E i \in Sups : srun[i] = log[k].r /\ st[i] = "killed"
\* R-18: a scheduler arms a queued run once at a time
OneArmingAtATime == \A c \in Scheds : Cardinality({i \in Sups : pipe[i] = c}) <= 1
\* one run waits or runs at a time; beside it, only one that has ended and is not released
OneOpenRun == Cardinality({r \in Runs : StateOf(log, r) \in {"queued", "running"}}) <= 1
\* R-27: no tick has two answers, and none is passed over
Answers(t) == {k \in Entries : log[k].k \in {"queue", "refused"} /\ log[k].b # 0 /\ log[k].a <= t /\ t <= log[k].b}
TickAnsweredOnce == \A t \in 1..due : Cardinality(Answers(t)) <= 1 /\ (t <= Answered(log) => Answers(t) # {})
\* R-33, R-81: once an epoch has written, no older one writes
EpochsFence == \A j, k \in Entries : (j < k /\ log[j].e # 0 /\ log[k].e # 0) => log[j].e <= log[k].e
\* R-33: the journal only grows
AppendOnly == [][Len(log') >= Len(log) /\ SubSeq(log', 1, Len(log)) = log]_vars

-------------------------------------------------------------------------------
(* LIVENESS, under Fair                                                                                            *)
\* R-12: every run ends
EveryRunEnds == \A r \in Runs : (StateOf(log, r) \in {"queued", "running"}) ~> (StateOf(log, r) \in Terminal)
\* every slot is freed: with its supervisor bound to end its tree, "once its processes are gone" is "in the end"
EverySlotIsFreed == \A r \in Runs : Took(r) ~> (\E k \in Entries : Is(k, "released") /\ log[k].r = r)
\* R-27: every tick gets its answer (as long as the bound leaves runs to answer with)
EveryTickIsAnswered == \A t \in 1..MaxTicks : (due >= t) ~> (Answers(t) # {} \/ Last(log) = MaxRuns)
===============================================================================
