#!/bin/bash
#SBATCH --time=00:30:00
#SBATCH --mem=500M
#SBATCH --account=airquality
#SBATCH --job-name=stilt-0001-b1891592e3-c3d9af-0
#SBATCH --array=0-1
#SBATCH --cpus-per-task=1
#SBATCH --output=/srv/stilt-fixtures/queued-native/slurm/logs/0001-b1891592e3/task-%a.out
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
STILT_TASK=$((0 + SLURM_ARRAY_TASK_ID))
export SLURM_JOB_END_TIME="${SLURM_JOB_END_TIME:-$(($(date +%s) + 1800))}"
exec /srv/stilt/.venv/bin/python -P -m stilt push-worker /srv/stilt-fixtures/queued-native --output /srv/stilt-fixtures/queued-native/output --batch 0001-b1891592e3 --cpus 1 --max-requeues 5 --task "$STILT_TASK"
