#!/usr/bin/env bash
#SBATCH --job-name=n3hyper-worker
#SBATCH --array=0-7
#SBATCH --time=12:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --signal=B:TERM@60
#SBATCH --output=n3hyper-worker-%A-%a.log
#
# Workers of the scan that server.sh runs, one in each job of the array.
#
#     sbatch docs/slurm/workers.sh OUTPUT
#     sbatch --array=0-3 --gres=gpu:1 docs/slurm/workers.sh OUTPUT
#
# They may be there before the server, come later, and end at their walltime: the trial under way is
# then left to others. They end by themselves some minutes after the scan, and when there has been
# nothing to do, or no database, for half an hour.
set -euo pipefail
output=${1:?OUTPUT}
database=$output.db worker= ended=
address=$database/uri
trap 'ended=yes; kill -TERM $worker 2> /dev/null || true' TERM INT

waited=0
until [ -e "$address" ]; do
  [ $waited -lt 86400 ] && [ -z "$ended" ] || exit 1
  sleep 5
  waited=$((waited + 5))
done
came=$(mktemp "$database/worker.XXXXXX")
trap 'rm -f "$came"' EXIT
failures=0
while [ -z "$ended" ]; do
  begin=$SECONDS
  # the address is read anew each time: a server that is started again may be on another node
  n3hyper mongo-worker --mongo-uri "$address" --workers "${WORKERS:-1}" \
    --reserve-timeout 30m --database-timeout "${DATABASE_TIMEOUT:-5m}" &
  worker=$!
  if wait $worker; then break; fi
  wait $worker || true
  [ "$database/done" -nt "$came" ] && break
  [ $((SECONDS - begin)) -lt 900 ] || failures=0
  failures=$((failures + 1))
  [ $failures -lt 6 ] || exit 1
  sleep "${PAUSE:-10}"
done
