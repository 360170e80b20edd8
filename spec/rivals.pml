/* Two `stilt run` at once where locks are a lie, as a model for spin: just one of them goes on.
 *
 *     spin -DRIVALS=3 -search spec/rivals.pml       (Debian: spin, gcc)
 *
 * Runs have names; here they are numbers. Each plans, registers, looks at the others one after the other, and then
 * goes on, gives way or waits and looks again (log-format.md, section 7). Each may die at any step, which the others
 * find out. What a run registers, every look that begins later sees. Then one more run comes in peace.
 *
 * Checked at every step: no more than one goes on. Checked at the end: nobody waits for ever; one has gone on if none
 * has died, and with the run in peace in any case.
 *
 * Five rules can be dropped, and each is then found to matter (the tests do that):
 *   -DLOOK_FIRST  a run looks before it registers: two go on
 *   -DNO_WAIT     the lesser name goes on at once, and does not wait for the other: two go on
 *   -DFORGET      a run that has started and ended since counts no more: two go on
 *   -DHASTY       a run of which nothing was heard is taken for dead while it lives: two go on
 *   -DNO_ORDER    every run gives way to every other, whatever its name: nobody goes on
 */

#ifndef RIVALS
#define RIVALS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define RUNS 4                /* at most: RIVALS and the one in peace */

bool registered[RUNS];        /* the log: pending, */
bool started[RUNS];           /*   submitting, */
bool closed[RUNS];            /*   closed */
bool gone[RUNS];              /* the process has ended, and others can find that out */
byte crashes = CRASHES;
bool peace;

#define STARTED (started[0] + started[1] + started[2] + started[3])
#define DIED (crashes < CRASHES)

#define MAY_START(r) (registered[r] && !closed[r] && !gone[r])
#ifdef FORGET
#define MAY_GO_ON(r) MAY_START(r)
#else
#define MAY_GO_ON(r) (started[r] || MAY_START(r))
#endif

#define UNDECIDED(r) (r > me && registered[r] && !noted[r] && !started[r] && !closed[r] && !gone[r])

inline may_die() {
  if :: skip :: atomic { !peace && crashes > 0 -> crashes--; goto dead } fi
}

/* One `stilt run` with this name. */
proctype Run(byte me) {
  byte r;
  bool noted[RUNS];
  bool gives_way, waits;
  /* It plans. What others have started, or may start, is in their hands: then it has nothing to do. */
  atomic {
    r = 0;
    do
    :: r < RUNS ->
       if :: started[r] || MAY_START(r) -> goto ends :: else fi;
       noted[r] = closed[r];
       r++
    :: else -> break
    od
  };
  may_die();
#ifndef LOOK_FIRST
  registered[me] = true;
  may_die();
#endif
look:
  r = 0;
  do
  :: r < RUNS ->
     atomic {
       if
       :: r != me && !noted[r] && MAY_GO_ON(r) ->
          if
          :: started[r] -> gives_way = true
#ifdef NO_ORDER
          :: !started[r] -> gives_way = true
#else
          :: !started[r] && r < me -> gives_way = true
          :: !started[r] && r > me -> waits = true
#endif
#ifdef HASTY
          :: !started[r] && !peace -> skip
#endif
          fi
       :: else
       fi;
       r++
     }
  :: else -> break
  od;
#ifdef LOOK_FIRST
  registered[me] = true;
#endif
  may_die();
  if
  :: gives_way -> closed[me] = true; goto ends
#ifdef NO_WAIT
  :: !gives_way
#else
  :: !gives_way && !waits
  :: !gives_way && waits ->
     waits = false;
     !UNDECIDED(0) && !UNDECIDED(1) && !UNDECIDED(2) && !UNDECIDED(3);
     goto look
#endif
  fi;
  d_step { started[me] = true; assert(STARTED <= 1) };
  may_die();
  closed[me] = true;
dead:
ends:
  gone[me] = true
}

init {
  byte n;
  atomic { n = 0; do :: n < RIVALS -> run Run(n); n++ :: else -> break od };
  timeout;
  assert(gone[0] && gone[1]);           /* nobody waits for ever */
#if RIVALS > 2
  assert(gone[2]);
#endif
  assert(STARTED == 1 || DIED);
  peace = true;
  run Run(RIVALS);
  timeout;
  assert(STARTED == 1)
}
