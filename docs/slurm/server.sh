#!/usr/bin/env bash
#SBATCH --job-name=n3hyper-server
#SBATCH --time=24:00:00
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --signal=B:TERM@120
#SBATCH --output=n3hyper-server-%j.log
#
# The database and the scan; the fits are made by the jobs of workers.sh.
#
#     sbatch docs/slurm/server.sh RUNCARD OUTPUT TRIALS [REPLICAS]
#
# The same line again goes on with the scan, after the walltime for instance (SLURM sends SIGTERM two
# minutes before it, and everything is saved). OUTPUT must be on a file system that all nodes share.
# The database asks for the user and password in OUTPUT.db/uri, a file for your eyes only.
set -euo pipefail
runcard=${1:?RUNCARD OUTPUT TRIALS} output=${2:?RUNCARD OUTPUT TRIALS} trials=${3:?RUNCARD OUTPUT TRIALS}
replicas=${4:-1}
database=$output.db
pickle=$output/nnfit/replica_1/tries.pkl
port=${PORT:-$((20000 + $(id -u) % 10000))}

mkdir -p "$(dirname "$output")"
rm -f "$database/done"
said=$(mktemp)
n3hyper mongod --dbpath "$database" --port "$port" --bind-ip 0.0.0.0 --auth 2> "$said" &
mongod=$! scan=
trap 'kill -TERM $scan 2> /dev/null || true' TERM INT
trap 'kill -TERM $mongod 2> /dev/null || true; wait $mongod || true; rm -f "$said"' EXIT
until grep -q '^stop' "$said"; do
  kill -0 $mongod 2> /dev/null || { cat "$said" >&2; exit 1; }
  sleep 0.5
done
cat "$said"

if [ -e "$pickle" ]; then
  n3hyper restart --pkl "$pickle" -n "$trials" --parallel --mongo-uri "$database/uri" &
else
  n3hyper scan "$runcard" -o "$output" -n "$trials" -r "$replicas" --parallel --mongo-uri "$database/uri" &
fi
scan=$!
status=0
wait $scan || status=$?
# the signal ends the wait; the scan is still saving then
if kill -0 $scan 2> /dev/null; then
  status=0
  wait $scan || status=$?
fi
# workers that find no database any more need not wait for another
[ $status -ne 0 ] || touch "$database/done"
exit $status
