--------------------------------- MODULE Lease ---------------------------------
(* Shown FALSE: that a lease which another host may end is enough to keep a job from overlapping.                *)
(* Two hosts, one job. A host that holds the lease executes; a lease that was not renewed ends; then the other    *)
(* host takes it over, by compare-and-set. `Fenced` says whether a host ends its own processes before its lease   *)
(* can end (a supervisor that kills by the clock): without it, compare-and-set fences the journal and nothing else. *)
EXTENDS Naturals, FiniteSets
CONSTANT Fenced
Hosts == {"A", "B"}
VARIABLES owner, valid, running, frozen
vars == <<owner, valid, running, frozen>>
Init == owner = "A" /\ valid = TRUE /\ running = {} /\ frozen = {}
Execute(h) == h \notin frozen /\ owner = h /\ valid /\ running' = running \cup {h} /\ UNCHANGED <<owner, valid, frozen>>
Freeze(h)  == h \notin frozen /\ frozen' = frozen \cup {h} /\ UNCHANGED <<owner, valid, running>>
Expire     == valid /\ (Fenced => owner \notin running) /\ valid' = FALSE /\ UNCHANGED <<owner, running, frozen>>
Steal(h)   == h \notin frozen /\ ~valid /\ h # owner /\ owner' = h /\ valid' = TRUE /\ UNCHANGED <<running, frozen>>
End(h)     == running' = running \ {h} /\ UNCHANGED <<owner, valid, frozen>>
Next == Expire \/ \E h \in Hosts : Execute(h) \/ Freeze(h) \/ Steal(h) \/ End(h)
Spec == Init /\ [][Next]_vars
OneTree == Cardinality(running) <= 1
================================================================================
