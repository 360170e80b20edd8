/* The hand-over protocol as a model for spin: planners, Slurm, workers, requeued twins, and a crash at any step.
 *
 *     spin -DCRASHES=2 -search -m100000 spec/protocol.pml       (Debian: spin, gcc)
 *
 * One chunk with one simulation, as many batches as planners can register. Two `stilt run` at once meet crashes,
 * lost answers of sbatch, kills, node losses and requeues; then one more runs in peace (twice if need be).
 *
 * Checked at every step: a done is never there without its output, what a worker acknowledged is never lost, the
 * chunk has at most one live submission, nothing complete is handed over again. Checked at the end: the simulation
 * is complete, whatever happened.
 *
 * Five guards can be dropped, and each is then found to matter (the tests do that):
 *   -DNO_LOCK   run.lock excludes nobody: two live submissions
 *   -DHASTY     a name is looked up while the sbatch of a dead planner is still at work (it dies with its parent):
 *               two live submissions
 *   -DONE_FOLD  the log is not folded again after Slurm was asked: complete work is handed over again
 *   -DDONE_FIRST a done is written before its output is in place
 *   -DSYNC_LATE a worker acknowledges before it syncs: acknowledged work is lost with its node
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REQUEUES
#define REQUEUES 1
#endif
#define PLANNERS 2
#define BATCHES 5

mtype = { NONE, FLYING, QUEUED, RUNNING, OVER };

bool locked;                  /* run.lock; the kernel lets it go when its holder dies */
bool output;                  /* the outputs, renamed into place and synced */
bool pending[BATCHES];        /* the log, batch by batch: registered, */
bool intent[BATCHES];         /*   submitting, */
bool accepted[BATCHES];       /*   submitted, */
byte finished[BATCHES];       /*   done: how many lives say so */
bool durable;                 /* one of them has synced it */
bool acknowledged;            /* one of them has said so to others */
mtype job[BATCHES];           /* what Slurm has of each batch */
byte lives[BATCHES];          /* processes that work for it: two while a requeued one overlaps */
byte next;                    /* the next free batch */
byte crashes = CRASHES;
byte requeues = REQUEUES;
bool peace;                   /* from now on nothing goes wrong */

#define ALIVE(b) (job[b] == QUEUED || job[b] == RUNNING)
#define COMPLETE (finished[0] || finished[1] || finished[2] || finished[3] || finished[4])
#define FLIES (job[0] == FLYING || job[1] == FLYING || job[2] == FLYING || job[3] == FLYING || job[4] == FLYING)
#define LIVE (ALIVE(0) + ALIVE(1) + ALIVE(2) + ALIVE(3) + ALIVE(4))

/* A process may die here: by a kill, or with its node. */
#define MAY_DIE if :: skip :: atomic { !peace && crashes > 0 -> crashes--; goto dead } fi

inline check() {
  assert(!COMPLETE || output);
  assert(!acknowledged || COMPLETE);
  assert(LIVE <= 1)
}

/* One life of a task: skip what the log has as done, else output, done, sync, acknowledge. */
proctype Worker(byte b) {
  if
  :: finished[b] -> goto ends
  :: else
  fi;
  MAY_DIE;
#ifndef DONE_FIRST
  output = true;
#endif
  MAY_DIE;
  atomic { finished[b]++; check() };
#ifdef DONE_FIRST
  output = true;
#endif
#ifdef SYNC_LATE
  acknowledged = true;
#endif
  if
  :: durable = true
  :: atomic { !peace && crashes > 0 ->  /* the node is lost, and what was not synced with it */
       crashes--; finished[b]--; check() };
     goto dead
  :: atomic { !peace && crashes > 0 ->  /* only the process: the kernel has what it wrote */
       crashes--; goto dead }
  fi;
  acknowledged = true;
ends:
  atomic {                              /* the job is over with its last life, or a twin of it is left behind */
    lives[b]--;
    if
    :: job[b] == RUNNING -> job[b] = OVER
    :: job[b] == RUNNING && lives[b] > 0 -> skip
    :: else
    fi
  };
  goto out;
dead:
  atomic {
    lives[b]--;
    if
    :: requeues > 0 && job[b] == RUNNING && lives[b] == 0 -> requeues--; job[b] = QUEUED
    :: job[b] == RUNNING && lives[b] == 0 -> job[b] = OVER
    :: else
    fi
  };
out:
  skip
}

/* Slurm: takes or drops what flies to it, starts what is queued, and may start a second life too early. */
active proctype Slurm() {
  byte b;
end:
  do
  :: atomic { job[0] == FLYING -> b = 0 }; if :: job[b] = QUEUED :: !peace -> job[b] = NONE fi
  :: atomic { job[1] == FLYING -> b = 1 }; if :: job[b] = QUEUED :: !peace -> job[b] = NONE fi
  :: atomic { job[2] == FLYING -> b = 2 }; if :: job[b] = QUEUED :: !peace -> job[b] = NONE fi
  :: atomic { job[3] == FLYING -> b = 3 }; if :: job[b] = QUEUED :: !peace -> job[b] = NONE fi
  :: atomic { job[4] == FLYING -> b = 4 }; if :: job[b] = QUEUED :: !peace -> job[b] = NONE fi
  :: atomic { (job[0] == QUEUED || job[1] == QUEUED || job[2] == QUEUED || job[3] == QUEUED || job[4] == QUEUED) ->
       b = 0;
       do :: job[b] == QUEUED -> break :: else -> b++ od;
       job[b] = RUNNING; lives[b]++; run Worker(b) }
  :: atomic { !peace && requeues > 0 && LIVE == 1 ->   /* the node seems lost and is not: a twin */
       b = 0;
       do :: ALIVE(b) -> break :: else -> b++ od;
       if :: job[b] == RUNNING -> requeues--; lives[b]++; run Worker(b) :: else fi }
  od
}

/* One `stilt run`. */
proctype Planner() {
  byte b;
  bool seen, gone, was;
#ifdef NO_LOCK
  skip;
#else
  atomic { !locked -> locked = true };
#endif
  MAY_DIE;
#ifndef HASTY
  !FLIES;                               /* a name is looked up when no request can be on its way any more */
#endif
  seen = COMPLETE;                      /* the log is folded, then Slurm is asked */
  atomic { gone = !LIVE; was = durable };
#ifndef ONE_FOLD
  if :: gone -> seen = COMPLETE :: else fi;   /* what is gone has written all it ever will: fold again */
#endif
  if
  :: seen -> goto leave                 /* nothing to do */
  :: !seen && !gone ->                  /* queued or running; an acceptance that nobody recorded is recorded */
     atomic { b = 0; do :: b < next -> if :: intent[b] && ALIVE(b) -> accepted[b] = true :: else fi; b++ :: else -> break od };
     goto leave
  :: else
  fi;
  assert(!was);                         /* what had ended when Slurm said so is not handed over again */
  atomic {                              /* a hand-over that died before its intent is taken up again */
    if
    :: next > 0 && pending[next - 1] && !intent[next - 1] -> b = next - 1
    :: else -> b = next; next++
    fi;
    pending[b] = true
  };
  MAY_DIE;
  intent[b] = true;
  MAY_DIE;
  job[b] = FLYING;
  MAY_DIE;
  job[b] != FLYING;                     /* sbatch waits for the answer; one that was lost is looked up by name */
  atomic { check() };
  MAY_DIE;
  accepted[b] = job[b] != NONE;
leave:
dead:
#ifndef NO_LOCK
  locked = false
#else
  skip
#endif
}

init {
  byte n;
  atomic { n = 0; do :: n < PLANNERS -> run Planner(); n++ :: else -> break od };
  timeout;                              /* whatever could happen has happened */
  atomic { peace = true; run Planner() };
  timeout;
  run Planner();                        /* the one before may have found a submission that then came to nothing */
  timeout;
  assert(COMPLETE && output);
  check()
}
