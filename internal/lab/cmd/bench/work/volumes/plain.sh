# The volumes with plain commands: sh plain.sh apply|plan|destroy
set -eu

for i in $(seq 0 $((TF_VAR_resources - 1))); do
	case $1 in
	apply) virsh -q vol-create-as default "bench-$i.qcow2" 1GiB --format qcow2 ;;
	plan) virsh -q vol-dumpxml "bench-$i.qcow2" default ;;
	destroy) virsh -q vol-delete "bench-$i.qcow2" default ;;
	esac
done
