----------------------------- MODULE RunLifecycle -----------------------------
(* The life of one job's runs on one host: what schedulers, clients, supervisors, processes, *)
(* the machine and the journal may do, in every order.                                       *)
(*                                                                                           *)
(* How to read it. A state is the journal of the job (`log`), what each client of it has     *)
(* read and is about to do (`view`, `m`, `pipe`), the supervisors and process trees that     *)
(* exist, and how many faults may still come (`bud`). Each action is one step that is        *)
(* durable or visible by itself, so that a crash may come between any two of them. Time is   *)
(* abstract: a deadline may pass at any moment.                                              *)
(*                                                                                           *)
(* Words are those of GLOSSARY.md, requirements (R-n) those of lifecycle.md. How each        *)
(* variable and action maps to the code, what is left out, and why one job and one host are  *)
(* enough, stands in model.md. The properties are in RunProperties.tla, bounds in MC*.cfg.   *)
(*                                                                                           *)
(* `Bug` names one known bug that is put in ("none" for the specification itself); the       *)
(* mutation matrix in proofs.md shows which property notices it.                             *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  MaxRuns, MaxSup,             \* runs of the job, supervisors ever forked for them
  MaxTicks,                    \* scheduled times that come
  MaxCrash, MaxFreeze,         \* schedulers killed; stopped by a signal in the middle of anything
  MaxKill, MaxMute,            \* supervisors killed; stopped by a signal
  MaxCancel, MaxBoot,          \* cancels from outside; the machine started anew
  Retries,                     \* whether a run that ended badly may be queued again
  Bug

Scheds  == {"A", "B"}          \* two schedulers; "B" begins when "A" is down or frozen
Clients == Scheds \cup {"C"}   \* and the command line
Sups    == 1..MaxSup
Runs    == 1..MaxRuns

VARIABLES
  log,      \* the journal: a sequence of records [k, y, r, n, a, b, e], see Rec below
  view,     \* how much of it each client has read: a guard may look at nothing else
  sched,    \* each scheduler: "up", "frozen" (stopped by a signal) or "down"
  ep,       \* the epoch that each scheduler works under
  epoch,    \* the newest epoch, in the store
  m,        \* what each client is in the middle of: [pc, i, d, v, p], see Idle below
  pipe,     \* who holds the go pipe of an arming, "none" once it is closed
  st,       \* each supervisor: none forked armed run ending reported | exited busy killed
  srun,     \* the run that it was forked for
  born,     \* the boot that it was forked in
  made,     \* its arming file exists: it has been armed
  go,       \* the go has been written
  stop,     \* its mailbox: none, the reason of the first stop, or "late" (put after its verdict)
  mute,     \* it is stopped by a signal: alive, with all its locks, and silent
  ver, emp, \* its report: the verdict part; the mark that its tree is empty
  tree,     \* its process tree: none, alive (the command lives), left (only others do), gone
  fdl,      \* whether what is left has kept the descriptor of the slot lock
  code,     \* how its command exited: none ok bad
  due,      \* scheduled times that have come
  boot,     \* which boot of the machine this is
  bud       \* the faults that may still come

cvars == <<log, view, sched, ep, epoch, m>>
svars == <<pipe, st, srun, born, made, go, stop, mute, ver, emp>>
wvars == <<tree, fdl, code, due, boot, bud>>
vars  == <<cvars, svars, wvars>>

-------------------------------------------------------------------------------
(* THE LIFECYCLE TABLE (R-1, R-2): from, trigger, reason, to. A test holds it equal to fsm/lifecycle/table.py;   *)
(* reasons that this model never gives are in the table all the same.                                          *)
Table ==
  {<<"none", "queue", "", "queued">>, <<"queued", "start", "", "running">>}
  \cup {<<"running", "succeed", "completed", "succeeded">>}
  \cup {<<"queued", "fail", y, "failed">> : y \in {"refused", "start_failed"}}
  \cup {<<"running", "fail", y, "failed">> : y \in {"error", "exit_code", "no_result", "refused", "signal", "start_failed"}}
  \cup {<<"queued", "time_out", "queue_timeout", "timed_out">>}
  \cup {<<"running", "time_out", y, "timed_out">> : y \in {"idle_timeout", "run_timeout"}}
  \cup {<<"running", "lose", y, "lost">> : y \in {"node_expired", "rebooted", "unreadable_report", "vanished"}}
  \cup {<<"queued", "reap", y, "reaped">> : y \in {"cancelled", "job_removed", "queue_overflow", "replaced"}}
  \cup {<<"running", "reap", y, "reaped">> : y \in {"cancelled", "host_stop", "job_removed", "overdue", "replaced"}}
Terminal == {"succeeded", "failed", "timed_out", "lost", "reaped"}
Target == [queue |-> "queued", start |-> "running", succeed |-> "succeeded", fail |-> "failed",
           time_out |-> "timed_out", lose |-> "lost", reap |-> "reaped"]
Trigger(y) == CASE y = "completed" -> "succeed" [] y \in {"exit_code", "start_failed"} -> "fail"
                [] y \in {"run_timeout", "queue_timeout"} -> "time_out"
                [] y \in {"vanished", "rebooted"} -> "lose" [] OTHER -> "reap"

(* THE JOURNAL. A record: k = trigger, or "released", "refused"; y = reason, cause, class of evidence;         *)
(* r = run (0: none); n = arming (start, released); a, b = first and last scheduled time that it answers (for  *)
(* "start": a = the boot of its arming); e = epoch of the scheduler that wrote it (0: a client).               *)
Rec(k, y, r, n, a, b) == [k |-> k, y |-> y, r |-> r, n |-> n, a |-> a, b |-> b, e |-> 0]
Verdict(y, r) == Rec(Trigger(y), y, r, 0, 0, 0)

(* What a reader makes of a prefix l of the journal: its fold (fsm/engine/evolve.py).                          *)
Of(l, r)      == {k \in 1..Len(l) : l[k].r = r /\ l[k].k # "released"}
Newest(S)     == CHOOSE k \in S : \A j \in S : j <= k
StateOf(l, r) == IF r = 0 \/ Of(l, r) = {} THEN "none" ELSE Target[l[Newest(Of(l, r))].k]
Last(l)       == Cardinality({k \in 1..Len(l) : l[k].k = "queue"})
Starts(l, r)  == {k \in Of(l, r) : l[k].k = "start"}
Freed(l, r)   == \/ \E k \in 1..Len(l) : l[k].k = "released" /\ l[k].r = r
                 \/ Bug = "verdict_frees_slot" /\ StateOf(l, r) \in Terminal
Slot(l)       == LET S == {r \in Runs : Starts(l, r) # {} /\ ~Freed(l, r)}
                 IN IF S = {} THEN 0 ELSE CHOOSE r \in S : \A q \in S : q <= r
Arming(l, r)  == l[Newest(Starts(l, r))].n
Waiting(l)    == LET S == {r \in Runs : StateOf(l, r) = "queued"} IN IF S = {} THEN 0 ELSE CHOOSE r \in S : TRUE
Answered(l)   == LET S == {k \in 1..Len(l) : l[k].k \in {"queue", "refused"} /\ l[k].b # 0}
                 IN IF S = {} THEN 0 ELSE l[Newest(S)].b
Blocked(l)    == IF Slot(l) # 0 THEN IF StateOf(l, Slot(l)) = "running" THEN "already_running" ELSE "slot_held"
                 ELSE IF Waiting(l) # 0 THEN "already_queued" ELSE "none"

V(c)    == IF Bug = "guard_on_truth" THEN log ELSE SubSeq(log, 1, view[c])
H(c)    == Slot(V(c))                           \* the run that holds the slot, as far as c knows
N(c)    == Arming(V(c), H(c))                   \* and its arming
Run(c)  == StateOf(V(c), H(c))
Up(c)   == IF c = "C" THEN TRUE ELSE sched[c] = "up"

(* An append is one transaction. It names the length of the stream that it was decided on, and a scheduler's    *)
(* names its epoch; it fails where somebody was faster or a newer epoch began (R-33).                          *)
App(c, recs) ==
  /\ Up(c)
  /\ (view[c] = Len(log) \/ Bug \in {"no_compare_and_set", "guard_on_truth"})
  /\ (c \in Scheds => (ep[c] = epoch \/ Bug = "no_epoch"))
  /\ LET who == IF c \in Scheds THEN ep[c] ELSE 0
         new == log \o [k \in 1..Len(recs) |-> [recs[k] EXCEPT !.e = who]]
     IN /\ log' = new
        /\ view' = [view EXCEPT ![c] = Len(new)]
Only(c, recs) == App(c, recs) /\ UNCHANGED <<sched, ep, epoch, m, svars, wvars>>

-------------------------------------------------------------------------------
(* THE WORLD. Two locks (supervision.md): the life lock is its supervisor's alone; the slot lock is inherited.  *)
Alive(i)    == st[i] \in {"forked", "armed", "run", "ending", "reported"}
TreeLive(i) == tree[i] \in {"alive", "left"}
HasSlot(i)  == st[i] \in {"armed", "run", "ending", "reported"} \/ (TreeLive(i) /\ fdl[i])
LifeHeld(i) == Alive(i)
ReportOf(i) == IF Bug # "report_of_the_run" THEN ver[i]   \* a report belongs to an arming, not to a run (R-19)
               ELSE LET S == {j \in Sups : srun[j] = srun[i] /\ ver[j] # "none"}
                    IN IF S = {} THEN "none" ELSE ver[CHOOSE j \in S : \A q \in S : j <= q]

(* What a client is in the middle of. pc: idle; locked (it has tried the life lock of arming i: d = it is free); *)
(* found (and has read the report: verdict v, empty mark p); search (what is left of i is to be searched for);   *)
(* searched (nothing is left); told (a stop is in the mailbox of i, or i is dead); silent (and i had said nothing). *)
Idle == [pc |-> "idle", i |-> 0, d |-> FALSE, v |-> "none", p |-> FALSE]

Init ==
  /\ log = <<>> /\ view = [c \in Clients |-> 0]
  /\ sched = [c \in Scheds |-> IF c = "A" THEN "up" ELSE "down"]
  /\ ep = [c \in Scheds |-> IF c = "A" THEN 1 ELSE 0] /\ epoch = 1
  /\ m = [c \in Clients |-> Idle]
  /\ pipe = [i \in Sups |-> "none"] /\ st = [i \in Sups |-> "none"]
  /\ srun = [i \in Sups |-> 0] /\ born = [i \in Sups |-> 0]
  /\ made = [i \in Sups |-> FALSE] /\ go = [i \in Sups |-> FALSE]
  /\ stop = [i \in Sups |-> "none"] /\ mute = [i \in Sups |-> FALSE]
  /\ ver = [i \in Sups |-> "none"] /\ emp = [i \in Sups |-> FALSE]
  /\ tree = [i \in Sups |-> "none"] /\ fdl = [i \in Sups |-> FALSE] /\ code = [i \in Sups |-> "none"]
  /\ due = 0 /\ boot = 1
  /\ bud = [crash |-> MaxCrash, freeze |-> MaxFreeze, kill |-> MaxKill, mute |-> MaxMute,
            cancel |-> MaxCancel, boot |-> MaxBoot]

-------------------------------------------------------------------------------
(* CLIENTS OF THE JOURNAL                                                                                      *)
Read(c) ==     \* take notice of what others appended; a scheduler that finds a newer epoch ends instead (Fenced)
  /\ Up(c) /\ view[c] # Len(log) /\ (c \in Scheds => (ep[c] = epoch \/ Bug = "no_epoch"))
  /\ view' = [view EXCEPT ![c] = Len(log)]
  /\ UNCHANGED <<log, sched, ep, epoch, m, svars, wvars>>

Request ==     \* a manual run; what is in the way refuses it (its refusal is no answer to a tick: left out)
  /\ Last(V("C")) < MaxRuns /\ Blocked(V("C")) = "none"
  /\ Only("C", <<Rec("queue", "manual", Last(V("C")) + 1, 0, 0, 0)>>)

Retry(c) ==    \* a policy, here a free input: a run that ended badly is queued again, once its slot is free
  /\ Retries /\ (H(c) = 0 \/ Bug = "start_without_slot") /\ Last(V(c)) \in 1..(MaxRuns - 1)
  /\ StateOf(V(c), Last(V(c))) \in Terminal \ {"succeeded"}
  /\ Only(c, <<Rec("queue", "retry", Last(V(c)) + 1, 0, 0, 0)>>)

(* R-27, R-30: the last of the ticks that came makes a run where nothing is in the way; those before it were    *)
(* missed. Where something is, one refusal covers them all.                                                    *)
Seen(l) == IF Bug = "tick_answered_twice" THEN 0 ELSE Answered(l)
Tick(c) ==
  LET l == V(c)  first == Seen(l) + 1 IN
  /\ due # 0 /\ first <= due /\ (Bug = "tick_answered_twice" => Len(l) < 4)
  /\ IF Blocked(l) # "none"
     THEN Only(c, <<Rec("refused", Blocked(l), 0, 0, first, due)>>)
     ELSE /\ Last(l) < MaxRuns
          /\ Only(c, (IF first < due /\ Bug # "tick_passed_over" THEN <<Rec("refused", "missed", 0, 0, first, due - 1)>> ELSE <<>>)
                     \o <<Rec("queue", "schedule", Last(l) + 1, 0, due, due)>>)

QueueTimeout(c) ==   \* R-9
  LET r == IF Bug = "sweep_without_state_check" THEN Last(V(c)) ELSE Waiting(V(c)) IN
  /\ Up(c) /\ r # 0 /\ (Bug = "sweep_without_state_check" => Len(V(c)) < 4)
  /\ Only(c, <<Verdict("queue_timeout", r)>>)

CancelQueued ==
  /\ bud.cancel > 0 /\ Waiting(V("C")) # 0
  /\ App("C", <<Verdict("cancelled", Waiting(V("C")))>>)
  /\ bud' = [bud EXCEPT !.cancel = @ - 1]
  /\ UNCHANGED <<sched, ep, epoch, m, svars, tree, fdl, code, due, boot>>

-------------------------------------------------------------------------------
(* ARM, JOURNAL, GO (R-18 to R-22; fsm/scheduler/starter.py)                                                   *)
StartedBy(l, i) == \E k \in 1..Len(l) : l[k].k = "start" /\ l[k].n = i

Arm(c) ==
  /\ Up(c) /\ (Bug = "armed_twice" \/ \A i \in Sups : pipe[i] # c)
  /\ Waiting(V(c)) # 0 /\ (H(c) = 0 \/ Bug = "start_without_slot")
  /\ \E i \in Sups :
       /\ st[i] = "none" /\ \A j \in Sups : j < i => st[j] # "none"
       /\ st' = [st EXCEPT ![i] = "forked"] /\ srun' = [srun EXCEPT ![i] = Waiting(V(c))]
       /\ born' = [born EXCEPT ![i] = boot] /\ pipe' = [pipe EXCEPT ![i] = c]
  /\ UNCHANGED <<cvars, made, go, stop, mute, ver, emp, wvars>>

Start(c) ==          \* it says that it is armed: its start is journaled, if it is still the one that is wanted
  \E i \in Sups :
    /\ pipe[i] = c /\ made[i] /\ ~StartedBy(V(c), i) /\ StateOf(V(c), srun[i]) = "queued"
    /\ (H(c) = 0 \/ Bug = "start_without_slot")
    /\ Only(c, <<Rec("start", "", srun[i], i, born[i], 0)>>)

Go(c) ==             \* only after the commit. If c stops before this, the pipe closes and the supervisor disarms
  /\ Up(c)
  /\ \E i \in Sups :
       /\ pipe[i] = c /\ (StartedBy(V(c), i) \/ (Bug = "go_before_journal" /\ made[i]))
       /\ go' = [go EXCEPT ![i] = st[i] = "armed"] /\ pipe' = [pipe EXCEPT ![i] = "none"]
  /\ UNCHANGED <<cvars, st, srun, born, made, stop, mute, ver, emp, wvars>>

ArmFailed(c) ==      \* its supervisor died before it was armed: failed(start_failed) at once (R-20)
  \E i \in Sups :
    /\ pipe[i] = c /\ ~made[i] /\ st[i] = "killed"
    /\ StateOf(V(c), srun[i]) = "queued"
    /\ App(c, <<Verdict("start_failed", srun[i])>>) /\ pipe' = [pipe EXCEPT ![i] = "none"]
    /\ UNCHANGED <<sched, ep, epoch, m, st, srun, born, made, go, stop, mute, ver, emp, wvars>>

TakeBack(c) ==       \* only its slot lock was busy, or it says nothing, or its run is not waiting any more
  /\ Up(c)
  /\ \E i \in Sups :
       /\ pipe[i] = c /\ ~StartedBy(V(c), i)
       /\ (StateOf(V(c), srun[i]) # "queued" \/ st[i] = "busy" \/ (made[i] /\ ~Alive(i)))
       /\ pipe' = [pipe EXCEPT ![i] = "none"]
  /\ UNCHANGED <<cvars, st, srun, born, made, go, stop, mute, ver, emp, wvars>>

-------------------------------------------------------------------------------
(* LOOK, JUDGE, RELEASE (R-23 to R-26; fsm/planning/reconciliation.py, fsm/scheduler/watcher.py). A client may do *)
(* it, too, where no scheduler is up; here only schedulers do, for a client's steps are the same.                 *)
Mine(c) ==     \* R-23: every slot that is held, whoever started it, whether or not its run has ended
  /\ Up(c) /\ H(c) # 0
  /\ (Bug = "open_runs_only" => Run(c) = "running")
  /\ (Bug = "adopt_ignored" => \E k \in 1..Len(V(c)) : V(c)[k].k = "start" /\ V(c)[k].r = H(c) /\ V(c)[k].e = ep[c])
On(c, pc) == Up(c) /\ m[c].pc = pc /\ H(c) # 0 /\ N(c) = m[c].i
Quiet(c)  == UNCHANGED <<log, view, sched, ep, epoch, svars, wvars>>

LookLock(c) ==       \* R-24: the life lock first. If it is free it is taken, and kept until the entry is appended
  /\ m[c].pc = "idle" /\ Mine(c)
  /\ m' = [m EXCEPT ![c] = IF Bug = "report_before_lock"
                           THEN [Idle EXCEPT !.pc = "locked", !.i = N(c), !.v = ReportOf(N(c)), !.p = emp[N(c)]]
                           ELSE [Idle EXCEPT !.pc = "locked", !.i = N(c), !.d = ~LifeHeld(N(c))]]
  /\ Quiet(c)

LookReport(c) ==     \* then the report
  /\ On(c, "locked")
  /\ LET f == IF Bug = "report_before_lock" THEN [m[c] EXCEPT !.pc = "found", !.d = ~LifeHeld(N(c))]
              ELSE [m[c] EXCEPT !.pc = "found", !.v = ReportOf(N(c)), !.p = emp[N(c)]]
     IN m' = [m EXCEPT ![c] = IF ~f.d /\ f.v = "none" THEN Idle ELSE f]   \* adopt: it goes on
  /\ Quiet(c)

(* What follows from a finding: records for the journal, and whether survivors must be searched for first.     *)
Judged(c) == IF /\ Run(c) = "running" /\ m[c].v # "none"
                /\ ~(Bug = "timeout_not_journaled" /\ m[c].v = "run_timeout")
             THEN <<Verdict(m[c].v, H(c))>>
             ELSE IF Bug = "terminal_overwritten" /\ m[c].v # "none" /\ Len(V(c)) < 5
                  THEN <<Verdict(m[c].v, H(c))>> ELSE <<>>
Known(c)  == Judged(c) # <<>> \/ Run(c) \in Terminal
Freeing(c, y) == IF Bug = "verdict_frees_slot" THEN <<>> ELSE <<Rec("released", y, H(c), N(c), 0, 0)>>
Gone(c, y, why) == (IF Known(c) THEN <<>> ELSE <<Verdict(why, H(c))>>) \o Freeing(c, y)
Searching(c) == /\ m[c].d /\ ~(Known(c) /\ m[c].p) /\ born[N(c)] = boot
                /\ Bug \notin {"lost_without_search", "flock_alone"}
SlotFree(c) == \A j \in Sups : ~HasSlot(j)
Follows(c) ==
  IF ~m[c].d THEN Judged(c)
  ELSE IF Known(c) /\ m[c].p THEN Judged(c) \o Gone(c, "report", "none")
  ELSE IF born[N(c)] # boot THEN Judged(c) \o Gone(c, "reboot", "rebooted")
  ELSE IF Bug = "lost_without_search" \/ (Bug = "flock_alone" /\ SlotFree(c)) THEN Judged(c) \o Gone(c, "scan", "vanished")
  ELSE Judged(c)

Settle(c) ==
  /\ On(c, "found")
  /\ m' = [m EXCEPT ![c] = IF Searching(c) THEN [@ EXCEPT !.pc = "search"] ELSE Idle]
  /\ IF Follows(c) = <<>> THEN UNCHANGED <<log, view>> ELSE App(c, Follows(c))
  /\ UNCHANGED <<sched, ep, epoch, svars, wvars>>

Search(c) ==         \* finds what is left of the arming, ends it and waits; while anybody holds the slot lock it is not over
  /\ On(c, "search")
  /\ \A j \in Sups : j # N(c) => ~HasSlot(j)
  /\ tree' = [tree EXCEPT ![N(c)] = IF TreeLive(N(c)) THEN "gone" ELSE @]
  /\ m' = [m EXCEPT ![c].pc = "searched"]
  /\ UNCHANGED <<log, view, sched, ep, epoch, svars, fdl, code, due, boot, bud>>

Release(c) ==
  /\ On(c, "searched")
  /\ LET known == Run(c) \in Terminal \/ m[c].v # "none"
         lose  == IF known THEN <<>> ELSE <<Verdict("vanished", H(c))>>
         free  == IF Run(c) \in Terminal \/ ~known THEN Freeing(c, "scan") ELSE <<>>
     IN /\ lose \o free # <<>> /\ App(c, lose \o free)
  /\ m' = [m EXCEPT ![c] = Idle]
  /\ UNCHANGED <<sched, ep, epoch, svars, wvars>>

Forget(c) ==         \* the slot is not that arming's any more
  /\ Up(c) /\ m[c].pc # "idle" /\ ~(H(c) # 0 /\ N(c) = m[c].i)
  /\ m' = [m EXCEPT ![c] = Idle]
  /\ Quiet(c)

-------------------------------------------------------------------------------
(* STOP COMES BEFORE A FOREIGN VERDICT (R-21, R-11; fsm/client/cancel.py, fsm/scheduler/watcher.py). The command   *)
(* line cancels; a scheduler ends what is open past its reap_by. Any of them may die in between.                   *)
Why(c) == IF c = "C" THEN "cancelled" ELSE "overdue"
StopPut(c) ==
  /\ Up(c) /\ m[c].pc = "idle" /\ (c = "C" => bud.cancel > 0)
  /\ H(c) # 0 /\ Run(c) = "running"
  /\ bud' = IF c = "C" THEN [bud EXCEPT !.cancel = @ - 1] ELSE bud
  /\ stop' = [stop EXCEPT ![N(c)] = IF @ # "none" \/ ~Alive(N(c)) \/ Bug = "verdict_before_stop" THEN @
                                    ELSE IF ver[N(c)] # "none" THEN "late" ELSE Why(c)]
  /\ m' = [m EXCEPT ![c] = [Idle EXCEPT !.pc = "told", !.i = N(c)]]
  /\ UNCHANGED <<log, view, sched, ep, epoch, pipe, st, srun, born, made, go, mute, ver, emp, tree, fdl, code, due, boot>>

Word(c) ==           \* its own verdict, if it gave one, comes before ours
  /\ On(c, "told")
  /\ m' = [m EXCEPT ![c] = IF ReportOf(N(c)) = "none" THEN [@ EXCEPT !.pc = "silent"]
                           ELSE [@ EXCEPT !.pc = "found", !.v = ReportOf(N(c))]]
  /\ Quiet(c)

Reap(c) ==
  /\ On(c, "silent") /\ Run(c) = "running"
  /\ App(c, <<Verdict(Why(c), H(c))>>)
  /\ m' = [m EXCEPT ![c] = Idle]
  /\ UNCHANGED <<sched, ep, epoch, svars, wvars>>

Leave(c) ==          \* judged by somebody else meanwhile; or the client is killed
  /\ Up(c) /\ m[c].pc \in {"told", "silent", "found"}
  /\ c = "C" \/ (m[c].pc = "silent" /\ Run(c) # "running")
  /\ m' = [m EXCEPT ![c] = Idle]
  /\ Quiet(c)

(* A supervisor that is killed: the command dies with it by its parent-death signal, what it left may live on.      *)
Dies(i) ==
  /\ st' = [st EXCEPT ![i] = "killed"] /\ mute' = [mute EXCEPT ![i] = FALSE] /\ go' = [go EXCEPT ![i] = FALSE]
  /\ \E t \in (IF TreeLive(i) THEN {"left", "gone"} ELSE {tree[i]}) : tree' = [tree EXCEPT ![i] = t]

KillMute(c) ==       \* after verdict and grace a mute supervisor is killed; before it, one that cannot even be told to stop
  /\ (\E i \in Sups : mute[i]) /\ Mine(c) /\ mute[N(c)] /\ Alive(N(c)) /\ Bug # "mute_never_killed"
  /\ Dies(N(c))
  /\ UNCHANGED <<cvars, pipe, srun, born, made, stop, ver, emp, fdl, code, due, boot, bud>>

-------------------------------------------------------------------------------
(* THE SUPERVISOR (supervision.md, steps S1 to S12). It outlives the scheduler.                                   *)
Awake(i) == ~mute[i]

TakeSlot(i) ==       \* waits for the slot lock; then life lock and arming file; "armed" is said
  /\ st[i] = "forked" /\ Awake(i) /\ \A j \in Sups : ~HasSlot(j)
  /\ st' = [st EXCEPT ![i] = "armed"] /\ made' = [made EXCEPT ![i] = TRUE]
  /\ UNCHANGED <<cvars, pipe, srun, born, go, stop, mute, ver, emp, wvars>>

GiveUp(i) ==         \* its arm deadline passes, or its pipe closes, before it has the lock: no failure (R-22)
  /\ st[i] = "forked" /\ Awake(i)
  /\ st' = [st EXCEPT ![i] = "busy"]
  /\ UNCHANGED <<cvars, pipe, srun, born, made, go, stop, mute, ver, emp, wvars>>

Execute(i) ==        \* stop beats go, however late the go comes (R-21)
  /\ st[i] = "armed" /\ Awake(i) /\ (go[i] \/ Bug = "executes_without_go")
  /\ (stop[i] = "none" \/ Bug = "go_beats_stop")
  /\ st' = [st EXCEPT ![i] = "run"] /\ go' = [go EXCEPT ![i] = FALSE]
  /\ tree' = [tree EXCEPT ![i] = "alive"] /\ \E b \in BOOLEAN : fdl' = [fdl EXCEPT ![i] = b]
  /\ UNCHANGED <<cvars, pipe, srun, born, made, stop, mute, ver, emp, code, due, boot, bud>>

Says(i, y, s) == /\ ver' = [ver EXCEPT ![i] = y] /\ st' = [st EXCEPT ![i] = s]

Disarm(i) ==         \* stopped; or its arm deadline passes, or its pipe closes: it says so, and was never executed
  /\ st[i] = "armed" /\ Awake(i)
  /\ Says(i, IF stop[i] \in {"cancelled", "overdue"} THEN stop[i] ELSE "start_failed", "reported")
  /\ emp' = [emp EXCEPT ![i] = TRUE] /\ go' = [go EXCEPT ![i] = FALSE]
  /\ UNCHANGED <<cvars, pipe, srun, born, made, stop, mute, wvars>>

Judges(i, y) ==      \* the verdict part of its report, on disk before the first signal
  /\ Says(i, y, "ending")
  /\ UNCHANGED <<cvars, pipe, srun, born, made, go, stop, mute, emp, wvars>>
SeesExit(i) == st[i] = "run" /\ Awake(i) /\ tree[i] # "alive" /\ Judges(i, IF code[i] = "ok" THEN "completed" ELSE "exit_code")
SeesStop(i) == st[i] = "run" /\ Awake(i) /\ tree[i] = "alive" /\ stop[i] \in {"cancelled", "overdue"} /\ Judges(i, stop[i])
Deadline(i) == st[i] = "run" /\ Awake(i) /\ tree[i] = "alive" /\ Judges(i, "run_timeout")     \* R-10

EndsTree(i) ==       \* TERM, grace, KILL, until no descendant is left
  /\ st[i] = "ending" /\ Awake(i) /\ TreeLive(i)
  /\ tree' = [tree EXCEPT ![i] = "gone"]
  /\ UNCHANGED <<cvars, svars, fdl, code, due, boot, bud>>

Emptied(i) ==        \* the second part of its report
  /\ st[i] = "ending" /\ Awake(i) /\ ~TreeLive(i)
  /\ emp' = [emp EXCEPT ![i] = TRUE] /\ st' = [st EXCEPT ![i] = "reported"]
  /\ UNCHANGED <<cvars, pipe, srun, born, made, go, stop, mute, ver, wvars>>

Exit(i) ==
  /\ st[i] = "reported" /\ Awake(i) /\ st' = [st EXCEPT ![i] = "exited"]
  /\ UNCHANGED <<cvars, pipe, srun, born, made, go, stop, mute, ver, emp, wvars>>

SupStep(i) == \/ TakeSlot(i) \/ GiveUp(i) \/ Execute(i) \/ Disarm(i) \/ SeesExit(i) \/ SeesStop(i) \/ Deadline(i)
              \/ EndsTree(i) \/ Emptied(i) \/ Exit(i)

-------------------------------------------------------------------------------
(* THE WORLD AND ITS FAULTS. A command may hang for ever: nothing here is ever bound to happen.                    *)
MainExits(i) ==
  /\ tree[i] = "alive"
  /\ \E s \in {"ok", "bad"}, t \in {"left", "gone"} : code' = [code EXCEPT ![i] = s] /\ tree' = [tree EXCEPT ![i] = t]
  /\ UNCHANGED <<cvars, svars, fdl, due, boot, bud>>
SupKilled(i) ==
  /\ bud.kill > 0 /\ bud' = [bud EXCEPT !.kill = @ - 1] /\ Alive(i) /\ Dies(i)
  /\ UNCHANGED <<cvars, pipe, srun, born, made, stop, ver, emp, fdl, code, due, boot>>
SupMute(i) ==
  /\ bud.mute > 0 /\ bud' = [bud EXCEPT !.mute = @ - 1] /\ Alive(i) /\ ~mute[i] /\ mute' = [mute EXCEPT ![i] = TRUE]
  /\ UNCHANGED <<cvars, pipe, st, srun, born, made, go, stop, ver, emp, tree, fdl, code, due, boot>>
SupWakes(i) ==
  /\ mute[i] /\ mute' = [mute EXCEPT ![i] = FALSE]
  /\ UNCHANGED <<cvars, pipe, st, srun, born, made, go, stop, ver, emp, wvars>>

Lies(c) ==           \* a scheduler is gone: what it knew, and its pipes, with it
  /\ sched' = [sched EXCEPT ![c] = "down"] /\ m' = [m EXCEPT ![c] = Idle]
  /\ view' = [view EXCEPT ![c] = 0] /\ ep' = [ep EXCEPT ![c] = 0]
  /\ pipe' = [i \in Sups |-> IF pipe[i] = c THEN "none" ELSE pipe[i]]
Crash(c) ==
  /\ sched[c] # "down" /\ bud.crash > 0 /\ bud' = [bud EXCEPT !.crash = @ - 1] /\ Lies(c)
  /\ UNCHANGED <<log, epoch, st, srun, born, made, go, stop, mute, ver, emp, tree, fdl, code, due, boot>>
Fenced(c) ==         \* it finds out that a newer epoch began
  /\ sched[c] = "up" /\ ep[c] < epoch /\ Bug # "no_epoch" /\ Lies(c)
  /\ UNCHANGED <<log, epoch, st, srun, born, made, go, stop, mute, ver, emp, wvars>>
Freeze(c) ==
  /\ sched[c] = "up" /\ bud.freeze > 0 /\ bud' = [bud EXCEPT !.freeze = @ - 1]
  /\ sched' = [sched EXCEPT ![c] = "frozen"]
  /\ UNCHANGED <<log, view, ep, epoch, m, svars, tree, fdl, code, due, boot>>
Thaw(c) ==
  /\ sched[c] = "frozen" /\ sched' = [sched EXCEPT ![c] = "up"]
  /\ UNCHANGED <<log, view, ep, epoch, m, svars, wvars>>
Begin(c) ==          \* a scheduler begins, under a new epoch, where none is up; one that is frozen can be replaced
  /\ sched[c] = "down" /\ \A d \in Scheds : sched[d] # "up"
  /\ sched' = [sched EXCEPT ![c] = "up"] /\ epoch' = epoch + 1 /\ ep' = [ep EXCEPT ![c] = epoch + 1]
  /\ UNCHANGED <<log, view, m, svars, wvars>>
Reboot ==            \* files stay, processes do not
  /\ bud.boot > 0 /\ bud' = [bud EXCEPT !.boot = @ - 1] /\ boot' = boot + 1
  /\ sched' = [c \in Scheds |-> "down"] /\ m' = [c \in Clients |-> Idle]
  /\ view' = [c \in Clients |-> 0] /\ ep' = [c \in Scheds |-> 0] /\ pipe' = [i \in Sups |-> "none"]
  /\ st' = [i \in Sups |-> IF Alive(i) THEN "killed" ELSE st[i]]
  /\ mute' = [i \in Sups |-> FALSE] /\ go' = [i \in Sups |-> FALSE]
  /\ tree' = [i \in Sups |-> IF TreeLive(i) THEN "gone" ELSE tree[i]]
  /\ UNCHANGED <<log, epoch, srun, born, made, stop, ver, emp, fdl, code, due>>
TickComes == due < MaxTicks /\ due' = due + 1 /\ UNCHANGED <<cvars, svars, tree, fdl, code, boot, bud>>

-------------------------------------------------------------------------------
Next ==
  \/ \E c \in Clients : Read(c) \/ Settle(c) \/ Forget(c) \/ StopPut(c) \/ Word(c) \/ Reap(c) \/ Leave(c)
  \/ \E c \in Scheds : \/ Retry(c) \/ Tick(c) \/ QueueTimeout(c) \/ Arm(c) \/ Start(c) \/ Go(c) \/ ArmFailed(c)
                       \/ TakeBack(c) \/ LookLock(c) \/ LookReport(c) \/ Search(c) \/ Release(c) \/ KillMute(c)
                       \/ Crash(c) \/ Fenced(c) \/ Freeze(c) \/ Thaw(c) \/ Begin(c)
  \/ Request \/ CancelQueued \/ Reboot \/ TickComes
  \/ \E i \in Sups : SupStep(i) \/ MainExits(i) \/ SupKilled(i) \/ SupMute(i) \/ SupWakes(i)
Spec == Init /\ [][Next]_vars

(* What is bound to happen, once it stays possible: a scheduler is begun again; one that is up reads, ticks, arms,   *)
(* looks and sweeps; a supervisor that is not stopped takes its steps. Never: that a command ends, that a frozen      *)
(* scheduler or a mute supervisor is continued, that a client comes back.                                            *)
Looks(c)  == LookLock(c) \/ LookReport(c) \/ Settle(c) \/ Search(c) \/ Release(c) \/ Forget(c) \/ Word(c) \/ Reap(c) \/ Leave(c)
Brings(c) == Arm(c) \/ Start(c) \/ Go(c) \/ ArmFailed(c) \/ TakeBack(c)
Fair ==
  /\ WF_vars(\E c \in Scheds : Begin(c))
  /\ \A c \in Scheds :
       /\ WF_vars(Read(c) \/ Fenced(c)) /\ WF_vars(Brings(c)) /\ WF_vars(QueueTimeout(c))
       /\ WF_vars(Tick(c)) /\ WF_vars(KillMute(c)) /\ WF_vars(Looks(c)) /\ SF_vars(StopPut(c))
  /\ \A i \in Sups : WF_vars(SupStep(i))
LiveSpec == Spec /\ Fair
===============================================================================
