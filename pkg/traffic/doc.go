// Package traffic moves traffic between the slots: it finds the routers that send traffic to green, puts blue beside
// green in them, sets the two weights, sees that the router took the write, and puts everything back as it was.
//
// A router is a row of data (rows.go); one pure patch function serves every row (patch.go), and Mover is the thin part
// that talks to the cluster. It does not decide when or how far to shift, and it keeps no state: all it needs later is
// in the Route that Find returned, which the caller keeps in the record.
//
// During a rollout two things in a route are dro's: green's weight in every rule that names green, and the entry for
// blue beside it; and what leads chosen requests, people or copies to blue (choice.go). Restore undoes exactly these and leaves what others changed meanwhile. At 0 % blue stays listed with
// weight 0, as its Service still exists then and the next shift stays a change of two numbers; only Restore takes the
// entry out, so blue's Service may be removed after Restore and not before.
//
// Start reading at Rows, then Find, then Mover.Shift.
package traffic
