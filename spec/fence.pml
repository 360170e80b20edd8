/* Which result holds, as a model for spin: workers that go on after they were believed gone, and newer batches.
 *
 *     spin -DCRASHES=1 -search -m100000 spec/fence.pml       (Debian: spin, gcc)
 *
 * One simulation with one output. Batch 0 has made it; then `stilt run` hands it over again, for changed settings or
 * since the worker is believed gone, which may be wrong at any time. So workers of several batches, and two of one
 * batch (a requeued task), are at it at once. Each may be stopped between any two steps for any time, or die with its
 * process or its node. A batch may be cancelled. Then `stilt run` is given in peace, and once more.
 *
 * Checked at every step: what the log vouches for is there and is what its own writer wrote; no name is written by
 * two lives. Checked at the end: the simulation is complete or empty, and the plain name is the result that holds.
 *
 * Without LEGACY the result of batch 0 has a name of its own; with it, a plain name, as older versions gave it.
 *
 * Rules can be dropped (the tests do that). These are found to matter:
 *   -DSHARED       all lives publish under one name, with the question: an older writer replaces the newer result
 *   -DLAZY         a `started` need not be durable before an older result is removed or replaced
 *   -DREMOVE_ALL   a worker removes all others' files, and not just those that it was told of
 *   -DBELIEVE      a run removes files of any life that is believed gone, and not just of those that it may
 *   -DLOOK_AWAY    a run looks at plain names only while some life has not ended in order
 *   -DEMPTY_STAYS  a run leaves a plain name that is there for an empty result
 * This one is found not to matter, since every life has names of its own; the question saves work only:
 *   -DNO_QUESTION  nobody asks whether a newer batch claims the simulation
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REQUEUES
#define REQUEUES 1
#endif
#ifndef RUNS
#define RUNS 2                /* `stilt run` before the peace: each may hand over */
#endif
#define BATCHES 5             /* the first result, those of RUNS, two in peace */
#define LIVES 10              /* two for each batch: life 2 * batch + attempt */
#define NOBODY 255
#define EMPTY 2

byte own[LIVES];              /* the file under each life's own name: who wrote it, counted from 1; 0: none */
byte plain;                   /* the file under the plain name, likewise */
bool begun[LIVES];            /* the log: started, */
byte ended[LIVES];            /*   done: 1 complete, EMPTY, */
bool begun_durable[LIVES];
bool ended_durable[LIVES];
bool closed[LIVES];           /*   ended in order */
bool used[LIVES];             /* a process with this life was started */
bool registered[BATCHES];
bool cancelled[BATCHES];
byte before[BATCHES];         /* the life whose result the log had when the batch was planned */
byte next = 1;                /* the next free batch */
byte crashes = CRASHES;
byte requeues = REQUEUES;
bool peace;                   /* from now on nothing goes wrong */

#ifdef SHARED
#define NAME(l) 0
#else
#define NAME(l) (l)
#endif
#ifdef LEGACY
#define HAS_PLAIN_NAME(l) ((l) == 0)
#else
#define HAS_PLAIN_NAME(l) false
#endif
#define BEGUN_IN(b) (begun[2 * (b)] || begun[2 * (b) + 1] || DONE_IN(b))
#define DONE_IN(b) (ended[2 * (b)] || ended[2 * (b) + 1])
#define CLAIMS(b) (registered[b] && !cancelled[b])
#define CLAIMED(b) ((b < 1 && CLAIMS(1)) || (b < 2 && CLAIMS(2)) || (b < 3 && CLAIMS(3)) || (b < 4 && CLAIMS(4)))

/* The fold: the life whose claim is the greatest, and whether it is a success. A success counts more than any start
 * within a batch, and else the batch and then the attempt do. */
inline fold(top, holds) {
  top = BATCHES - 1;
  do :: top > 0 && !BEGUN_IN(top) -> top-- :: else -> break od;
  holds = DONE_IN(top);
  if
  :: holds && ended[2 * top + 1] -> top = 2 * top + 1
  :: !holds && begun[2 * top + 1] -> top = 2 * top + 1
  :: else -> top = 2 * top
  fi
}

#define SERVED(l) (HAS_PLAIN_NAME(l) -> plain : own[NAME(l)])

byte seen_top; bool seen_holds;   /* of check alone */
inline check() {
  fold(seen_top, seen_holds);
  assert(!seen_holds || ended[seen_top] == EMPTY || SERVED(seen_top) == seen_top + 1);
  seen_top = 0; seen_holds = false
}

/* A process may end here: killed, or with its node, which takes along what was not synced. */
inline may_die() {
  if
  :: skip
  :: atomic { !peace && crashes > 0 -> crashes--; goto out }
  :: d_step { !peace && crashes > 0 ->
       crashes--;
       begun[l] = begun[l] && begun_durable[l];
       ended[l] = (ended_durable[l] -> ended[l] : 0);
       check()
     };
     goto out
  fi
}

inline ask() {
#ifdef NO_QUESTION
  skip
#else
  if :: CLAIMED(b) -> goto leaves :: else fi
#endif
}

/* One life of a task. */
proctype Worker(byte b; byte a) {
  byte l = 2 * b + a;
  byte n;
  bool nothing;
  if :: DONE_IN(b) -> goto leaves :: else fi;
  ask();
  d_step { begun[l] = true; check() };
  may_die();
#ifndef LAZY
  begun_durable[l] = true;
#endif
  if :: nothing = false :: nothing = true fi;     /* the settings of each batch are its own */
  ask();
  if
  :: !nothing ->
     d_step {
#ifndef SHARED
       assert(own[l] == 0);                   /* no name is written twice */
#endif
       own[NAME(l)] = l + 1;
       check()
     };
     may_die();
     d_step { plain = l + 1; check() }
  :: nothing ->
     d_step { plain = 0; check() }
  fi;
  may_die();
#ifdef REMOVE_ALL
  d_step {
    n = 0;
    do :: n < LIVES && n != l -> own[n] = 0; n++ :: n == l -> n++ :: else -> break od;
    n = 0;
    check()
  };
#else
  d_step {
    if
    :: before[b] != NOBODY && NAME(before[b]) != NAME(l) -> own[before[b]] = 0
    :: else
    fi;
    check()
  };
#endif
  may_die();
  d_step { ended[l] = (nothing -> EMPTY : 1); check() };
  may_die();
leaves:
  skip;
  d_step { begun_durable[l] = begun[l]; ended_durable[l] = ended[l] != 0; closed[l] = true };
out:
  skip
}

#ifdef LOOK_AWAY
#define UNCLOSED(l) (used[l] && !closed[l])
#define LOOKS_CLOSELY \
  (UNCLOSED(2) || UNCLOSED(3) || UNCLOSED(4) || UNCLOSED(5) || UNCLOSED(6) || UNCLOSED(7) || UNCLOSED(8))
#else
#define LOOKS_CLOSELY true
#endif

/* Files of another life are removed if the log vouches for a newer batch's, or both lives have ended in order. */
#ifdef BELIEVE
#define MAY_REMOVE(l) begun[l]
#else
#define MAY_REMOVE(l) ((l) / 2 < top / 2 || (closed[l] && closed[top]))
#endif
#define MAY_STILL(l) ((may >> (l)) & 1)

/* One `stilt run`; run.lock keeps others out while it plans and registers. */
proctype Run(bool stale) {
  byte top, n;
  bool holds;
  int may;                    /* for each life, as the log was when it was folded */
  atomic {
    d_step {
      fold(top, holds);
      n = 2;
      do
      :: n < LIVES -> may = may | ((n != top && MAY_REMOVE(n) && NAME(n) != NAME(top)) << n); n++
      :: else -> break
      od;
      n = 2
    };
    if
    :: (!holds || stale) && next < BATCHES ->
       before[next] = (HAS_PLAIN_NAME(top) -> NOBODY : top);   /* plain names are replaced, not removed */
       registered[next] = true;
       used[2 * next] = true;
       run Worker(next, 0);
       next++;
       goto out
    :: !holds && next == BATCHES -> goto out
    :: else
    fi
  };
  do
  :: n < LIVES && own[n] && MAY_STILL(n) -> d_step { own[n] = 0; n++; check() }
  :: n < LIVES && !(own[n] && MAY_STILL(n)) -> n++
  :: n == LIVES -> break
  od;
  if
  :: ended[top] != EMPTY && plain != SERVED(top) && (LOOKS_CLOSELY || !plain) ->
     d_step { plain = SERVED(top); check() }
#ifndef EMPTY_STAYS
  :: ended[top] == EMPTY && plain ->
     d_step { plain = 0; check() }
#endif
  :: else
  fi;
out:
  skip
}

/* A task that Slurm believes gone is requeued, be it gone or not. */
active proctype Slurm() {
end:
  do
  :: atomic { !peace && requeues > 0 && used[2] && !used[3] -> requeues--; used[3] = true; run Worker(1, 1) }
  :: atomic { !peace && requeues > 0 && used[4] && !used[5] -> requeues--; used[5] = true; run Worker(2, 1) }
  od
}

/* Somebody cancels a batch, whose workers may go on for a while, or for good if they are out of reach. */
active proctype Cancel() {
end:
  if
  :: atomic { !peace && registered[1] && !cancelled[1] -> cancelled[1] = true }
  :: atomic { !peace && registered[2] && !cancelled[2] -> cancelled[2] = true }
  fi
}

init {
  byte n, top;
  bool holds;
  atomic {
    plain = 1; ended[0] = 1; begun[0] = true; ended_durable[0] = true; begun_durable[0] = true;
    closed[0] = true; used[0] = true; registered[0] = true;
#ifndef LEGACY
    own[0] = 1;
#endif
    n = 0;
    do
    :: n < RUNS -> n++; if :: run Run(true) :: run Run(false) fi
    :: else -> break
    od
  };
  timeout;                              /* whatever could happen has happened */
  peace = true;
  run Run(false);
  timeout;
  run Run(false);                       /* once more: now the plain name has to be right */
  timeout;
  d_step { fold(top, holds) };
  assert(holds);
  assert(ended[top] == EMPTY || SERVED(top) == top + 1);
  assert(plain == (ended[top] == EMPTY -> 0 : top + 1))
}
