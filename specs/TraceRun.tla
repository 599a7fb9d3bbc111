------------------------------- MODULE TraceRun -------------------------------
(* Is a journal a behaviour of the specification? Each journal of `Traces` is a sequence of [k, y, r]; a behaviour   *)
(* may only append what comes next in its journal, and takes whatever silent steps (supervisors, processes, locks,   *)
(* faults) it needs in between. A journal is accepted if some behaviour appends all of it; then `Accepted` prints     *)
(* its number. Bounds for faults come from the journal (tests/proof/traces.py): as many as its entries tell of.       *)
(*                                                                                                                   *)
(* Left out: ticks (which times were due is not in a journal), epochs, and the numbers of armings.                   *)
EXTENDS RunLifecycle, TLC

CONSTANT Traces
VARIABLE which
tvars == <<vars, which>>
Trace == Traces[which]

Same(x, t) == x.k = t.k /\ x.r = t.r /\ (x.k = "queue" \/ x.y = t.y)

(* Explanations that need no more than they must: everybody reads at once, no arming is given up, a run is stopped    *)
(* and a supervisor killed only where the journal tells of it, and a supervisor says what the journal says, or is not  *)
(* heard.                                                                                                            *)
Has(r, y) == \E k \in 1..Len(Trace) : Trace[k].r = r /\ Trace[k].y = y
Unheard(r) == \E y \in {"cancelled", "overdue", "vanished", "rebooted"} : Has(r, y)
Killed(r) == \/ Has(r, "vanished") \/ Has(r, "scan")
             \/ Has(r, "start_failed") /\ ~\E k \in 1..Len(Trace) : Trace[k].r = r /\ Trace[k].k = "start"
Behind == \E c \in Clients : view[c] # Len(log) /\ Up(c)
Plain ==
  /\ (Behind => view' # view \/ boot' # boot \/ sched' # sched)
  /\ \A i \in Sups : /\ st'[i] # "busy" /\ ~fdl'[i]
                     /\ (ver'[i] # ver[i] => Has(srun[i], ver'[i]) \/ Unheard(srun[i]))
  /\ \A i \in Sups : (st'[i] = "killed" /\ st[i] # "killed" /\ boot' = boot) => Killed(srun[i])
  /\ (m["C"].pc # "idle" /\ m'["C"].pc = "idle" => log' # log \/ boot' # boot \/ H("C") = 0)
  /\ \A c \in Clients : m'[c].pc = "told" => Has(srun[m'[c].i], Why(c))

TraceInit == Init /\ which \in 1..Len(Traces)
TraceNext ==
  /\ Next /\ UNCHANGED which /\ Plain
  /\ Len(log') <= Len(Trace)
  /\ \A k \in (Len(log) + 1)..Len(log') : Same(log'[k], Trace[k])
TraceSpec == TraceInit /\ [][TraceNext]_tvars

(* What becomes of a run after it was released changes nothing any more: states that differ only there are one.      *)
Current == {i \in Sups : srun[i] # 0 /\ ~Freed(log, srun[i])}
Seen1(i) == <<st[i], srun[i], born[i], made[i], go[i], stop[i], mute[i], ver[i], emp[i], tree[i], fdl[i], code[i]>>
TraceView == <<which, Len(log), view, sched, ep, epoch, m, boot, bud, pipe, [i \in Current |-> Seen1(i)],
               {i \in Sups \ Current : HasSlot(i)}, Cardinality({i \in Sups : st[i] # "none"})>>

Accepted == Len(log) = Len(Trace) => PrintT(<<"ACCEPTED", which>>)
===============================================================================
