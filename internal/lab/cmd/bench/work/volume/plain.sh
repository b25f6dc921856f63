# The volume with plain commands, from a web server, from a local path, or from its stand-in: sh plain.sh apply|plan|destroy
set -eu

source=${TF_VAR_stand_in:-$TF_VAR_source_image}
case $1 in
apply)
	virsh -q vol-create-as default big 0 --format raw
	case $source in
	http:*) curl -sf "$source" | virsh -q vol-upload big /dev/stdin --pool default ;;
	*) virsh -q vol-upload big "$source" --pool default ;;
	esac
	;;
plan) virsh -q vol-dumpxml big default ;;
destroy) virsh -q vol-delete big default ;;
esac
