#!/bin/bash
#SBATCH --job-name=heapcore
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --output=/dev/null
#SBATCH --error=lines/%a.err
#
# One task a core: LIST has a path a line, lines/N.jsonl becomes what is said of the core in line N.
#
#   mkdir lines; sbatch --array=1-"$(wc -l < LIST)"%50 slurm-array.sh LIST; cat lines/*.jsonl > fleet.jsonl
#
# FLEET_RUN is what runs core-lines, such as "apptainer run --bind /var/cores:/var/cores:ro heapcore.sif".
set -euo pipefail

core=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "${1:?the list of cores}")
read -ra run <<<"${FLEET_RUN:-core-lines}"
"${run[@]}" "${core:?the list is shorter than the array}" >"lines/$SLURM_ARRAY_TASK_ID.part"
mv "lines/$SLURM_ARRAY_TASK_ID.part" "lines/$SLURM_ARRAY_TASK_ID.jsonl"
