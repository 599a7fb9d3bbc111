-------------------------------- MODULE Durable --------------------------------
(* Shown FALSE: that WAL with synchronous=NORMAL keeps what was committed. A commit is written to the log file;     *)
(* `Full` says whether it is synced before it is acknowledged. The power may fail at any moment: what was not       *)
(* synced is gone. A tick is answered once (R-27), and nobody is told of a run that is not in the history (R-4).    *)
EXTENDS Naturals, Sequences
CONSTANT Full
VARIABLES log, synced, told
vars == <<log, synced, told>>
Init == log = <<>> /\ synced = 0 /\ told = {}
Tick == /\ Len(log) < 3 /\ log' = Append(log, Len(log) + 1)
        /\ synced' = IF Full THEN Len(log) + 1 ELSE synced
        /\ told' = told \cup {Len(log) + 1}
Checkpoint == synced' = Len(log) /\ UNCHANGED <<log, told>>
PowerFails == log' = SubSeq(log, 1, synced) /\ UNCHANGED <<synced, told>>
Next == Tick \/ Checkpoint \/ PowerFails
Spec == Init /\ [][Next]_vars
TransitionsStay == \A run \in told : \E k \in 1..Len(log) : log[k] = run
================================================================================
